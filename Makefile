# Every target does all the set-up it needs in a fresh .venv, then its work.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: demo test benchmark clean

demo: .venv/ready
	$(BIN)/harness run --model ncrna-nano --task sae-families --dataset rfam-profiles-unseen --set preset=demo
	$(BIN)/harness leaderboard
	@echo "Page: results/leaderboards/sae-families.md; record and pictures: results/sae-families/rfam-profiles-unseen/ncrna-nano/; to type harness yourself, first run: . $(BIN)/activate"

test: .venv/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

benchmark: .venv/ready-test
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -s

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/ready: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/ready-test: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@ .venv/ready

clean:
	rm -rf .venv
