package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A Reconciler brings the cloud to a target. It holds no state of its own: what must be
// remembered is in State and in the log.
type Reconciler struct {
	// Providers gives the drivers for the accounts of a fleet. kinds are those of its resources, which
	// need a driver whether the fleet's definitions still name them or not.
	Providers func(fleet *schema.Fleet, kinds []string) (providers.Set, error)
	State     State
	Recorder  Recorder
	Observer  *Observer
	// Settle is how long the fate of a create stays open that nothing is seen of: the time by which
	// a lost request may still be applied, and a read may still be stale. Three minutes if zero.
	Settle time.Duration
	// AtOnce bounds the writes that are under way at the same time; 16 if zero.
	AtOnce int
}

// defaultSettle has a minute for the call itself, which may be sent at any time until it is up.
const defaultSettle = 2*time.Minute + writeTimeout

// A Plan is a changeset with what is needed to apply it.
type Plan struct {
	Target    Target
	Changeset changeset.Changeset
	set       providers.Set
	seen      Observation
	known     map[resource.Owner]OwnerState
	sent      map[resource.Address]Intent // the creates that have no answer
	waits     waits
	desired   map[resource.Owner][]resource.Desired
	only      []resource.Owner // what it was restricted to; nil for everybody
}

// A Question is how a plan looks at drift.
type Question struct {
	// Correct asks for drift to be put back rather than held.
	Correct bool
	// Reconciled takes owners that nothing is remembered of as reconciled to the target, so that
	// whatever differs counts as drift. It is how the cloud is audited from a fresh machine.
	Reconciled bool
	// Within lets the plan stand on what was known of the cloud before, if the place was listed within this
	// time; what the plan concerns is read again. Zero has everything read.
	Within time.Duration
	// Part is read again in any case, and all else that the plan has something to say of.
	Part Part
	// About restricts the plan to these owners, unless it is nil. Together with Within it is made of what they
	// depend on alone wherever that says the same; see about.
	About []resource.Owner
}

// Plan computes what would have to change for the cloud to match the target. It writes nothing.
func (r *Reconciler) Plan(ctx context.Context, t Target, q Question) (Plan, error) {
	if t.Fleet == nil {
		return Plan{}, fmt.Errorf("the definitions of %s can't be used: see the findings", t.Commit.Short())
	}
	if q.About != nil && q.Within > 0 {
		if p, enough, err := r.about(ctx, t, q); err != nil || enough {
			return p, err
		}
	}
	p, err := r.plan(ctx, t, q)
	if err == nil && q.About != nil {
		p = p.Only(q.About...)
	}
	return p, err
}

// plan is Plan for everybody.
func (r *Reconciler) plan(ctx context.Context, t Target, q Question) (Plan, error) {
	known, err := r.State.Owners(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("recall what was applied: %w", err)
	}
	open, err := r.State.Unanswered(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("ask the log for creates without an answer: %w", err)
	}
	set, err := r.Providers(t.Fleet, kindsOf(known, open))
	if err != nil {
		return Plan{}, fmt.Errorf("drivers: %w", err)
	}
	waits, err := r.ask(ctx, set, nil) // before the look, which then shows what came of it
	if err != nil {
		return Plan{}, fmt.Errorf("ask for what is under way: %w", err)
	}
	b := basis{target: t, question: q, set: set, known: known, open: open, waits: waits}
	if b.guide, err = r.guide(ctx, b); err != nil {
		return Plan{}, err
	}
	ctx = guided(ctx, b.guide)
	if q.Within > 0 {
		if p, enough, err := r.narrow(ctx, b); err != nil || enough {
			return p, err
		}
		r.Observer.Forget()
	}
	seen, err := r.look(ctx, b)
	if err != nil {
		return Plan{}, fmt.Errorf("observe the cloud: %w", err)
	}
	return r.compare(ctx, b, seen, true)
}

// compare makes the plan of what was seen. Whole tells that all of it was just now.
func (r *Reconciler) compare(ctx context.Context, b basis, seen Observation, whole bool) (Plan, error) {
	t, q, set, known := b.target, b.question, b.set, maps.Clone(b.known)
	sent, err := r.State.Unanswered(ctx) // as of after the look
	if err != nil {
		return Plan{}, fmt.Errorf("ask the log for creates without an answer: %w", err)
	}
	var recognised changeset.Snapshot
	if b.guide != nil {
		recognised = b.guide.recognised(set, t.Fleet.Name, seen.Observed)
		seen.Observed = recognised.Observed
	}
	snapshot, err := r.snapshot(ctx, t, set, seen, known, sent)
	if err != nil {
		return Plan{}, err
	}
	if b.circle == nil { // a part in which something goes doesn't stand
		if err := r.spending(ctx, &snapshot); err != nil {
			return Plan{}, err
		}
	}
	if !whole {
		snapshot.Limits = countAlone(snapshot.Limits)
	}
	snapshot.Adoptable = adoptable(ctx, set, snapshot.Desired, seen)
	maps.Copy(snapshot.Adoptable, recognised.Adoptable)
	snapshot.Made, snapshot.Unclear = recognised.Made, recognised.Unclear
	snapshot.CorrectDrift = q.Correct
	snapshot.UnderWay = b.waits.underWay()
	reconciled(&snapshot, known, t, q.Reconciled)
	cs, err := changeset.Compute(snapshot)
	if err != nil {
		return Plan{}, fmt.Errorf("compare: %w", err)
	}
	return Plan{Target: t, Changeset: cs, set: set, seen: seen, known: known, sent: sent, waits: b.waits, desired: t.Desired()}, nil
}

