"""A result as one HTML file that needs no scripts and no network."""

from __future__ import annotations

import html
from base64 import b64encode
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

from benchmarks.charts import Chart, draw_charts
from benchmarks.report import Report
from benchmarks.results import Result

__all__ = ["html_report"]

TEMPLATE = Path(__file__).with_suffix(".html")

TITLES = {
    "request_cost": "What one request costs, in process",
    "django_request": "What one request costs inside Django",
    "servers": "What one request costs under real servers",
    "start": "What a start costs",
    "build": "What a build costs",
    "deltas": "What a release costs a returning visitor",
    "browser": "What a browser loads",
}


def html_report(result: Result) -> str:
    """Return the HTML of a result."""
    named = [(report.name, TITLES.get(report.name, report.name)) for report in result.reports]
    links = "".join(f'<a href="#{name}">{html.escape(title)}</a>' for name, title in named)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        links=links,
        heading=_rendered(result.heading()),
        targets=_targets(result),
        sections="\n".join(map(_section, result.reports)),
    )


def _section(report: Report) -> str:
    """Return the charts of a report, then its tables and targets."""
    title = html.escape(TITLES.get(report.name, report.name))
    charts = "".join(map(_figure, draw_charts(report)))
    _, _, text = report.markdown().partition("\n")
    return f'<section id="{report.name}"><h2>{title}</h2>{charts}{_rendered(text)}</section>'


def _figure(chart: Chart) -> str:
    # An image instead of inline SVG, because two charts may use the same ids.
    source = b64encode(chart.svg.encode()).decode()
    title, text = html.escape(chart.title), html.escape(chart.text, quote=True)
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<img src="data:image/svg+xml;base64,{source}" alt="{text}"></figure>'
    )


def _targets(result: Result) -> str:
    """Return the number of targets that are met, and a list of the others."""
    targets = [(report.name, target) for report in result.reports for target in report.targets]
    missed = [(name, target) for name, target in targets if not target.is_met]
    rows = "".join(
        f'<li><a href="#{name}">{html.escape(target.name)}</a>: {html.escape(target.found)}, '
        f"{html.escape(target.limit)}</li>"
        for name, target in missed
    )
    return f"<p>{len(targets) - len(missed)} of {len(targets)} targets are met.</p><ul>{rows}</ul>"


def _rendered(markdown: str) -> str:
    """Render Markdown as HTML, put each table in a box that scrolls, and mark missed targets."""
    rendered: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    rendered = rendered.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    return rendered.replace("<td>NOT MET</td>", '<td class="missed">not met</td>')
