# The development commands. `make help` lists them.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= python3
STAMP   := $(VENV)/.installed
UV      := $(VENV)/bin/uv

# Every target turns off the telemetry of the tools it runs.
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := true
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup demo test slowtest check up bench lock clean

help:  ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "antiphon needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) -m venv failed: on Debian, install python3-venv" >&2; exit 2; }
	@test -x $(UV) || { $(BIN)/python -m ensurepip >/dev/null && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"; }
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup: $(STAMP)  ## create .venv and install the locked dependencies

demo: $(STAMP)  ## run the whole loop once on real speech, about ten minutes
	$(BIN)/antiphon demo

# In two processes, file by file, the slowest folder first; with TESTS=… a part in one process.
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

test: $(STAMP)  ## run the tests, but the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(or $(TESTS),$(IN_TWO) -m "not slow")

slowtest: $(STAMP)  ## run the tests that start servers, train or take long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(IN_TWO) -m slow

check: $(STAMP)  ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

up: $(STAMP)  ## start the platform; Ctrl-C stops it
	$(BIN)/antiphon up

bench: $(STAMP)  ## measure every speed ratio that the docs quote
	$(BIN)/python -m benchmarks.augmentations
	$(BIN)/python -m benchmarks.bootstrap
	$(BIN)/python -m benchmarks.loader
	$(BIN)/python -m benchmarks.loader_ways
	$(BIN)/python -m benchmarks.several_processes
	$(BIN)/python -m benchmarks.runtime
	$(BIN)/python -m benchmarks.endpoint
	test ! -d ../shared/corpus || $(BIN)/python -m benchmarks.endpoint_against_eager ../shared/corpus ../shared/weights/AASIST.pth
	$(BIN)/python -m benchmarks.console
	$(BIN)/python -m benchmarks.shadow
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.training_step

lock:  ## resolve requirements.lock again (needs uv)
	uv pip compile --universal --python-version 3.11 --extra all --group dev --no-annotate \
		--no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock

clean:  ## delete .antiphon, the state of the embedded default
	rm -rf .antiphon
