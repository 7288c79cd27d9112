package schema

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tenantry.dev/reconciler/resource"
)

// files holds what was read of a fleet, for rendering and editing.
type files struct {
	source    fs.FS
	owners    map[resource.Owner]*source // their files
	rendered  map[resource.Owner][]resource.Desired
	offboards map[resource.Owner]resource.Origin
}

// Load reads a fleet and finds every mistake in it in one pass, sorted by file, line and column.
// What is broken is left out of the fleet and named in Broken; the rest is usable. The fleet is nil
// only if fsys holds no fleet that could be used at all, and then a finding says why.
//
// at is the time at which expiries are judged. The same files at another time give the same, until
// Fleet.Until.
func Load(fsys fs.FS, at time.Time) (*Fleet, []Finding) {
	return load(fsys, at, func(string) bool { return true })
}

// load is Load for the tenants whose file is wanted.
func load(fsys fs.FS, at time.Time, wanted func(path string) bool) (fleet *Fleet, findings []Finding) {
	defer func() {
		if r := recover(); r != nil { // of the evaluator, on plans, cells or policies
			fleet, findings = nil, []Finding{{Origin: resource.Origin{File: "."}, Severity: Error, Message: fmt.Sprintf("the evaluator fails on these definitions: %v", r)}}
		}
	}()
	t, err := readTree(fsys, wanted)
	if err != nil {
		return nil, []Finding{{Origin: resource.Origin{File: "."}, Severity: Error, Message: fmt.Sprintf("the folder can't be read: %v", err)}}
	}
	e, err := newEngine(t, nil)
	if err != nil {
		return nil, []Finding{{Origin: resource.Origin{File: "."}, Severity: Error, Message: err.Error()}}
	}
	found := slices.Concat(t.found, t.checkModule())
	for i := range found {
		if strings.HasPrefix(found[i].File, tenantsDir+"/") {
			found[i].Tenant = (&source{path: found[i].File}).name()
		}
	}
	if t.module == "" {
		t.module = "fleet.invalid" // the folders can't be imported, but what imports nothing is still checked
	}
	f := &Fleet{At: at, Broken: map[resource.Owner]string{}}
	f.files = files{source: fsys, owners: map[resource.Owner]*source{}, rendered: map[resource.Owner][]resource.Desired{}, offboards: map[resource.Owner]resource.Origin{}}
	def, mistakes := e.define(f)
	found = append(found, mistakes...)
	if def == nil {
		return nil, sorted(found)
	}
	l := &loader{fleet: f, tree: t, def: def, found: found}
	l.definitions(e)
	l.tenants(e)
	f.Digest = t.digest()
	return f, sorted(l.found)
}

// Invalid tells whether findings make a fleet invalid: an error or a denial does.
func Invalid(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Severity == Error || f.Severity == Deny
	})
}

// sorted orders findings by place, and drops repetitions: what many tenants have in common is said once.
func sorted(found []Finding) []Finding {
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Message, b.Message), cmp.Compare(a.Tenant, b.Tenant))
	})
	out := found[:0]
	for _, f := range found {
		if last := len(out) - 1; last >= 0 && out[last].Origin == f.Origin && out[last].Message == f.Message {
			if out[last].Tenant != f.Tenant {
				out[last].Tenant = "" // it is not about one tenant
			}
			continue
		}
		out = append(out, f)
	}
	return out
}

// A loader fills a fleet from definitions.
type loader struct {
	fleet *Fleet
	tree  *tree
	def   *definitions
	found []Finding
}

// definitions takes plans, cells, policies and approvals, and renders the cells.
func (l *loader) definitions(e *engine) {
	f := l.fleet
	for _, name := range sortedKeys(l.def.plans) {
		f.Plans = append(f.Plans, l.def.plans[name].Plan)
	}
	for _, p := range l.def.policies {
		f.Policies = append(f.Policies, p.Policy)
	}
	l.def.shared = map[string]map[string]string{}
	for _, name := range sortedKeys(l.def.cells) {
		a := e.cell(l.def.cells[name])
		l.take(a)
		if a.broken != "" {
			l.def.spoiled[cellsDir+"/"+name] = a.broken
			continue
		}
		l.def.shared[name] = a.kinds
	}
	for _, name := range sortedKeys(l.def.cells) {
		if _, sound := l.def.shared[name]; sound {
			f.Cells = append(f.Cells, l.def.cells[name].Cell)
		} else {
			delete(l.def.cells, name)
		}
	}
	for key, reason := range l.def.spoiled {
		if folder, name := path.Split(key); folder == cellsDir+"/" {
			f.Broken[resource.Cell(name)] = reason
		}
	}
	approvals, found := e.approvals()
	f.Approvals, l.found = approvals, append(l.found, found...)
}

// take puts the answer about one owner into the fleet.
func (l *loader) take(a *answer) {
	l.found = append(l.found, a.found...)
	l.fleet.owners[a.owner] = a.source
	switch {
	case a.broken != "":
		l.fleet.Broken[a.owner] = a.broken
		return
	case a.tenant != nil:
		l.fleet.Tenants = append(l.fleet.Tenants, *a.tenant)
	}
	if a.offboards {
		l.fleet.offboards[a.owner] = a.source.at(a.body.label("lifecycle"))
	}
	l.fleet.rendered[a.owner] = a.desired
}

// tenants evaluates all tenants and then what concerns several of them.
func (l *loader) tenants(first *engine) {
	answers := evaluateAll(first, l.tree.tenants)
	across := &crosscheck{def: l.def}
	for _, a := range answers {
		across.add(a)
	}
	across.finish()
	for _, a := range answers {
		if a.broken == brokenFile {
			a.broken = reasonOf(l.found, a.source.path)
		}
		l.take(a)
	}
	l.found = append(l.found, across.found...)
	slices.SortFunc(l.fleet.Tenants, func(a, b Tenant) int { return cmp.Compare(a.Name, b.Name) })
}

// survive evaluates a tenant. If that makes the evaluator panic, the tenant is to blame and the engine
// is replaced, since nobody knows what is left of it.
func (e *engine) survive(src *source) (a *answer, next *engine) {
	next = e
	defer func() {
		if r := recover(); r != nil {
			a = &answer{owner: resource.Tenant(src.name()), source: src}
			a.refuse(resource.Origin{File: src.path, Line: 1}, "the evaluator fails on this file: %v", r)
			if fresh, err := newEngine(e.tree, e.def); err == nil {
				next = fresh
			}
		}
	}()
	return e.tenant(src), e
}

// perEngine is how many tenants are worth another engine, which takes some 25 ms to make.
const perEngine = 50

// evaluateAll evaluates tenants on as many engines as there are processors, in the order of the sources.
func evaluateAll(first *engine, sources []*source) []*answer {
	answers := make([]*answer, len(sources))
	next := make(chan int)
	var group sync.WaitGroup
	work := func(e *engine) {
		for i := range next {
			answers[i], e = e.survive(sources[i])
		}
	}
	engines := min(runtime.GOMAXPROCS(0), len(sources)/perEngine+1)
	for n := range engines {
		group.Go(func() {
			e := first
			if n > 0 {
				var err error
				if e, err = newEngine(first.tree, first.def); err != nil {
					return // it compiled for the first engine, which does the work of both
				}
			}
			work(e)
		})
	}
	for i := range sources {
		next <- i
	}
	close(next)
	group.Wait()
	return answers
}
