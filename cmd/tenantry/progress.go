package main

import (
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// repeatAfter is how often a terminal is told again of what waits for the cloud.
const repeatAfter = time.Minute

// progress prints every outcome as it comes. What waits is looked at again and again, and is said again
// after a while.
func (a *app) progress(quiet bool) func(changeset.Outcome) {
	if quiet {
		return nil
	}
	told := map[resource.Address]time.Time{} // one outcome is told at a time
	return func(o changeset.Outcome) {
		switch now := time.Now(); {
		case o.Result == changeset.Held:
			return
		case o.Result != changeset.Waiting:
		case !told[o.Address].IsZero() && now.Sub(told[o.Address]) < repeatAfter:
			return
		default:
			told[o.Address] = now
		}
		_, _ = fmt.Fprintln(a.out, report.Progress(o, time.Now(), a.color()))
	}
}
