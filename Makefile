PYTHON ?= python3
BIN := .venv/bin

.PHONY: browser demo docs test slow release-check versions clean

# The main job: two minutes of search on drawn clocks - which hour do they show? -, then the best networks.
demo: .venv/ready
	$(BIN)/neuralfinder search clocks --minutes 2 --seed 0 --run runs/demo
	$(BIN)/neuralfinder top runs/demo --count 10

test: .venv/ready browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -m 'not slow'

# The documentation as a site, build/site/index.html: offline, warnings as errors, inner links among them.
docs: .venv/ready
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -d build/doctrees docs build/site
	@echo build/site/index.html

# Tests of the page need Chromium, which is a package of the system; without it they are skipped.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq chromium >/dev/null; } \
		|| echo "no Chromium here: tests of the page are skipped"

slow: .venv/ready browser
	$(BIN)/pytest -m slow --numprocesses 0

# Wheel and sdist, built, read and installed in every way. Other Pythons: make release-check PYTHONS='python3.12 python3.13'
release-check:
	$(PYTHON) -m venv .release
	.release/bin/pip install --quiet build mypy pipx twine uv
	.release/bin/python docs/release.py $(if $(PYTHONS),--python $(PYTHONS))

# The quick suite with the lowest and with the newest versions that are allowed: docs/versions.md.
versions:
	$(PYTHON) docs/versions.py lowest .versions/lowest
	$(PYTHON) docs/versions.py newest .versions/newest

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .release .versions build runs
