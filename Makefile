# The project's commands. `make demo` and `make test` need Python 3.11, git and make, nothing else.
SHELL := /bin/bash
PYTHON := .venv/bin/python
LOCKS := requirements/dev.txt requirements/models.txt
AUDITED := $(filter-out requirements/overrides.txt,$(sort $(wildcard requirements/*.txt)))
ENVIRONMENT := .venv/installed
WORKERS ?= 2

.PHONY: demo screenshots down status logs test test-fast bench-corpus bench-train bench-airflow bench-faults bench-serving bench-serving-faults bench-web bench-web-faults lint audit format lock clean

demo: $(ENVIRONMENT)  ## start everything, run the first loop, show where to go; SET="batch.backend=ray" changes the recipe
	@exec $(PYTHON) -m demo up $(addprefix --set=,$(SET))

down: $(ENVIRONMENT)  ## stop every process that `make demo` started
	@exec $(PYTHON) -m demo down

status: $(ENVIRONMENT)  ## which services run
	@exec $(PYTHON) -m demo status

logs: $(ENVIRONMENT)  ## follow the services' logs
	@exec $(PYTHON) -m demo logs

test: $(ENVIRONMENT)  ## all tests, with everything they need
	@exec $(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope

test-fast: $(ENVIRONMENT)  ## without the tests that need the engine, the scheduler or a browser
	@exec $(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope -m "not slow"

bench-corpus: $(ENVIRONMENT)  ## corpus job against a pandas script on 1 GB; OPTIONS="--shape chat" for short posts
	@exec $(PYTHON) -m benchmarks.corpus.run $(OPTIONS)

bench-train: $(ENVIRONMENT)  ## training speed against TRL's defaults; on a GPU: python -m benchmarks.training.gpu
	@exec $(PYTHON) -m benchmarks.training.run $(OPTIONS)

bench-airflow: $(ENVIRONMENT)  ## what Airflow costs: imports, a whole loop, a job that waits
	@exec $(PYTHON) -m benchmarks.airflow.run $(OPTIONS)

bench-faults: $(ENVIRONMENT)  ## kill -9 of Airflow's parts, in 50 random schedules
	@exec $(PYTHON) -m benchmarks.faults.run $(OPTIONS)

bench-serving: $(ENVIRONMENT)  ## replies against bare vLLM's, adapters against the base; OPTIONS="--rounds 2" for less
	@exec $(PYTHON) -m benchmarks.serving.run $(OPTIONS)

bench-serving-faults: $(ENVIRONMENT)  ## rollouts, kill -9 and a full disk while streams run
	@exec $(PYTHON) -m benchmarks.serving.faults $(OPTIONS)

bench-web: $(ENVIRONMENT)  ## pages, votes and streams of the web site, 50 people at once
	@exec $(PYTHON) -m benchmarks.web.run $(OPTIONS)

bench-web-faults: $(ENVIRONMENT)  ## kill -9 of the web site, PostgreSQL and the engine while 50 people vote
	@exec $(PYTHON) -m benchmarks.web.faults $(OPTIONS)

screenshots: $(ENVIRONMENT)  ## the pictures in docs/images, all anew, of a site with made-up votes
	@exec $(PYTHON) -m tests.webapp.pictures

lint: $(ENVIRONMENT) audit  ## style and import rules, known faults of what is installed
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	PYTHONPATH=.:plugins .venv/bin/lint-imports

audit: $(ENVIRONMENT)  ## known faults of what the locks name; a database that does not answer is a warning
	$(PYTHON) requirements/audit.py $(AUDITED)

format: $(ENVIRONMENT)
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

lock: $(ENVIRONMENT)  ## resolve requirements/*.in again; all locks agree with dev.txt
	requirements/lock.sh

clean: down  ## remove what can be made again; data in var/ stay
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(ENVIRONMENT): $(LOCKS) requirements/install.sh
	@requirements/install.sh $(LOCKS)
	@touch $@
