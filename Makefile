# The two to know: `make demo` and `make test`. Both set up .venv first.
PYTHON_IN_VENV := .venv/bin/python
PYTEST := $(PYTHON_IN_VENV) -m pytest
# How many processes the tests run in.
WORKERS ?= logical

.DEFAULT_GOAL := help
.PHONY: help setup demo search-demo test test-all effects bench lint clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

setup:  ## Make .venv and install everything; does nothing if that is done
	@python=$$(sh scripts/find_python.sh) && "$$python" scripts/setup.py

demo: setup  ## Train a GAN on real images, compress it, show the result
	@.venv/bin/mmgancomp demo

search-demo: setup  ## Search an architecture on real digits, train it beside random ones
	@$(PYTHON_IN_VENV) -m benchmarks.effects search_demo

test: setup  ## Run the fast tests
	@$(PYTEST) -n $(WORKERS) --maxprocesses 4 --dist loadfile -m 'not slow'

test-all: setup  ## Run all tests, the slow ones too
	@$(PYTEST) -n $(WORKERS) --maxprocesses 4 --dist loadfile

effects: setup  ## Train each method beside its controls on real digits
	@$(PYTHON_IN_VENV) -m benchmarks.effects

bench: setup  ## Measure what masks and teachers cost, beside plain torch
	@$(PYTHON_IN_VENV) -m benchmarks

lint: setup  ## Check the style
	@$(PYTHON_IN_VENV) -m ruff check .

clean:  ## Remove what was built; keeps .venv, runs and cached wheels
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
