# `make help` lists the targets. Two of them do everything: `make demo` and `make test`.
SHELL := /bin/sh
GO ?= go
GO_WANTED := 1.26
DATA ?=
REPO ?=
ARGS ?=
FUZZTIME ?= 1m
# Race tests link statically: in a sandbox, a test's own binary finds the tree's libraries or none.
RACE_FLAGS := -tags exclude_graphdriver_btrfs,netgo,osusergo -ldflags '-linkmode=external -extldflags=-static'

export CGO_ENABLED := 0

.PHONY: help build demo test test-boot ostree-tests soak check bench fuzz interop-data clients go-version install clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

go-version:
	@have=$$($(GO) env GOVERSION 2>/dev/null | sed 's/^go//'); \
	if [ -z "$$have" ]; then echo "make: no Go here. Install Go $(GO_WANTED) or newer: https://go.dev/dl/" >&2; exit 1; fi; \
	if [ "$$(printf '%s\n%s\n' $(GO_WANTED) "$$have" | sort -V | head -n 1)" != $(GO_WANTED) ]; then \
	echo "make: Go $$have is too old: treewright needs $(GO_WANTED) or newer: https://go.dev/dl/" >&2; exit 1; fi

build: go-version ## build the static binary ./treewright
	$(GO) build -trimpath -ldflags='-s -w' -o treewright ./cmd/treewright

demo: build ## compose, mirror, sign, publish and serve on localhost (ARGS=--once verifies and exits)
	@$(GO) build -o out/demo ./cmd/demo
	@out/demo $(ARGS)

test: go-version clients ## run every test; installs the clients that are missing
	$(GO) test -timeout 20m ./...

soak: go-version clients ## disturb OSTree repositories for long: each write fails once, kills, many writers
	TREEWRIGHT_SOAK=1 $(GO) test -count 1 -timeout 60m -v -run 'EveryWriteFails|KilledAnywhere|AmongWriters' ./ostree ./ostree/archive

check: go-version clients ## gofmt, vet, staticcheck, race tests
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	cd tools && $(GO) build -o ../out/staticcheck honnef.co/go/tools/cmd/staticcheck
	out/staticcheck ./...
	CGO_ENABLED=1 $(GO) test -race $(RACE_FLAGS) -timeout 25m ./...

bench: build ## measure beside the peers (DATA=a folder of RPM repositories; root)
	@test -d "$(DATA)" || { echo "make bench DATA=folder: name a folder with RPM packages; docs/testing.md says which" >&2; exit 1; }
	$(GO) run ./cmd/bench $(ARGS) "$(DATA)"

test-boot: build ## boot composed trees in qemu (REPO=a folder of RPM packages of a bootable system; root)
	@test -d "$(REPO)" || { echo "make test-boot REPO=folder: name a folder with RPM packages; docs/booting.md says which" >&2; exit 1; }
	@tools/install-clients tools/clients-boot.txt
	$(GO) run ./cmd/boottest $(ARGS) "$(REPO)"

ostree-tests: build ## run Debian's ostree-tests with treewright before ostree in PATH (ARGS=scripts)
	@tools/ostree-wrapper/run-tests $(ARGS)

fuzz: go-version ## run every fuzz target for FUZZTIME each
	tools/fuzz-all $(FUZZTIME)

interop-data: go-version clients ## tests over large real inputs (DATA=folder)
	@test -d "$(DATA)" || { echo "make interop-data DATA=folder: name a folder with real inputs; docs/testing.md says what it holds" >&2; exit 1; }
	TREEWRIGHT_DATA="$(abspath $(DATA))" $(GO) test -tags interopdata -run InteropData -count 1 -timeout 60m -v ./...

clients:
	@tools/install-clients

install: build ## install to PREFIX (default /usr/local), man pages too
	install -D -m 0755 treewright "$(DESTDIR)$(or $(PREFIX),/usr/local)/bin/treewright"
	./treewright man "$(DESTDIR)$(or $(PREFIX),/usr/local)/share/man/man1"

clean: ## remove what the targets built
	rm -rf treewright out
