# make run: everything, from nothing, on http://127.0.0.1:8050     make test: every check and test
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check unit fix bench lock docs clean

run: .venv/run
	@$(BIN)/python scripts/run.py

test: check unit

check: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check

unit: .venv/test
	scripts/debian.sh
	$(BIN)/pytest -n 2 --dist loadfile

fix: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/test
	$(BIN)/python -m tests.bench

docs: .venv/test
	$(BIN)/python scripts/docs.py

# what runs is locked by itself; what tests adds to it
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q
lock: .venv/test
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .cache node_modules

.venv/run: requirements.lock requirements-dev.lock pyproject.toml package-lock.json
	scripts/setup.sh $(PYTHON) $(if $(wildcard .venv/test),test,run)
	@touch .venv/run $(wildcard .venv/test)

.venv/test: requirements.lock requirements-dev.lock pyproject.toml package-lock.json
	scripts/setup.sh $(PYTHON) test
	@touch .venv/run .venv/test
