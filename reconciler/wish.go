package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/schema"
)

const (
	// stateWish is where State keeps, by branch, what a person asked of a report of drift in a comment.
	stateWish = "wish/"
	// waiverDigest ends the digest of a proposal that waives its drift.
	waiverDigest = "+waiver"
	// longestWaiver bounds how far away a waiver may end.
	longestWaiver = 366 * 24 * time.Hour
)

// A wish is what a person asked of a report of drift: to put Git's values back, or, if Until is set, to
// leave the cloud's until then. It holds for the report that it was asked of and for the drift that they saw
// there, and for no other.
type wish struct {
	Number int       `json:"number"` // of the proposal
	Digest string    `json:"digest"` // of the drift
	By     string    `json:"by"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// takeWish keeps what a command asks of the report that it stands on. The next look at the drift does it.
func (d *Daemon) takeWish(ctx context.Context, c Command) error {
	proposals, err := d.Forge.Proposals(ctx, driftBranches, time.Now().Add(-remembered))
	if err != nil {
		return fmt.Errorf("list drift proposals: %w", err)
	}
	at := slices.IndexFunc(proposals, func(p ProposalState) bool {
		return p.Number == c.Pull && p.State == "open" && !undecidable(p)
	})
	if at < 0 {
		return d.say(ctx, c, "no-drift")
	}
	w, word := wish{Number: c.Pull, Digest: driftDigest(proposals[at]), By: c.Author}, "reverting"
	if c.Verb == verbIgnore {
		var ok bool
		if w.Until, w.Reason, ok = waiverWords(strings.Fields(c.Words), time.Now().UTC()); !ok {
			return d.say(ctx, c, "unclear")
		}
		word = "waiving"
	}
	if err := d.remember(ctx, stateWish+proposals[at].Branch, w, "what was asked of "+proposals[at].Branch); err != nil {
		return err
	}
	d.trigger(ctx, keyDrift, true)
	return d.say(ctx, c, word)
}

// waiverWords reads "until 2026-12-31 the reason". The day named is the first without the waiver.
func waiverWords(words []string, now time.Time) (until time.Time, reason string, ok bool) {
	if len(words) < 3 || !strings.EqualFold(words[0], "until") {
		return until, "", false
	}
	until, err := time.Parse(time.DateOnly, words[1])
	return until, strings.Join(words[2:], " "), err == nil && until.After(now) && until.Sub(now) <= longestWaiver
}

// wished recalls what a person asked of an open proposal; the zero wish if nobody asked anything.
func (d *Daemon) wished(ctx context.Context, last ProposalState) (wish, error) {
	var w wish
	if err := d.recall(ctx, stateWish+last.Branch, &w, "what was asked of "+last.Branch); err != nil {
		return wish{}, err
	}
	if last.State != "open" || w.Number != last.Number {
		return wish{}, nil
	}
	return w, nil
}

// reverts tells whether a wish asks for Git's values, which is a decision just as closing the proposal is.
func (w wish) reverts() bool { return w.By != "" && w.Until.IsZero() }

// waives tells whether a wish asks to leave this drift as it is.
func (w wish) waives(cause report.Cause) bool { return !w.Until.IsZero() && w.Digest == cause.Digest }

// errGone says why a drift can't be waived.
var errGone = errors.New("a resource that is gone can't be waived, since others may need it")

// cantWaive says on a proposal why what a person asked for isn't done, and forgets the wish, which would
// come to the same again.
func (d *Daemon) cantWaive(ctx context.Context, p ProposalState, why error) error {
	d.Log.Info("a drift can't be waived", "pull_request", p.Number, "reason", why)
	word := "not-writable"
	if errors.Is(why, errGone) {
		word = "not-gone"
	}
	if err := d.say(ctx, Command{Pull: p.Number, Verb: verbIgnore}, word); err != nil {
		return err
	}
	return d.forgetWish(ctx, p.Branch)
}

func (d *Daemon) forgetWish(ctx context.Context, branch string) error {
	if err := d.Reconciler.State.Put(ctx, stateWish+branch, ""); err != nil {
		return fmt.Errorf("forget what was asked of %s: %w", branch, err)
	}
	return nil
}

// driftDigest is the digest of the drift that a proposal is about, whatever it proposes.
func driftDigest(p ProposalState) string { return strings.TrimSuffix(p.Digest, waiverDigest) }

// waive turns a proposal into one that leaves the drift as it is until the time that a person asked for:
// it records that, and takes over none of the cloud's values.
func (w wish) waive(s scan, cause report.Cause, p Proposal) (Proposal, error) {
	waiver := changeset.Waiver{By: w.By, Reason: w.Reason, Until: w.Until}
	attributes := map[string]bool{}
	for _, c := range cause.Changes {
		waiver.Addresses = append(waiver.Addresses, c.Address)
		for _, a := range c.Attributes {
			name, _, _ := strings.Cut(a.Path, ".")
			attributes[name] = true
		}
		switch {
		case c.Have == nil:
			return p, errGone
		case c.Want == nil:
			attributes["*"] = true
		}
	}
	waiver.Attributes = slices.Sorted(maps.Keys(attributes))
	edit, err := schema.RecordWaiver(s.target.Files, cause.Slug, waiver)
	if err != nil {
		return p, err
	}
	maps.DeleteFunc(p.Files, func(name string, _ []byte) bool { return !strings.HasPrefix(name, driftFolder) })
	p.Files[edit.Path] = edit.After
	p.Title, p.Body = report.Waiver(p.Title, p.Body, w.By, w.Reason, w.Until)
	p.Digest += waiverDigest
	return p, nil
}
