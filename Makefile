# make run, make test, make setup: all that they need goes into .venv, from a clean checkout with Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run test check bench docs lock clean

setup: $(STAMP)

# Compiled here, once: every command and every process of Dagster would else compile some thousand modules when it
# starts for the first time, and each time where Python may not write beside them.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("ledger_pipelines needs Python 3.11 or newer; name one: make PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "Installing what requirements.lock lists into $(VENV) …"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q ledger_pipelines
	@touch $@

# As a module: the script names its Python in its first line, where not every path can stand.
run: setup
	@exec $(BIN)/python -m ledger_pipelines up --demo $(ARGS)

# mypy takes half a minute where it has no cache yet, and pytest does not keep two cores busy all the time: so types and
# walls, and what the second argument adds, are checked beside the tests, in the background. What was said of them is
# shown at the end, and either fails.
define with_types_beside
	@log=$$(mktemp); ( $(BIN)/mypy && $(BIN)/lint-imports $(2) ) >"$$log" 2>&1 & linting=$$!; \
	trap 'kill $$linting 2>/dev/null; rm -f "$$log"; exit 130' INT TERM; \
	$(1); tested=$$?; \
	wait $$linting; linted=$$?; cat "$$log"; rm -f "$$log"; \
	[ $$tested -eq 0 ] && [ $$linted -eq 0 ]
endef

# The tests that need no process (no database, no server, no browser; told by what they ask for) and draw no cases.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call with_types_beside,$(BIN)/pytest -n 2 -m "not process and not drawn")

# Four at once keep two cores busy: much of the time of the tests of the whole is waiting. A file's tests share what
# it sets up, so one worker has them all (and of some folders all files), and what takes longest is begun first (conftest.py).
test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m ledger_pipelines_tests.browser_setup
	$(call with_types_beside,$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder,&& LEDGER_FIRST_MONTH=2024-01 $(BIN)/dg check defs)

bench: setup
	@exec $(BIN)/python -m ledger_pipelines bench

# As a module, so that the site's own code is found beside this file.
docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "The documentation is in site/. To read it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site 8000"

# By name only: a checkout gives its files any order of times, and a newcomer must get the versions as they are locked.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev --all-extras --no-header -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .ledger
