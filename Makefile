# `make demo` shows what it does, `make check` takes a minute, `make test` is all that must pass before a change lands.
# Each sets up its own virtual environment first, and is quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := src tests benchmarks examples docs/build.py
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
# Both cores of a small machine, all of a large one; a test that ends early takes work from the other worker.
IN_PARALLEL := -n auto --dist worksteal
# Files that were made to harm, damaged ones, and those of every format as they should be.
HOSTILE := $(addprefix tests/test_,hostile.py attacks.py bombs.py archives.py any_json.py mistakes.py robot_files.py fuzz.py)

.PHONY: demo check test floors lint types mutants bench bench-data soak site dist clean

demo: $(VENV)/.run
	$(BIN)/foreframe demo

check: $(VENV)/.dev lint types  # before every commit: about a minute on two cores
	$(ONE_THREAD) $(BIN)/pytest $(IN_PARALLEL) -m 'not slow'

test: $(VENV)/.dev lint types  # before a change lands: less than ten minutes on two cores
	$(ONE_THREAD) $(BIN)/pytest $(IN_PARALLEL) --durations=8

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)-floors/.run  # the hostile files under the lowest versions that pyproject.toml allows; old packages warn, so warnings are no errors
	$(ONE_THREAD) $(VENV)-floors/bin/pytest -o filterwarnings= $(HOSTILE)

mutants: $(VENV)/.dev  # faults put into a copy, each of which a test must catch
	$(ONE_THREAD) $(BIN)/python tests/mutants.py

bench: $(VENV)/.dev  # training, sampling and acts beside both systems as published; and what a step costs; writes results/bench-{speed,cost}.json
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/speed.py
	$(ONE_THREAD) $(BIN)/python benchmarks/cost.py

bench-data: $(VENV)/.dev  # loading clips beside a PNG + CSV loader; writes results/bench-data.json
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/data.py

soak: $(VENV)/.dev  # faults at every I/O call, kills, full disks, rotten bits, damaged files by the thousand, in three hours at most; writes results/reliability.json
	$(BIN)/python benchmarks/soak.py

site: $(VENV)/.dev  # the documentation, in build/site/html; a broken link is an error
	$(BIN)/python docs/build.py build/site

dist: $(VENV)/.dev  # the wheel and the sdist, in dist/
	$(BIN)/python -m hatchling build

clean:
	rm -rf $(VENV) $(VENV)-floors build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[worlds]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet -c constraints.txt brotli gradio-client httpx orjson python-multipart
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps trackio  # it asks for a Pillow before 13
	@touch $@ $(VENV)/.run

$(VENV)-floors/.run: pyproject.toml constraints.txt tests/floors.py
	$(PYTHON) -m venv --clear $(VENV)-floors
	$(VENV)-floors/bin/python -m pip install --quiet packaging
	$(VENV)-floors/bin/python tests/floors.py > $(VENV)-floors/floors.txt
	$(VENV)-floors/bin/python -m pip install --quiet -c $(VENV)-floors/floors.txt -e '.[formats]' 'hypothesis>=6.100' 'pytest>=8.3'
	@touch $@
