"""The tables of ``docs/proof.md``, made from the output of ``make soak``.

Invariant: nobody copies a figure by hand. ``python -m tests.proofs LOG ...`` reads the output and writes each
table for which it has figures; the other tables stay.
"""

from __future__ import annotations

import ast
import re
import sys
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.fuzz.harnesses import HARNESSES
from tests.integration.test_oracle import EXPLAINED
from tests.integration.test_peer_suites import EXPECTED_FAILURES
from tests.support.exchanges import EXCHANGES, Exchange
from tests.support.field_judges import CODING_DIFFERENCES, RANGE_DIFFERENCES
from tests.support.interferences import (
    CLOSES,
    NO_DATE,
    NOT_IN_ORDER,
    PERSISTENT,
    STOPS,
    WAITS,
    expected_outcome,
    is_persistent,
)
from tests.support.servers import MATRIX

__all__ = ["PAGE", "PROJECT", "by_row_group", "names_of_tests", "rows_of", "tables_of", "with_tables"]

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "proof.md"

Row = Iterable[object]


def table(*rows: Row) -> str:
    """Return a table in Markdown. The first row is the head."""
    head, *rest = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, re.sub(r"[^|]+", " --- ", head), *rest]) + "\n"


def counted(number: int) -> str:
    """Return a number with thousands separators."""
    return f"{number:,}"


# Servers


def by_row_group() -> str:
    """Return, for each server and group, how many responses equal those of the application."""
    groups = [*dict.fromkeys(exchange.group for exchange in EXCHANGES)]
    rows = []
    for server in MATRIX:
        passed = [_passed(server.name, group) for group in groups]
        rows.append([server.name, *(f"{good}/{total}" for good, total in passed), *_checks(server.name)])
    return table(["server", *groups, "Date", "pipelining", "file cut short"], *rows)


def _passed(server: str, group: str) -> tuple[int, int]:
    rows = [exchange for exchange in EXCHANGES if exchange.group == group]
    return sum(is_left_alone(server, exchange) for exchange in rows), len(rows)


def is_left_alone(server: str, exchange: Exchange) -> bool:
    """Return whether a server changes nothing in an exchange and keeps a persistent connection."""
    is_kept = server in PERSISTENT and is_persistent(exchange)
    return expected_outcome(server, exchange) == ("" if is_kept else CLOSES)


def _checks(server: str) -> Iterator[str]:
    yield "no" if server in NO_DATE else "yes"
    yield "no" if server in NOT_IN_ORDER else "in order" if server in PERSISTENT else "closes"
    yield "the client waits" if server in WAITS else "the process ends" if server in STOPS else "closes"


# Tables from a log


def oracle(log: str) -> str | None:
    """Return the differences from nginx by name: which server is right, why, and how often."""
    found = re.findall(r"oracle: (\{.*\})", log)
    if not found:
        return None
    counts: dict[str, int] = literal_eval(found[-1])
    sent, same, odd = counts["asked"], counts["same"], counts.get("unexplained", 0)
    summary = (
        f"{counted(sent)} requests: {counted(same)} responses are equal, {counted(sent - same - odd)} have "
        f"one of {len(EXPLAINED)} explained differences, {odd} have another difference.\n\n"
    )
    rows = []
    for each in EXPLAINED:
        whose, _, why = (each.__doc__ or "").partition(" right: ")
        how_often = counted(counts.get(each.__name__, 0))
        right = whose.split()[0].lower()
        rows.append([each.__name__.replace("_", " "), right, why.replace("``", "`"), how_often])
    return summary + table(["difference", "right", "section, and why", "how often"], *rows)


JUDGES = re.compile(r"judges: (\S+): (\S+): (\d+) fields; (\{.*?\}); (\d+) unexplained")


