# Needs only make and python3 (>= 3.10, with pip or venv). `make help` lists the targets.
# The environment is .venv/ in this checkout, made from requirements/dev.txt (pinned, with hashes).

PYTHON ?= python3
BIN := .venv/bin
# Tests, demo and benchmarks must never meet the engine of the person who calls them.
UNMANAGED := env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup dev demo lab test test-fast simulation soak load lint format check bench bench-quick bench-venvs build requirements clean \
	reference frontend frontend-types frontend-check frontend-pictures frontend-recording

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -e 's/:.*## /\t/' | sort | while IFS="$$(printf '\t')" read -r name text; \
	do printf '  %-14s %s\n' "$$name" "$$text"; done

setup:  ## make .venv (uv is fetched with pip when absent)
	@$(UNMANAGED) $(PYTHON) tools/bootstrap.py

dev: setup  ## setup, and the pre-commit hooks
	@$(BIN)/pre-commit install

demo: setup  ## run the main sample notebook on real data and say where the result is
	@$(UNMANAGED) $(BIN)/python tools/demo.py

lab: setup  ## open JupyterLab with the sample notebooks
	@$(UNMANAGED) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter lab --ServerApp.root_dir=sample_notebooks

test: setup  ## the whole test suite, two folders of it at a time (about half an hour)
	@$(UNMANAGED) $(BIN)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

test-fast: setup  ## the unit tests only
	@$(UNMANAGED) $(BIN)/python -m pytest -q tests/unit $(ARGS)

simulation: setup  ## rules and journal in 100,000 worlds of crashes and disk errors (a few minutes)
	@$(UNMANAGED) $(BIN)/python -m tests.simulation $(ARGS)

soak: setup  ## a thousand kill -9 on real processes beside an oracle (ARGS="--kills 1000")
	@$(UNMANAGED) $(BIN)/python tools/soak.py $(ARGS)

load: setup  ## a million actions through one engine: memory, latency, size of the store
	@$(UNMANAGED) $(BIN)/python tools/load.py $(ARGS)

fuzz: setup  ## 10,000 hostile inputs a surface with a seed of its own (SEED=… repeats one; about half an hour)
	@seed="$(SEED)"; seed="$${seed:-$$(date +%s)}"; echo "seed $$seed"; \
	$(UNMANAGED) FLYTENB_FUZZ="$(or $(COUNT),10000)" FLYTENB_FUZZ_SEED="$$seed" \
	$(BIN)/python -m pytest -q -s --timeout 3600 tests/fuzz $(ARGS)

lint: setup  ## ruff (format and rules), strict types, import contracts
	@$(BIN)/ruff format --check flytenb tests tools benchmarks
	@$(BIN)/ruff check flytenb tests tools benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup  ## rewrite the sources in the house's form
	@$(BIN)/ruff format flytenb tests tools benchmarks
	@$(BIN)/ruff check --fix flytenb tests tools benchmarks

check: lint test-fast  ## lint and the unit tests

bench-venvs: setup  ## environments of the peers, under benchmarks/.venvs
	@$(UNMANAGED) $(BIN)/python benchmarks/venvs.py

bench: bench-venvs  ## one table: this project and its peers, alternating rounds (about 15 minutes)
	@$(UNMANAGED) $(BIN)/python benchmarks/compare.py $(ARGS)

bench-quick: setup  ## this project only, small numbers (about a minute)
	@$(UNMANAGED) $(BIN)/python benchmarks/compare.py --quick $(ARGS)

bench-batches: setup  ## what a batch costs over plain papermill, and an export (about two minutes)
	@$(UNMANAGED) $(BIN)/python benchmarks/batches.py $(ARGS)

# Only these need Node.js (20.19 or later); everybody else uses the build that is committed.
JLPM := cd labextension && $(UNMANAGED) NODE_EXTRA_CA_CERTS="$${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" PATH="$(CURDIR)/$(BIN):$$PATH" jlpm
frontend-types: setup  ## derive the front end's types, words and test data from the Python sources
	@$(UNMANAGED) $(BIN)/python tools/frontend_types.py --write

frontend: frontend-types  ## build the front end into flytenb/labextension and flytenb/static (needs Node.js)
	@$(JLPM) install --immutable
	@$(JLPM) run build:prod

frontend-check: frontend-types  ## types, lint and unit tests of the front end (needs Node.js)
	@$(JLPM) install --immutable
	@$(JLPM) run lint
	@$(JLPM) run test

frontend-pictures: setup  ## pictures of every state of the views and of JupyterLab (needs Chromium and playwright)
	@$(UNMANAGED) $(BIN)/python -m tests.browser.views.pictures docs/images/views
	@$(UNMANAGED) $(BIN)/python -m tests.browser.lab_pictures docs/images/lab

frontend-recording: setup  ## the moving picture of the README (needs Chromium and playwright)
	@$(UNMANAGED) $(BIN)/python -m tests.browser.recording docs/images/recording.webp

reference: setup  ## write docs/reference from the docstrings
	@$(UNMANAGED) $(BIN)/python tools/reference.py

build: setup  ## wheel and sdist in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

# No index address and no local path may stand in these files: a lock that names a registry is of no use behind a mirror.
COMPILE := pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make requirements'
requirements:  ## compile the pinned requirements anew
	@uv="$$($(PYTHON) tools/bootstrap.py --print-uv)" && \
	"$$uv" $(COMPILE) requirements/uv.in --output-file requirements/uv.txt && \
	"$$uv" $(COMPILE) pyproject.toml requirements/build.in --extra test --extra lint --output-file requirements/dev.txt
	@! grep -nE '(https?|file)://|^-|--index|--find-links' requirements/uv.txt requirements/dev.txt

clean:  ## remove what the other targets made (not the peers' environments)
	@rm -rf .venv .tools build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './benchmarks/.venvs/*' -prune -exec rm -rf {} +
