# Every target sets up what it needs in .venv; a second call starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# Trust what this machine trusts: a company may have a certificate of its own.
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench lock pages docs clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv: requirements-uv.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "TempoNest needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12" % v[:2])'
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-uv.txt
	@touch $@

$(READY): requirements.lock pyproject.toml $(BIN)/uv
	@echo "Installing what the services and the nest need (the first time only) ..."
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(READY_DEV): requirements-dev.lock $(READY)
	@echo "Installing what tests and linters need (the first time only) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.lock
	@touch $@

demo: $(READY) lazy-pages ## Run two services and the nest with live traffic (ONCE=1: show one trace and end).
	@$(BIN)/temponest demo $(if $(ONCE),--once) $(ARGS)

test: $(READY_DEV) lazy-pages ## Run every test against real PostgreSQL, Valkey and nest.
	@$(BIN)/python -m pytest $(ARGS)

pages: $(READY) ## Build the pages (Node from PATH, else from a wheel).
	@$(BIN)/python web/build.py

docs: $(READY_DEV) ## Build the documentation site into build/docs/html.
	@$(BIN)/python docs/site/build.py

# Without Node or its registry the demo and the tests run without pages, and say so.
.PHONY: lazy-pages
lazy-pages: $(READY)
	@$(BIN)/python web/build.py --optional

lint: $(READY_DEV) ## Check style and types, tests included.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy shared services temponest tests benchmarks docker deploy docs/site web/build.py

bench: $(READY_DEV) ## Measure against the named peers and print the tables.
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(READY) ## Pin the newest versions that pyproject.toml allows.
	@$(BIN)/uv pip compile --quiet --universal --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --extra demo -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --extra demo --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove .venv and caches.
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
