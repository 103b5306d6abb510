# run and test set everything up; a second call finds it done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run test check lint bench bench-evals train calibrate clean

run: $(INSTALLED) data/index/.built
	$(BIN)/python -m agent serve --open

# Two processes at a time, a file each; the browser's tests alone, because they measure what a candidate waits for.
test: $(INSTALLED) data/index/.built
	$(BIN)/python -m pytest -m "not browser" -n 2 --dist loadfile
	$(BIN)/python -m pytest -m browser

# What can be waited for while working; the files that take long are left to `make test` (tests/conftest.py names them).
check: $(INSTALLED) data/index/.built lint
	$(BIN)/python -m pytest -m "not browser and not slow" -n 2 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED) data/index/.built
	$(BIN)/python -m evals.bench
	$(BIN)/python -m evals.retrieval

bench-evals: $(INSTALLED)
	$(BIN)/python -m evals.bench_evals

train: $(INSTALLED)
	$(BIN)/python -m evals.train

calibrate: $(INSTALLED) data/index/.built
	$(BIN)/python -m agent.calibrate

# The pinned packages three processes at a time, none of them looking at requirements, which takes half as long; then what that left out.
# Among them torch, pinned: it takes a CPU build where one is at hand.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	-grep -v '^#' constraints.txt | xargs -n 64 -P 3 $(BIN)/pip install -q --disable-pip-version-check --no-deps
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

data/index/.built: | $(INSTALLED)
	$(BIN)/python -m corpus.ingest
	touch $@

clean:
	rm -rf $(VENV) data/index
