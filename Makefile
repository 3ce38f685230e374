# The front door. Each target sets up what it needs in .venv and re-uses what is there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One test process for each core; a file's tests stay together, for they share kernels that have to be compiled.
SHARED := -n auto --dist loadfile
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help train test extras judge browser cpus check bench evidence docs site wheel clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

# One stamp for each extra; a changed pyproject.toml installs again.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@echo "Installing nnmat into $(VENV) ..."
	@$(PIP) -e . && touch $@

$(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	@echo "Installing nnmat[$*] into $(VENV) ..."
	@$(PIP) -e '.[$*]' && touch $@

train: $(VENV)/.run  ## train the convolutional network on the embedded MNIST digits
	$(BIN)/python scripts/train_cnn.py

test: $(VENV)/.test  ## pass the tests
	$(BIN)/python -m pytest tests --ignore=tests/judge $(SHARED)

extras: $(VENV)/.test $(VENV)/.all $(VENV)/.site  ## the tests of what stands on optional packages (scikit-learn, ONNX, pandas, ...); none is skipped
	NNMAT_EXTRAS=1 $(BIN)/python -m pytest tests --ignore=tests/judge -m extra $(SHARED)

judge: $(VENV)/.judge  ## compare with PyTorch; the number of executed cases is asserted
	NNMAT_JUDGE=1 $(BIN)/python -m pytest tests/judge

browser: $(VENV)/.browser  ## look at the pages, and at the site that `make site` made, in Chromium, which has to be installed
	NNMAT_BROWSER=1 $(BIN)/python -m pytest -q tests/browser

cpus: $(VENV)/.test  ## the kernel tests on code for other processors, with bounds checks, and without the JIT
	NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES= $(BIN)/python -m pytest -q $(SHARED) tests/kernels -m 'not once'
	NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= $(BIN)/python -m pytest -q $(SHARED) tests/kernels -m 'not once'
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -q $(SHARED) tests/kernels -m 'not once'
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q $(SHARED) tests/kernels -m 'not once and not slow' -W ignore::RuntimeWarning

check: $(VENV)/.dev  ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.run  ## measure every kernel
	$(BIN)/python scripts/bench_kernels.py

evidence: $(VENV)/.bench  ## measure every promise and print it beside its bar (takes hours)
	$(BIN)/python scripts/evidence.py

docs: $(VENV)/.test $(VENV)/.all $(VENV)/.site  ## run every code block of README.md and docs/, and every notebook
	NNMAT_EXTRAS=1 $(BIN)/python -m pytest -q $(SHARED) tests/test_docs.py tests/website

site: $(VENV)/.site  ## write the documentation as a site, with the notebooks run, to build/site
	$(BIN)/python website/notebooks.py build/notebooks
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python website/links.py build/site

wheel: $(VENV)/.test  ## build the wheel and the sdist into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove the virtual environment and what tools left
	rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache .mypy_cache build runs
