# Set-up, build, demo, tests, benchmarks. `make demo` is the tour; `make test` is what CI runs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# Static binaries: rdnbrd runs on any device of this architecture, whatever its libc. Naming the target keeps
# the flag away from build scripts and procedural macros, which can't be static.
export RUSTFLAGS := -C target-feature=+crt-static
CARGO_FLAGS := --target $(HOST)
BIN := target/$(HOST)/release

# Root is needed for the lab only; the build stays the user's.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E)
FABRICCTL := $(SUDO) $(BIN)/fabricctl
SUITE ?= bookworm
LAB ?= demo
ROUNDS ?= 3

.PHONY: help
help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# What each program's package is called on Debian and Ubuntu.
NEEDS := mmdebstrap:mmdebstrap ssh:openssh-client ssh-keygen:openssh-client cc:gcc ip:iproute2

.PHONY: setup
setup: ## Install what this machine lacks
	@command -v cargo >/dev/null || { echo "Rust is missing: install it with rustup, then run this again" >&2; exit 2; }
	@missing=; for need in $(NEEDS); do \
	    command -v "$${need%%:*}" >/dev/null || missing="$$missing $${need##*:}"; \
	done; \
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$$missing debian-archive-keyring"; \
	if [ -n "$$missing" ]; then \
	    echo "installing$$missing"; \
	    $(SUDO) apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
	fi

# Ubuntu's chromium-browser is a stub that asks for a snap: what can't tell its version is none.
BROWSERS := $(or $(FABRICCTL_BROWSER),chromium chromium-browser google-chrome google-chrome-stable)

.PHONY: browser
browser: ## Install a browser for the tests of pictures, if there is none (or name one: FABRICCTL_BROWSER)
	@for name in $(BROWSERS); do "$$name" --version >/dev/null 2>&1 && exit 0; done; \
	if [ -n "$${FABRICCTL_BROWSER:-}" ]; then \
	    echo "FABRICCTL_BROWSER=$$FABRICCTL_BROWSER is no browser that runs here" >&2; exit 2; \
	fi; \
	if apt-cache policy chromium 2>/dev/null | grep -q 'Candidate: [0-9]' && ! grep -qi '^ID=ubuntu' /etc/os-release; then \
	    echo "installing chromium"; \
	    $(SUDO) apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else \
	    echo "there is no package of Chromium here: install Chromium (sudo snap install chromium) or Google Chrome," \
	        "or name one with FABRICCTL_BROWSER" >&2; exit 2; \
	fi

.PHONY: xmllint
xmllint: ## Install xmllint for the test of JUnit's form, if there is none
	@command -v xmllint >/dev/null || { \
	    echo "installing libxml2-utils"; \
	    $(SUDO) apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qq install -y --no-install-recommends libxml2-utils >/dev/null; \
	}

.PHONY: build
build: setup ## Build both binaries
	cargo build --release $(CARGO_FLAGS)

.PHONY: rdnbrd
rdnbrd: setup ## Build the neighbour daemon alone: small, static, for any leaf of this architecture
	cargo build --profile small $(CARGO_FLAGS) --bin rdnbrd
	@ls -l target/$(HOST)/small/rdnbrd | awk '{ printf "%s, %.1f MB; how to install it: docs/rdnbrd.md\n", $$NF, $$5 / 1e6 }'

.PHONY: demo
demo: build ## The whole fabric on this machine: up, deploy, verify, and down again (KEEP=1 leaves it running)
	@$(FABRICCTL) lab up --name $(LAB) --suite $(SUITE)
	@trap '[ -n "$(KEEP)" ] || $(FABRICCTL) lab down --name $(LAB)' EXIT; \
	$(FABRICCTL) deploy --lab $(LAB) --yes --no-verify; \
	$(FABRICCTL) verify routes --lab $(LAB) --wait 30s; \
	if [ -n "$(KEEP)" ]; then $(MAKE) --no-print-directory hints; else \
	    $(FABRICCTL) teardown --lab $(LAB) --yes; \
	fi

.PHONY: hints
hints:
	@echo; \
	echo "The fabric is running. Try:"; \
	echo "  $(FABRICCTL) lab ssh --name $(LAB) spine01"; \
	echo "  $(FABRICCTL) lab ssh --name $(LAB) spine01 -- \"vtysh -c 'show ip route'\""; \
	echo "  $(FABRICCTL) lab ssh --name $(LAB) server01 -- docker logs web11"; \
	echo "  $(FABRICCTL) lab ssh --name $(LAB) server01 -- docker exec web11 ping -c 3 172.16.1.41"; \
	echo "  $(FABRICCTL) lab ssh --name $(LAB) server01 -- docker exec web11 wget -qO- http://172.16.1.41/"; \
	echo "  $(FABRICCTL) verify routes --lab $(LAB)"; \
	echo "and at the end:"; \
	echo "  $(FABRICCTL) teardown --lab $(LAB) --yes && $(FABRICCTL) lab down --name $(LAB)"

.PHONY: test
test: setup browser xmllint ## Every test, those that need root, the lab and a browser included
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") cargo test $(CARGO_FLAGS)

.PHONY: faults
faults: setup ## Every fault at every boundary of a deployment, and the table of what became of the devices (FAULTS=restart,...)
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") FAULTS="$(or $(FAULTS),all)" \
	    cargo test $(CARGO_FLAGS) --test lab_faults -- --nocapture

.PHONY: matrix
matrix: setup ## Every fault of a fabric, and the table of what diagnose and verify say of it (FAULTS=uplink)
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") FAULTS="$(FAULTS)" \
	    cargo test $(CARGO_FLAGS) --test lab_diagnose -- --nocapture

.PHONY: healthy
healthy: setup ## Ask a healthy fabric 200 times in a row; no alarm may be false (RUNS=200)
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") HEALTHY_RUNS="$(or $(RUNS),200)" \
	    cargo test $(CARGO_FLAGS) --test lab_verify -- --nocapture

.PHONY: lint
lint: ## rustfmt and clippy, as CI runs them
	cargo fmt --check
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings

.PHONY: golden
golden: ## Rewrite the expected outputs of the golden tests
	UPDATE_GOLDEN=1 cargo test $(CARGO_FLAGS) --test golden --test errors --test replay --test rdnbrd_files --test pictures

.PHONY: bench
bench: setup ## Measure the lab and the main job, and print the figures (ROUNDS=3)
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") cargo bench $(CARGO_FLAGS) \
	    --bench fabric -- --suite $(SUITE) --rounds $(ROUNDS)

.PHONY: bench-neighbors
bench-neighbors: setup ## Measure rdnbrd in network namespaces (ARGS="--quick", "--only NAME", "--minutes N")
	cargo build --profile small $(CARGO_FLAGS) --bin rdnbrd
	$(if $(SUDO),CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="$(SUDO)") cargo bench $(CARGO_FLAGS) \
	    --bench neighbors -- --binary target/$(HOST)/small/rdnbrd $(ARGS)

.PHONY: bench-judge
bench-judge: ## Measure how long reading and judging answers takes: a million routes, a thousand nodes
	cargo bench $(CARGO_FLAGS) --bench judge

.PHONY: fuzz
fuzz: ## Fuzz every reader of what others wrote, SECONDS=600 each (needs a C++ compiler)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@fuzz/run $(or $(SECONDS),600) $(TARGETS)

.PHONY: clean
clean: ## Remove what was built (not the cached root file systems)
	cargo clean
