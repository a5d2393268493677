PYTHON ?= python3
BIN := .venv/bin

.PHONY: browser demo test slow versions clean

# The main job: two minutes of search on drawn clocks - which hour do they show? -, then the best networks.
demo: .venv/ready
	$(BIN)/neuralfinder search clocks --minutes 2 --seed 0 --run runs/demo
	$(BIN)/neuralfinder top runs/demo --count 10

test: .venv/ready browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -m 'not slow'

# Tests of the page need Chromium, which is a package of the system; without it they are skipped.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq chromium >/dev/null; } \
		|| echo "no Chromium here: tests of the page are skipped"

slow: .venv/ready browser
	$(BIN)/pytest -m slow --numprocesses 0

# The quick suite with the lowest and with the newest versions that are allowed: docs/versions.md.
versions:
	$(PYTHON) docs/versions.py lowest .versions/lowest
	$(PYTHON) docs/versions.py newest .versions/newest

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .versions runs
