# make help lists the targets.

MODULE  := github.com/coredns-na/coredns-na
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X $(MODULE)/internal/version.Version=$(VERSION)
LINT    := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ROOM    := ./plugin/noticeaction

# Packages that the race detector passes over in make test: those that do not
# compile CoreDNS with them. make race takes all.
RACE_QUICK = $(addsuffix /...,$(wildcard $(addprefix $(ROOM)/,redirect leeway workday procedure store casework authority email intake mail orders page warnpage)))

# command:package of Debian.
TEST_TOOLS  := curl:curl gcc:gcc openssl:openssl dig:bind9-dnsutils delv:bind9-dnsutils nsupdate:bind9-dnsutils kdig:knot-dnsutils \
	named-checkzone:bind9-utils dnssec-signzone:bind9-utils \
	unbound:unbound named:bind9 knotd:knot kresd:knot-resolver pdns_recursor:pdns-recursor \
	chromium:chromium npm:npm
SMOKE_TOOLS := dnsperf:dnsperf
BENCH_TOOLS := $(SMOKE_TOOLS) dnsdist:dnsdist nsd:nsd unbound:unbound named:bind9 knotd:knot

SOAK_ROUNDS ?= 200

export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := build
.PHONY: help build test race soak lint zones tools bench bench-smoke fleet

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

build: ## bin/coredns-na and bin/nactl
	go build -o bin/ -ldflags '$(LDFLAGS)' ./cmd/coredns-na ./cmd/nactl

test: tools ## all tests, and the race detector over the quick packages
	go mod download
	go test -timeout 10m ./...
	$(if $(RACE_QUICK),go test -race -timeout 10m $(RACE_QUICK))

race: tools ## all tests under the race detector
	go test -race -timeout 30m ./...

soak: tools ## the long runs, SOAK_ROUNDS=200 rounds each
	NOTICEACTION_SOAK_ROUNDS=$(SOAK_ROUNDS) go test -count=1 -timeout 6h -run '^Test(Soak|Kill)' -v ./...

lint: ## gofmt, go vet, golangci-lint
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt: expected formatted files, got:" $$unformatted >&2; exit 1; }
	go vet ./...
	go vet -tags testclock $(ROOM)
	$(LINT) run ./...

zones: ## write the committed zones again
	go run ./internal/zonegen/cmd -zone be -n 10000 > testdata/be.zone
	go run ./internal/zonegen/cmd -zone vlaanderen -n 50 > testdata/vlaanderen.zone
	go run ./internal/zonegen/cmd -zone brussels -n 50 > testdata/brussels.zone

bench: ## measure everything beside its peers, in less than an hour, and write docs/
	./internal/install.sh $(BENCH_TOOLS)
	go run ./internal/bench -docs docs

bench-smoke: ## the main ratios, in less than a minute
	./internal/install.sh $(SMOKE_TOOLS)
	go run ./internal/bench -smoke

fleet: ## three members of etcd, a desk and five nodes on loopback: a flag reaches all
	go run ./internal/fleet

tools: ## install the Debian packages that the tests use, and axe
	./internal/install.sh $(TEST_TOOLS)
	@test internal/axe/node_modules/.package-lock.json -nt internal/axe/package-lock.json || npm ci --prefix internal/axe
