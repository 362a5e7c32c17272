# Two commands are all a newcomer needs: `make demo` and `make test`.
# Each makes what it needs of .venv and reuses it.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
WORKERS ?= auto

.PHONY: help demo test matrix lint format bench clean

help:
	@echo "make demo          set up, build the example site and serve it (make demo PORT=8001)"
	@echo "make test          set up, lint, type-check and run every test"
	@echo "make bench         set up and run the benchmarks"
	@echo "make matrix        run Django's part of them over every Python and Django that is here"
	@echo "make lint          the linters and type checks alone"
	@echo "make clean         remove everything that these made"

demo: .venv/ready-for-demo
	@$(BIN)/python example_wsgi.py --port $(PORT)

test: lint
	@.ci/system-packages
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/coverage report
	@echo "Branch coverage of the serve core (100 %, but for a race that a busy machine may not meet):"
	$(BIN)/coverage report --precision=2 --fail-under=99.5 --include='hashserve/serve/*,hashserve/wsgi*.py,hashserve/codings.py,hashserve/manifest.py'

matrix: .venv/ready-for-test
	@mkdir -p .cache/matrix
	@WORKERS=$(WORKERS) .ci/matrix

lint: .venv/ready-for-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready-for-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready-for-bench
	$(BIN)/python -m benchmarks

.venv/ready-for-%: pyproject.toml .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $*
	@touch $@

clean:
	rm -rf .venv .cache .demo .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
