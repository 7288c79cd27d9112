package reconciler

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A Target is what one commit asks for: its definitions, loaded and rendered.
type Target struct {
	Commit   Commit
	Files    fs.FS
	Fleet    *schema.Fleet // nil if the definitions can't be used at all
	Findings []schema.Finding
	// Rendering is what the target comes to if it isn't for the fleet to say; Rendered returns it.
	Rendering schema.Rendering
	// Removed has the owners whose removal is intended, with what says so: the commit that removed
	// the definition, or the tenant's lifecycle.
	Removed map[resource.Owner]string

	rendered *rendered // nil if there is no fleet to render
}

// rendered is a fleet's rendering for as long as somebody uses it: of a large fleet it takes many times
// the memory that the fleet does.
type rendered struct {
	mu   sync.Mutex
	last weak.Pointer[schema.Rendering]
}

// Rendered returns what the target asks of the cloud. It is to be read alone, and held on to while it is
// needed and no longer: the target doesn't keep it.
func (t Target) Rendered() *schema.Rendering {
	if t.rendered == nil {
		return &t.Rendering
	}
	t.rendered.mu.Lock()
	defer t.rendered.mu.Unlock()
	if r := t.rendered.last.Value(); r != nil {
		return r
	}
	r := t.Fleet.Render()
	t.rendered.last = weak.Make(&r)
	return &r
}

// A Loader reads fleets; *schema.Loader is one. Mistakes in definitions are findings. An error means that
// they could not be judged, so that nothing may be done about them.
type Loader interface {
	Load(ctx context.Context, fsys fs.FS, at time.Time) (*schema.Fleet, []schema.Finding, error)
}

// Load reads the files of a commit as of a time. Mistakes in definitions are findings, not errors.
func Load(ctx context.Context, loader Loader, fsys fs.FS, commit Commit, removed map[string]Commit, at time.Time) (Target, error) {
	t := Target{Commit: commit, Files: fsys, Removed: map[resource.Owner]string{}}
	var err error
	t.Fleet, t.Findings, err = loader.Load(ctx, fsys, at)
	if err != nil {
		return Target{}, fmt.Errorf("load commit %s: %w", commit.Short(), err)
	}
	if t.Fleet == nil {
		return t, nil
	}
	t.rendered = &rendered{}
	present := t.owners()
	for file, by := range removed {
		if owner, ok := ownerOf(file); ok && !present[owner] {
			t.Removed[owner] = "commit " + by.Short()
		}
	}
	for owner, at := range t.Fleet.Offboarded() {
		t.Removed[owner] = "lifecycle offboarding at " + at.String()
	}
	return t, nil
}

// Open loads a commit of a source as of a time.
func Open(ctx context.Context, loader Loader, source Source, commit Commit, at time.Time) (Target, error) {
	fsys, err := source.Open(ctx, commit)
	if err != nil {
		return Target{}, fmt.Errorf("open commit %s: %w", commit.Short(), err)
	}
	removed, err := source.Removed(ctx, commit)
	if err != nil {
		return Target{}, fmt.Errorf("history of commit %s: %w", commit.Short(), err)
	}
	return Load(ctx, loader, fsys, commit, removed, at)
}

// A shelf keeps the targets that were opened last: evaluating a fleet is by far the dearest part
// of a look at a commit that hasn't changed. A commit never changes, so nothing on it gets stale
// until something in it expires.
// Safe for concurrent use.
type shelf struct {
	mu   sync.Mutex
	last []Target // the newest use last
}

// shelved is how many targets are kept: the watched branch, what it was before, and the merge
// results of a few pull requests.
const shelved = 6

// open returns a target from the shelf, or opens it.
func (s *shelf) open(ctx context.Context, loader Loader, source Source, commit Commit) (Target, error) {
	now := time.Now().UTC()
	s.mu.Lock()
	s.last = slices.DeleteFunc(s.last, func(t Target) bool { return t.stale(now) })
	at := slices.IndexFunc(s.last, func(t Target) bool { return t.Commit == commit })
	if at >= 0 {
		t := s.last[at]
		s.last = append(slices.Delete(s.last, at, at+1), t)
		s.mu.Unlock()
		return t, nil
	}
	s.mu.Unlock()
	t, err := Open(ctx, loader, source, commit, now)
	if err != nil {
		return Target{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = append(s.last[max(0, len(s.last)-shelved+1):], t)
	return t, nil
}

// stale tells whether something has expired since the target was loaded, or what couldn't be evaluated
// is worth another try.
func (t Target) stale(now time.Time) bool {
	over := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	return t.Fleet != nil && (over(t.Fleet.Until) || over(t.Fleet.Retry))
}

// owners are all that the definitions know of, sound or broken.
func (t Target) owners() map[resource.Owner]bool {
	known := map[resource.Owner]bool{}
	for _, tenant := range t.Fleet.Tenants {
		known[resource.Tenant(tenant.Name)] = true
	}
	for _, cell := range t.Fleet.Cells {
		known[resource.Cell(cell.Name)] = true
	}
	for owner := range t.Fleet.Broken {
		known[owner] = true
	}
	return known
}

// Desired returns the rendering of each owner.
func (t Target) Desired() map[resource.Owner][]resource.Desired {
	byOwner := map[resource.Owner][]resource.Desired{}
	for _, d := range t.Rendered().Desired {
		byOwner[d.Address.Owner] = append(byOwner[d.Address.Owner], d)
	}
	return byOwner
}

// Invalid tells whether the definitions may not be applied as a whole. Single owners that are
// broken don't make it so: they are left alone, and the others are served.
func (t Target) Invalid() bool { return t.Fleet == nil }

// ownerOf tells whose definition a path of the config repository is.
func ownerOf(file string) (resource.Owner, bool) {
	name, isCUE := strings.CutSuffix(path.Base(file), ".cue")
	switch folder, _, _ := strings.Cut(file, "/"); {
	case !isCUE:
		return "", false
	case folder == "tenants":
		return resource.Tenant(name), true
	case folder == "cells":
		return resource.Cell(name), true
	}
	return "", false
}
