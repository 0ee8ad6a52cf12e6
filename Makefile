# `make study` and `make test` are all that is needed after `git clone`; each sets up .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Each is passed on to `accelfront study` if it is set: make study STEPS=50 METHODS=deepcache,tome
STUDY_OPTIONS := \
	$(if $(PIPELINE),--pipeline '$(PIPELINE)') \
	$(if $(SCHEDULER),--scheduler '$(SCHEDULER)') \
	$(if $(STEPS),--steps '$(STEPS)') \
	$(if $(METHODS),--methods '$(METHODS)') \
	$(if $(TRIALS),--trials '$(TRIALS)')

STORAGE_OPTION := $(if $(STORAGE),--storage '$(STORAGE)')

.DEFAULT_GOAL := help
.PHONY: help setup study test test-all lint format docs bench bench-search dashboard embedded clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## Create .venv and install accelfront with its development tools

study: $(STAMP)  ## Run or go on with a study [PIPELINE SCHEDULER STEPS METHODS TRIALS STORAGE]
	@$(BIN)/accelfront study $(STUDY_OPTIONS) $(STORAGE_OPTION)

# One thread each, as threads that wait spin. Three tests at a time fill two cores: some wait for a
# server, or for a process of their own.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --quiet --numprocesses 3 --dist worksteal

test: lint  ## Check style and types, then run the everyday tests
	@$(PYTEST)

test-all: lint  ## Check style and types, then run all tests
	@$(PYTEST) -m ''

lint: $(STAMP)  ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

format: $(STAMP)  ## Put the code into its format
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

docs: $(STAMP)  ## Write docs/commands.md, and build the site of docs/ into site/
	@$(BIN)/python docs/generate_commands.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html is the site"

bench: $(STAMP)  ## Measure the measuring: A/A check and overhead, into benchmarks/results
	@$(BIN)/python -m benchmarks.measuring.measurement

bench-search: $(STAMP)  ## Search the recorded grids again in every way, and judge the answers
	@$(BIN)/python -m benchmarks.search.efficiency

dashboard: $(STAMP)  ## Look at the studies in a browser [STORAGE]
	@$(BIN)/accelfront dashboard $(STORAGE_OPTION)

embedded: $(STAMP)  ## Train the embedded pipelines anew; needs a GPU
	@$(BIN)/python -m objectives.embedded.train --out objectives/embedded

clean:  ## Remove .venv and what tools left; databases stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "accelfront needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 2; }
	@echo "setting up $(VENV), once; torch makes this a few minutes" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --upgrade pip
	@$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@
