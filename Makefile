# make demo | test | lint | test-all | docs | clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-all lint format bench clean

demo: $(VENV)/demo.stamp
	$(BIN)/mlwright demo

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n auto -m "not heavy"

test-all: $(VENV)/test.stamp
	$(PIP) install --constraint constraints.txt 'torch==2.13.0' tensorflow-cpu --editable '.[transformer]'
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

bench: $(VENV)/test.stamp
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/serving.py

$(VENV)/%.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[standard,$*]'
	@touch $@

clean:
	rm -rf $(VENV) build src/*.egg-info
