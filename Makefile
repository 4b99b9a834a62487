# Two commands for a newcomer: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help demo controller test test-fast test-service test-system bench lint docs format lock clean

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin

help: ## Say what there is to make
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Show the monitor on a small bridge: posts, a crash, the audit
	$(BIN)/wa-monitor demo --folder .demo

controller: $(VENV)/.development ## Make .venv with Ansible in it, and nothing else

test: test-fast test-service test-system ## Run every test

test-fast: $(VENV)/.development ## Test the parts, on real stores, in under a minute
	$(BIN)/pytest -n 2 --dist worksteal -m "not service and not system"

# Mostly waiting: for a store's return, a watchdog, an alert.
test-service: $(VENV)/.development ## Test the program as a process: crashes, kills, outages, HTTP
	$(BIN)/pytest -n 4 --dist worksteal -m service

test-system: $(VENV)/.development ## Drive ansible-playbook against booted Debian machines (root)
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m system

bench: $(VENV)/.development ## Compare speed with the old way, pgloader and the limit
	$(BIN)/python -m tests.bench

lint: $(VENV)/.development ## Check style, types, YAML, playbooks and schemas
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --profile production --offline
	$(BIN)/check-jsonschema --check-metaschema monitor/state.schema.json \
	    monitor/settings/projects.schema.json monitor/settings/environment.schema.json \
	    monitor/web/status.schema.json

docs: $(VENV)/.development ## Write docs/commands.md from the program
	$(BIN)/python -m tests.docs.reference

format: $(VENV)/.development ## Format the Python code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## Resolve the dependencies anew and write both lock files (needs pip-tools on the PATH)
	pip-compile $(LOCK) --build-deps-for wheel -o requirements.lock pyproject.toml
	pip-compile $(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

LOCK := --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-header \
    --no-emit-index-url --no-emit-find-links

clean: ## Remove what was made here, but not the cached test machines
	rm -rf $(VENV) .demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# What is installed is exactly what the lock files name, by hash.
$(VENV)/.runtime: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
