# `make repro` rebuilds everything in a fresh clone; `make test` checks everything. Both need Python 3.11 or newer, no more.
.PHONY: install repro test lint bench clean help
.DEFAULT_GOAL := help

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON := $(shell command -v python3.11 || command -v python3)
# The first entry of PATH inside the recipes: dvc.yaml calls `python`, which must be the environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:
	@echo "make install  the environment in $(VENV), versions pinned in constraints.txt"
	@echo "make repro    install, then dvc repro: data, features, models, scores, reports/index.html"
	@echo "make test     install with the development tools, then linters, types, stage dependencies and all tests"
	@echo "make lint     linters, types and stage dependencies alone"
	@echo "make bench    measure; figures go to benchmarks/results/DATE-SHA.md"
	@echo "make clean    remove results of the pipeline; caches and the environment stay"

install: $(VENV)/installed
repro: install
	dvc repro

test: lint
	pytest

lint: $(VENV)/installed-dev
	ruff check .
	ruff format --check .
	mypy
	affectflow deps --check

bench: $(VENV)/installed-dev
	for script in $$(grep -l write_section benchmarks/[a-z]*.py); do \
		python -m benchmarks.$$(basename $$script .py) || exit 1; done

clean:
	rm -rf data/clips data/folds.json data/features models predictions reports metrics plots dvc_plots

# Stamps: pip runs again only when what it would install has changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is older"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/installed
