package main

import "strings"

// A planted is a mistake in the file that it was planted in.
type planted struct{ file, kind string }

// A mistake is one that people make.
type mistake struct {
	name    string
	prepare func(t tenant) tenant
	spoil   func(text string) string
	steals  bool // the tenant claims a domain that another one has
}

// kinds are the mistakes that are planted. Each gives one finding.
var kinds = []mistake{
	edited("syntax", "\tplan:  ", "\tplan   "),
	edited("unknown-field", "\tresidency:", "\tcolour: \"blue\"\n\tresidency:"),
	{name: "missing-field", prepare: same, spoil: func(text string) string { return without(text, "\tdisplayName:") }},
	edited("wrong-type", "\tdomains: [", "\tdomains: [7, "),
	edited("choice", "role: \"technical\"", "role: \"tecnical\""),
	{name: "unknown-plan", prepare: func(t tenant) tenant { t.plan, t.overrides = t.plan+"s", nil; return t }},
	{name: "unknown-cell", prepare: func(t tenant) tenant { t.cell = "mars-1"; return t }},
	overriding("fixed-by-plan", "logs: tags: tenant: \"somebody\""),
	overriding("not-offered", "logs: retentionDays: 45"),
	overriding("unknown-resource", "lgos: retentionDays: 90"),
	{name: "policy", prepare: func(t tenant) tenant { t.cell, t.residency = "us-1", "eu"; return t }},
	edited("not-data", "\tdomains: [", "\tdomains: [for x in [] {x}, "),
	{name: "residency", prepare: func(t tenant) tenant { t.cell, t.residency = "eu-1", "us"; return t }},
	{name: "lifecycle", prepare: func(t tenant) tenant { t.lifecycle = "activ"; return t }},
	{name: "taken-domain", prepare: same, steals: true},
	edited("e-mail", "email: \"ops@", "email: \"ops.at."),
	overriding("out-of-range", "errors: threshold: 5000"),
	overriding("not-mentioned", "errors: actionsEnabled: false"),
}

func same(t tenant) tenant { return t }

// edited is a mistake that is made by replacing a text.
func edited(name, from, to string) mistake {
	return mistake{name: name, prepare: same, spoil: func(text string) string { return strings.Replace(text, from, to, 1) }}
}

// overriding is a mistake in an override.
func overriding(name, override string) mistake {
	return mistake{name: name, prepare: func(t tenant) tenant { t.overrides = []string{override}; return t }}
}

// without removes the line that begins so.
func without(text, begin string) string {
	before, rest, _ := strings.Cut(text, begin)
	_, after, _ := strings.Cut(rest, "\n")
	return before + after
}
