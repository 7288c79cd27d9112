package main

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/schema"
)

// A files is a fleet as its files by path.
type files map[string]string

// write writes the files below a folder.
func (f files) write(dir string) error {
	for _, path := range slices.Sorted(maps.Keys(f)) {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		if err := os.WriteFile(name, []byte(f[path]), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// generate makes a fleet around the plans, cells and policies of the example. Of its tenants, bad
// ones have a mistake each; the kinds take turns.
func generate(tenants int, seed uint64, bad int) (files, []planted, error) {
	out, err := base(tenants)
	if err != nil {
		return nil, nil, err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	all := make([]tenant, tenants)
	for i := range all {
		all[i] = newTenant(random, i)
	}
	var mistakes []planted
	chosen := random.Perm(tenants)
	for n, i := range chosen[:bad] {
		kind := kinds[n%len(kinds)]
		at := all[i].path()
		all[i].spoil = kind.spoil
		all[i] = kind.prepare(all[i])
		if kind.steals && bad < tenants {
			owner := all[chosen[bad+n%(tenants-bad)]]
			all[i].domain = owner.domain
			at = max(at, owner.path()) // of two that claim one domain, the later file is refused
		}
		mistakes = append(mistakes, planted{at, kind.name})
	}
	for _, t := range all {
		out[t.path()] = t.text()
	}
	slices.SortFunc(mistakes, func(a, b planted) int { return cmp.Compare(a.file, b.file) })
	return out, mistakes, nil
}

var (
	quota    = regexp.MustCompile(`("aws\.[a-z0-9.]+": +)[0-9]+`)
	capacity = regexp.MustCompile(`capacity: +[0-9]+.*`)
)

// base is the example fleet without its tenants, with room for many.
func base(tenants int) (files, error) {
	out := files{}
	example, err := fleetexample.Shared(false)
	if err != nil {
		return nil, fmt.Errorf("read the example fleet: %w", err)
	}
	for path, text := range example {
		text = quota.ReplaceAll(text, fmt.Appendf(nil, "${1}%d", 10*tenants+1000))
		if strings.HasPrefix(path, "cells/") {
			text = capacity.ReplaceAll(text, fmt.Appendf(nil, "capacity:    %d", 5*tenants+1))
		}
		out[path] = string(text)
	}
	for path, text := range schema.Vendor() {
		out[path] = string(text)
	}
	return out, nil
}

// A tenant is what is random about one.
type tenant struct {
	name, displayName, plan, cell, residency string
	lifecycle, domain                        string
	overrides                                []string
	spoil                                    func(text string) string // makes the file wrong; may be nil
}

var (
	first = []string{"amber", "blue", "cedar", "delta", "east", "fair", "green", "harbor", "iron", "jade", "kind", "lake", "maple", "north", "oak", "pine", "quiet", "river", "stone", "tall", "urban", "vale", "west", "young"}
	last  = []string{"bakery", "bank", "books", "clinic", "dental", "energy", "farms", "freight", "games", "health", "hotels", "labs", "legal", "media", "motors", "optics", "press", "school", "studio", "tools", "travel", "works"}
)

func newTenant(random *rand.Rand, number int) tenant {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	a, b := pick(first...), pick(last...)
	t := tenant{
		name:        fmt.Sprintf("%s-%s-%05d", a, b, number),
		displayName: fmt.Sprintf("%s%s %s%s %d", strings.ToUpper(a[:1]), a[1:], strings.ToUpper(b[:1]), b[1:], number),
		plan:        pick("pool", "pool", "pool", "team", "team", "enterprise"),
		cell:        "us-1",
		residency:   "us",
		lifecycle:   "active",
	}
	t.domain = "help." + t.name + ".example"
	if random.IntN(2) == 0 {
		t.cell, t.residency = "eu-1", "eu"
	}
	if random.IntN(50) == 0 {
		t.lifecycle = "suspended"
	}
	if random.IntN(4) == 0 {
		t.overrides = append(t.overrides, "logs: retentionDays: "+retention[t.plan])
	}
	if random.IntN(8) == 0 {
		t.overrides = append(t.overrides, fmt.Sprintf("errors: threshold: %d", 5+random.IntN(400)))
	}
	return t
}

// retention is a period that each plan offers.
var retention = map[string]string{"pool": "60", "team": "180", "enterprise": "731"}

func (t tenant) path() string { return "tenants/" + t.name[:2] + "/" + t.name + ".cue" }

func (t tenant) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "package fleet\n\ntenant: %q: {\n", t.name)
	fmt.Fprintf(&b, "\tdisplayName: %q\n\tplan:        %q\n\tcell:        %q\n", t.displayName, t.plan, t.cell)
	if t.lifecycle != "active" {
		fmt.Fprintf(&b, "\tlifecycle:   %q\n", t.lifecycle)
	}
	fmt.Fprintf(&b, "\tresidency:   %q\n", t.residency)
	security := ""
	if t.plan == "enterprise" { // the example demands it of them
		security = fmt.Sprintf(", {role: \"security\", email: \"security@%s.example\"}", t.name)
	}
	fmt.Fprintf(&b, "\tcontacts: [{role: \"technical\", email: \"ops@%s.example\"}%s]\n", t.name, security)
	fmt.Fprintf(&b, "\tdomains: [%q]\n", t.domain)
	for _, o := range t.overrides {
		fmt.Fprintf(&b, "\toverrides: %s\n", o)
	}
	b.WriteString("}\n")
	if t.spoil != nil {
		return t.spoil(b.String())
	}
	return b.String()
}
