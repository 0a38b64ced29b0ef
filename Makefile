# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
BUILD ?= build
JOBS ?= $(shell nproc)
SCENARIO ?=
# OFF: each source is compiled on its own, which is what to take for editing.
UNITY ?= ON

NINJA = ninja -C $(BUILD) -j $(JOBS)
CTEST = ctest --test-dir $(BUILD) --output-on-failure --no-tests=error
LAUNCHER = $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.PHONY: all help build packages packages-vm test test-full test-unit test-vm test-sanitize simulate explore fuzz demo bench \
	vmcore \
	check-layers format format-check tidy install clean

all: build

help:
	@echo 'make             build everything into $(BUILD)/'
	@echo 'make demo        two virtual nodes and a shelf: one panics, the other takes over'
	@echo 'make test        unit tests, then the scenarios on virtual machines'
	@echo 'make test-full   the long set: all scenarios, then make test-sanitize'
	@echo 'make test-unit   unit tests only'
	@echo 'make test-vm     scenarios only; SCENARIO=name[,name] for some of them'
	@echo 'make test-sanitize  unit tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make simulate    N (10000) histories of two nodes from SEED (1) on; tests/sim/README.md'
	@echo 'make explore     all ways of small scenarios within DEPTH (2); SCENARIO=name for one'
	@echo 'make fuzz        every fuzz target for FUZZ_SECONDS (60) with libFuzzer; TARGET=name for one'
	@echo 'make bench       the figures of the README, into $(BUILD)/bench/report.json'
	@echo 'make vmcore      real vmcores of 1 GiB and 4 GiB, into $(BUILD)/vmcore/'
	@echo 'make install     into DESTDIR (default: this machine)'
	@echo 'make format | format-check | check-layers | tidy | clean'

packages:
	@scripts/install-packages build

packages-vm:
	@scripts/install-packages vm

$(BUILD)/build.ninja: packages
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=/usr $(LAUNCHER) -DLASTWORD_UNITY=$(UNITY) > $(BUILD)-cmake.log || (cat $(BUILD)-cmake.log; exit 1)
	@rm -f $(BUILD)-cmake.log

build: packages $(BUILD)/build.ninja
	@$(NINJA)

test-unit: build
	$(CTEST) -L unit

test-sanitize: packages
	@cmake -S . -B $(BUILD)-sanitize -G Ninja $(LAUNCHER) -DLASTWORD_UNITY=$(UNITY) -DLASTWORD_SANITIZE=ON > /dev/null
	@ninja -C $(BUILD)-sanitize -j $(JOBS)
	ctest --test-dir $(BUILD)-sanitize --output-on-failure --no-tests=error -L unit

N ?= 10000
SEED ?= 1
simulate: packages $(BUILD)/build.ninja
	@$(NINJA) lastword-sim
	@$(BUILD)/bin/lastword-sim --seed $(SEED) --histories $(N)

DEPTH ?= 2
explore: packages $(BUILD)/build.ninja
	@$(NINJA) lastword-explore
	@$(BUILD)/bin/lastword-explore --depth $(DEPTH) $(if $(SCENARIO),--scenario $(SCENARIO))

# The same targets run for a moment as unit tests. What fails is left in $(BUILD)-fuzz/found/.
FUZZ_SECONDS ?= 60
fuzz: packages
	@scripts/install-packages fuzz
	@CC=clang-14 CXX=clang++-14 cmake -S . -B $(BUILD)-fuzz -G Ninja $(LAUNCHER) -DLASTWORD_FUZZ=ON > /dev/null
	@ninja -C $(BUILD)-fuzz -j $(JOBS) fuzz_targets
	@scripts/fuzz $(BUILD)-fuzz $(FUZZ_SECONDS) $(TARGET)

# A scenario's guests need both processors: one at a time.
test-vm: packages-vm build
	$(CTEST) -L vm $(if $(SCENARIO),-R '^($(subst $(eval ) ,|,$(subst $(comma), ,$(SCENARIO))))$$')

test: packages-vm build
	$(CTEST) -LE long

# The scenarios first: what they find is worth more than what the sanitizers do.
test-full: packages-vm build
	$(CTEST)
	@$(MAKE) --no-print-directory test-sanitize

demo: packages-vm $(BUILD)/build.ninja
	@$(NINJA) vm_programs
	@python3 -m qemu.demo --build $(BUILD)

bench: packages-vm $(BUILD)/build.ninja
	@$(NINJA) vm_programs idle-agent
	@python3 -m qemu.vmcore --build $(BUILD) 1g
	@python3 -m qemu.bench --build $(BUILD)

vmcore: packages-vm $(BUILD)/build.ninja
	@$(NINJA) vm_programs
	@python3 -m qemu.vmcore --build $(BUILD)

SOURCES = $(shell git ls-files '*.cc' '*.h')

format:
	@clang-format-14 -i $(SOURCES)

format-check:
	@clang-format-14 --dry-run -Werror $(SOURCES)

# House rules that no compiler checks: which room may include which.
check-layers:
	@scripts/check-layers

# clang reads no precompiled header of another compiler.
tidy: build
	@mkdir -p $(BUILD)/tidy
	@sed 's/-Winvalid-pch -include [^ ]*//' $(BUILD)/compile_commands.json \
	    > $(BUILD)/tidy/compile_commands.json
	@clang-tidy-14 -p $(BUILD)/tidy --quiet $(filter %.cc,$(SOURCES))

install: build
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD)

clean:
	@rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-fuzz

comma := ,
