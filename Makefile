PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SWEEP ?= notebooks/sweeps/metrics.yml
CLAIMS := metrics neurons leak earth_mover
EXTENSIONS := layers overfitting ratio selectors

.DEFAULT_GOAL := help
.PHONY: help setup sweep test claims study report walkthrough notebooks lab lint readme bench clean

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make the environment in .venv

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13) and "Python %d.%d is not supported by TensorFlow here: use 3.11, 3.12 or 3.13, e.g. make PYTHON=python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@

sweep: $(READY) ## run the nine metrics with and without layer selection; tables, figures, report
	$(BIN)/python -m mode_utils.sweep $(SWEEP) $(ARGS)

claims: $(READY) ## the evidence on MODE's claims, 30 paired runs each, and the report; about half an hour
	for sweep in $(CLAIMS); do $(BIN)/python -m mode_utils.sweep notebooks/sweeps/$$sweep.yml || exit 1; done
	$(MAKE) report

study: $(READY) ## all sweeps, and with them all tables, figures and notebooks; about three hours
	for sweep in $(CLAIMS) $(EXTENSIONS); do $(BIN)/python -m mode_utils.sweep notebooks/sweeps/$$sweep.yml || exit 1; done
	$(MAKE) notebooks readme report

report: $(READY) ## the results as one HTML page, report.html, from the tables
	$(BIN)/python -m mode_utils.report notebooks/results.ipynb report.html

test: $(READY) ## run all tests
	$(BIN)/python -m pytest $(ARGS)

walkthrough: $(READY) ## execute the walkthrough in place
	cd notebooks && ../$(BIN)/papermill --no-progress-bar --log-level ERROR walkthrough.ipynb walkthrough.ipynb

notebooks: $(READY) ## execute all notebooks in place, after the sweeps
	cd notebooks && for notebook in *.ipynb; do \
	  ../$(BIN)/papermill --no-progress-bar --log-level ERROR $$notebook $$notebook || exit 1; done

lab: $(READY) ## open the walkthrough in JupyterLab
	$(BIN)/jupyter lab notebooks/walkthrough.ipynb

lint: $(READY) ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

readme: ## copy the tables of the reference sweeps into the README
	awk '/^<!-- end of table/ {skip=0} !skip {print} /^<!-- table: / {skip=1; print ""; \
	  while ((getline line < $$3) > 0) print line; print ""}' README.md > README.md.new && mv README.md.new README.md

bench: $(READY) ## measure the speed, as ratios
	$(BIN)/python benchmarks/bench.py

clean: ## remove the environment and all caches
	rm -rf $(VENV) data/cache notebooks/executed .pytest_cache .ruff_cache .hypothesis
