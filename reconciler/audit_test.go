package reconciler_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
)

// witnessed knows who let pull requests in: Dana merged all of them.
type witnessed struct {
	passed map[int][]reconciler.Approval
	asked  int
}

func (w *witnessed) Passed(_ context.Context, number int) (string, []reconciler.Approval, error) {
	w.asked++
	return "dana", w.passed[number], nil
}

// under are the branches of open proposals that begin so.
func (b *board) under(prefix string) []string {
	return slices.DeleteFunc(b.open(), func(branch string) bool { return !strings.HasPrefix(branch, prefix) })
}

// body is the text of the open proposal whose branch begins so; empty if there is none.
func (b *board) body(prefix string) string {
	for _, branch := range b.under(prefix) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.content[branch].Body
	}
	return ""
}

// merged has a commit come with a pull request.
func (b *board) merged(number int, title, author string, commit, head reconciler.Commit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.merges = append(b.merges, reconciler.Merge{Number: number, Title: title, Author: author, Merged: time.Now(), Commit: commit, Head: head})
}

// The audit report names, beside each commit, the pull requests that came with it, also one that another one
// overtook before it was applied, and who approved them.
func TestTheAuditReportNamesWhoLetItIn(t *testing.T) {
	inOffice(t, func(o *office) {
		w := &witnessed{passed: map[int][]reconciler.Approval{7: {{By: "kim", Head: "h7"}}, 8: {{By: "kim", Head: "older"}}}}
		o.Witness = w
		overtaken := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
			seldom(tree)
		})
		second := o.git.commit(mainRef, overtaken, edit("tenants/cedar-clinic.cue", "retentionDays: 90", "retentionDays: 60"))
		o.board.merged(6, "Long ago", "robin", o.first, "h6")
		o.board.merged(7, "Keep the logs for 90 days", "robin", overtaken, "h7")
		o.board.merged(8, "No, for 60", "dana", second, "h8")
		o.wait(5 * time.Minute)
		if got := o.retention(); got != "60" {
			t.Fatalf("the logs are kept for %s days", got)
		}
		o.board.merged(9, "Nothing to write", "dana", o.git.commit(mainRef, second, func(fstest.MapFS) {}), "h9")
		o.wait(9 * 24 * time.Hour)
		text := o.board.body("tenantry/audit/")
		for _, want := range []string{
			"| PR 7 Keep the logs for 90 days | `robin` | `kim` | `dana` |",
			"| PR 8 No, for 60 | `dana` | **nobody: merged by its author**; `kim` (an older version, `older`) | `dana` |",
			"PR 8, PR 7",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the report lacks %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "PR 9") {
			t.Error("the report names a pull request with which nothing was written")
		}
	})
}

// Asking who approved costs requests, so that a report asks of so many and says of how many it didn't.
func TestTheAuditReportAsksOfSoMany(t *testing.T) {
	inOffice(t, func(o *office) {
		w := &witnessed{}
		o.Witness = w
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
			edit("fleet.cue", "schedules: {", "schedules: {\n\tweekly: \"never\"")(tree) // it asks as well
			seldom(tree)
		})
		for n := range 100 {
			o.board.merged(n, fmt.Sprint("Change ", n), "robin", second, "h")
		}
		o.wait(9 * 24 * time.Hour)
		text := o.board.body("tenantry/audit/")
		if w.asked != 40 || !strings.Contains(text, "Who approved 60 pull requests was not looked up") {
			t.Errorf("asked of %d pull requests:\n%s", w.asked, text)
		}
	})
}
