# Everything that a checkout can do, one command each. `make` alone lists them.
# The first run of demo, test, lint or check makes .venv from pyproject.toml; a change of pyproject.toml updates it.

VENV := .venv
RUN ?= runs/demo
MINUTES ?= 2

# PYTHON=/path/to/python3.12 make demo: that one, if it is 3.11 or newer; else the first of these that is.
CANDIDATES := $(PYTHON) python3 python3.13 python3.12 python3.11
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input
# Python compiles what is imported; to compile everything that is installed takes longer than the rest of the set-up.
INSTALL := $(PIP) install --quiet --no-compile -e
PYTEST := $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadgroup
# Runs a command that says nothing for a while, and prints how long it has taken every few seconds.
EVERY := 5
narrated = ( n=0; while sleep 1; do n=$$((n + 1)); [ $$((n % $(EVERY))) -ne 0 ] || echo "  ... $$n s"; done ) & ticker=$$!; \
	trap 'kill $$ticker' EXIT; trap 'exit 130' INT TERM; $(1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow lint check hunt docs package format clean

help:  ## List these commands
	@echo "make COMMAND, where COMMAND is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1 \2/p' $(MAKEFILE_LIST) | while read -r name text; do \
		printf '  %-9s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.installed  ## Render, add a style, train a small network, write a report: 5 minutes; QUICK=1 skips training
	$(VENV)/bin/prismgan demo --run $(RUN) $(if $(QUICK),--quick,--minutes $(MINUTES))

test: $(VENV)/.installed-dev  ## Run the quick tests, which should take at most 4 minutes on two cores
	$(PYTEST) -m "not slow and not browser"

test-slow: $(VENV)/.installed-dev  ## Run the tests that take long or need Chromium
	$(PYTEST) -m "slow or browser"

lint: $(VENV)/.installed-dev  ## Check format, lint, types and import layers
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

check: lint test test-slow  ## Check everything: lint and all tests

hunt: $(VENV)/.installed-dev  ## Try to break it by kills, damaged files and bad clients, for MINUTES
	$(VENV)/bin/python tools/hunt --minutes $(MINUTES)

docs: $(VENV)/.installed-dev  ## Build the documentation's site into build/docs; a warning is an error
	$(VENV)/bin/python -m sphinx -W --keep-going -q -b html docs build/docs

package: $(VENV)/.installed-dev  ## Build wheel and sdist into dist/, check them, render with the wheel in an empty environment
	rm -rf dist build/empty
	$(VENV)/bin/python -m build --outdir dist
	$(VENV)/bin/python -m twine check --strict dist/*
	$(VENV)/bin/python -m venv build/empty
	build/empty/bin/python -m pip --disable-pip-version-check --no-input install --quiet dist/*.whl
	cd build/empty && bin/python -c 'from PIL import Image; \
			Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 50).convert("RGB").save("a.png")' \
		&& bin/prismgan render a.png --tasks restore,comic --out looks --sheet && test -s looks/a/comic.png \
		&& bin/prismgan recipe list && bin/prismgan info

format: $(VENV)/.installed-dev  ## Format the code and apply automatic fixes
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:  ## Delete .venv and caches (runs/ stays)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	find src -name '*.egg-info' -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml
	@$(VENV)/bin/python -c '$(USABLE)' 2>/dev/null || { \
		found=; for python in $(CANDIDATES); do \
			if "$$python" -c '$(USABLE)' 2>/dev/null; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "prismgan needs Python 3.11 or newer with its venv module; tried: $(CANDIDATES)." >&2; \
			echo "Install one (Debian: apt-get install python3-venv), or name one: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		echo "making $(VENV) with $$("$$found" --version)"; \
		$(call narrated,"$$found" -m venv --clear $(VENV)); \
	}
	@echo "installing prismgan and what it needs into $(VENV); the first time takes a minute or more"
	@$(call narrated,$(INSTALL) '.[train]')
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the tools for tests and checks into $(VENV)"
	@$(call narrated,$(INSTALL) '.[dev]')
	@touch $@
