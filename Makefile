# make book: set up, build, serve.  make test: set up, test everything.  make help: the rest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT   ?= 8000
STEM   ?=
SEED   ?= $(shell date +%j)
BIN    := .venv/bin

# One thread, twice over: two threads on two busy cores make small networks ten times slower.
export OMP_NUM_THREADS := $(or $(LECTURES_THREADS),1)
export TQDM_DISABLE := 1
export PYTHONHASHSEED := 0

.PHONY: book html test lint unit notebooks execute sync results papers seeds bench clean help
.DEFAULT_GOAL := help

book: html            ## build the book and serve it on this machine (PORT=8000)
	@$(BIN)/python tools/serve.py $(PORT)

html: .venv/.ok       ## build the book into _build/html; any warning is an error
	@$(BIN)/python tools/sync.py --placeholder
	$(BIN)/jupyter-book build book -W -n --keep-going --quiet
	@echo "built _build/html/index.html"

test: lint html unit notebooks  ## everything that CI runs

lint: .venv/.ok       ## style, formatting, types, notebooks in step and fully run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/sync.py --check
	$(BIN)/python tools/execute.py --check

unit: html            ## unit tests, claims, exercises, the book's consistency, the browser
	$(BIN)/python -m pytest tests -n 2 --dist worksteal -q

notebooks: .venv/.ok  ## re-run every notebook and compare with its stored outputs
	$(BIN)/python -m pytest --nbval book --nbval-current-env --nbval-cell-timeout=300 \
	  --nbval-sanitize-with=tests/nbval.cfg -n 2 --dist loadscope -q

execute: .venv/.ok    ## re-run notebooks and store their outputs (STEM=ngrams for one)
	$(BIN)/python tools/sync.py
	$(BIN)/python tools/execute.py $(addsuffix .ipynb,$(addprefix book/,$(STEM)))

results: .venv/.ok    ## run the experiments over seeds that are not stored yet (STEM=vae for one)
	$(BIN)/python tools/results.py $(STEM)

papers: .venv/.ok     ## run published tables again, three trials a row (up to two hours; resumes)
	$(BIN)/python tools/papers.py

seeds: .venv/.ok      ## run one fresh seed of each experiment; fail outside the stored spread (SEED=…)
	$(BIN)/python tools/results.py --fresh $(SEED) $(STEM)

bench: .venv/.ok      ## speed against other libraries, as ratios
	$(BIN)/python benchmarks/run.py

clean:                ## remove what was built (the environment stays)
	rm -rf _build

help:
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ok: pyproject.toml constraints.txt tools/set_up.py
	@$(if $(PYTHON),,$(error Python 3.11 or newer is needed, and none was found: install it, or run make PYTHON=/path/to/python3.11))
	@$(PYTHON) tools/set_up.py
