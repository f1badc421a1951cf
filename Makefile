BIN := .venv/bin
LOCK_FLAGS ?=

.PHONY: setup check lint format test test-slow lock

setup:
	bash setup.sh

check: lint test

lint:
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/pyright

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test:
	$(BIN)/python -m pytest

test-slow:
	$(BIN)/python -m pytest -m slow

# Keeps every pin that still fits; `make lock LOCK_FLAGS=--upgrade` renews them all.
lock:
	for kind in cpu gpu tpu; do \
	  $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes \
	    --no-config --no-header --no-emit-index-url --no-emit-find-links \
	    --extra $$kind --group dev $(LOCK_FLAGS) \
	    --output-file requirements/$$kind.lock || exit 1; \
	done
