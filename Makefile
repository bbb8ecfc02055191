# Each target does its own set-up in .venv first, then its job. `make help` lists them.
#
#   PYTHON=python3.12       another interpreter (3.11 or later)
#   TORCH_INDEX=URL         an extra package index to take torch from, such as the one with CPU-only builds

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SEED ?= 1
ONLY ?= all
DEMO := build/demo

.PHONY: help console demo test test-loop test-parts style types bench campaign clean
.DEFAULT_GOAL := help

help:  ## Say what there is to make
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

console: $(READY)  ## Show a spacecraft that trains in orbit, and the console to command it from, at http://127.0.0.1:8180
	$(BIN)/hil console --out build/console-run --procedures tools/examples --force

demo: $(READY)  ## Train a nanoGPT over an emulated space link, through faults, to the same weights (build/demo/)
	$(BIN)/hil run first_light --seed $(SEED) --out $(DEMO) --force

test: $(READY)  ## Run the whole test suite, on two cores
	@echo "two halves at once, some ten minutes; each is shown when it is done"
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-loop test-parts

# What flies whole missions takes about as long as all else.
LOOP := tests/hil tests/tools tests/test_architecture.py

test-loop: $(READY)
	$(BIN)/python -m pytest $(LOOP)

test-parts: $(READY)
	$(BIN)/python -m pytest $(LOOP:%=--ignore=%)

style: $(READY)  ## Check the style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## Check the types
	$(BIN)/pyright

bench: $(READY)  ## Measure speed and memory beside the peers (ONLY=first_light for one group)
	$(BIN)/python -m tools.bench --only $(ONLY) --out build/bench.json

campaign: $(READY)  ## The long counts of the benches, for as long as they take (ONLY=link for one group)
	$(BIN)/python -m tools.bench --campaign --only $(ONLY) --out build/campaign.json

clean:  ## Remove what was built, and the environment
	rm -rf build $(VENV)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "starloop needs Python 3.11 or later, found $$($(PYTHON) --version 2>&1); try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "starloop needs Python's venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) 'torch==2.13.0'
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable '.[all,dev]'
	@touch $@