def judges(log: str) -> str | None:
    """Return how often other parsers of Range and Accept-Encoding read a field as ours do, and why not."""
    runs = [(*run, literal_eval(counts), odd) for *run, counts, odd in JUDGES.findall(log)]
    if not runs:
        return None
    summary, rows = [], []
    for judge, field, asked, counts, odd in runs:
        explained = int(asked) - counts["same"] - int(odd)
        summary.append([judge, field, counted(int(asked)), counted(counts["same"]), counted(explained), odd])
    for field, differences in (("Range", RANGE_DIFFERENCES), ("Accept-Encoding", CODING_DIFFERENCES)):
        for each in differences:
            often = [
                f"{judge} {counted(counts[each.name])}"
                for judge, kind, _, counts, _ in runs
                if kind == field and each.name in counts
            ]
            rows.append([field, each.name, each.right, each.why, ", ".join(often)])
    first = table(["parser", "field", "fields", "equal", "explained", "not explained"], *summary)
    return f"{first}\n{table(['field', 'difference', 'right', 'section, and why', 'how often'], *rows)}"


PEERS = re.compile(r"peer suite: (\S+) (\S+): (\d+) passed; (\{.*?\})")


def peers(log: str) -> str | None:
    """Return how many of the peers' own tests pass, and why the others do not."""
    runs = PEERS.findall(log)
    if not runs:
        return None
    summary = table(
        ["suite", "passed", "failed"],
        *(
            [f"{peer} {version}", passed, sum(literal_eval(failed).values())]
            for peer, version, passed, failed in runs
        ),
    )
    rows = [
        [peer, f"{_spaced(name)} ({count})", EXPECTED_FAILURES[peer].get(name, "**not explained**")]
        for peer, _, _, failed in runs
        for name, count in literal_eval(failed).items()
    ]
    return f"{summary}\n{table(['suite', 'failed test', 'why'], *sorted(rows))}"


def _spaced(name: str) -> str:
    """Write the name of a peer's test without the form of a name of ours."""
    return name.removeprefix("test_").replace("_", " ")


HOSTILE = re.compile(
    r"(in process|over a socket): (\{.*?\}), ([\d.]+) MB after a (?:tenth|fifth), ([\d.]+) MB at the end"
)


def hostile(log: str) -> str | None:
    """Return the hostile requests, their responses, and the memory of the process."""
    rows = [
        [
            how,
            counted(sum(literal_eval(counts).values())),
            _statuses(literal_eval(counts)),
            f"{before} MB",
            f"{after} MB",
        ]
        for how, counts, before, after in HOSTILE.findall(log)
    ]
    head = ["how", "requests", "responses", "memory at the start", "at the end"]
    return table(head, *rows) if rows else None


def _statuses(counts: Mapping[object, int]) -> str:
    return ", ".join(f"{status}: {counted(counts[status])}" for status in sorted(counts, key=str))


CACHE = re.compile(r"caches: (.+?): (\d+) answers, (\d+) hits; (\{.*?\}); (\{.*?\}); (\{.*\})")


def caches(log: str) -> str | None:
    """Return the responses of each cache over three releases, and their differences from the origin."""
    rows = [
        [
            name,
            counted(int(answers)),
            counted(int(hits)),
            _statuses(literal_eval(statuses)),
            _of(literal_eval(found), "wrong bytes"),
            _of(literal_eval(found), "404 for a retained file"),
            "; ".join(f"{what}: {counted(count)}" for what, count in literal_eval(found).items()),
        ]
        for name, answers, hits, statuses, _, found in CACHE.findall(log)
    ]
    head = [
        "cache",
        "responses",
        "from the cache",
        "by status",
        "wrong bytes",
        "404 of a file",
        "differences from the origin",
    ]
    return table(head, *rows) if rows else None


def _of(found: Mapping[str, int], start: str) -> str:
    return counted(sum(count for what, count in found.items() if what.startswith(start)))


DELTAS = re.compile(
    r"deltas behind (.+): (\d+) answers, (\d+) deltas; (\d+) from the cache, (\d+) of them deltas; "
    r"(\d+) wrong"
)


