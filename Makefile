# Two commands do everything: `make demo` and `make test`. Both set up .venv when it is missing or old.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint format types clean setup

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/cnn-digits train --preset fast --out runs/demo --overwrite
	$(BIN)/cnn-digits evaluate runs/demo
	$(BIN)/cnn-digits visualize weights runs/demo
	$(BIN)/cnn-digits visualize exemplars runs/demo
	$(BIN)/cnn-digits visualize classes runs/demo --l1 0.05
	$(BIN)/cnn-digits explain runs/demo 0 8 18

test: $(STAMP) lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(STAMP)
	$(BIN)/basedpyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
