# A newcomer needs two commands: `make demo` and `make test`. Each installs what it needs into .venv, once.
# CONTRIBUTING.md describes the others.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
WORKERS ?= auto

# Nothing outside the checkout changes; what pip keeps for later is in .cache.
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help demo test system-packages soak mutation matrix fresh lint format bench bench-quick clean

help:
	@echo "make demo          build the example site and serve it (make demo PORT=8001)"
	@echo "make test          run the linters, the type checker and every test"
	@echo "make system-packages  install the programs that tests use, with apt (root)"
	@echo "make lint          run the linters and the type checker"
	@echo "make format        format the code, and write the tree of modules in CONTRIBUTING.md"
	@echo "make soak          run the long form of the proofs in docs/proof.md (over an hour)"
	@echo "make mutation      list the changes of the serve core that no test notices (hours)"
	@echo "make matrix        run Django's tests on every Python and Django of this machine"
	@echo "make fresh         try the commit in a new root of a Debian release (root; DISTRIBUTION=trixie)"
	@echo "make bench         run the benchmarks (half an hour; make bench-quick: 3 minutes)"
	@echo "make clean         remove everything that these commands made"

demo: .venv/ready-for-demo
	@$(BIN)/python example_wsgi.py --port $(PORT)

# Only this installs something outside the checkout; with CI=true, it is a part of `make test`.
system-packages:
	@$(PYTHON) -m tests.system_packages --install

PARTS = $(PYTHON) -m tests.system_packages$(if $(filter true,$(CI)), --install)
COMPILE_SERVERS = $(BIN)/python -m pip install --quiet --group servers-compiled 2>.cache/compile-servers.log || \
	echo "bjoern cannot be compiled here; .cache/compile-servers.log says why. Its tests are skipped."

# The list of skipped tests comes last.
test: lint
	@$(if $(filter true,$(CI)),$(PARTS))
	@$(COMPILE_SERVERS)
	HASHSERVE_SKIPPED=.cache/skipped-tests $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/coverage report
	@echo "Branch coverage of the serve core (100 %, except for a race that a busy machine may not meet):"
	$(BIN)/coverage report --precision=2 --fail-under=99.5 --include='hashserve/serve/*,hashserve/http/*,hashserve/gateways/wsgi*.py,hashserve/manifest/model.py,hashserve/manifest/schema.py'
	@cat .cache/skipped-tests

# The tests of docs/proof.md. KILLS: how many builds are killed. SECONDS: how long each harness is fuzzed.
KILLS ?= 400
SECONDS ?= 60
LONG = $(addprefix tests/integration/test_,$(addsuffix .py,\
	oracle field_judges peer_suites hostile resource_faults server_matrix redbot caches deltas_in_caches rolling_deploys clear)) \
	tests/serve/test_concurrency.py tests/serve/test_delta_decisions.py tests/builder/test_crash_safety.py
soak: .venv/ready-for-test .venv/ready-for-fuzz
	@$(PARTS)
	@$(COMPILE_SERVERS)
	HASHSERVE_SOAK=1 HASHSERVE_KILLS=$(KILLS) $(BIN)/python -m pytest -s -o timeout=7200 $(LONG)
	$(BIN)/python -m tests.fuzz all $(SECONDS)

# MUTANTS: a pattern, such as 'hashserve.http.*'. JOBS: how many mutants are tested at the same time.
JOBS ?= 1
mutation: .venv/ready-for-mutation
	CI=true $(BIN)/mutmut run --max-children $(JOBS) $(if $(MUTANTS),'$(MUTANTS)')
	$(BIN)/mutmut results

# RUN: the steps, of `demo test sdist ci`.
DISTRIBUTION ?= trixie
RUN ?= demo test sdist ci
fresh:
	@DISTRIBUTION='$(DISTRIBUTION)' RUN='$(RUN)' .ci/fresh

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
	@$(PARTS)
	@$(COMPILE_SERVERS)
	$(BIN)/python -m benchmarks $(if $(filter bench-quick,$@),--quick)

.venv/ready-for-%: pyproject.toml .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $*
	@touch $@

clean:
	rm -rf .venv .cache .demo .import_linter_cache mutants .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
