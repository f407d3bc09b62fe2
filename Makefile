# Every command that people and machines need. `make` alone says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt
# Continuous integration also has what is too heavy to be asked of everyone who develops.
COMMA := ,
EXTRAS := dev$(if $(CI),$(COMMA)dspy$(COMMA)mlflow$(COMMA)presidio$(COMMA)trl)
WORKERS ?= 2
LOWEST := build/lowest
FUZZ := build/fuzz/bin/schemathesis
# Per-item results of real systems, kept outside: some may not be redistributed.
DATA ?= ../shared/data
# Workers share the cores, so each computes with one thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# Programs are started by the hundred: their modules are compiled once, as installed ones are.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo install dev test lowest slow fuzz lint check format bench bench-runner bench-judges
.PHONY: faults bench-gateway bench-guards client-tests bench-prompts bench-data bench-data-need
.PHONY: bench-diagnosis bench-engine bench-jobs bench-training
.PHONY: bench-combine bench-merge bench-pilots bench-rates bench-routing bench-sweeps decisions base-model
.PHONY: docs docs-cli browser clean
.DELETE_ON_ERROR:

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | expand -t 14

demo: $(BIN)/.local  ## climb the running example, from the base model to a decision
	$(BIN)/escalera demo examples/support

install: $(BIN)/.local  ## .venv with Escalera and local models

dev: $(BIN)/.dev  ## .venv with everything that development needs

test: $(BIN)/.dev browser  ## the whole suite but simulations
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow"

slow: $(BIN)/.dev $(FUZZ)  ## simulations of error rates and other long runs
	$(PYTEST) -n $(WORKERS) -m slow --timeout 3600

lowest: browser  ## the suite on the lowest versions that pyproject.toml allows, but for torch's
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv torch
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct --extra dev pyproject.toml \
		--output-file $(LOWEST)/versions.txt
	sed -i -E '/^(torch|triton|nvidia-|cuda-)/d' $(LOWEST)/versions.txt
	$(LOWEST)/bin/python -m pip install --quiet -c $(LOWEST)/versions.txt -e '.[dev]'
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

fuzz: $(BIN)/.dev $(FUZZ)  ## all that OpenAI's description allows, asked of the gateway (minutes)
	$(PYTEST) tests/end_to_end/test_gateway_fuzz.py --timeout 3600

lint: $(BIN)/.dev  ## style, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## the whole gate

format: $(BIN)/.dev  ## put the source in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BIN)/.dev bench-runner  ## the story, kills, the runner, decisions, judges, prompts, data (hours)
	$(BIN)/python bench/story.py --into build/bench/story
	$(BIN)/python bench/kills.py --into build/bench/kills
	@$(MAKE) --no-print-directory decisions bench-judges bench-prompts bench-data-need bench-diagnosis

decisions: $(BIN)/.dev  ## error rates and calls on real scores in DATA (five hours)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.decisions --data $(DATA) \
		--output bench/results/decisions.md

bench-judges: $(BIN)/.dev  ## real judges beside real people, in DATA (three hours)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.judges --data $(DATA) \
		--output bench/results/judges.md
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.judges.orders --data $(DATA) \
		--output bench/results/judge_orders.md

bench-data: $(BIN)/.dev  ## near duplicates planted in real messages, in DATA (ten minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.near_duplicates --data $(DATA) \
		--output bench/results/near_duplicates.md

# PROMPT_PEERS names an interpreter that has gepa and dspy[optuna]: '--peer-python PATH'.
bench-prompts: $(BIN)/.dev  ## prompt search where the truth is known, and on a real model (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.prompts $(PROMPT_PEERS) \
		--output bench/results/prompts.md
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.prompts.tiny $(PROMPT_PEERS) \
		--output bench/results/prompts_tiny.md

bench-data-need: $(BIN)/.dev  ## forecasts of data need on real curves, in DATA (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.data_need --data $(DATA) \
		--output bench/results/data_need.md

bench-diagnosis: $(BIN)/.dev  ## trainings with a planted cause, and what is found (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.diagnosis --output bench/results/diagnosis.md

bench-routing: $(BIN)/.dev  ## the router on real messages and outcomes, in DATA (ten minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.routing --data $(DATA) \
		--output bench/results/routing.md

bench-jobs: $(BIN)/.dev  ## finetuning jobs under twenty kills of gateway and trainer (a quarter of an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.jobs.kills --kills 20 --into build/bench/jobs \
		--output bench/results/job_kills.md
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.jobs.kills --kills 20 --into build/bench/forked \
		--forked --output bench/results/job_kills_forked.md

bench-training: $(BIN)/.dev  ## the training engine beside TRL, and a hundred kills
	for engine in own trl bare; do \
		OMP_NUM_THREADS=1 $(BIN)/python -m bench.training.speed $$engine --steps 8; done
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.training.kills --kills 100 --into build/bench/kills

bench-combine: $(BIN)/.dev  ## mixture, route or merge where the right one is known (ten minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.combine --output bench/results/combine.md

