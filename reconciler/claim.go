package reconciler

import (
	"context"
	"errors"
)

// claimed fails if this fleet isn't ours to serve, and says so on the commit. It is asked again later: whoever
// has the fleet may let go of it.
func (d *Daemon) claimed(ctx context.Context, t Target) error {
	if d.Claim == nil || t.Fleet == nil {
		return nil
	}
	why := d.Claim(ctx, t.Fleet)
	if why == nil {
		return nil
	}
	return errors.Join(why, d.check(ctx, Check{
		Name: checkApply, Commit: t.Commit, Conclusion: "failure", Title: "Another fleet has this name and account; nothing is applied", Summary: why.Error(),
	}))
}
