# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA := data
REAL := $(wildcard ../shared/data/ig/*.ig)
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-all docs bench lint core zoo clean

demo: $(STAMP)  ## install, simulate, predict, compare with the truth; writes demo/index.html
	$(BIN)/e2e demo -o demo $(if $(REAL),--real $(REAL))

test: $(STAMP) lint core  ## everything that CI runs
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(STAMP) lint  ## the slow tests as well, and two minutes of fuzzing
	$(MAKE) core FUZZ_SECONDS=120
	$(BIN)/python -m pytest

docs: $(STAMP)  ## the documentation as a site, in build/site; fails on a warning
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

FUZZ_SECONDS ?= 10
core: $(STAMP)  ## the C++ core's own tests and a fuzz run, under address and undefined-behaviour sanitizers
	mkdir -p build && $(BIN)/cmake -S cpp/tests -B build/sanitize -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python > build/sanitize.log 2>&1 \
	  && $(BIN)/cmake --build build/sanitize -j2 >> build/sanitize.log 2>&1 || { cat build/sanitize.log; exit 1; }
	build/sanitize/test_core
	build/sanitize/test_tracking
	build/sanitize/fuzz --seconds $(FUZZ_SECONDS)

bench: $(STAMP)  ## every benchmark; each prints JSON as its last line
	for script in benchmarks/[!_]*.py; do $(BIN)/python $$script; done

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m e2e.detector.header --check

# Bundles like those of zoo/, from nothing, in data/zoo/: simulate, train, export (about an hour and a half on two cores).
ZOO := electron-photon diphoton-mass
SEED_electron-photon := 1
SEED_diphoton-mass := 2
zoo: $(ZOO:%=$(DATA)/zoo/%/contract.json)

$(DATA)/zoo/%/contract.json: $(DATA)/%-run/weights.safetensors $(DATA)/%-test.done
	$(BIN)/e2e export $(DATA)/$*-run -o $(@D) --test $(DATA)/$*-test

$(DATA)/%-run/weights.safetensors: $(DATA)/%-train.done
	$(BIN)/e2e train $* $(DATA)/$*-train -o $(@D)

$(DATA)/%-train.done: | $(STAMP)
	mkdir -p $(DATA)
	$(BIN)/e2e simulate $* -n 280000 --seed 12$(SEED_$*) --pileup 20 --pool $(DATA)/pileup-2012.safetensors --workers 2 -o $(@:.done=)
	touch $@

$(DATA)/%-test.done: | $(STAMP)
	mkdir -p $(DATA)
	$(BIN)/e2e simulate $* -n 40000 --seed 22$(SEED_$*) --pileup 20 --pool $(DATA)/pileup-2012.safetensors --workers 2 -o $(@:.done=)
	touch $@

.PRECIOUS: $(DATA)/%-train.done $(DATA)/%-test.done $(DATA)/%-run/weights.safetensors

$(STAMP): pyproject.toml constraints.txt CMakeLists.txt $(wildcard cpp/include/e2e/*.h cpp/bindings/*)
	@echo "installing into $(VENV): some minutes, about 2 GB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[test]'
	$(BIN)/pip install --quiet --no-deps --target $(VENV)/triton nvidia-pytriton==0.7.0 \
	  || echo "no Triton server for this machine: its tests are skipped"
	mkdir -p build
	touch $@

clean:
	rm -rf $(VENV) build demo
