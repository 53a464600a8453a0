# make demo    the main job end to end, on this machine: sets up .venv, then runs `snmem demo`
# make test    lint, types, documentation and all tests: sets up .venv with everything they need
# make fuzz    a million damaged files (about 2 hours); what fails is kept in tests/fuzz/failures
# make docs    the documentation as HTML in site/; runs the models whose file has changed, for their figures
# make wheel   build the wheel, and run the demo from it in a clean environment
# make clean   remove .venv and everything that was built
#
# PYTHON=/path/to/python chooses the interpreter (3.11 to 3.13); ARGS="..." goes to `snmem demo`, pytest, or the fuzzer
# (ARGS="20000 --seed 7 --kind nir").

BIN := .venv/bin
ARGS ?=

.PHONY: help demo test fuzz docs wheel clean

help:
	@sed -n 's/^# //p' Makefile

demo:
	@.ci/setup demo
	$(BIN)/snmem demo $(ARGS)

test:
	@.ci/setup dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal $(ARGS) # threads that wait for others burn what both workers need

fuzz:
	@.ci/setup dev
	cd tests && ../$(BIN)/python -m fuzz.run $(ARGS)

docs:
	@.ci/setup dev
	$(BIN)/python docs/_gallery.py
	$(BIN)/mkdocs build --strict

wheel:
	@.ci/setup dev
	@.ci/wheel $(ARGS)

notebooks/%.ipynb: notebooks/%.py
	@.ci/setup dev
	$(BIN)/jupytext --quiet --to ipynb --output $@ $<
	$(BIN)/jupyter-execute --inplace --NotebookClient.record_timing=False $@

clean:
	rm -rf .venv site build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
