# CallMissed. `make` lists what there is; each command sets up what it needs, once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
# Tests: two workers, a file stays with one worker (each worker keeps one PostgreSQL of its own).
WORKERS ?= 2
# T=path or T="path -k word" runs that part alone, in one process.
T ?=
ifneq ($(PYTHON),)
export PYTHON
endif

.PHONY: help run test check bench lock upgrade fix docs migration clean \
        lint format types architecture house invariants

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── set-up: stamps, so that nothing is done twice ────────────────────────────────────────────────

RUNTIME := .venv/.runtime
DEV := .venv/.dev

$(RUNTIME): requirements/bootstrap.txt requirements/runtime.txt pyproject.toml scripts/setup
	@scripts/setup runtime
	@touch $@

$(DEV): requirements/bootstrap.txt requirements/dev.txt pyproject.toml scripts/setup
	@scripts/setup dev
	@touch $@ $(RUNTIME)

# ── run ──────────────────────────────────────────────────────────────────────────────────────────

run: $(RUNTIME) ## Set everything up and open the demo at http://127.0.0.1:8000
	@scripts/ensure_speech
	@$(BIN)/callmissed up --demo

bench: $(DEV) ## Run the benchmarks beside their references (one: make bench B=gateway)
	@$(BIN)/python -m bench $(B)

# ── prove ────────────────────────────────────────────────────────────────────────────────────────

test: $(DEV) ## Set everything up, run all checks and pass every test (a part: make test T=tests/rooms/billing)
ifeq ($(T),)
	@scripts/ensure_browser >.venv/browser
	@scripts/ensure_speech
	@scripts/ensure_peers || echo "peers: going on; what needs them is skipped"
	@$(MAKE) -j2 -k --output-sync=target lint format types
	@CALLMISSED_TEST_BROWSER="$$(cat .venv/browser)" $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
else
	@$(BIN)/python -m pytest $(T)
endif

check: $(DEV) ## Lint, types, architecture, house rules, invariants: under a minute
	@$(MAKE) -j2 -k --output-sync=target lint format types invariants

lint: $(DEV)
	@$(BIN)/ruff check --quiet --output-format concise . && echo "lint          fine"

format: $(DEV)
	@$(BIN)/ruff format --quiet --check . && echo "format        fine" || { echo "format        make fix"; exit 1; }

types: $(DEV)
	@$(BIN)/basedpyright --level error && echo "types         fine"

# The invariants hold these two as well; alone they are quicker to ask.
architecture: $(DEV)
	@$(BIN)/lint-imports --no-logo >.venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }
	@$(BIN)/python -m tools.house doors && echo "architecture  fine"

house: $(DEV)
	@$(BIN)/python -m tools.house rules && $(BIN)/python -m tools.house ratchet && echo "house rules   fine"

invariants: $(DEV)
	@$(BIN)/python -m pytest -q -m "not database" tests/invariants

# ── mend ─────────────────────────────────────────────────────────────────────────────────────────

fix: $(DEV) ## Format, mend what can be mended, lower the ratchet
	@$(BIN)/ruff check --quiet --fix --output-format concise . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/python -m tools.house ratchet --lower

docs: $(DEV) ## Write the reference pages under docs/ from the code
	@$(BIN)/python -m tools.docs

migration: $(DEV) ## Start a migration: make migration NAME="add wallet limit"
	@test -n "$(NAME)" || { echo 'say what it does: make migration NAME="add wallet limit"'; exit 2; }
	@next=$$(ls migrations/versions/[0-9][0-9][0-9][0-9]_*.py | wc -l); \
	    $(BIN)/alembic revision --rev-id "$$(printf %04d $$((next + 1)))" -m "$(NAME)"

lock: $(RUNTIME) ## Write the lock files anew from pyproject.toml, versions kept where they can be
	@scripts/lock

upgrade: $(RUNTIME) ## Write the lock files anew with newer releases (none younger than a week)
	@scripts/lock --upgrade

clean: ## Remove the environment and the caches; data in var/ stays
	rm -rf .venv .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
