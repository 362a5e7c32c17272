# Two commands are all a newcomer needs: `make demo` and `make test`.
# Each makes what it needs of .venv and reuses it.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
WORKERS ?= auto

.PHONY: help demo test soak matrix lint format bench bench-quick clean

help:
	@echo "make demo          set up, build the example site and serve it (make demo PORT=8001)"
	@echo "make test          set up, lint, type-check and run every test"
	@echo "make soak          the proofs of docs/proof.md in their long form (over an hour)"
	@echo "make bench         set up and run the benchmarks (half an hour; make bench-quick: 3 minutes)"
	@echo "make matrix        run Django's part of them over every Python and Django that is here"
	@echo "make lint          the linters and type checks alone"
	@echo "make clean         remove everything that these made"

demo: .venv/ready-for-demo
	@$(BIN)/python example_wsgi.py --port $(PORT)

COMPILE_SERVERS = $(BIN)/python -m pip install --quiet --disable-pip-version-check --group servers-compiled \
	2>/dev/null || echo "bjoern cannot be compiled here and takes no part."

test: lint
	@.ci/system-packages
	@$(COMPILE_SERVERS)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/coverage report
	@echo "Branch coverage of the serve core (100 %, but for a race that a busy machine may not meet):"
	$(BIN)/coverage report --precision=2 --fail-under=99.5 --include='hashserve/serve/*,hashserve/http/*,hashserve/gateways/wsgi*.py,hashserve/manifest/model.py,hashserve/manifest/schema.py'

# What docs/proof.md tells of; KILLS: how often a build is killed; SECONDS: how long each harness is fuzzed.
KILLS ?= 400
SECONDS ?= 60
LONG = $(addprefix tests/integration/test_,$(addsuffix .py,\
	oracle hostile resource_faults server_matrix redbot caches rolling_deploys)) \
	tests/serve/test_concurrency.py tests/builder/test_crash_safety.py
soak: .venv/ready-for-test .venv/ready-for-fuzz
	@.ci/system-packages
	@$(COMPILE_SERVERS)
	HASHSERVE_SOAK=1 HASHSERVE_KILLS=$(KILLS) $(BIN)/python -m pytest -s -o timeout=7200 $(LONG)
	$(BIN)/python -m tests.fuzz all $(SECONDS)

matrix: .venv/ready-for-test
	@mkdir -p .cache/matrix
	@WORKERS=$(WORKERS) .ci/matrix

lint: .venv/ready-for-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	$(BIN)/mypy

format: .venv/ready-for-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.tree

bench bench-quick: .venv/ready-for-bench
	@.ci/system-packages --bench
	@$(COMPILE_SERVERS)
	$(BIN)/python -m benchmarks $(if $(filter bench-quick,$@),--quick)

.venv/ready-for-%: pyproject.toml .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $*
	@touch $@

clean:
	rm -rf .venv .cache .demo .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
