# What people type. Everything is set up in .venv, with the versions of constraints.txt.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --disable-pip-version-check -q -c constraints.txt
SOURCES := $(shell find csrc -type f) CMakeLists.txt setup.py pyproject.toml
CPP := $(shell find csrc tests/csrc -name "*.h" -o -name "*.cpp" -o -name "*.cu" -o -name "*.cuh")

.PHONY: help install test test-fast test-here test-native test-gpu mutants soak lint format docs docs-links bench quality demo screenshots \
	model check-wheel check-docker check-torch wheel release clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## Set up .venv: tools, torch, and inpaintx itself (editable, native parts built).

# torch and the build tools come first: the native parts are built against the torch that is installed.
$(VENV)/.tools: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch numpy setuptools wheel cmake ninja pybind11
	touch $@

$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	$(PIP) --no-build-isolation -e '.[dev]'
	touch $@

test: install  ## Run the whole test suite, with coverage.
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered --cov-fail-under=90

test-fast: install  ## Run the tests that take no time, in less than a minute.
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow'

test-here:  ## Build, install and test in the Python that is active, fetching nothing.
	python3 -m pip install --no-build-isolation --no-deps --force-reinstall --no-index -q .
	pytest

test-native:  ## Run the C++ tests under AddressSanitizer and UBSan.
	tests/csrc/run.sh sanitize

test-gpu: install  ## Run on a GPU what touches one, then ops and search under compute-sanitizer.
	tests/test_gpu.sh

EVERY ?= 1
mutants: install  ## Put small faults into the ops, one at a time: the C++ tests must notice each.
	$(BIN)/python tests/csrc/mutants $(OPS) --every $(EVERY)

# As many of each as the pages name; `make soak COUNT=500 DAMAGED=100 KILLS=10` is a short one.
COUNT ?= 10000
DAMAGED ?= 3000
KILLS ?= 200
soak: install  ## Generated and damaged pictures, and kills (half an hour); prints what was seen.
	$(BIN)/python tests/soak/soak.py --pictures $(COUNT) --damaged $(DAMAGED) --kills $(KILLS)

lint: install  ## Check style, format and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(CPP)
	$(BIN)/mypy inpaintx cli plugins
	$(BIN)/lint-imports

format: install  ## Put the sources into shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) --no-build-isolation -e '.[docs]'
	touch $@

docs: $(VENV)/.docs  ## Build the pages into build/docs; a link that leads nowhere is an error.
	$(BIN)/sphinx-build -W -n --keep-going -q docs build/docs
	@echo "$(CURDIR)/build/docs/index.html"

docs-links: $(VENV)/.docs  ## Check links that lead out of the pages (needs a network).
	$(BIN)/sphinx-build -W -n --keep-going -q -b linkcheck docs build/docs-links

bench: install  ## Measure the ops, an iteration, and quality over time against published settings (half an hour).
	$(BIN)/python benches/report.py
	$(BIN)/python benches/time_to_quality.py --out build/bench

# What the shipped model was trained on, and letters in families that it never saw.
LETTERS := build/letters/train build/letters/test
build/letters/train: | $(VENV)/.installed
	$(BIN)/inpaintx make-chars --out $@ --split train --count 20000
build/letters/test: | $(VENV)/.installed
	$(BIN)/inpaintx make-chars --out $@ --split test --count 520 --seed 1

MODEL ?= chars
quality: install $(LETTERS)  ## Judge the shipped model's fill on letters it never saw (an hour on 2 cores).
	$(BIN)/inpaintx eval build/letters/test --model $(MODEL) --collection build/letters/train \
		--slow-count 20 --out build/quality --overwrite
	$(BIN)/python benches/eval_table.py build/quality/eval.json

demo: install  ## Render letters, train for a minute, complete damaged letters; prints the path of the sheet.
	rm -rf demo
	$(BIN)/inpaintx make-chars --out demo/letters --split train --count 3000 --size 32
	$(BIN)/inpaintx train demo/letters --out demo/run --size 32 --width 32 --translate 0 --minutes 1
	$(BIN)/inpaintx make-chars --out demo/held-out --split test --count 62 --seed 1
	$(BIN)/inpaintx complete demo/held-out --model chars --mask-plugin random-patch --out demo/completed \
		--sheet demo/sheet.png
	@echo
	@echo "Samples after a minute of training: $(CURDIR)/demo/run/samples.png"
	@echo "Letters completed with the shipped model (real, corrupted, reconstructed): $(CURDIR)/demo/sheet.png"

screenshots: install  ## Take the page's screenshots for the docs anew, in a Chromium.
	INPAINTX_SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/pytest -q tests/page/test_looks.py -k screenshots

model: install $(LETTERS)  ## Train the shipped model anew and judge it (two hours; training takes one core).
	OMP_NUM_THREADS=1 $(BIN)/inpaintx train build/letters/train --out build/model/run --translate 0 --minutes 70
	$(BIN)/inpaintx export --model build/model/run --card inpaintx/shipped/chars.card.json \
		--out build/model/chars.safetensors
	$(MAKE) quality MODEL=build/model/chars.safetensors

wheel: install  ## Build a wheel into dist/.
	$(BIN)/pip wheel . --no-build-isolation --no-deps -q -w dist

$(VENV)/.release: $(VENV)/.installed
	$(PIP) --no-build-isolation -e '.[release]'
	touch $@

# Other Pythons to build for: make release PYTHONS="python3.12 python3.13"; CUDA=OFF leaves the kernels out.
release: $(VENV)/.release  ## Make the source distribution and the wheels, checked, with their papers, in dist/; DRY_RUN=1 only says how.
	$(BIN)/python release/build.py $(PYTHONS:%=--python %) $(if $(filter OFF,$(CUDA)),--no-cuda) $(if $(DRY_RUN),--dry-run)

check-wheel: $(VENV)/.release  ## The same without CUDA, kept nowhere: wheels from the source distribution, used in an empty environment.
	$(BIN)/python release/build.py --no-cuda --out build/check-wheel

check-docker:  ## Carry out the steps of the Dockerfiles without Docker; as root, on an overlay.
	$(PYTHON) release/try_dockerfile.py Dockerfile Dockerfile.cuda

check-torch: install  ## Run the op tests in another torch with the same _ops.so: make check-torch TORCH=2.14.1
	tests/check_torch.sh $(TORCH)

clean:  ## Remove what was built, but not .venv.
	rm -rf build dist demo inpaintx/ops/*.so *.egg-info
