# The front door. `make help` lists what it can do; every target sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV   := .venv
BIN    := $(VENV)/bin
# The newest interpreter that runs (a version manager's shim may exist without the version behind it).
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do $$v -c '' 2>/dev/null && { echo $$v; break; }; done)
BOARD  ?= netduinoplus2
# Modules with pages of their own; `kws` is the index of what most programs need.
API    := kws kws.audio kws.samples kws.microphone kws.features kws.model kws.pipeline kws.bundle kws.decision kws.gate \
          kws.spotter kws.heard kws.errors kws.evaluation kws.harness kws.harness.faults kws.device kws.importer \
          kws.export kws.machine kws.datasets.recorder
EXTRAS := train,voices,sweep,sign,negatives,plots,reference,firmware,emulator,flash,dev,mic,dashboard,docs
CORE_SOURCES := $(shell find firmware/core firmware/protocol kws/core -name '*.[ch]' -not -name '_*') firmware/core/sources.txt
# One process more than there are cores: some of the tests wait for boards.
PARALLEL := --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile --no-loadscope-reorder
export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_ENABLE_ONEDNN_OPTS ?= 1

.PHONY: help setup tools core demo test lint format firmware flash bench eval docs clean
.PHONY: quick check-install check-pages check-dashboard check-faults check-compilers fuzz soak

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

tools: ## Install compilers, emulator and speech synthesiser (Debian packages; needs root or sudo, else says what to do)
	@PYTHON=$(PYTHON) firmware/install-tools.sh

setup: $(VENV)/.installed ## Tools, virtual environment, Python packages, compiled core

$(VENV)/.installed: pyproject.toml setup.py constraints.txt
	@PYTHON=$(PYTHON) firmware/install-tools.sh
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "kws needs Python 3.11 to 3.13, this is %d.%d: install one, or set PYTHON=/path/to/python3" % v)'
	@echo "== virtual environment in $(VENV) ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv $(VENV)
	@echo "== Python packages (TensorFlow is large: a few minutes on the first run)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip setuptools wheel cffi
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[$(EXTRAS)]'
	@touch $@ $(VENV)/.core

$(VENV)/.core: $(CORE_SOURCES) | $(VENV)/.installed
	@echo "== compiling the core for this machine"
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

core: $(VENV)/.core ## Rebuild the C core that Python calls, when its sources changed

demo: core ## Make a keyword spotter for a made-up word and prove it on an emulated Cortex-M4 (2 to 8 minutes)
	@$(BIN)/kws demo

test: core ## Everything that proves the code right, on all cores
	@$(BIN)/python -m pytest $(PARALLEL)

quick: core ## The tests to run while writing: no TensorFlow, no emulator, under a minute
	@$(BIN)/python -m pytest --quick $(PARALLEL)

check-install: core ## Install from the package index beside Hugging Face's datasets: make check-install PYTHONS="python3.11 ..."
	@$(BIN)/python benchmarks/check_install.py $(or $(PYTHONS),$(PYTHON))

check-pages: core ## Use the HTML reports in a headless Chromium: make check-pages KWS_DATA=DIR
	@$(BIN)/python benchmarks/check_pages.py --data "$(KWS_DATA)"

check-dashboard: core ## Use the live page in a headless Chromium, fed by a recording and by an emulated board
	@$(BIN)/python benchmarks/check_dashboard.py

check-faults: core ## A thousand faults of each kind on the line to a board: nothing wrong, nothing hangs
	@$(BIN)/python benchmarks/check_faults.py

check-compilers: core ## The core with every pairing of compiler, processor and options: the same bits, no warning
	@$(BIN)/python benchmarks/check_compilers.py

fuzz: core ## Ten million bytes to protocol and USB, a million altered bundles, under sanitizers (minutes on all cores)
	@$(BIN)/python tests/fuzz_firmware.py --out benchmarks/fuzz_firmware.json

soak: core ## An hour of audio through the native board in one stream: memory, drift, loss
	@$(BIN)/python benchmarks/check_soak.py

lint: setup ## ruff, mypy, clang-format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format --dry-run --Werror

format: setup ## Rewrite sources in the house style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	@git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format -i

firmware: core ## Build the firmware for BOARD (netduinoplus2, native) and print its sizes; UPDATE_KEY=FILE.pub: signed updates only
	@$(BIN)/python -m kws.device $(BOARD) $(if $(UPDATE_KEY),--update-key "$(UPDATE_KEY)")

flash: core ## Build firmware for BOARD and flash it, with MODEL=NAME.kws if given
	@$(BIN)/kws flash $(MODEL) --board $(BOARD) $(if $(UPDATE_KEY),--update-key "$(UPDATE_KEY)")

bench: core ## Cycles, RAM and flash on the emulated Cortex-M4, compared with benchmarks/*.json
	@$(BIN)/kws bench --check

eval: core ## Accuracy and parity on real recordings: make eval KWS_DATA=DIR
	@test -n "$(KWS_DATA)" || { echo "make eval: set KWS_DATA=DIR, a folder with Speech Commands (see datasets/README.md)"; exit 2; }
	@for script in benchmarks/eval_*.py; do echo "== $$script"; $(BIN)/python $$script --data "$(KWS_DATA)" || exit 1; done

docs: core ## API pages from the docstrings, into out/docs
	@PYTHONWARNINGS=ignore $(BIN)/python -m pdoc --docformat numpy --output-directory out/docs $(API)
	@echo "open out/docs/kws.html"

clean: ## Remove what was built (keeps the virtual environment)
	@rm -rf build kws/core/_core.c kws/core/*.so .pytest_cache .mypy_cache .ruff_cache
	@rm -f $(VENV)/.core
