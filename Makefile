# make app         serves the page on http://$(HOST):$(PORT)
# make test        runs every test; a part of them: make test ARGS="tests/zoo -x"
# make test-fast   the same without browser, goldens, commands and what is slow (the markers of pyproject.toml): two minutes
# make lint        checks style, format and the layers of the house

VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860
SIDE_BY_SIDE ?= -n 2
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})' 2>/dev/null && echo $$p && break; done)

.PHONY: app test test-fast lint clean
.DEFAULT_GOAL := app

app: $(VENV)/.app-installed
	HOST=$(HOST) PORT=$(PORT) $(BIN)/python app.py

test: $(VENV)/.dev-installed
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: $(VENV)/.dev-installed
	$(BIN)/python -m pytest -m "not (browser or goldens or cli or slow)" $(SIDE_BY_SIDE) $(ARGS)

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

clean:
	rm -rf artifacts .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.app-installed: requirements.lock
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev-installed: requirements-dev.lock requirements.lock
	$(call install,requirements-dev.lock)
	@touch $@

define install
@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	test -n "$(PYTHON)" || { echo "Resound needs Python 3.11 or 3.12; install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }; \
	echo "Making $(VENV) with $(PYTHON)" && $(PYTHON) -m venv --clear $(VENV); }
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)
endef
