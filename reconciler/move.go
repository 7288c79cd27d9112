package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// move are the steps that give a resource its address of now, and then what else Git wants of it. A run
// that dies between them leaves a resource that is where Git has it, and an update.
func move(c changeset.Change, want resource.Desired) []step {
	steps := []step{{action: changeset.Move, send: func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		mover, ok := d.(providers.Mover)
		if !ok {
			return have, &unsentError{fmt.Errorf("%s can't be moved", d.Kind().Name)}
		}
		now, err := refresh(ctx, d, have)
		if err != nil {
			return now, err
		}
		return mover.Move(ctx, now, c.Address)
	}}}
	if c.Have.Retired != "" || !same(want.Attributes, c.Have.Attributes) {
		steps = append(steps, update(want))
	}
	return steps
}

// forget takes out of what is remembered what is not there any more: the earlier addresses of what
// was moved from one owner to another.
func (r *Reconciler) forget(ctx context.Context, changes []changeset.Change, outcomes []changeset.Outcome) error {
	moved := map[resource.Owner][]resource.Address{}
	for i, c := range changes {
		if c.Action == changeset.Move && outcomes[i].Result == changeset.Applied && c.From.Owner != c.Address.Owner {
			moved[c.From.Owner] = append(moved[c.From.Owner], c.From)
		}
	}
	return r.forgetAll(ctx, moved)
}

// abandon notes in the log what was applied in accounts that are lost, and forgets it. The note comes
// first, so that nothing is forgotten that isn't in the log; if the run dies between the two, there
// is a second note.
func (r *Reconciler) abandon(ctx context.Context, p Plan, o Order) error {
	lost := map[resource.Owner][]resource.Address{}
	for _, a := range p.Changeset.Abandoned {
		entry := changeset.Entry{
			Run: o.Run, Phase: changeset.Note, Fleet: p.Changeset.Fleet, Commit: p.Changeset.Commit, Digest: p.Changeset.Digest,
			Address: a.Address, Scope: a.Scope, Action: changeset.Abandon, Actor: o.Actor,
			Detail: fmt.Sprintf("account %s is lost: %s; what was applied there is forgotten and left alone", a.Scope.Account, a.Why),
		}
		if _, err := r.Recorder.Record(ctx, entry); err != nil {
			return fmt.Errorf("write the log, so nothing is forgotten: %w", err)
		}
		lost[a.Address.Owner] = append(lost[a.Address.Owner], a.Address)
	}
	return r.forgetAll(ctx, lost)
}

func (r *Reconciler) forgetAll(ctx context.Context, gone map[resource.Owner][]resource.Address) error {
	var failures []error
	for owner, addresses := range gone {
		slices.SortFunc(addresses, resource.Address.Compare)
		failures = append(failures, r.State.Forget(ctx, owner, addresses))
	}
	return errors.Join(failures...)
}

// lost has the accounts that the fleet says are lost, with what it says.
func lost(fleet *schema.Fleet) map[string]string {
	out := make(map[string]string, len(fleet.Lost))
	for _, account := range fleet.Lost {
		out[account.ID] = fmt.Sprintf("%s (%s, %s)", account.Reason, account.By, account.Origin)
	}
	return out
}

// renamedToBroken adds, to the owners that are left alone, what those were called before that are among
// them: a tenant that was renamed and has a mistake in it must not lose what it has under its earlier
// name, although a commit removed that.
func renamedToBroken(t Target, broken map[resource.Owner]string) map[resource.Owner]string {
	for was, owner := range t.Fleet.Renamed() {
		if why, bad := broken[owner]; bad && broken[was] == "" {
			broken[was] = fmt.Sprintf("%s says that it was called so before, and can't be used: %s", owner, why)
		}
	}
	return broken
}
