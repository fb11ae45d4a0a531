# Everything a newcomer needs is Python 3.11 or newer, its venv module, and make.
#   make run     the daemon on ./monitor.toml, or the world in a box where there is none
#   make test    the fast tests
#   make lint    format, style, types and walls
#   make lock    resolve pyproject.toml anew into both lock files
#   make clean   remove everything made here

PYTHON ?= python3
# Tests that run side by side. Most of them wait for clocks and sockets, so more than there are cores.
JOBS ?= 4
VENV := .venv
BIN := $(VENV)/bin

# Every file that is installed is named by its hash, and none is built from source: a build would fetch its own tools unnamed.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all:
# The build's own tools come from the lock too.
OURSELVES := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .

.PHONY: run test lint lock clean
.DELETE_ON_ERROR:

# `exec` leaves no shell between: Ctrl-C reaches the daemon, and its farewell is the last word.
run: $(VENV)/run.stamp
	@if [ -e monitor.toml ]; then exec $(BIN)/coverwatch run --config monitor.toml; else exec $(BIN)/coverwatch demo; fi

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m "not wide and not bench" -n $(JOBS) --dist worksteal

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/run.stamp: requirements.lock pyproject.toml
$(VENV)/test.stamp: tests/requirements.lock pyproject.toml
$(VENV)/%.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Coverwatch needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/pip || { echo "Creating $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing $< into $(VENV)"
	@$(INSTALL) --requirement $<
	@$(OURSELVES)
	@touch $@

# Names, versions and hashes for every platform and Python we support; no addresses.
COMPILE := build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install -qq --disable-pip-version-check uv
	printf 'hatchling\neditables\n' | $(COMPILE) pyproject.toml - --extra postgres --output-file requirements.lock
	$(COMPILE) pyproject.toml requirements.lock --extra postgres --group dev --output-file tests/requirements.lock

clean:
	rm -rf $(VENV) build dist htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