def deltas(log: str) -> str | None:
    """Return the responses of each cache to clients with dictionaries, over four releases."""
    rows = [[name, *(counted(int(number)) for number in numbers)] for name, *numbers in DELTAS.findall(log)]
    head = ["cache", "responses", "deltas", "from the cache", "deltas from the cache", "wrong bytes"]
    return table(head, *rows) if rows else None


DECISIONS = re.compile(r"decisions: (.+): (\d+) requests, (\{.*?\}), (\d+) wrong")


def decisions(log: str) -> str | None:
    """Return the responses to random requests with dictionaries, by gateway."""
    rows = [
        [gateway, counted(int(requests)), _statuses(literal_eval(counts)), wrong]
        for gateway, requests, counts, wrong in DECISIONS.findall(log)
    ]
    return table(["gateway", "requests", "responses", "wrong"], *rows) if rows else None


DEPLOY = re.compile(r"deploys: (.+), (\w+): (\{.*?\}); pages (\{.*?\})")


def deploys(log: str) -> str | None:
    """Return the pages and files of two releases behind each balancer."""
    rows = []
    for setup, balancer, answers, _ in DEPLOY.findall(log):
        counts = literal_eval(answers)
        pages, files, missing = (
            counted(counts.get(kind, 0)) for kind in ("page 200", "file 200", "file 404")
        )
        rows.append([setup, balancer, pages, files, missing])
    head = ["set-up", "balancer", "pages", "files", "404 (`no-store`)"]
    return table(head, *rows) if rows else None


def kills(log: str) -> str | None:
    """Return the number of builds killed while their output was read."""
    found = re.findall(r"(\d+) of (\d+) builds killed, (\d+) reads, (\d+) broken", log)
    if not found:
        return None
    killed, builds, reads, broken = (counted(int(number)) for number in found[-1])
    return (
        f"{killed} of {builds} builds were killed. Meanwhile {reads} responses were read; "
        f"{broken} were broken.\n"
    )


CLEARED = re.compile(r"clear: (\d+) times (under load[^,]*|killed), (\{.*?\}), (\d+) wrong")


def clears(log: str) -> str | None:
    """Return the responses of a live site while its STATIC_ROOT is cleared."""
    rows = [
        [f"{times} times {how}", counted(sum(literal_eval(counts).values())), counted(int(wrong))]
        for times, how, counts, wrong in CLEARED.findall(log)
    ]
    return table(["`collectstatic --clear`", "responses", "wrong, or 404"], *rows) if rows else None


def fuzz(log: str) -> str | None:
    """Return the rule of each harness, its executions, and whether the last run broke the rule."""
    runs = {
        name: (counted(int(executions)), "yes" if "BROKE" in rest else "no")
        for name, executions, rest in re.findall(r"^(\w+): (\d+) executions,(.*)", log, re.MULTILINE)
    }
    if not HARNESSES.keys() <= runs.keys():
        return None
    rows = [[f"`{name}`", _first_line(harness.__doc__), *runs[name]] for name, harness in HARNESSES.items()]
    return table(["harness", "rule", "executions", "broken"], *rows)


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0].rstrip(".")


# The page


@cache
def names_of_tests() -> frozenset[str]:
    """Return the names of all tests."""
    found: set[str] = set()
    for path in (PROJECT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return frozenset(found)


def tables_of(log: str) -> dict[str, str]:
    """Return the tables for which the log has figures, by name, and always the table of servers."""
    makers = (oracle, judges, peers, hostile, caches, deltas, deploys, kills, clears, decisions, fuzz)
    made = {make.__name__: make(log) for make in makers}
    return {"servers": by_row_group(), **{name: text for name, text in made.items() if text is not None}}


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """Return the page with these tables between the marks with their names."""
    for name, text in tables.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{text}{end}{rest.partition(end)[2]}"
    return page


def rows_of(page: str, name: str) -> list[list[str]]:
    """Return the rows of a table in the page, without the head."""
    text = page.partition(f"<!-- {name}: begin -->\n")[2].partition(f"<!-- {name}: end -->")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


if __name__ == "__main__":
    logs = "\n".join(Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:])
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables_of(logs)), encoding="utf-8")
