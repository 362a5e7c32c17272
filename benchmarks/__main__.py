"""``python -m benchmarks``: run every benchmark."""

from __future__ import annotations

from benchmarks import build, request_cost, start
from benchmarks.options import Options, parser, run_and_report

ALL = (request_cost.run, start.run, build.run)


def main() -> None:
    """Run them one after the other: nothing else may run beside a benchmark."""
    options = Options(**vars(parser(__doc__).parse_args()))
    for run in ALL:
        run_and_report(run, options)


if __name__ == "__main__":
    main()
