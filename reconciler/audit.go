package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
)

const (
	auditBranches = "tenantry/audit/"
	auditFolder   = "reports/audit/"
)

// audit proposes the report on what was done since the last report that a person took. As long as
// nobody took one, it grows; there is never more than one open.
func (d *Daemon) audit(ctx context.Context) error {
	proposals, err := d.Forge.Proposals(ctx, auditBranches, time.Now().Add(-remembered))
	if err != nil {
		return fmt.Errorf("list audit proposals: %w", err)
	}
	log, entries, err := d.unreported(ctx, proposals)
	if err != nil || len(entries) == 0 { // a report on nothing would only be noise
		return err
	}
	first, last := entries[0], entries[len(entries)-1]
	branch := auditBranches + last.Time.UTC().Format(time.DateOnly)
	for _, p := range proposals {
		if p.State == "open" && p.Branch != branch {
			if err := d.Forge.Withdraw(ctx, p.Branch, "A newer report takes its place: "+branch); err != nil {
				return fmt.Errorf("withdraw %s: %w", p.Branch, err)
			}
		}
	}
	period := last.Time.UTC().Format(time.DateOnly)
	head, err := d.logHead(ctx)
	if err != nil {
		return err
	}
	passed, err := d.passages(ctx, log, first.Time.Add(-recentMerges))
	if err != nil {
		return err
	}
	passed = wrote(passed, entries)
	if err := d.witness(ctx, passed); err != nil {
		return err
	}
	title, markdown, data := report.Audit(entries, report.AuditOptions{From: first.Time, To: last.Time, Head: head, Passages: passed})
	url, err := d.Forge.Propose(ctx, Proposal{
		Branch: branch, Title: title, Body: markdown, Labels: []string{"tenantry/audit"},
		Files:  map[string][]byte{auditFolder + period + ".md": []byte(markdown), auditFolder + period + ".json": data},
		Digest: reported(first, last),
	})
	if errors.Is(err, ErrTouched) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("propose the audit report: %w", err)
	}
	d.Log.Info("audit report", "entries", len(entries), "proposal", url)
	return nil
}

func (d *Daemon) logHead(ctx context.Context) ([]string, error) {
	if d.LogHead == nil {
		return nil, nil
	}
	head, err := d.LogHead(ctx)
	if err != nil {
		return nil, fmt.Errorf("head of the log: %w", err)
	}
	return []string{head}, nil
}

// reported names the entries that a report covers.
func reported(first, last changeset.Entry) string {
	return fmt.Sprintf("entries:%d-%d", first.Seq, last.Seq)
}

// unreported are the entries after the newest report that a person merged or closed, at the end of the whole log.
func (d *Daemon) unreported(ctx context.Context, proposals []ProposalState) (log, fresh []changeset.Entry, err error) {
	var done int64
	for _, p := range proposals {
		var from, to int64
		if p.State == "open" || p.ByUs {
			continue
		}
		if _, err := fmt.Sscanf(p.Digest, "entries:%d-%d", &from, &to); err == nil {
			done = max(done, to)
		}
	}
	log, err = d.Reconciler.State.Entries(ctx, time.Time{})
	if err != nil {
		return nil, nil, fmt.Errorf("read the log: %w", err)
	}
	return log, after(log, done), nil
}

// after are the entries of a log after the one of a number.
func after(log []changeset.Entry, seq int64) []changeset.Entry {
	at, _ := slices.BinarySearchFunc(log, seq+1, func(e changeset.Entry, seq int64) int { return int(e.Seq - seq) })
	return log[at:]
}