// kindsOf are the kinds of all that was applied or begun, sorted: what a run that died has made is to be
// seen although no definition names its kind any more.
func kindsOf(known map[resource.Owner]OwnerState, open map[resource.Address]Intent) []string {
	kinds := map[string]bool{}
	for address := range open {
		kinds[address.Kind] = true
	}
	for _, state := range known {
		for address := range state.Begun {
			kinds[address.Kind] = true
		}
		for _, d := range state.Applied {
			kinds[d.Address.Kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

// Only restricts a plan to some owners.
func (p Plan) Only(owners ...resource.Owner) Plan {
	p.Changeset = p.Changeset.Only(owners...)
	p.only = append([]resource.Owner{}, owners...)
	return p
}

// look observes everything.
func (r *Reconciler) look(ctx context.Context, b basis) (Observation, error) {
	scopes, gone := b.scopes()
	seen, err := r.Observer.Observe(ctx, b.set, b.target.Fleet.Name, scopes)
	if err == nil {
		seen, err = r.Observer.confirm(ctx, b.set, b.target.Fleet.Name, scopes, seen, expect(b.target.Rendered().Desired, b.known))
	}
	return withGone(seen, gone), err
}

// scopes are the places of the fleet, and those that it doesn't name any more and where something was
// applied: that is there until it is seen not to be. A place whose account left the fleet can't be read,
// and so counts as unseen.
func (b basis) scopes() (scopes []resource.Scope, gone map[changeset.Place]string) {
	fleet := b.target.Fleet
	scopes, gone = fleet.Scopes(), map[changeset.Place]string{}
	for _, at := range b.applied() {
		switch {
		case slices.Contains(scopes, at), lost(fleet)[at.Account] != "":
		case slices.ContainsFunc(fleet.Accounts, func(a schema.Account) bool { return a.ID == at.Account }):
			scopes = append(scopes, at)
		default:
			gone[changeset.Place{Scope: at}] = "the fleet has no account " + at.Account + " any more, and something was applied there: " +
				"put the account back until nothing is left in it"
		}
	}
	slices.SortFunc(scopes, resource.Scope.Compare)
	return scopes, gone
}

// applied are the places in which anything was applied.
func (b basis) applied() []resource.Scope {
	if b.circle != nil {
		return b.reach
	}
	seen := map[resource.Scope]bool{}
	for _, state := range b.known {
		for i := range state.Applied {
			seen[state.Applied[i].Scope] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// withGone adds to what couldn't be seen.
func withGone(seen Observation, gone map[changeset.Place]string) Observation {
	if len(gone) > 0 {
		unseen := maps.Clone(gone)
		maps.Copy(unseen, seen.Unseen)
		seen.Unseen = unseen
	}
	return seen
}

// snapshot gathers all that the decision depends on.
func (r *Reconciler) snapshot(ctx context.Context, t Target, set providers.Set, seen Observation, known map[resource.Owner]OwnerState, sent map[resource.Address]Intent) (changeset.Snapshot, error) {
	s := changeset.Snapshot{
		Fleet:     t.Fleet.Name,
		Commit:    string(t.Commit),
		Kinds:     set.Kinds(),
		Desired:   t.Rendered().Desired,
		Settled:   map[resource.Owner]bool{},
		Doubtful:  map[resource.Address]bool{},
		Begun:     map[resource.Address][]resource.Desired{},
		Follows:   map[resource.Address]bool{},
		Observed:  seen.Observed,
		Unseen:    seen.Unseen,
		Broken:    broken(t),
		Removed:   t.Removed,
		Lost:      lost(t.Fleet),
		Limits:    t.Fleet.Limits,
		Approvals: t.Fleet.Approvals,
		Waivers:   t.Fleet.Waivers,
		Unsure:    map[resource.Address]time.Time{},
		Now:       time.Now().UTC(),
	}
	applied(&s, t, known)
	var err error
	if s.Created, err = r.State.Created(ctx, addresses(seen.Observed)); err != nil {
		return s, fmt.Errorf("ask the log for what we created: %w", err)
	}
	var unrepeatable []resource.Address
	for _, o := range seen.Observed {
		if s.Kinds[o.Address.Kind].Unrepeatable {
			unrepeatable = append(unrepeatable, o.Address)
		}
	}
	if s.Nonces, err = r.State.Nonces(ctx, unrepeatable); err != nil {
		return s, fmt.Errorf("ask the log for the marks of what we created: %w", err)
	}
	return s, r.unsure(ctx, &s, sent)
}

// spending fills in what limits and approvals are judged by.
func (r *Reconciler) spending(ctx context.Context, s *changeset.Snapshot) error {
	window := s.Limits.Window
	if window == 0 {
		window = 24 * time.Hour
	}
	var err error
	if s.Spent, err = r.State.Spent(ctx, s.Now.Add(-window)); err != nil {
		return fmt.Errorf("ask the log for what was destroyed: %w", err)
	}
	if s.Used, err = r.State.Used(ctx); err != nil {
		return fmt.Errorf("ask the log for what was approved: %w", err)
	}
	return nil
}

// applied fills in what is remembered of the owners, and what of it is in doubt because something was
// begun on it since.
func applied(s *changeset.Snapshot, t Target, known map[resource.Owner]OwnerState) {
	seen := map[resource.Address]bool{}
	for _, o := range s.Observed {
		seen[o.Address] = true
	}
	desired := t.Desired()
	for owner, state := range known {
		s.Settled[owner] = true
		reached := map[resource.Address]resource.Desired{} // by a run that died before it could say so
		for address, b := range state.Begun {
			s.Follows[address] = b.Follows
			again := b.Commit != "" && b.Commit == t.Commit
			switch {
			case again && b.Done:
				at := slices.IndexFunc(desired[owner], func(d resource.Desired) bool { return d.Address == address })
				if at >= 0 {
					reached[address] = desired[owner][at]
					s.Applied = append(s.Applied, reached[address])
				}
			case b.Written && !again && len(b.Wanted) > 0 && !b.Removed:
				s.Begun[address] = b.Wanted
			case b.Written && !again, b.Removed && !seen[address]:
				// Another try at the same commit asks for what the first did, so that what was changed in the
				// cloud and what is still to be done can be told apart as before. Between two commits they
				// can't, and what we deleted ourselves in order to make it anew nobody else deleted.
				s.Doubtful[address] = true
			}
		}
		for _, d := range state.Applied {
			if _, newer := reached[d.Address]; !newer {
				s.Applied = append(s.Applied, d)
			}
		}
	}
}

// unsure fills in the creates that what a list doesn't show may still come from: those without an
// answer, which may yet arrive, and those that succeeded a moment ago, which lists may not have yet.
func (r *Reconciler) unsure(ctx context.Context, s *changeset.Snapshot, sent map[resource.Address]Intent) error {
	made, err := r.State.Made(ctx, s.Now.Add(-r.settle()))
	if err != nil {
		return fmt.Errorf("ask the log for what was created just now: %w", err)
	}
	note := func(address resource.Address, at time.Time) {
		until := at.Add(r.settle())
		// A kind whose create can be repeated needs no wait: its name or token makes it one.
		if s.Kinds[address.Kind].Unrepeatable && until.After(s.Unsure[address]) {
			s.Unsure[address] = until
		}
	}
	for address, intent := range sent {
		note(address, intent.Sent)
	}
	for address, at := range made {
		note(address, at)
	}
	return nil
}

// reconciled takes owners as reconciled to the target that nothing is remembered of, though they have
// something in service that the log doesn't know either: their memory was lost. What differs may
// then be somebody's change, and asking is the price of the loss. That something was begun on an owner
// since is no memory of what was applied to the rest of it.
func reconciled(s *changeset.Snapshot, known map[resource.Owner]OwnerState, t Target, everybody bool) {
	begun := func(a resource.Address) bool { return known[a.Owner].Begun[a].Written }
	serves, logged := map[resource.Owner]bool{}, map[resource.Owner]bool{}
	for _, o := range s.Observed {
		if begun(o.Address) {
			continue
		}
		serves[o.Address.Owner] = serves[o.Address.Owner] || o.Retired == ""
		logged[o.Address.Owner] = logged[o.Address.Owner] || s.Created[o.Address]
	}
	for owner, desired := range t.Desired() {
		state := known[owner]
		remembered := state.Commit != "" || len(state.Applied) > 0
		if remembered || !everybody && (!serves[owner] || logged[owner]) {
			continue
		}
		for _, d := range desired {
			if !begun(d.Address) {
				state.Applied = append(state.Applied, d)
			}
		}
		known[owner] = state
		s.Applied = append(s.Applied, state.Applied...)
		s.Settled[owner] = true
	}
}

func (r *Reconciler) settle() time.Duration {
	if r.Settle > 0 {
		return r.Settle
	}
	return defaultSettle
}

// broken has the owners that must be left alone: those whose definitions can't be used, and those
// that a policy wants a person to look at first.
func broken(t Target) map[resource.Owner]string {
	out := map[resource.Owner]string{}
	maps.Copy(out, t.Fleet.Held)
	maps.Copy(out, t.Fleet.Broken)
	maps.Copy(out, t.Rendering.Broken)
	return renamedToBroken(t, out)
}

func addresses(list []resource.Observed) []resource.Address {
	out := make([]resource.Address, len(list))
	for i, o := range list {
		out[i] = o.Address
	}
	return out
}
