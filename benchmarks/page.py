"""The page: a result as one HTML file without scripts or a network."""

from __future__ import annotations

import html
from base64 import b64encode
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

from benchmarks.figures import Drawing, drawings
from benchmarks.report import Report
from benchmarks.results import Result

__all__ = ["page_of"]

TEMPLATE = Path(__file__).with_name("page.html")

TITLES = {
    "request_cost": "What one request costs, in process",
    "django_request": "What one request costs inside Django",
    "servers": "What servers make of it",
    "start": "What a start costs",
    "build": "What a build costs",
    "browser": "What a browser loads",
}


def page_of(result: Result) -> str:
    """Make the page of a result."""
    named = [(report.name, TITLES.get(report.name, report.name)) for report in result.reports]
    links = "".join(f'<a href="#{name}">{html.escape(title)}</a>' for name, title in named)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        links=links,
        heading=_rendered(result.heading()),
        verdict=_verdict(result),
        sections="\n".join(map(_section, result.reports)),
    )


def _section(report: Report) -> str:
    """Return the pictures of a report first, its tables and its targets after them."""
    title = html.escape(TITLES.get(report.name, report.name))
    drawn = "".join(map(_figure, drawings(report)))
    _, _, told = report.markdown().partition("\n")
    return f'<section id="{report.name}"><h2>{title}</h2>{drawn}{_rendered(told)}</section>'


def _figure(drawing: Drawing) -> str:
    # An image, not a part of the document, because names in two drawings may be equal.
    source = b64encode(drawing.svg.encode()).decode()
    title, text = html.escape(drawing.title), html.escape(drawing.text, quote=True)
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<img src="data:image/svg+xml;base64,{source}" alt="{text}"></figure>'
    )


def _verdict(result: Result) -> str:
    """Return how many of the targets are met, and which are not."""
    targets = [(report.name, target) for report in result.reports for target in report.targets]
    missed = [(name, target) for name, target in targets if not target.is_met]
    rows = "".join(
        f'<li><a href="#{name}">{html.escape(target.name)}</a>: {html.escape(target.found)}, '
        f"{html.escape(target.limit)}</li>"
        for name, target in missed
    )
    return f"<p>{len(targets) - len(missed)} of {len(targets)} targets are met.</p><ul>{rows}</ul>"


def _rendered(markdown: str) -> str:
    """Return Markdown as HTML, with wide tables in a box that scrolls and missed targets marked."""
    made: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    made = made.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    return made.replace("<td>NOT MET</td>", '<td class="missed">not met</td>')
