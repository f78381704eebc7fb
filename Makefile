# Two commands: `make demo` and `make test`. Both make their own virtual environment and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types bench bench-data soak clean

demo: $(VENV)/.run
	$(BIN)/foreframe demo

test: $(VENV)/.dev lint types
	OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest --durations=8

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.dev  # training, sampling and acts beside both systems as published; and what a step costs; writes results/bench-{speed,cost}.json
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/speed.py
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/cost.py

bench-data: $(VENV)/.dev  # loading clips beside a PNG + CSV loader; writes results/bench-data.json
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/data.py

soak: $(VENV)/.dev  # kills, full disks, rotten bits, damaged files by the thousand; writes results/reliability.json
	$(BIN)/python benchmarks/soak.py

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run
