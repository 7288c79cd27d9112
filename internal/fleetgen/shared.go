package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A sharedMistake is one in what tenants have in common. It leaves all tenants usable, and gives one finding.
type sharedMistake struct {
	name, file string
	plant      func(text string) string // of the file, which may not exist
}

// shared are the mistakes that are planted outside of tenants' files, each once.
var shared = []sharedMistake{
	{"expired-exception", "policies/planted-exception.cue", written(`package policies

import "tenantry.dev/schema"

"planted-exception": schema.#Policy & {
	title:    "Logs are kept"
	severity: "warn"
	message:  "Keep logs."
	select: kinds: ["aws.logs.group"]
	resource?: retentionDays?: >=0
	exceptions: [{cell: "eu-1", owner: "ops", reason: "planted", expires: "2020-01-01T00:00:00Z"}]
}
`)},
	{"unknown-ring", "releases/planted-ring.cue", written(release("planted-ring", "search", `{name: "canary", select: plans: ["pol"]}`))},
	{"service-twice", "releases/planted-twice.cue", written(release("planted-twice", "helpdesk", `{name: "rest"}`))},
	{"unknown-grant", "access/planted.cue", written(`package access

import "tenantry.dev/schema"

planted: schema.#Access & {
	displayName: "Planted"
	members: ["@planted"]
	grants: [{accounts: ["production-uk"], role: "viewer", reason: "planted"}]
}
`)},
	{"expired-preview", "fleet.cue", added(`environments: planted: {description: "Planted.", kind: "preview", expires: "2020-01-01T00:00:00Z"}`)},
	{"unknown-zone", "fleet.cue", added(`windows: planted: {opens: "0 1 * * *", lasts: "1h", timeZone: "Europe/Berln"}`)},
	{"no-secret", "fleet.cue", added(`notifications: planted: kind: "slack"`)},
	{"unknown-limit", "fleet.cue", added(`glossary: agnets: {title: "Agents", description: "Planted."}`)},
	{"full-cell", "cells/eu-1.cue", func(text string) string { return capacity.ReplaceAllString(text, "capacity:    1") }},
	{"quota", "fleet.cue", func(text string) string { return roles.ReplaceAllString(text, "${1}1") }},
}

var roles = regexp.MustCompile(`("aws\.iam\.role": +)[0-9]+`)

func written(text string) func(string) string { return func(string) string { return text } }

func added(line string) func(string) string {
	return func(text string) string { return strings.TrimSuffix(text, "\n") + "\n" + line + "\n" }
}

func release(name, service, ring string) string {
	return fmt.Sprintf(`package releases

import "tenantry.dev/schema"

%q: schema.#Release & {
	service: %q
	version: "1"
	rings: [%s]
}
`, name, service, ring)
}

// plantShared plants the first n mistakes of shared.
func (f files) plantShared(n int) []planted {
	var out []planted
	for _, m := range shared[:n] {
		f[m.file] = m.plant(f[m.file])
		out = append(out, planted{m.file, m.name})
	}
	return out
}
