# A thin front: each target installs what it needs (scripts/setup), then meson and ninja work.
# `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: help build run check test test-full bench fuzz lint fresh clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

build: ## build/millrace: release, frame pointers, GNU build id
	@scripts/setup build
	@scripts/build

run: build ## starts the server with millrace.yml and says where to look
	@scripts/run

check: ## a minute: ASan+UBSan build, unit tests, corpora, ten smoke tests
	@scripts/setup build test
	@tests/run.py check

test: ## ten minutes: release, ASan+UBSan and TSan builds, all tests; what CI runs
	@scripts/setup build test
	@tests/run.py test

test-full: ## before a release: long tests, every fuzz target a minute, clang build
	@scripts/setup build test fuzz
	@tests/run.py test-full

bench: build ## cost a packet beside the bare system calls; ROW=name for one row, FULL=1 for long
	@/usr/bin/python3 tests/bench/bench.py $(if $(ROW),--row '$(ROW)') $(if $(FULL),--full)

fuzz: ## every fuzz target for a minute each; SECONDS=n for another time, TARGET=name for one
	@scripts/setup build fuzz
	@scripts/fuzz $(or $(SECONDS),60) $(TARGET)

lint: ## format, clang-tidy, layers, headers, scripts; of changed files, ALL=1 of all
	@scripts/setup build lint
	@ALL='$(ALL)' scripts/lint

fresh: ## proves the set-up: a bare Debian, `make build` and a look at the server inside
	@scripts/setup fresh
	@scripts/fresh

clean: ## removes everything that was built
	rm -rf build build-*/
