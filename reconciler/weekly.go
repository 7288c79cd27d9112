package reconciler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	keyWeekly      = "weekly" // propose the weekly report
	weeklyBranches = "tenantry/weekly/"
	weeklyFolder   = "reports/weekly/"
	// longestWeek bounds how far back a weekly report goes if nobody took one for long. The audit report has the rest.
	longestWeek = 35 * 24 * time.Hour
)

// weekly proposes the report on the time since the last one that a person took, and on how things stand. As long
// as nobody took one, it grows; there is never more than one open, and none that says nothing. It reads the log,
// Git and the forge, and nothing in the cloud.
func (d *Daemon) weekly(ctx context.Context) error {
	proposals, err := d.Forge.Proposals(ctx, weeklyBranches, time.Now().Add(-remembered))
	if err != nil {
		return fmt.Errorf("list weekly reports: %w", err)
	}
	now := time.Now().UTC()
	done := newestTaken(proposals)
	name, again := weekName(proposals, now)
	w, err := d.week(ctx, done, now)
	if err != nil {
		return err
	}
	if w.Empty() || again && !w.Happened() { // what only goes on is no news within a week
		return nil
	}
	w.Name = name
	branch := weeklyBranches + name
	for _, p := range proposals {
		if p.State == "open" && p.Branch != branch {
			if err := d.Forge.Withdraw(ctx, p.Branch, "A newer report takes its place: "+branch); err != nil {
				return fmt.Errorf("withdraw %s: %w", p.Branch, err)
			}
		}
	}
	title, markdown, data := report.Weekly(w)
	files := map[string][]byte{weeklyFolder + name + ".md": []byte(markdown), weeklyFolder + name + ".json": data}
	if history := report.DriftHistory(name, report.DriftEnds(w.Entries)); history != "" {
		files[driftFolder+name+".md"] = []byte(history)
	}
	url, err := d.Forge.Propose(ctx, Proposal{
		Branch: branch, Title: title, Body: markdown, Labels: []string{"tenantry/weekly"}, Files: files, Digest: done.next(w).digest(name, data),
	})
	if errors.Is(err, ErrTouched) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("propose the weekly report: %w", err)
	}
	d.Log.Info("weekly report", "week", name, "proposal", url)
	return nil
}

// weekName names the week that most of the last seven days are in, as ISO 8601 does: on a Monday the one before. A
// fleet with reports more often than weekly has more of one name, which are numbered; then again is true.
func weekName(proposals []ProposalState, now time.Time) (name string, again bool) {
	year, week := now.Add(-84 * time.Hour).ISOWeek()
	name = fmt.Sprintf("%d-W%02d", year, week)
	n := 1
	for _, p := range proposals {
		base, _, _ := strings.Cut(strings.TrimPrefix(p.Branch, weeklyBranches)+"-", name+"-")
		if base == "" && taken(p) {
			n++
		}
	}
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name, n > 1
}

// taken tells whether a person merged or closed a report of ours.
func taken(p ProposalState) bool { return p.State != "open" && !p.ByUs }

// A weekMark is up to where weekly reports were taken.
type weekMark struct {
	seq    int64     // of the log
	merged time.Time // of the newest pull request; zero if there was none
	at     time.Time // of the newest of both
}

func newestTaken(proposals []ProposalState) (m weekMark) {
	for _, p := range proposals {
		if !taken(p) {
			continue
		}
		var seq, merged, at int64
		rest, ok := strings.CutPrefix(p.Digest, "weekly:")
		if !ok {
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d/%d/%d/", &seq, &merged, &at); err != nil {
			continue
		}
		m.seq = max(m.seq, seq)
		if t := time.Unix(merged, 0).UTC(); merged > 0 && t.After(m.merged) {
			m.merged = t
		}
		if t := time.Unix(at, 0).UTC(); at > 0 && t.After(m.at) {
			m.at = t
		}
	}
	return m
}

