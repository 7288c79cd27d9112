# What runs where: `make demo` and `make test` need Go, git and make. The lanes that hold Tenantry
# against programs written by others install those themselves, pinned, into .cache.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

CACHE := $(CURDIR)/.cache
export GOFLAGS := -mod=readonly

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION := v0.12.0
CUE_VERSION := v0.17.1
OPENAPI_VERSION := 23.0.2
WEBHOOKS_VERSION := 7.6.1
CFN_LINT_VERSION := 1.58.0
SERVICE_SPEC_VERSION := 0.1.216

.PHONY: build
build: ## the binary, in bin/
	go build -trimpath -o bin/tenantry ./cmd/tenantry

.PHONY: demo
demo: build ## the whole story against a sandbox; ONCE=1 plays it unattended
	bin/tenantry demo $(if $(ONCE),--once)

.PHONY: test
test: ## everything that needs no foreign server
	go test ./...

.PHONY: race
race: ## the same under the race detector
	go test -race ./...

.PHONY: conformance
conformance: generated $(CACHE)/moto/.installed $(CACHE)/openapi/.installed $(CACHE)/webhooks/.installed ## against servers and specifications written by others
	MOTO_PYTHON=$(CACHE)/moto/bin/python GITHUB_OPENAPI=$(CACHE)/openapi/package/generated/api.github.com.json \
		GITHUB_WEBHOOKS=$(CACHE)/webhooks/package/api.github.com/index.json \
		go test -tags conformance -count=1 -parallel 8 ./internal/conformance/... ./internal/github/

$(CACHE)/moto/.installed: internal/conformance/requirements.txt
	python3 -m venv $(CACHE)/moto
	$(CACHE)/moto/bin/pip install --quiet --disable-pip-version-check -r internal/conformance/requirements.txt
	touch $@

$(CACHE)/openapi/.installed: Makefile
	mkdir -p $(CACHE)/openapi
	cd $(CACHE)/openapi && npm pack --silent @octokit/openapi@$(OPENAPI_VERSION)
	cd $(CACHE)/openapi && tar -xzf octokit-openapi-$(OPENAPI_VERSION).tgz package/generated/api.github.com.json && rm octokit-openapi-$(OPENAPI_VERSION).tgz
	touch $@

.PHONY: pictures
STORIES ?= newcomer|pull-invalid|shadow|limit|events|drift-overview|preview|weekly|deploy
CHROMIUM ?= chromium
pictures: ## what people see of these STORIES in a browser, in .cache/pictures; Debian's Chromium, or CHROMIUM
	command -v $(CHROMIUM) || apt-get install --yes --no-install-recommends chromium
	CHROMIUM=$(CHROMIUM) PICTURES=$(CACHE)/pictures go test -count=1 -run 'TestScripts/($(STORIES))$$' ./cmd/tenantry

$(CACHE)/webhooks/.installed: Makefile
	mkdir -p $(CACHE)/webhooks
	cd $(CACHE)/webhooks && npm pack --silent @octokit/webhooks-examples@$(WEBHOOKS_VERSION)
	cd $(CACHE)/webhooks && tar -xzf octokit-webhooks-examples-$(WEBHOOKS_VERSION).tgz package/api.github.com/index.json && rm octokit-webhooks-examples-$(WEBHOOKS_VERSION).tgz
	touch $@

.PHONY: generate
generate: $(CACHE)/awstypes/.installed ## the table of AWS's resource types, from what AWS publishes
	go run ./internal/awstypes/generate $(CACHE)/awstypes/cfn-lint $(CACHE)/awstypes/package internal/awstypes/types.zip

.PHONY: generated
generated: $(CACHE)/awstypes/.installed ## is the table current?
	go run ./internal/awstypes/generate $(CACHE)/awstypes/cfn-lint $(CACHE)/awstypes/package $(CACHE)/awstypes/types.zip
	cmp $(CACHE)/awstypes/types.zip internal/awstypes/types.zip
	go test -tags conformance -count=1 -run TestEveryType ./internal/awstypes/

$(CACHE)/awstypes/.installed: Makefile
	rm -rf $(CACHE)/awstypes && mkdir -p $(CACHE)/awstypes/cfn-lint
	python3 -m venv $(CACHE)/awstypes/pip
	$(CACHE)/awstypes/pip/bin/pip install --quiet --disable-pip-version-check --no-deps --target $(CACHE)/awstypes/cfn-lint cfn-lint==$(CFN_LINT_VERSION)
	cd $(CACHE)/awstypes && npm pack --silent @aws-cdk/aws-service-spec@$(SERVICE_SPEC_VERSION)
	cd $(CACHE)/awstypes && tar -xzf aws-cdk-aws-service-spec-$(SERVICE_SPEC_VERSION).tgz && rm aws-cdk-aws-service-spec-$(SERVICE_SPEC_VERSION).tgz
	touch $@

.PHONY: differential
FLEETS ?= 1000
differential: $(CACHE)/bin/cue-$(CUE_VERSION) ## FLEETS fleets, most of them broken, against CUE's library and command
	CUE=$(CACHE)/bin/cue-$(CUE_VERSION) DIFFERENTIAL=$(FLEETS) \
		go test -tags differential -count=1 -timeout 60m -v -run 'Differential|CueCommand|Editors' ./schema

$(CACHE)/bin/cue-$(CUE_VERSION):
	GOFLAGS= GOBIN=$(CACHE)/bin go install cuelang.org/go/cmd/cue@$(CUE_VERSION)
	mv $(CACHE)/bin/cue $@

.PHONY: lint
lint: $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION) $(CACHE)/bin/gofumpt-$(GOFUMPT_VERSION) ## formatting, go vet and linters
	@unformatted="$$($(CACHE)/bin/gofumpt-$(GOFUMPT_VERSION) -l cmd internal providers reconciler schema)"; \
		if [ -n "$$unformatted" ]; then echo "not formatted as gofumpt does it:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags conformance ./internal/conformance/... ./internal/github/
	go vet -tags differential ./schema
	$(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION) run ./...

$(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION):
	GOFLAGS= GOBIN=$(CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(CACHE)/bin/golangci-lint $@

$(CACHE)/bin/gofumpt-$(GOFUMPT_VERSION):
	GOFLAGS= GOBIN=$(CACHE)/bin go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	mv $(CACHE)/bin/gofumpt $@

.PHONY: format
format: $(CACHE)/bin/gofumpt-$(GOFUMPT_VERSION) ## gofumpt
	$(CACHE)/bin/gofumpt-$(GOFUMPT_VERSION) -w cmd internal providers reconciler schema

.PHONY: bench
bench: $(CACHE)/bin/cue-$(CUE_VERSION) ## benchmarks, some of them against the cue command line
	CUE=$< go test -run '^$$' -bench . -benchmem -timeout 60m ./...

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@go list -f '{{.Dir}} {{.ImportPath}}' ./... | while read -r dir pkg; do \
		{ grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go 2>/dev/null || true; } | sed 's/^func //' | while read -r target; do \
			echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

.PHONY: docs
docs: build ## docs/reference: the definitions and the command line
	go run ./internal/docgen bin/tenantry docs/reference

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14
