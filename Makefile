# The two commands of a fresh machine: `make demo` and `make test`. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test check lint types docs lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## build .venv from the lock file

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Điểm Báo needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv from requirements.lock (once, one to three minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)
	@echo "Ready: $(BIN)/diembao"

demo: setup  ## the whole chain on the bundled newspapers; DEMO_ARGS=--no-serve ends instead of serving the page
	@$(BIN)/diembao demo $(DEMO_ARGS)

test: setup  ## all tests; PYTEST_ARGS='...' passes arguments on
	@$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

lint: setup  ## ruff, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup  ## mypy, strict
	@$(BIN)/mypy

check: lint types test  ## everything that must be green before a commit

docs: setup  ## write the generated documents anew
	@$(BIN)/python docs/generate.py

lock:  ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --upgrade -o requirements.lock

clean:  ## remove what setup, tests and demo made
	rm -rf $(VENV) data build tests/output
