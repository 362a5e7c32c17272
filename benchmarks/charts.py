"""The charts of a report, as SVG.

Invariant: a chart shows medians and intervals that are computed from the samples when it is drawn. A subject
has the same colour in every chart.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.harness import Series, Summary
from benchmarks.report import Report

__all__ = ["Chart", "draw_charts"]

COLOURS = {
    "hashserve": "#0a7d6c",
    "hashserve, plain": "#7cc4b6",
    "hashserve, counting": "#7cc4b6",
    "hashserve --cache": "#5fb5a6",
    "hashserve --previous": "#a3d5cc",
    "collectstatic, hashserve": "#1971c2",
    "WhiteNoise": "#d9822b",
    "collectstatic, WhiteNoise": "#d9822b",
    "ServeStatic": "#8f5fa8",
    "constant": "#8a949e",
    "constant, again": "#c5cbd0",
    "Django": "#3f5f8a",
    "nginx": "#1864ab",
    "Caddy": "#74b9f5",
    "growth, cold": "#0a7d6c",
    "growth, nothing changed": "#d9822b",
    "growth, a small stylesheet changed": "#8f5fa8",
}
OTHER = "#495057"
STYLE = Path(__file__).with_suffix(".mplstyle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawn chart; ``text`` lists its values for readers who cannot see it."""

    title: str
    text: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """A chart with a group for each case that ``cases`` matches, and in it a bar for each subject.

    The first group of the expression, if there is one, is the name of a group of bars. A logarithmic chart
    has dots instead of bars, because its scale has no zero from which a bar could start.
    """

    title: str
    metric: str
    unit: str
    per_unit: float = 1.0
    cases: str = r".*"
    minus: str | None = None
    without: tuple[str, ...] = ()
    is_logarithmic: bool = True

    def draw(self, series: Series) -> Chart | None:
        """Draw the chart; None if there are no values."""
        groups = {case: bars for case, bars in self._groups(series) if bars}
        if not groups:
            return None
        subjects = list(dict.fromkeys(name for bars in groups.values() for name in bars))
        height = sum(len(bars) for bars in groups.values()) * 0.21 + len(groups) * 0.14 + 1.0
        figure, axes = _canvas(height)
        _draw_bars(axes, groups, self.is_logarithmic)
        scale, better = ", logarithmic" * self.is_logarithmic, "more" if "per second" in self.unit else "less"
        axes.set_xlabel(f"{self.unit}{scale}; {better} is better")
        _legend(figure, subjects)
        return Chart(title=self.title, text=_in_words(groups, self.unit), svg=_svg(figure))

    def _groups(self, series: Series) -> Iterator[tuple[str, dict[str, Summary]]]:
        for case in series.cases():
            match = re.fullmatch(self.cases, case)
            subjects = [name for name in series.subjects(case, self.metric) if name not in self.without]
            if match and subjects:
                minus = self.minus if self.minus and series.has(case, self.minus, self.metric) else None
                bars = {
                    name: _scaled(series.summary(case, name, self.metric, minus=minus), self.per_unit)
                    for name in subjects
                }
                if self.is_logarithmic:  # a logarithm needs a positive value
                    bars = {name: bar for name, bar in bars.items() if bar.median > 0}
                yield (match[1] if match.groups() else case), bars


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """A chart with lines over the number of files.

    The number is in the name of the case, or in that of the subject if the chart ``is_of_subjects``.
    """

    title: str
    metric: str
    unit: str
    per_unit: float = 1.0
    is_of_subjects: bool = False

    def draw(self, series: Series) -> Chart | None:
        """Draw the chart; None if there are fewer than two sizes."""
        lines = {name: points for name, points in self._lines(series).items() if len(points) > 1}
        if not lines:
            return None
        figure, axes = _canvas(3.8)
        for name, points in lines.items():
            _draw_line(axes, name, points)
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = sorted({size for points in lines.values() for size, _ in points})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
        axes.set_xlabel("files")
        axes.set_ylabel(self.unit)
        axes.grid(color="#e9ecef", linewidth=0.8)
        _legend(figure, list(lines))
        groups = {name: {f"{at:,.0f} files": of for at, of in line} for name, line in lines.items()}
        return Chart(title=self.title, text=_in_words(groups, self.unit), svg=_svg(figure))

    def _lines(self, series: Series) -> dict[str, list[tuple[int, Summary]]]:
        found: dict[str, list[tuple[int, Summary]]] = {}
        for case in series.cases():
            for subject in series.subjects(case, self.metric):
                size_name, name = (subject, case) if self.is_of_subjects else (case, subject)
                size = re.fullmatch(r"([\d,]+) files", size_name)
                if size:
                    summary = _scaled(series.summary(case, subject, self.metric), self.per_unit)
                    found.setdefault(name, []).append((int(size[1].replace(",", "")), summary))
        return found


