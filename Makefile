PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_FOR_TESTS := $(VENV)/.ready-for-tests
READY_FOR_DOCS := $(VENV)/.ready-for-docs
SITE := docs/_build/html
# in place; what is printed has two minutes to arrive
EXECUTE := $(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.iopub_timeout=120
comma := ,
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# uv installs many times as fast as pip, which steps in where uv does not find the packages: it does not read pip's settings
install = $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt $(1) || $(PIP) -c constraints.txt $(1)
SWEEP ?= notebooks/sweeps/metrics.yml
CLAIMS := metrics neurons leak earth_mover
EXTENSIONS := layers overfitting ratio selectors exploration validation heads cifar10 pools campaigns contract modes

# a quarter of what is installed is ever imported: only that is compiled, once, and kept
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup sweep test check reproduce claims study report figures film metrics walkthrough notebooks lab lint readme docs docs-test dist bench constraints clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make the environment in .venv

$(READY): requirements.txt pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13) and "Python %d.%d is not supported by TensorFlow here: use 3.11, 3.12 or 3.13, e.g. make PYTHON=python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'uv>=0.5'
	$(call install,-e .)
	@$(BIN)/python -c 'import keras' 2> /dev/null & \
	$(BIN)/python -c 'import bokeh.models, distributed, papermill, seaborn, sklearn.manifold'; wait
	@touch $@

$(READY_FOR_TESTS): $(READY)
	$(call install,-e '.[test$(comma)peers$(comma)shards$(comma)cluster]')
	@touch $@

$(READY_FOR_DOCS): $(READY)
	$(call install,-e '.[docs]')
	@touch $@

sweep: $(READY) ## run the nine metrics with and without layer selection; tables, figures, report
	$(BIN)/python -m mode_utils.sweep $(SWEEP) $(ARGS)

claims: $(READY) ## the evidence on MODE's claims, 30 paired runs each, and the report; twelve minutes
	for sweep in $(CLAIMS); do $(BIN)/python -m mode_utils.sweep notebooks/sweeps/$$sweep.yml || exit 1; done
	$(MAKE) report

study: $(READY_FOR_TESTS) ## all sweeps, and with them all tables, figures and notebooks; about three and a half hours
	for sweep in $(CLAIMS) $(EXTENSIONS); do $(BIN)/python -m mode_utils.sweep notebooks/sweeps/$$sweep.yml || exit 1; done
	$(MAKE) notebooks readme report

report: $(READY) ## the results as one HTML page, report.html, from the tables
	$(BIN)/python -m mode_utils.support.notebook.page notebooks/results.ipynb report.html

test: $(READY_FOR_TESTS) ## run the tests; ARGS=--every runs those of the night, too
	$(BIN)/python -m pytest $(ARGS)

check: lint ## style, and all tests but the slow ones; a minute, before each commit
	$(BIN)/python -m pytest -m 'not slow' $(ARGS)

reproduce: $(READY) ## one cell of the reference study anew, held against its committed table; two minutes
	$(BIN)/python benchmarks/reproduce.py $(ARGS)

walkthrough: $(READY) ## execute the walkthrough in place
	$(EXECUTE) notebooks/walkthrough.ipynb

notebooks: $(READY_FOR_TESTS) ## execute all notebooks in place, after the sweeps
	$(EXECUTE) notebooks/studies/*.ipynb notebooks/sweep_reports/*.ipynb notebooks/*.ipynb

lab: $(READY) ## open JupyterLab at the top of the repository, with the walkthrough
	$(BIN)/jupyter lab --notebook-dir=. notebooks/walkthrough.ipynb

lint: $(READY_FOR_TESTS) ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

figures: $(READY) ## draw the figures anew from the tables of data/results; trains nothing
	$(EXECUTE) notebooks/sweep_reports/metrics.ipynb notebooks/sweep_reports/selectors.ipynb notebooks/sweep_reports/pools.ipynb notebooks/sweep_reports/features.ipynb notebooks/results.ipynb

film: $(READY) ## draw the story of the walkthrough as six pictures, figures/story.png; a minute
	$(BIN)/python docs/film.py

metrics: $(READY) ## draw what each of the nine metrics finds similar, for docs/metrics.md; half a minute
	$(BIN)/python docs/metrics_pictures.py

readme: $(READY) ## copy the tables of the reference sweeps into the README and the pages of docs/
	$(BIN)/python docs/copy_tables.py

docs: $(READY_FOR_DOCS) ## build the web site into docs/_build/html, without the net; a minute
	rm -rf $(SITE)
	$(BIN)/python docs/site/collect.py docs/_build/source
	$(BIN)/python -m sphinx -W --keep-going -q -j auto -c docs/site docs/_build/source $(SITE)

docs-test: docs $(READY_FOR_TESTS) ## build the web site, and look at each page in a browser; a few minutes
	MODE_SITE=$(abspath $(SITE)) $(BIN)/python -m pytest -n 0 -rs tests/site $(ARGS)

dist: $(READY) ## build wheel and source distribution, check them, and repair a model with the wheel alone; needs the net
	$(call install,-e '.[dist]')
	bash .ci/dist $(BIN)/python

bench: $(READY_FOR_TESTS) ## measure the speed, as ratios
	$(BIN)/python benchmarks/bench.py

constraints: $(READY) ## resolve the exact versions of constraints.txt anew
	@echo '# The exact versions that were tested last, for Python 3.11 to 3.13; made by `make constraints`.' > $(VENV)/constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml >> $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt

clean: ## remove the environment and all caches
	rm -rf $(VENV) data/cache notebooks/executed docs/_build build dist .pytest_cache .ruff_cache .hypothesis
