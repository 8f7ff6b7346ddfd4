# `make help` lists the targets. Everything is set up by the first target that needs it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export JOURNEYS_HOME ?= $(CURDIR)/data
export DBT_ENV_SECRET_JOURNEYS_HOME := $(JOURNEYS_HOME)
export DAGSTER_HOME := $(JOURNEYS_HOME)/dagster
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DG_UPDATE_CHECK_ENABLED := 0
PROJECT_DIRS := --project-dir $(CURDIR)/dbt_project --profiles-dir $(CURDIR)/dbt_project

.DEFAULT_GOAL := help
.PHONY: $(shell grep -oE '^[a-z0-9-]+:' $(firstword $(MAKEFILE_LIST)) | tr -d ':')

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## create .venv and install the locked packages (run and test do this themselves)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

manifest: install ## parse the dbt project, which Dagster's definitions are made from
	@mkdir -p "$(DAGSTER_HOME)" && cp dagster.yaml "$(DAGSTER_HOME)/dagster.yaml"
	@$(BIN)/dbt parse --quiet $(PROJECT_DIRS)

run: manifest ## run the whole night: pull, stitch, build, check, publish (sample hospital unless JOURNEYS_DELIVERIES is set)
	@$(BIN)/python -m orchestration run

ui: manifest ## open the Dagster UI on 127.0.0.1:3000
	@$(BIN)/python -m orchestration ui

test: lint ## run every check and test
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-unit: manifest ## run the unit tests only (seconds)
	$(BIN)/python -m pytest tests/unit

prove-crashes: manifest ## kill the night at every step and deliver in many orders (minutes)
	$(BIN)/python -m pytest -m 'prove and nightly' tests/nightly

prove-identity: install ## score person matching on labelled people (minutes; needs JOURNEYS_REFERENCE)
	$(BIN)/python -m pytest -n 0 -s -m prove tests/oracles/test_identity_scores.py tests/oracles/test_identity_nights.py

prove-effects: manifest ## estimate planted effects over many sample hospitals (hours; resumes; write benchmarks/results/effects.md)
	$(BIN)/python -m benchmarks.prove_effects

lint: manifest ## style, types, imports, SQL and definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests
	$(BIN)/dg check defs
	$(BIN)/dagster definitions validate -w workspace.yaml --log-level warning

format: install ## put code and SQL in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests

lock: install ## compile requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-strip-extras --no-header --group dev pyproject.toml --output-file requirements.lock

bench-x12: install ## measure the X12 reader; write benchmarks/results/x12.md
	$(BIN)/python -m benchmarks.bench_x12 --write

bench-fhir: install ## measure the FHIR reader (needs JOURNEYS_REFERENCE)
	$(BIN)/python -m benchmarks.bench_fhir

bench-events: install ## measure the readers of portal events and contact records; write benchmarks/results/events.md
	$(BIN)/python -m benchmarks.bench_events --write

bench-night: manifest ## measure whole nights without Dagster; write benchmarks/results/night.md
	$(BIN)/python -m benchmarks.bench_night --write

bench-identity: install ## measure identity matching on 10 k, 100 k and 1 M records; write benchmarks/results/identity.md
	$(BIN)/python -m benchmarks.bench_identity --write

bench-journeys: install ## measure the journey and adherence models at 10 and 50 M touchpoints; write benchmarks/results/journeys.md
	$(BIN)/python -m benchmarks.bench_journeys --touchpoints 10 --fills 20 --write
	$(BIN)/python -m benchmarks.bench_journeys --touchpoints 50 --fills 0 --write

clean: ## remove the environment and everything built (never JOURNEYS_HOME)
	rm -rf $(VENV) dbt_project/target dbt_project/logs .mypy_cache .ruff_cache .pytest_cache *.egg-info
