package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/report"
)

// stateDrifts keeps what the history of drift will say of the causes that are there.
const stateDrifts = "drifts"

// A chapter is what the history will say of a cause of drift, as far as it is known.
type chapter struct {
	report.DriftEnd

	Keeps bool `json:"keeps,omitempty"` // merging its proposal keeps something of what the cloud has
	Told  bool `json:"told,omitempty"`  // its end is in the log; the drift that a person acknowledged is still there
}

func (d *Daemon) recallDrifts(ctx context.Context) (map[string]chapter, error) {
	chapters := map[string]chapter{}
	err := d.recall(ctx, stateDrifts, &chapters, "the drift that is there")
	return chapters, err
}

func (d *Daemon) keepDrifts(ctx context.Context, chapters map[string]chapter) error {
	return d.remember(ctx, stateDrifts, chapters, "the drift that is there")
}

// markDrift changes what the history will say of a cause that is there.
func (d *Daemon) markDrift(ctx context.Context, slug string, change func(*chapter)) error {
	chapters, err := d.recallDrifts(ctx)
	if err != nil {
		return err
	}
	c, known := chapters[slug]
	if !known {
		return nil
	}
	if change(&c); c.Told == chapters[slug].Told && c.Keeps == chapters[slug].Keeps && c.How == chapters[slug].How && c.By == chapters[slug].By {
		return nil
	}
	chapters[slug] = c
	return d.keepDrifts(ctx, chapters)
}

// chronicle brings the history of drift up to date with a look: it begins for what is new, and what ended is
// noted in the log, once. A process that dies in between notes an end again, which readers know.
func (d *Daemon) chronicle(ctx context.Context, s scan) error {
	chapters, err := d.recallDrifts(ctx)
	if err != nil {
		return err
	}
	before, err := json.Marshal(chapters)
	if err != nil {
		return fmt.Errorf("recall the drift that is there: %w", err)
	}
	there := map[string]bool{}
	for _, cause := range s.causes {
		there[cause.Slug] = true
		c, err := d.goesOn(ctx, s, cause, chapters[cause.Slug])
		if err != nil {
			return err
		}
		chapters[cause.Slug] = c
	}
	for _, slug := range slices.Sorted(maps.Keys(chapters)) {
		if there[slug] || len(s.plan.Changeset.Unseen) > 0 {
			continue
		}
		if untold, err := d.untold(ctx, s, driftBranches+slug); err != nil {
			return err
		} else if untold {
			continue
		}
		if err := d.ended(ctx, s, chapters[slug]); err != nil {
			return err
		}
		delete(chapters, slug)
	}
	if after, err := json.Marshal(chapters); err == nil && string(after) == string(before) {
		return nil
	}
	return d.keepDrifts(ctx, chapters)
}

// goesOn is what the history says of a cause that is there, given what it said of it before. What a person
// acknowledged has ended, though it is there; what is asked about after that is another one.
func (d *Daemon) goesOn(ctx context.Context, s scan, cause report.Cause, c chapter) (chapter, error) {
	last := latest(s.proposals, driftBranches+cause.Slug)
	over, err := d.over(ctx, last)
	if err != nil {
		return c, err
	}
	taken := last.State == "merged" && driftDigest(last) == cause.Digest && !over
	if c.Told && taken {
		return c, nil
	}
	if c.Told || c.Cause == "" {
		c = chapter{}
		if c.Found = cause.Since(s.since); c.Found.IsZero() {
			c.Found = time.Now().UTC()
		}
	}
	c.Cause, c.Title, c.Resources = cause.Slug, report.DriftTitle(cause, s.deeds), len(cause.Changes)
	c.Severity, _ = cause.Severity()
	c.Owners, c.Who, c.Pull = ownersOf(cause), report.Who(cause, s.deeds), 0
	if last.State == "open" || last.State != "" && !last.ByUs && !over {
		c.Pull = last.Number
	}
	if taken {
		c.Told, c.How = true, report.Acknowledged
		switch {
		case strings.HasSuffix(last.Digest, waiverDigest):
			c.How = report.Waived
		case c.Keeps:
			c.How = report.Kept
		}
		c.By, c.Ended = last.ClosedBy, last.ClosedAt
		return c, d.noteEnd(ctx, s, c.DriftEnd)
	}
	return c, nil
}

func ownersOf(cause report.Cause) []string {
	var owners []string
	for _, change := range cause.Changes {
		owners = append(owners, string(change.Address.Owner))
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// ended notes the end of what isn't there any more.
func (d *Daemon) ended(ctx context.Context, s scan, c chapter) error {
	if c.Told {
		return nil
	}
	c.Ended = time.Now().UTC()
	last := latest(s.proposals, driftBranches+c.Cause)
	switch {
	case c.How != "": // it was decided on, and is done
	case last.State == "merged" && last.Number == c.Pull:
		c.How, c.By, c.Ended = report.Kept, last.ClosedBy, last.ClosedAt
	default:
		c.How = report.Gone
	}
	return d.noteEnd(ctx, s, c.DriftEnd)
}

// noteEnd notes an end in the log.
func (d *Daemon) noteEnd(ctx context.Context, s scan, e report.DriftEnd) error {
	by := e.By
	if by == "" {
		by = self
	}
	return d.note(ctx, s.target.Commit, e.Note(), by)
}

// healed notes the end of what was put back with nobody asked.
func (d *Daemon) healed(ctx context.Context, s scan, cause report.Cause, at time.Time) error {
	e := report.DriftEnd{
		Cause: cause.Slug, Title: report.DriftTitle(cause, s.deeds), Resources: len(cause.Changes), Owners: ownersOf(cause),
		Found: cause.Since(s.since), Ended: at, How: report.Healed, Who: report.Who(cause, s.deeds),
	}
	if e.Severity, _ = cause.Severity(); e.Found.IsZero() {
		e.Found = at
	}
	if err := d.noteEnd(ctx, s, e); err != nil {
		return err
	}
	return d.markDrift(ctx, cause.Slug, func(c *chapter) { c.Told = true })
}
