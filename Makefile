# make demo | test | test-all | test-oldest | numbers | lint | hooks | clean. A fresh machine needs python3 >= 3.11 with venv,
# 6 GB of disk, and a network or a mirror that pip can install from.

PYTHON ?= python3
VENV := .venv
OLDEST := .venv-oldest
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-all test-oldest numbers lint hooks clean

demo: $(VENV)/test.stamp
	@run=runs/demo/$$(date -u +%Y%m%dT%H%M%SZ) && \
	$(BIN)/tpzoo train configs/demo.yaml --run-dir "$$run" && \
	$(BIN)/python -m tpzoo.report.learning "$$run" "$$run/demo.png"

# A worker for every core, each with one thread: tests are small, and threads of several workers would fight.
test: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

# As test, and every legal combination of components is trained, not a cover of them.
test-all: export TPZOO_TEST_ALL = 1
test-all: test

# As test, with the oldest dependencies that pyproject.toml claims, in an environment of its own (6 GB). With Python 3.11:
# the oldest have no wheels for later ones.
test-oldest: $(OLDEST)/test.stamp
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n auto $(PYTEST_ARGS)

# Measures every number of the docs and of the recipes' headers again, as recorded in docs/data/runs: days on a CPU.
# python benchmarks/records.py make NAME does one.
numbers: $(VENV)/test.stamp
	$(BIN)/python benchmarks/records.py make --runs runs/numbers

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Before every commit git runs what .pre-commit-config.yaml lists.
hooks: $(VENV)/dev.stamp
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) $(OLDEST) build dist .pytest_cache .ruff_cache .mypy_cache

# The stamps are newer than what they depend on as long as the environment is up to date.
$(VENV)/test.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tpzoo needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing tpzoo and PyTorch into $(VENV) (a few minutes, once) ..."
	$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@

$(OLDEST)/test.stamp: pyproject.toml constraints-oldest.txt
	@echo "Installing tpzoo's oldest dependencies into $(OLDEST) (a few minutes, once) ..."
	@test -x $(OLDEST)/bin/pip || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip --disable-pip-version-check --quiet install -c constraints-oldest.txt -e '.[test]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/test.stamp
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@
