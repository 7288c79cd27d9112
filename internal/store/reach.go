package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

// A reach knows the kinds and the places of what is remembered of each owner, so that asking for all of them
// costs nothing of what was applied. It is filled when everybody is read for the first time and follows the
// writes of its store, which is the only one that writes. Safe for concurrent use.
type reach struct {
	turn sync.Mutex // held while it is brought up to date

	mu     sync.Mutex // guards what follows
	filled bool
	stale  map[resource.Owner]bool // what was written since it was last read
	of     map[resource.Owner]*spread
	known  map[string]*spread // by its text: most owners share theirs with others
}

// A spread is where the resources of some owners are. It is never changed.
type spread struct {
	kinds  []string
	scopes []resource.Scope
}

// touch notes that something of an owner was written, once that is durable.
func (r *reach) touch(owner resource.Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filled {
		r.stale[owner] = true
	}
}

// Reach returns where anything was applied, over all owners, and the kinds of all that was applied or begun.
func (s *Store) Reach(ctx context.Context) (reconciler.Reach, error) {
	kinds, scopes := map[string]bool{}, map[resource.Scope]bool{}
	if s.read != nil {
		spreads, err := s.spreads(ctx)
		if err != nil {
			return reconciler.Reach{}, fmt.Errorf("read where the owners are: %w", err)
		}
		for _, sp := range spreads {
			for _, kind := range sp.kinds {
				kinds[kind] = true
			}
			for _, scope := range sp.scopes {
				scopes[scope] = true
			}
		}
		err = each(ctx, s.read, func(row *sql.Rows) error {
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			address, err := resource.ParseAddress(text)
			kinds[address.Kind] = true
			return err
		}, "SELECT address FROM begun")
		if err != nil {
			return reconciler.Reach{}, fmt.Errorf("read what was begun: %w", err)
		}
	}
	return reconciler.Reach{Kinds: slices.Sorted(maps.Keys(kinds)), Scopes: slices.SortedFunc(maps.Keys(scopes), resource.Scope.Compare)}, nil
}

// spreads brings the reach up to date and returns the different ones.
func (s *Store) spreads(ctx context.Context) ([]*spread, error) {
	r := &s.reach
	if s.write == nil { // another process may write meanwhile
		r = &reach{}
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	all, stale := r.begin()
	if err := r.end(s.spread(ctx, r, all, stale)); err != nil {
		return nil, err
	}
	used := map[*spread]bool{}
	for _, sp := range r.of {
		used[sp] = true
	}
	return slices.Collect(maps.Keys(used)), nil
}

// begin says what is to be read: all, or some owners. What is written from then on is read once more.
func (r *reach) begin() (all bool, some []resource.Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, some = !r.filled, slices.AppendSeq([]resource.Owner{}, maps.Keys(r.stale))
	r.filled, r.stale = true, map[resource.Owner]bool{}
	return all, some
}

// end notes whether it was read.
func (r *reach) end(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filled = r.filled && err == nil
	return err
}

// fill takes over what was applied to everybody, which read reads, if it isn't known yet or has changed.
func (r *reach) fill(read func() (map[resource.Owner]reconciler.OwnerState, error)) (map[resource.Owner]reconciler.OwnerState, error) {
	r.mu.Lock()
	fresh := r.filled && len(r.stale) == 0
	r.mu.Unlock()
	if fresh || !r.turn.TryLock() {
		return read()
	}
	defer r.turn.Unlock()
	r.begin()
	owners, err := read()
	r.of, r.known = make(map[resource.Owner]*spread, len(owners)), map[string]*spread{}
	for owner, state := range owners {
		r.of[owner] = spreadOf(state.Applied, r.known)
	}
	return owners, r.end(err)
}

// spread reads where everybody is, or some owners.
func (s *Store) spread(ctx context.Context, r *reach, all bool, owners []resource.Owner) error {
	if all {
		r.of, r.known, owners = map[resource.Owner]*spread{}, map[string]*spread{}, nil
	} else if len(owners) == 0 {
		return nil // where none would mean everybody
	}
	for _, owner := range owners {
		delete(r.of, owner)
	}
	return appliedOf(ctx, s.read, owners, func(owner resource.Owner, state reconciler.OwnerState) {
		r.of[owner] = spreadOf(state.Applied, r.known)
	})
}

func spreadOf(applied []resource.Desired, known map[string]*spread) *spread {
	kinds, scopes := map[string]bool{}, map[resource.Scope]bool{}
	for i := range applied {
		kinds[applied[i].Address.Kind], scopes[applied[i].Scope] = true, true
	}
	sp := &spread{slices.Sorted(maps.Keys(kinds)), slices.SortedFunc(maps.Keys(scopes), resource.Scope.Compare)}
	text := fmt.Sprint(*sp)
	known[text] = cmp.Or(known[text], sp)
	return known[text]
}
