package reconciler

import (
	"context"
	"fmt"
	"slices"

	"tenantry.dev/reconciler/changeset"
)

// A restoration that replaces something may end between the deletion and the creation. What it deleted
// is no drift then, because nobody else deleted it: making it again is what is left of applying the
// commit. Therefore the commit counts as not converged while something is replaced, so that the next
// start goes on with it, and every scan looks for what was left.

// putBack applies a plan that restores what drifted. The commit counts as not converged from before
// the first write until all that is replaced is there again.
func (d *Daemon) putBack(ctx context.Context, plan Plan, o Order) ([]changeset.Outcome, error) {
	converged, err := d.Reconciler.State.Get(ctx, stateConverged)
	if err != nil {
		return nil, fmt.Errorf("recall the applied commit: %w", err)
	}
	replaces := slices.ContainsFunc(plan.Changeset.Ready(), func(c changeset.Change) bool { return c.Action == changeset.Replace })
	if !replaces || converged != string(plan.Target.Commit) {
		return d.Reconciler.Apply(ctx, plan, o)
	}
	if err := d.converged(ctx, ""); err != nil {
		return nil, err
	}
	outcomes, err := d.Reconciler.Apply(ctx, plan, o)
	undone := slices.ContainsFunc(outcomes, func(o changeset.Outcome) bool {
		return o.Action == changeset.Replace && (o.Result == changeset.Failed || o.Result == changeset.Skipped || o.Result == changeset.Waiting)
	})
	if err != nil || undone {
		return outcomes, err
	}
	return outcomes, d.converged(context.WithoutCancel(ctx), converged)
}

func (d *Daemon) converged(ctx context.Context, commit string) error {
	if err := d.Reconciler.State.Put(ctx, stateConverged, commit); err != nil {
		return fmt.Errorf("remember the applied commit: %w", err)
	}
	return nil
}

// finish has the commit applied again if a plan of it finds that we deleted something to make it anew,
// and didn't.
func (d *Daemon) finish(ctx context.Context, plan Plan) error {
	left := slices.ContainsFunc(plan.Changeset.Ready(), func(c changeset.Change) bool {
		return plan.known[c.Address.Owner].Begun[c.Address].Removed
	})
	if !left {
		return nil
	}
	d.Log.Info("a replacement was left half done; the commit is applied again", "commit", plan.Target.Commit.Short())
	if err := d.converged(ctx, ""); err != nil {
		return err
	}
	d.trigger(ctx, keyHead, true)
	return nil
}