# GUARD_PEER is an interpreter of an environment with presidio-analyzer.
bench-guards: $(BIN)/.dev  ## what guards find and cost, in DATA (five minutes); GUARD_PEER=PYTHON
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.gateway.guards --data $(DATA) \
		$(if $(GUARD_PEER),--peer-python $(GUARD_PEER)) --output bench/results/guards.md

bench-rates: $(BIN)/.dev  ## the search for a learning rate beside its whole grid, in DATA (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.training.rates --data $(DATA) \
		--into build/bench/training/rates --output bench/results/rates.md

bench-pilots: $(BIN)/.dev  ## which base: choices from pilots, in DATA (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.pilots --data $(DATA) \
		--output bench/results/pilots.md

bench-sweeps: $(BIN)/.dev  ## rounds of a sweep beside full trainings; trains in DATA what is not recorded
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.sweeps.curves --data $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.sweeps --output bench/results/sweeps.md

# MERGE_PEER is an interpreter of an environment with mergekit 0.1.5 and PEFT.
bench-merge: $(BIN)/.dev  ## merging beside mergekit and PEFT (an hour); MERGE_PEER=PYTHON
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.merge --peer $(MERGE_PEER) \
		--date $$(date +%F) --output bench/results/merge.md

# LITELLM is the program of LiteLLM's proxy, from an environment of its own:
# python -m venv .ll && .ll/bin/pip install 'litellm[proxy]'; make faults LITELLM=.ll/bin/litellm
faults: $(BIN)/.dev  ## every upstream fault before the gateway (minutes); LITELLM=PROGRAM beside it
	$(BIN)/python -m bench.gateway.faults $(if $(LITELLM),--litellm $(LITELLM)) \
		--output bench/results/gateway_faults.md

# nginx and taskset are programs of the system; without nginx there are no ratios to it.
bench-gateway: $(BIN)/.dev  ## the gateway beside nginx and LITELLM=PROGRAM (half an hour)
	$(BIN)/python -m bench.gateway $(if $(LITELLM),--litellm $(LITELLM)) \
		--output bench/results/gateway.md

# taskset is a program of the system.
bench-engine: $(BIN)/.dev  ## the engine beside transformers serve and one at a time (an hour)
	$(BIN)/python -m bench.engine --output bench/results/engine.md

# CLIENTS='--npm FOLDER --langchain PYTHON --litellm PYTHON', as in the head of the module.
client-tests: $(BIN)/.dev  ## other people's clients before the gateway (a minute); CLIENTS='…'
	$(BIN)/python -m bench.gateway.clients $(CLIENTS)

# PEERS names the environments of other tools, as in the head of bench/runner/run.py.
bench-runner: $(BIN)/.dev  ## cost, kills and caps of the runner; PEERS='--promptfoo PATH …'
	$(BIN)/python bench/runner/run.py --into build/bench/runner $(PEERS)
	$(BIN)/python bench/runner/random_kills.py --into build/bench/runner
	$(BIN)/python bench/runner/random_kills.py --into build/bench/runner --command climb --kills 100
	$(BIN)/python bench/runner/caps.py --into build/bench/runner
	$(BIN)/python bench/runner/folding.py --into build/bench/runner
	$(BIN)/python bench/runner/table.py --from build/bench/runner --date $$(date +%F)

base-model: $(BIN)/.dev  ## write the example's data and pretrain its model anew (about an hour)
	cd examples/support && ../../$(BIN)/python -m base_model.shop_data --seed 0 --out data
	cd examples/support && ../../$(BIN)/python -m base_model.pretrain --out model

docs: $(BIN)/.dev  ## write the generated parts of docs/ anew
	$(BIN)/python docs/generate.py

docs-cli: docs

browser:  # pages are looked at in headless Chromium
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	if [ "$$(id -u)" = 0 ] && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null; \
	then \
		echo "installing chromium: the tests of the report's page need it"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
		echo "chromium could not be installed: the tests that need it will be left out"; \
	fi

clean:  ## remove .venv, caches and the example's evidence
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf examples/support/.escalera examples/support/report.html

# Thirty packages of its own that nothing else needs.
$(FUZZ):
	$(PYTHON) -m venv build/fuzz
	build/fuzz/bin/python -m pip install --quiet --disable-pip-version-check 'schemathesis>=4.32,<5'

# A stamp is newer than what it was installed from, so that a second call installs nothing.

$(BIN)/.local: $(INPUTS) | $(BIN)/.made
	@echo "installing into $(VENV): a minute or two"
	$(PIP) install -c constraints.txt -e '.[local]'
	@touch $@

$(BIN)/.dev: $(INPUTS) | $(BIN)/.made
	@echo "installing into $(VENV) with the development extras: a minute or two"
	$(PIP) install -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@ $(BIN)/.local

$(BIN)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Escalera needs Python 3.11 or newer, and $(PYTHON) is:" \
			"$$($(PYTHON) --version 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