// next is the mark after a week.
func (m weekMark) next(w report.Week) weekMark {
	if n := len(w.Entries); n > 0 {
		m.seq, m.at = w.Entries[n-1].Seq, later(m.at, w.Entries[n-1].Time)
	}
	for _, p := range w.Passages {
		m.merged, m.at = later(m.merged, p.Merged), later(m.at, p.Merged)
	}
	return m
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// digest says in a proposal what its report covers, and identifies its content.
func (m weekMark) digest(name string, data []byte) string {
	unix := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	sum := sha256.Sum256(data)
	return fmt.Sprintf("weekly:%d/%d/%d/%s/sha256:%s", m.seq, unix(m.merged), unix(m.at), name, hex.EncodeToString(sum[:]))
}

// week gathers what a report is about, without its name.
func (d *Daemon) week(ctx context.Context, done weekMark, now time.Time) (report.Week, error) {
	w := report.Week{At: now, From: done.at}
	if least := now.Truncate(24 * time.Hour).Add(-longestWeek); w.From.Before(least) && !w.From.IsZero() {
		w.From = least
	}
	for _, gather := range []func(context.Context, *report.Week, weekMark) error{d.weekOfLog, d.weekOfGit, d.weekOfHolds, d.weekOfDrift} {
		if err := gather(ctx, &w, done); err != nil {
			return w, err
		}
	}
	return w, nil
}

// weekOfLog takes what is in the log and which pull requests came.
func (d *Daemon) weekOfLog(ctx context.Context, w *report.Week, done weekMark) error {
	log, err := d.Reconciler.State.Entries(ctx, time.Time{})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	least := w.At.Truncate(24 * time.Hour).Add(-longestWeek)
	fresh := after(log, done.seq)
	at, _ := slices.BinarySearchFunc(fresh, least, func(e changeset.Entry, t time.Time) int { return e.Time.Compare(t) })
	w.Entries = fresh[at:]
	passed, err := d.passages(ctx, log, least.Add(-recentMerges))
	if err != nil {
		return err
	}
	wrote := wrote(passed, w.Entries)
	w.Passages = slices.DeleteFunc(passed, func(p report.Passage) bool {
		came := !p.Ours && p.Merged.After(done.merged) && !p.Merged.Before(least)
		return !came && !slices.ContainsFunc(wrote, func(q report.Passage) bool { return q.Number == p.Number })
	})
	if w.Arrivals, err = d.arrivals(ctx); err != nil {
		return err
	}
	return d.witness(ctx, w.Passages)
}

// weekOfGit takes what the commit that is in force allows, and who lives where.
func (d *Daemon) weekOfGit(ctx context.Context, w *report.Week, _ weekMark) error {
	t, err := d.reconciled(ctx)
	if err != nil || t.Fleet == nil {
		return err
	}
	s, _, err := d.standing(ctx)
	if err != nil {
		return err
	}
	w.Fleet, w.Commit = t.Fleet.Name, string(t.Commit)
	w.Homes = map[resource.Owner]report.Home{}
	for _, tenant := range t.Fleet.Tenants {
		w.Homes[resource.Tenant(tenant.Name)] = report.Home{Plan: tenant.Plan, Cell: tenant.Cell}
	}
	w.Permits = permits(t.Fleet, w.At)
	for i, p := range w.Permits {
		w.Permits[i].Since = s.Permits[permitKey(p)]
	}
	return nil
}

// weekOfHolds takes what isn't done, and why.
func (d *Daemon) weekOfHolds(ctx context.Context, w *report.Week, _ weekMark) error {
	s, _, err := d.standing(ctx)
	if err != nil {
		return err
	}
	w.Held, w.Unseen = s.Held, s.Unseen
	if w.OnHold, err = d.Reconciler.State.Get(ctx, stateHold); err != nil {
		return fmt.Errorf("whether writes are on hold: %w", err)
	}
	waiting, err := d.Reconciler.State.Waiting(ctx)
	if err != nil {
		return fmt.Errorf("ask the log for what waits: %w", err)
	}
	for address, x := range waiting {
		w.Waiting = append(w.Waiting, report.Delayed{Address: address, Action: x.Before.Action, What: x.What, Since: x.Since.UTC()})
	}
	slices.SortFunc(w.Waiting, func(a, b report.Delayed) int { return cmp.Or(a.Since.Compare(b.Since), a.Address.Compare(b.Address)) })
	return nil
}

// weekOfDrift takes the drift that waits for a decision.
func (d *Daemon) weekOfDrift(ctx context.Context, w *report.Week, _ weekMark) error {
	chapters, err := d.recallDrifts(ctx)
	if err != nil {
		return err
	}
	for slug, c := range chapters {
		if !c.Told { // otherwise a person said that it may stay
			w.Drift = append(w.Drift, report.OpenDrift{Cause: slug, Title: c.Title, Severity: c.Severity, Pull: c.Pull, Found: c.Found.UTC()})
		}
	}
	slices.SortFunc(w.Drift, func(a, b report.OpenDrift) int { return cmp.Compare(a.Cause, b.Cause) })
	return nil
}
