PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test slow clean

# The main job on real data: two minutes of search on hand-written digits, then the best networks.
demo: .venv/ready
	$(BIN)/neuralfinder search --minutes 2 --seed 0 --run runs/demo
	$(BIN)/neuralfinder top runs/demo --count 10

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

slow: .venv/ready
	$(BIN)/pytest -m slow

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv runs
