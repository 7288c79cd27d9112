package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// What the forge is to show of environments is kept with all else that is remembered, and said in turns of its
// own: no write waits for the forge, a restart loses nothing, and of what changes faster than it can be said
// only the last is.

const (
	// mostDeployments is how many are remembered: those of the newest commit, and those that couldn't be
	// shown yet.
	mostDeployments = 100
	// mostTries is how often one is tried to be shown before it is given up.
	mostTries = 10
)

// A showing is a deployment that the forge is to show.
type showing struct {
	Deployment
	Said  bool `json:"said"`  // the forge shows it
	Tried int  `json:"tried"` // in vain, so often
}

// notices is what a daemon knows of them beside that.
type notices struct {
	mu     sync.Mutex // held while what is remembered changes
	hidden bool       // nothing can be shown, and that was said
	again  bool       // a person wants what was applied to be looked at once more
}

// askAgain has the newest commit applied once more although the cloud was brought to it.
func (n *notices) askAgain() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.again = true
}

// askedAgain tells whether somebody asked for that since the last time.
func (n *notices) askedAgain() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.again
	n.again = false
	return asked
}

// recallShowings returns what is remembered, the oldest first.
func (d *Daemon) recallShowings(ctx context.Context) (list []showing, err error) {
	err = d.recall(ctx, stateDeployments, &list, "what is deployed")
	return list, err
}

// showings changes what is remembered, and has it said if there is anything to say. That it can't be is
// no reason to apply nothing.
func (d *Daemon) showings(ctx context.Context, change func([]showing) []showing) {
	if d.Deployments == nil {
		return
	}
	unsaid, err := d.changeShowings(ctx, change)
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("what is deployed is not shown", "error", err)
	}
	if unsaid {
		d.trigger(ctx, keyDeploy, false)
	}
}

func (d *Daemon) changeShowings(ctx context.Context, change func([]showing) []showing) (unsaid bool, err error) {
	d.noticed.mu.Lock()
	defer d.noticed.mu.Unlock()
	before, err := d.recallShowings(ctx)
	if err != nil {
		return false, err
	}
	after := change(slices.Clone(before))
	after = after[max(0, len(after)-mostDeployments):]
	unsaid = slices.ContainsFunc(after, func(s showing) bool { return !s.Said })
	if slices.Equal(before, after) {
		return unsaid, nil
	}
	if err := d.remember(ctx, stateDeployments, after, "what is deployed"); err != nil {
		return false, err
	}
	return unsaid, nil
}

