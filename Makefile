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

lock: .venv/test
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
		--no-header -q pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .cache node_modules

# One environment serves both: the lock pins everything, with hashes.
.venv/run .venv/test: requirements.lock pyproject.toml package-lock.json
	scripts/setup.sh $(PYTHON)
	@touch .venv/run .venv/test
