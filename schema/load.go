package schema

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"tenantry.dev/reconciler/resource"
)

// Load reads a fleet as a Loader does, and evaluates it in the calling process. Definitions can make
// that hang or run out of memory, so it is for those that the caller trusts: its own.
//
// It takes no context, because nothing in it waits and the evaluator can't be interrupted.
func Load(fsys fs.FS, at time.Time) (fleet *Fleet, findings []Finding) {
	l := &Loader{Evaluator: InProcess()}
	fleet, findings, err := l.Load(context.Background(), fsys, at)
	if err != nil {
		return nil, unusable(err.Error()).Found
	}
	return fleet, findings
}

// files holds what was read of a fleet, for rendering and editing.
type files struct {
	listing   *listing
	loader    *Loader
	owners    map[resource.Owner]*kept // all whose file is known
	rendered  map[resource.Owner]*kept // those that have a rendering, if only an empty one
	offboards map[resource.Owner]resource.Origin
}

// Invalid tells whether findings make a fleet invalid: an error or a denial does.
func Invalid(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Severity == Error || f.Severity == Deny
	})
}

// assemble makes a fleet of what was found out about its parts.
func assemble(d *Defined, cells []*kept, rows []row, x across) (*Fleet, []Finding) {
	f := *d.Fleet
	f.Broken = maps.Clone(d.Fleet.Broken)
	f.Tenants = make([]Tenant, 0, len(rows))
	f.files = files{
		owners: make(map[resource.Owner]*kept, len(rows)), rendered: make(map[resource.Owner]*kept, len(rows)),
		offboards: map[resource.Owner]resource.Origin{},
	}
	found := slices.Concat(d.Found, x.found)
	for _, k := range cells {
		f.owners[k.Owner] = k
		f.hold(k.Owner, k.Found)
		if k.Broken == "" {
			f.rendered[k.Owner] = k
		}
	}
	checkRenames(rows, x.about)
	for _, e := range rows {
		found = append(append(found, e.answer.Found...), x.about[e.answer]...)
		f.add(e.answer, x.about[e.answer])
	}
	slices.SortFunc(f.Tenants, func(a, b Tenant) int { return cmp.Compare(a.Name, b.Name) })
	return &f, append(found, f.between(d.Mentions, found)...)
}

// add puts what is known of a tenant into the fleet.
func (f *Fleet) add(k *kept, across []Finding) {
	f.owners[k.Owner] = k
	f.hold(k.Owner, k.Found)
	switch {
	case k.Broken != "":
		f.Broken[k.Owner] = k.Broken
		return
	case len(across) > 0:
		f.Broken[k.Owner] = across[0].String()
		return
	case k.Tenant != nil:
		f.Tenants = append(f.Tenants, *k.Tenant)
	}
	if k.Offboards.File != "" {
		f.offboards[k.Owner] = k.Offboards
	}
	f.rendered[k.Owner] = k
}

// hold notes that a policy wants a person to look at an owner first. Findings don't tell: what several
// owners have in common is said once.
func (f *Fleet) hold(owner resource.Owner, found []Finding) {
	at := slices.IndexFunc(found, func(x Finding) bool { return x.Severity == Hold })
	if at < 0 {
		return
	}
	if f.Held == nil {
		f.Held = map[resource.Owner]string{}
	}
	f.Held[owner] = "held by policy " + found[at].Policy + ": " + found[at].Message
}

// InProcess returns an evaluator that works in the calling process; see Load for whom that is.
func InProcess() Evaluator { return &inProcess{} }

// inProcess evaluates in the calling process.
type inProcess struct {
	mu    sync.Mutex
	first *Session // the one that defined, and what it defined
	of    Sum
	at    time.Time
}

// Define implements Evaluator.
func (p *inProcess) Define(_ context.Context, d Definitions) (*Defined, error) {
	s := NewSession(d, func(Step) {})
	out := s.Define()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first, p.of, p.at = s, d.ID, d.At
	return out, nil
}

// session returns a session under definitions.
func (p *inProcess) session(d Definitions) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.first; s != nil && p.of == d.ID && p.at.Equal(d.At) {
		p.first = nil
		return s
	}
	s := NewSession(d, func(Step) {})
	s.Define()
	return s
}

// perSession is how many tenants are worth another session, which takes some 50 ms to make.
const perSession = 50

// Tenants implements Evaluator on as many sessions as there are processors.
func (p *inProcess) Tenants(_ context.Context, d Definitions, files []File, take func(*Answer)) error {
	var group sync.WaitGroup
	var taking sync.Mutex
	next := make(chan File)
	for range min(runtime.GOMAXPROCS(0), len(files)/perSession+1) {
		group.Go(func() {
			s := p.session(d)
			for f := range next {
				a := s.Tenant(f)
				taking.Lock()
				take(a)
				taking.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	group.Wait()
	return nil
}

// Places implements Evaluator.
func (p *inProcess) Places(_ context.Context, d Definitions, files []File) ([]Placed, error) {
	s := p.session(d)
	out := make([]Placed, len(files))
	for i, f := range files {
		out[i] = s.Place(f)
	}
	return out, nil
}

// survive evaluates a tenant. If that makes the evaluator panic, the tenant is to blame and the engine
// is replaced, since nobody knows what is left of it.
func (e *engine) survive(f File, step func(Step), condemned map[string]string) (a *answer, next *engine) {
	next = e
	defer func() {
		if r := recover(); r != nil {
			src := &source{path: f.Path}
			a = &answer{owner: resource.Tenant(src.name()), source: src}
			a.refuse(resource.Origin{File: f.Path, Line: 1}, "the evaluator fails on this file: %v", r)
			if fresh, err := newEngine(e.tree, e.def); err == nil {
				next = fresh
			}
		}
	}()
	return e.tenant(f, step, condemned), e
}
