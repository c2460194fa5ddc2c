# Every target sets up what it needs. ARGS is passed on: make demo ARGS="--seed 7", make test ARGS="-k holdings".

BIN := .venv/bin
JOBS ?= 2
ARGS ?=
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo network-demo test test-fast test-deep timing check format bench bench-network chaos docs numbers fuzz engine proto lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: ## Make .venv from the pinned packages (again when the lock has changed)
	@scripts/setup.sh

demo: setup ## A whole market day: founded, issued, traded, settled, proven, replayed
	@$(BIN)/counterfoil demo $(ARGS)

network-demo: setup engine ## The market day on four validators, a full node and a follower; one is killed and brought back
	@$(BIN)/counterfoil network demo $(ARGS)

test: setup ## All tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

test-fast: setup ## All tests but the slow ones
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m "not slow" $(ARGS)

test-deep: setup ## All tests, with many more generated examples (hours)
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder --timeout 14400 $(ARGS)

timing: setup ## Whether a node's replies tell by their time what is hidden: the long version (half an hour, on a quiet machine)
	@$(BIN)/python -m pytest -q --samples 1000 --timeout 3600 tests/e2e/test_timing.py $(ARGS)

check: setup ## Lint, types, imports, determinism and the other rules that a machine can check
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/architecture
	@$(BIN)/python -m scripts.reference --check

format: setup ## Wrap and sort the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: setup ## Measure speed, print the table, and fail below its floors (ARGS="--quick" for a short run)
	@$(BIN)/python -m bench $(ARGS)

bench-network: setup engine ## Measure a network of validators on this machine (ARGS="--validators 4 7 10 --pools")
	@$(BIN)/python -m bench.network $(ARGS)

chaos: setup engine ## The long fault tests of networks: every kill, partitions, slow disks, floods
	@$(BIN)/python -m pytest -q -s --chaos --timeout 1800 tests/network $(ARGS)

fuzz: setup ## A million random and mutated inputs against everything that takes bytes from outside
	@$(BIN)/python -m tests.fuzz --count 1000000 $(ARGS)

docs: setup ## Write docs/reference from the code
	@$(BIN)/python -m scripts.reference

numbers: setup ## Record new numbers (rejects, messages, facts, tables, lists); recorded ones never change
	@$(BIN)/python -m scripts.record_numbers

engine: ## Build CometBFT into .engine (only networks need it)
	@scripts/engine.sh

proto: ## Generate the code of CometBFT's messages again
	@scripts/proto.sh

lock: ## Resolve the dependencies again and pin them with hashes (ARGS="--upgrade" for newer versions)
	@scripts/lock.sh $(ARGS)

clean: ## Remove what was made here, .venv included
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis demo-ledger
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
