package reconciler

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A create of a kind that has no name of its own is known by its nonce:
//
//	choose → write the entry before it, with the nonce (durable) → send once, the nonce as a tag
//	→ an answer, or the resource is seen with this nonce: the intent is closed
//	→ neither: the same intent, with the same nonce, is sent again when the first can't arrive any more
//
// What carries the address and a nonce that the log doesn't know is not what was made here.

// nonce is the mark that the create of an address leaves: that of the intent which is open, or a new
// one, chosen once for a run. It is empty for kinds that are known by their name.
func (r *run) nonce(address resource.Address) string {
	if !r.unrepeatable(address.Kind) {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nonces[address] == "" {
		r.nonces[address] = r.plan.sent[address].Nonce
	}
	if r.nonces[address] == "" {
		r.nonces[address] = rand.Text()
	}
	return r.nonces[address]
}

// recognise closes the intents of creates without an answer whose resource was seen: the log says then
// what became of each. What such a create left half made shows as a difference.
func (r *run) recognise(ctx context.Context) error {
	closed := map[resource.Address]bool{}
	for _, o := range r.plan.seen.Observed {
		intent, open := r.plan.sent[o.Address]
		if !open || closed[o.Address] || r.plan.waits.known[o.Address].Ticket != "" || r.bearsNonce(o.Address.Kind) && intent.Nonce != o.Nonce {
			continue
		}
		closed[o.Address] = true
		entry := changeset.Entry{
			Run: r.order.Run, Phase: changeset.After, Fleet: r.plan.Target.Fleet.Name, Commit: string(r.plan.Target.Commit),
			Address: o.Address, Scope: o.Scope, Action: changeset.Create, Result: changeset.Unchanged,
			Before: intent.Seq, Actor: r.order.Actor, Detail: "it was made: " + o.ID + " was seen",
		}
		if _, err := r.reconciler.Recorder.Record(ctx, entry); err != nil {
			return fmt.Errorf("write the log that %s was made: %w", o.Address, err)
		}
	}
	return nil
}

// bearsNonce tells whether what is made of a kind carries the mark of the create that made it.
func (r *run) bearsNonce(kind string) bool {
	return r.unrepeatable(kind) && len(r.plan.set[kind].Kind().Identity) == 0
}

// followers has, of each resource, those that referred to it when they were last applied, or do now.
// It is made when it is first needed, which is rarely.
type followers struct {
	once sync.Once
	of   map[resource.Address][]resource.Address
}

func (f *followers) find(p *Plan, address resource.Address) []resource.Address {
	f.once.Do(func() {
		f.of = map[resource.Address][]resource.Address{}
		note := func(d resource.Desired) {
			for _, ref := range d.Attributes.Refs() {
				if users := f.of[ref.Address]; len(users) == 0 || users[len(users)-1] != d.Address {
					f.of[ref.Address] = append(users, d.Address)
				}
			}
		}
		for _, state := range p.known {
			for _, d := range state.Applied {
				note(d)
			}
		}
		for _, list := range p.desired {
			for _, d := range list {
				note(d)
			}
		}
	})
	return f.of[address]
}

// follow notes, durably, that a resource is about to be something else for those that refer to it, so
// that they are taken along even if this run ends before it gets to them. A resource that is new has
// nobody who could be left behind.
func (r *run) follow(ctx context.Context, c changeset.Change) error {
	was := slices.ContainsFunc(r.plan.known[c.Address.Owner].Applied, func(d resource.Desired) bool { return d.Address == c.Address })
	if c.Have == nil && !was {
		return nil
	}
	var users []resource.Address
	for _, user := range r.followers.find(&r.plan, c.Address) {
		if r.exists(user) {
			users = append(users, user)
		}
	}
	if len(users) == 0 {
		return nil
	}
	if err := r.reconciler.State.Follow(context.WithoutCancel(ctx), users); err != nil {
		return fmt.Errorf("note what refers to %s: %w", c.Address, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, user := range users {
		r.followed[user] = true
	}
	return nil
}

// left tells whether a resource refers to something that this run wrote.
func (r *run) left(address resource.Address) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.followed[address]
}

// exists tells whether there is something at an address.
func (r *run) exists(address resource.Address) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.outputs[address]
	return there
}
