package reconciler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/schema"
)

const (
	stateStanding = "standing" // what is held, and since when, and since when exceptions and grants are known
	stateArrivals = "arrivals" // when commits were seen in the cloud as a whole
	mostArrivals  = 500
)

// A standing is how things stand, as the last look at the cloud found them. The cloud and Git say what is held and
// allowed, but not since when.
type standing struct {
	Commit  Commit               `json:"commit"`
	Held    []report.Held        `json:"held,omitempty"`
	Unseen  []changeset.Unseen   `json:"unseen,omitempty"`
	Permits map[string]time.Time `json:"permits,omitempty"` // by permitKey: since when it is known
}

// stand notes how things stand, from a look at the cloud. That is for reports alone, so that its failure is none of
// the look's.
func (d *Daemon) stand(ctx context.Context, s scan) {
	before, text, err := d.standing(ctx)
	if err == nil {
		now, _ := json.Marshal(before.next(s, time.Now().UTC().Truncate(time.Second))) // texts and times: this can't fail
		if string(now) != text {
			err = d.Reconciler.State.Put(ctx, stateStanding, string(now))
		}
	}
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("since when changes are held isn't noted", "error", err)
	}
}

// standing is how things stood when that was last noted.
func (d *Daemon) standing(ctx context.Context) (s standing, text string, err error) {
	if text, err = d.Reconciler.State.Get(ctx, stateStanding); err != nil {
		return s, "", fmt.Errorf("recall what is held: %w", err)
	}
	if text == "" {
		return s, "", nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, "", fmt.Errorf("recall what is held: %w", err)
	}
	return s, text, nil
}

// next is how things stand after a look at the cloud, with the times of what stood before.
func (s standing) next(found scan, now time.Time) standing {
	p := found.plan
	commit := string(p.Target.Commit)
	known := map[string]report.Held{}
	for _, h := range s.Held {
		known[h.What] = h
	}
	out := standing{Commit: p.Target.Commit, Unseen: p.Changeset.Unseen, Permits: map[string]time.Time{}}
	hold := func(h report.Held) {
		h.Since, h.Commit = now, commit
		if before, ok := known[h.What]; ok && before.Action == h.Action {
			h.Since, h.Commit = before.Since, before.Commit
		}
		out.Held = append(out.Held, h)
	}
	for _, c := range p.Changeset.Changes {
		if c.Hold != "" && c.Cause == changeset.Config && c.HoldKind != changeset.HoldDrift { // drift has reports of its own
			hold(report.Held{What: c.Address.String(), Action: c.Action, Why: c.Hold, Kind: c.HoldKind})
		}
	}
	for _, b := range p.Changeset.Broken {
		hold(report.Held{What: string(b.Owner), Why: b.Error, Kind: report.HeldOwner})
	}
	slices.SortFunc(out.Held, func(a, b report.Held) int { return cmp.Compare(a.What, b.What) })
	for _, permit := range permits(p.Target.Fleet, now) {
		key := permitKey(permit)
		out.Permits[key] = now
		if since, ok := s.Permits[key]; ok {
			out.Permits[key] = since
		}
	}
	return out
}

// permitKey names a permit for as long as it is in Git, renewals included.
func permitKey(p report.Permit) string { return string(p.Sort) + " " + p.What }

// permits are what a fleet allows for the time being, approvals that ended left out.
func permits(f *schema.Fleet, now time.Time) []report.Permit {
	list := make([]report.Permit, 0, len(f.Exceptions)+len(f.Waivers))
	for _, x := range f.Exceptions {
		list = append(list, report.Permit{
			Sort: report.PermitException, What: x.Policy + " for " + x.Whom(), By: x.Owner, Reason: x.Reason, Until: x.Expires, Origin: x.Origin,
		})
	}
	for _, w := range f.Waivers {
		of := make([]string, len(w.Addresses))
		for i, a := range w.Addresses {
			of[i] = a.String()
		}
		what := "drift of " + strings.Join(w.Attributes, ", ") + " in " + strings.Join(of, ", ")
		list = append(list, report.Permit{Sort: report.PermitWaiver, What: what, By: w.By, Reason: w.Reason, Until: w.Until, Origin: w.Origin})
	}
	for _, a := range f.Approvals {
		if now.Before(a.Expires) {
			list = append(list, report.Permit{Sort: report.PermitApproval, What: a.Digest, By: a.By, Reason: a.Reason, Until: a.Expires, Origin: a.Origin})
		}
	}
	for _, team := range f.Access {
		for _, g := range team.Grants {
			list = append(list, grant(team, g))
		}
	}
	return list
}

func grant(team schema.Access, g schema.Grant) report.Permit {
	var to []string
	for noun, names := range map[string][]string{"tenant": g.Tenants, "cell": g.Cells, "account": g.Accounts} {
		for _, name := range names {
			to = append(to, noun+" "+name)
		}
	}
	slices.Sort(to)
	p := report.Permit{
		Sort: report.PermitGrant, What: g.Role + " of " + strings.Join(to, ", ") + " for " + team.Team, By: team.DisplayName, Reason: g.Reason, Until: g.Until, Origin: g.Origin,
	}
	if g.BreakGlass {
		p.Sort = report.PermitEmergency
	}
	return p
}

// arrive notes that all of a commit was seen in the cloud. The first time counts.
func (d *Daemon) arrive(ctx context.Context, commit Commit) {
	list, err := d.arrivals(ctx)
	if err == nil && !slices.ContainsFunc(list, func(a report.Arrival) bool { return a.Commit == string(commit) }) {
		list = append(list, report.Arrival{Commit: string(commit), At: time.Now().UTC().Truncate(time.Second)})
		err = d.remember(ctx, stateArrivals, list[max(0, len(list)-mostArrivals):], "when commits arrived")
	}
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("when a commit arrived isn't noted", "commit", commit.Short(), "error", err)
	}
}

func (d *Daemon) arrivals(ctx context.Context) (list []report.Arrival, err error) {
	err = d.recall(ctx, stateArrivals, &list, "when commits arrived")
	return list, err
}
