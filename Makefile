# Two commands do everything: `make demo` and `make test`. Both set up .venv when it is missing or old.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: kernels docs notebooks networks demo test test-fast test-long lint format types wheel system clean setup

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/cnn-digits train --preset fast --out runs/demo --overwrite
	$(BIN)/cnn-digits evaluate runs/demo
	$(BIN)/cnn-digits visualize weights runs/demo
	$(BIN)/cnn-digits visualize exemplars runs/demo
	$(BIN)/cnn-digits visualize classes runs/demo --l1 0.05
	$(BIN)/cnn-digits explain runs/demo 0 8 18
	@echo 'next: draw a digit in the browser and watch this network think: $(BIN)/python -m apps.playground runs/demo'

# Everything but the long tests: at most ten minutes.
test: $(STAMP) system
	@$(MAKE) --no-print-directory --jobs 2 kernels lint types
	$(PYTEST) -m 'not long'

# For every edit: what takes less than a second or two each.
test-fast: $(STAMP)
	$(BIN)/ruff check --quiet .
	$(PYTEST) -q -m 'not slow and not long'

# What takes minutes: several processes, campaigns, whole studies.
test-long: $(STAMP) system
	$(PYTEST) -m long

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(STAMP)
	$(BIN)/basedpyright --pythonpath $(BIN)/python

# The site in build/site: built strictly, links checked, no request to the outside.
docs: $(STAMP)
	$(BIN)/python -m docs.make

# The lessons as notebooks in build/notebooks.
notebooks: $(STAMP)
	$(BIN)/python -m docs.make.lessons --notebooks

# The rules of Go as machine code, which the tests would else wait for in each worker.
kernels: $(STAMP)
	$(BIN)/python .ci/kernels.py

# The package in dist/, tried from an empty environment.
wheel: $(STAMP)
	PYTHON=$(CURDIR)/$(BIN)/python .ci/wheel

# The ready-made networks in pretrained/, trained again: about ten CPU-minutes.
networks: $(STAMP)
	$(BIN)/cnn-bench networks

# Programs that some tests play against; without them (no root, no apt) those tests are skipped and say so.
system:
	@PATH="$$PATH:/usr/games"; for each in gnugo chromium; do \
	  command -v $$each > /dev/null || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$each > /dev/null; } || \
	  echo "$$each is not installed: tests that need it are skipped"; done

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