CHARTS: dict[str, tuple[BarChart | LineChart, ...]] = {
    "request_cost": (
        BarChart(
            title="One request in process, without the driver's loop",
            metric="seconds",
            unit="µs",
            per_unit=1e-6,
            minus="driver",
            without=("driver",),
        ),
    ),
    "django_request": (
        BarChart(title="One request through Django", metric="seconds", unit="µs", per_unit=1e-6),
    ),
    "servers": (
        BarChart(
            title="The mix: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms for 1,000 requests",
            per_unit=1e-6,
            cases=r"(.+): mix",
        ),
        BarChart(
            title="The mix: requests per second",
            metric="requests_per_second",
            unit="requests per second",
            cases=r"(.+): mix",
        ),
        BarChart(
            title="One file: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms for 1,000 requests",
            per_unit=1e-6,
            cases=r"(.+): one file",
        ),
        BarChart(
            title="The mix: time in which 99 of 100 requests are answered",
            metric="p99_seconds",
            unit="ms",
            per_unit=1e-3,
            cases=r"(.+): mix",
        ),
        BarChart(
            title="A file of 5 MB: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms a request",
            per_unit=1e-3,
            cases=r"(.+): 5 MB",
        ),
    ),
    "start": (
        LineChart(title="First answer after a start", metric="first_answer_seconds", unit="s"),
        LineChart(title="Added memory (USS) of a process", metric="uss_bytes", unit="MB", per_unit=1e6),
        LineChart(
            title="Added memory (PSS) of a parent and four workers forked from it",
            metric="preforked_pss_bytes",
            unit="MB",
            per_unit=1e6,
        ),
    ),
    "build": (
        BarChart(title="Building a real tree", metric="wall_seconds", unit="s", cases=r"(?!growth)(.*)"),
        LineChart(
            title="Building small files, gzip alone", metric="wall_seconds", unit="s", is_of_subjects=True
        ),
    ),
    "deltas": (
        BarChart(title="A file of the next release, as sent", metric="bytes", unit="kB", per_unit=1000),
    ),
    "browser": (
        BarChart(title="On the wire", metric="bytes", unit="kB", per_unit=1000, is_logarithmic=False),
        BarChart(
            title="Requests that reach the server", metric="requests", unit="requests", is_logarithmic=False
        ),
    ),
}
"""The charts of each benchmark."""


def draw_charts(report: Report) -> list[Chart]:
    """Draw the charts of a report."""
    with mpl.rc_context(fname=str(STYLE)):
        drawn = [chart.draw(report.series) for chart in CHARTS.get(report.name, ())]
    return [chart for chart in drawn if chart is not None]


# Drawing


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.2, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _draw_bars(axes: Axes, groups: dict[str, dict[str, Summary]], is_logarithmic: bool) -> None:
    position, centres = 0.0, []
    largest = max(bar.high for bars in groups.values() for bar in bars.values())
    for number, bars in enumerate(groups.values()):
        centres.append(position + (len(bars) - 1) / 2)
        if number % 2 == 0:
            axes.axhspan(position - 0.85, position + len(bars) - 0.15, color="#f4f6f7", zorder=0)
        for name, bar in bars.items():
            _draw_bar(axes, position, bar, COLOURS.get(name, OTHER), is_logarithmic)
            position += 1
        position += 0.7
    axes.set_yticks(centres, list(groups))
    axes.tick_params(axis="y", length=0)
    if is_logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, largest * 1.1 or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.margins(x=0.09)
    axes.set_ylim(position - 0.5, -0.85)
    axes.grid(axis="x", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_bar(axes: Axes, position: float, bar: Summary, colour: str, is_dot: bool) -> None:
    """Draw one bar or dot, its interval as a line, and its median as a number next to it."""
    if is_dot:
        axes.plot(
            [bar.low, bar.high],
            [position, position],
            color=colour,
            linewidth=5,
            alpha=0.35,
            solid_capstyle="butt",
        )
        axes.plot(bar.median, position, "o", color=colour, markersize=7)
    else:
        axes.barh(position, bar.median, height=0.82, color=colour)
        axes.plot([bar.low, bar.high], [position, position], color="#212529", linewidth=1.1, alpha=0.75)
    end = (max(bar.high, bar.median), position)
    axes.annotate(_short(bar.median), end, (7, 0), textcoords="offset points", va="center", size=8)


def _draw_line(axes: Axes, name: str, points: Sequence[tuple[int, Summary]]) -> None:
    ordered = sorted(points, key=lambda point: point[0])
    sizes = [size for size, _ in ordered]
    colour = COLOURS.get(name, OTHER)
    axes.plot(sizes, [of.median for _, of in ordered], color=colour, marker="o", markersize=4, linewidth=1.8)
    axes.fill_between(
        sizes, [of.low for _, of in ordered], [of.high for _, of in ordered], color=colour, alpha=0.18
    )


def _legend(figure: Figure, names: Sequence[str]) -> None:
    handles = [Patch(color=COLOURS.get(name, OTHER), label=name) for name in names]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(names), 6), handlelength=1)


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    # No date and no version, so that the same samples make the same picture.
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _scaled(summary: Summary, unit: float) -> Summary:
    return Summary(
        median=summary.median / unit,
        low=summary.low / unit,
        high=summary.high / unit,
        count=summary.count,
    )


def _short(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _plain(value: float, position: int | None = None) -> str:
    return f"{value:,g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _in_words(groups: dict[str, dict[str, Summary]], unit: str) -> str:
    parts = (
        f"{case}: {', '.join(f'{name} {_short(bar.median)}' for name, bar in bars.items())}"
        for case, bars in groups.items()
    )
    return f"In {unit}. {'; '.join(parts)}."
