# A fresh machine needs Python 3.11–3.14 and make. Everything else comes into this directory: .uv/ and .venv/.
# Every target installs first; an installation is made anew only when pyproject.toml or uv.lock changes.

.SILENT:
.PHONY: install demo test test-full lint typecheck bench reliability clean

# Prefect starts in half the CPU time (docs/decisions/0002)
export UV_COMPILE_BYTECODE := 1
# the Python of the machine, or a clear sentence
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

# the first Python on PATH that fits `requires-python`; `make PYTHON=/path/to/python …` names another
FITS := import sys; (3, 11) <= sys.version_info[:2] < (3, 15) or sys.exit(1); print(sys.executable)
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(FITS)' 2>/dev/null && break; done)
python = $(or $(PYTHON),$(error This needs Python 3.11 to 3.14, and none is on PATH. Install one, \
	e.g. apt-get install python3, or name it: make PYTHON=/path/to/python3.12))

uv := $(shell command -v uv 2>/dev/null)
ifeq ($(uv),)
uv := .uv/uv
bootstrap := .uv/uv
endif

install: .venv/.installed

demo: install
	.venv/bin/heal demo

# the demo tells a minute in a second, and has the machine for itself meanwhile; a failure there hides none elsewhere
test: install
	failed=0; .venv/bin/pytest -n 0 -m alone || failed=$$?; .venv/bin/pytest -m "not alone" && exit $$failed

# whole tables instead of samples, and five times as many made-up examples
test-full: export HEAL_TESTS := full
test-full: install
	failed=0; .venv/bin/pytest -n 0 -m alone || failed=$$?; .venv/bin/pytest -m "not alone" && exit $$failed

lint: install
	.venv/bin/ruff check --quiet && echo "ruff: clean"
	.venv/bin/ruff format --check --quiet && echo "format: clean"
	.venv/bin/lint-imports >.venv/imports.log 2>&1 && echo "imports: the arrow holds" \
	|| { cat .venv/imports.log; exit 1; }

typecheck: install
	.venv/bin/mypy --no-error-summary && echo "mypy: clean"

bench: install
	for page in tests/benchmarks/bench_*.py; do \
		echo "$$page"; .venv/bin/python -m tests.benchmarks.$$(basename "$$page" .py) || exit 1; done

# seven minutes; what it survives, and whether every check would notice that it does not
reliability: install
	.venv/bin/python -m tests.reliability --mutants

# what is remembered (heal-state/) is yours, and stays
clean:
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	[ ! -e heal-demo/.heal-demo ] || rm -rf heal-demo
	find . -name __pycache__ -not -path '*/node_modules/*' -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml uv.lock | $(bootstrap)
	echo "Installing what uv.lock names into .venv (about a minute the first time)"
	"$(uv)" sync --frozen --quiet --python "$(python)"
	echo "Preparing the workflow engine's database"
	PREFECT_LOGGING_LEVEL=WARNING .venv/bin/python -m flows.engine warm
	touch $@

# on Debian the first way fails without python3-venv and the second without python3-pip: pip's own words only
# when both fail
.uv/uv:
	echo "Getting uv into .uv"
	rm -rf .uv && mkdir .uv
	{ "$(python)" -m venv .uv/venv && .uv/venv/bin/python -m pip install --quiet uv && ln -s venv/bin/uv $@; } \
		>.uv/log 2>&1 \
	|| { "$(python)" -m pip install --quiet --target .uv/lib uv && ln -s lib/bin/uv $@; } >>.uv/log 2>&1 \
	|| { cat .uv/log >&2; rm -rf .uv; echo "uv could not be installed with venv or with pip. Install uv itself," \
		"or on Debian python3-venv, then try again." >&2; exit 2; }