// deploy says on the forge what it doesn't show yet.
func (d *Daemon) deploy(ctx context.Context) error {
	if d.Deployments == nil {
		return nil
	}
	list, err := d.recallShowings(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, s := range list {
		if s.Said {
			continue
		}
		err := d.Deployments.Deploy(ctx, s.Deployment)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, ErrNoDeployments) {
			d.noDeployments(err)
			err = nil
		}
		given := err != nil && s.Tried+1 >= mostTries
		if given {
			d.Log.Warn("a deployment is not shown; it is given up", "commit", s.Commit.Short(), "environment", s.Environment, "error", err)
		} else if err != nil {
			failures = append(failures, err)
		}
		if _, err := d.changeShowings(ctx, said(s, err == nil || given)); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

// noDeployments says once that nothing can be shown.
func (d *Daemon) noDeployments(err error) {
	d.noticed.mu.Lock()
	defer d.noticed.mu.Unlock()
	if !d.noticed.hidden {
		d.noticed.hidden = true
		d.Log.Warn("GitHub shows no deployments, and all else is as it should be; grant the App the permission deployments (write) to see them", "error", err)
	}
}

// said notes what became of showing something, unless there is something else to show by now.
func said(s showing, done bool) func([]showing) []showing {
	return func(list []showing) []showing {
		for i, now := range list {
			if now.Deployment == s.Deployment {
				list[i].Said, list[i].Tried = done, s.Tried+1
			}
		}
		return list
	}
}

// state sets what became of a commit in an environment.
func state(list []showing, d Deployment) []showing {
	at := slices.IndexFunc(list, func(s showing) bool { return s.Commit == d.Commit && s.Environment == d.Environment })
	switch {
	case at < 0:
		return append(list, showing{Deployment: d})
	case list[at].Deployment != d:
		list[at] = showing{Deployment: d}
	}
	return list
}

// overtaken ends what a newer commit took over from, and lets go of what is shown of older ones. What failed
// or succeeded before stays as it was.
func overtaken(by Commit) func([]showing) []showing {
	return func(list []showing) []showing {
		var kept []showing
		for _, s := range list {
			if s.Commit != by && s.State == inProgress {
				s = showing{Deployment: s.Deployment}
				s.State, s.Description = "inactive", "A newer commit took over: "+by.Short()
			}
			if s.Commit == by || !s.Said {
				kept = append(kept, s)
			}
		}
		return kept
	}
}

// halted ends what a commit has in progress, for a reason.
func halted(commit Commit, why string) func([]showing) []showing {
	return func(list []showing) []showing {
		for i, s := range list {
			if s.Commit == commit && s.State == inProgress {
				d := s.Deployment
				d.State, d.Description = "failure", brief(why)
				list[i] = showing{Deployment: d}
			}
		}
		return list
	}
}

const inProgress = "in_progress"

// brief is a text as long as anybody reads it in a line.
func brief(text string) string {
	const most = 300
	return string([]rune(text)[:min(len([]rune(text)), most)])
}

// A terrain is a fleet as far as people see it on the forge: its environments.
type terrain struct {
	fleet     *schema.Fleet
	ofCell    map[string]string
	ofAccount map[string]string // by id: of all its cells, if that is one
}

func newTerrain(fleet *schema.Fleet) terrain {
	t := terrain{fleet, map[string]string{}, map[string]string{}}
	ids := map[string]string{}
	for _, a := range fleet.Accounts {
		ids[a.Name] = a.ID
	}
	for _, c := range fleet.Cells {
		t.ofCell[c.Name] = c.Environment
		id := ids[c.Account]
		if only, known := t.ofAccount[id]; known && only != c.Environment {
			t.ofAccount[id] = ""
			continue
		}
		t.ofAccount[id] = c.Environment
	}
	return t
}

// of is the environment that a change is in: that of its cell, or, of what has none in Git any more, that of
// all cells in the account. Empty if there is no telling.
func (t terrain) of(c changeset.Change) string {
	if environment, known := t.ofCell[c.Cell]; known {
		return environment
	}
	return t.ofAccount[c.Scope.Account]
}

// deployment is a commit in an environment, without what became of it.
func (t terrain) deployment(commit Commit, environment string) Deployment {
	d := Deployment{Commit: commit, Environment: environment}
	for _, e := range t.fleet.Environments {
		if e.Name == environment {
			d.Production, d.Preview = e.Kind == "production", e.Kind == "preview"
		}
	}
	return d
}

// touched are the environments in which a plan writes for the commit, or goes on with what was begun, sorted.
// What was changed in the cloud and is put back is no change of the commit's.
func (t terrain) touched(p Plan) map[string]int {
	count := map[string]int{}
	for _, c := range p.Changeset.Changes {
		if environment := t.of(c); environment != "" && c.Cause != changeset.Drift && (c.Hold == "" || p.passes(c)) {
			count[environment]++
		}
	}
	return count
}

// underWay shows the environments that a plan touches as in progress.
func (d *Daemon) underWay(ctx context.Context, r *result, p Plan) {
	if d.Deployments == nil {
		return
	}
	touched := r.terrain.touched(p)
	d.showings(ctx, func(list []showing) []showing {
		for _, environment := range slices.Sorted(maps.Keys(touched)) {
			now := r.terrain.deployment(r.commit, environment)
			now.State, now.Description = inProgress, fmt.Sprintf("%d change%s to make", touched[environment], plural(touched[environment]))
			at := slices.IndexFunc(list, func(s showing) bool { return s.Commit == r.commit && s.Environment == environment })
			if at < 0 || list[at].State != inProgress { // a further pass or look begins nothing
				list = state(list, now)
			}
		}
		return list
	})
}

// stands shows how a commit stands in each of the environments that it touched.
func (d *Daemon) stands(ctx context.Context, r *result) {
	d.showings(ctx, func(list []showing) []showing {
		for _, s := range slices.Clone(list) {
			if s.Commit == r.commit {
				list = state(list, r.standing(s.Environment))
			}
		}
		return list
	})
}

// standing is what became of a commit in an environment. It succeeded once the cloud was seen to be as the
// commit wants it there; nothing less counts.
func (r *result) standing(environment string) Deployment {
	d := r.terrain.deployment(r.commit, environment)
	so := r.report()
	so.Unseen = slices.DeleteFunc(slices.Clone(r.unseen), func(u changeset.Unseen) bool {
		at := r.terrain.of(changeset.Change{Scope: u.Scope})
		return at != "" && at != environment
	})
	so.Outcomes = slices.DeleteFunc(r.list(), func(o changeset.Outcome) bool { return r.where[o.Address] != environment })
	left := map[resource.Address]bool{}
	for _, c := range r.last.Changes {
		if c.HoldKind != changeset.HoldDrift && r.terrain.of(c) == environment {
			left[c.Address] = true
		}
	}
	so.Converged = len(left) == 0 && len(so.Unseen) == 0 && len(so.Broken) == 0
	so.Underway = !so.Converged && !slices.ContainsFunc(so.Outcomes, func(o changeset.Outcome) bool {
		return left[o.Address] && o.Result != changeset.Waiting && o.Result != changeset.Applied && o.Result != changeset.Unchanged
	}) && slices.ContainsFunc(so.Outcomes, func(o changeset.Outcome) bool { return o.Result == changeset.Waiting })
	state, text := report.Deployed(so)
	d.State, d.Description = state, brief(text)
	return d
}

// lookAgain has all that isn't shown yet be so after a start.
func (d *Daemon) lookAgain() {
	if d.Deployments != nil {
		d.later(keyDeploy, time.Now())
	}
}
