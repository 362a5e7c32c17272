"""Figures of a report, as SVG.

Invariant: a figure shows medians and their intervals, derived from the samples when it is drawn; each subject
has the same colour everywhere.
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

__all__ = ["Drawing", "drawings"]

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
class Drawing:
    """A figure in a page; ``text`` says in words what it shows."""

    title: str
    text: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars: a group for each case that ``cases`` matches, a bar for each subject.

    The first group of the expression, if there is one, names a group of bars. On a logarithmic scale they
    are dots: without a zero, the length of a bar means nothing.
    """

    title: str
    metric: str
    unit: str
    per_unit: float = 1.0
    cases: str = r".*"
    minus: str | None = None
    without: tuple[str, ...] = ()
    is_logarithmic: bool = True

    def draw(self, series: Series) -> Drawing | None:
        """Draw it, if there is anything to draw."""
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
        return Drawing(title=self.title, text=_in_words(groups, self.unit), svg=_svg(figure))

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
                if self.is_logarithmic:  # if the loop alone took longer, there is nothing to show
                    bars = {name: bar for name, bar in bars.items() if bar.median > 0}
                yield (match[1] if match.groups() else case), bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines over the number of files in the name of a case, or of a subject if it ``is_of_subjects``."""

    title: str
    metric: str
    unit: str
    per_unit: float = 1.0
    is_of_subjects: bool = False

    def draw(self, series: Series) -> Drawing | None:
        """Draw it, if there are two sizes or more."""
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
        return Drawing(title=self.title, text=_in_words(groups, self.unit), svg=_svg(figure))

    def _lines(self, series: Series) -> dict[str, list[tuple[int, Summary]]]:
        found: dict[str, list[tuple[int, Summary]]] = {}
        for case in series.cases():
            for subject in series.subjects(case, self.metric):
                place, name = (subject, case) if self.is_of_subjects else (case, subject)
                size = re.fullmatch(r"([\d,]+) files", place)
                if size:
                    summary = _scaled(series.summary(case, subject, self.metric), self.per_unit)
                    found.setdefault(name, []).append((int(size[1].replace(",", "")), summary))
        return found


FIGURES: dict[str, tuple[Bars | Lines, ...]] = {
    "request_cost": (
        Bars(
            title="One request in process, without the driver's loop",
            metric="seconds",
            unit="µs",
            per_unit=1e-6,
            minus="driver",
            without=("driver",),
        ),
    ),
    "django_request": (Bars(title="One request through Django", metric="seconds", unit="µs", per_unit=1e-6),),
    "servers": (
        Bars(
            title="The mix: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms for 1,000 requests",
            per_unit=1e-6,
            cases=r"(.+): mix",
        ),
        Bars(
            title="The mix: requests per second",
            metric="requests_per_second",
            unit="requests per second",
            cases=r"(.+): mix",
        ),
        Bars(
            title="One file: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms for 1,000 requests",
            per_unit=1e-6,
            cases=r"(.+): one file",
        ),
        Bars(
            title="The mix: 99 of 100 requests are answered within",
            metric="p99_seconds",
            unit="ms",
            per_unit=1e-3,
            cases=r"(.+): mix",
        ),
        Bars(
            title="A file of 5 MB: processor time on the server",
            metric="processor_seconds_per_request",
            unit="ms a request",
            per_unit=1e-3,
            cases=r"(.+): 5 MB",
        ),
    ),
    "start": (
        Lines(title="First answer after a start", metric="first_answer_seconds", unit="s"),
        Lines(title="Added memory (USS) of a process", metric="uss_bytes", unit="MB", per_unit=1e6),
        Lines(
            title="Added memory (PSS) of a parent and four workers forked from it",
            metric="preforked_pss_bytes",
            unit="MB",
            per_unit=1e6,
        ),
    ),
    "build": (
        Bars(title="Building a real tree", metric="wall_seconds", unit="s", cases=r"(?!growth)(.*)"),
        Lines(title="Building small files, gzip alone", metric="wall_seconds", unit="s", is_of_subjects=True),
    ),
    "browser": (
        Bars(title="On the wire", metric="bytes", unit="kB", per_unit=1000, is_logarithmic=False),
        Bars(
            title="Requests that reach the server", metric="requests", unit="requests", is_logarithmic=False
        ),
    ),
}
"""The figures of each benchmark."""


def drawings(report: Report) -> list[Drawing]:
    """Draw the figures of a report."""
    with mpl.rc_context(fname=str(STYLE)):
        found = [figure.draw(report.series) for figure in FIGURES.get(report.name, ())]
    return [drawing for drawing in found if drawing is not None]


# How it is drawn


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.2, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _draw_bars(axes: Axes, groups: dict[str, dict[str, Summary]], is_logarithmic: bool) -> None:
    place, centres = 0.0, []
    largest = max(bar.high for bars in groups.values() for bar in bars.values())
    for number, bars in enumerate(groups.values()):
        centres.append(place + (len(bars) - 1) / 2)
        if number % 2 == 0:
            axes.axhspan(place - 0.85, place + len(bars) - 0.15, color="#f4f6f7", zorder=0)
        for name, bar in bars.items():
            _draw_bar(axes, place, bar, COLOURS.get(name, OTHER), is_logarithmic)
            place += 1
        place += 0.7
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
    axes.set_ylim(place - 0.5, -0.85)
    axes.grid(axis="x", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_bar(axes: Axes, place: float, bar: Summary, colour: str, is_dot: bool) -> None:
    """Draw one bar or dot, the quartiles as a line, and the median as a number beside it."""
    if is_dot:
        axes.plot(
            [bar.low, bar.high], [place, place], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt"
        )
        axes.plot(bar.median, place, "o", color=colour, markersize=7)
    else:
        axes.barh(place, bar.median, height=0.82, color=colour)
        axes.plot([bar.low, bar.high], [place, place], color="#212529", linewidth=1.1, alpha=0.75)
    beside = (max(bar.high, bar.median), place)
    axes.annotate(_short(bar.median), beside, (7, 0), textcoords="offset points", va="center", size=8)


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
    # No date and no version: the same samples give the same picture.
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
