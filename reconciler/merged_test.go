package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler"
)

// What became of a merge is said on its pull request, in one comment: how it stands while it fails, and
// that it converged once it has. What was merged before is told nothing again.
func TestMergedPullRequestsAreTold(t *testing.T) {
	inOffice(t, func(o *office) {
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.board.mu.Lock()
		o.board.merges = []reconciler.Merge{{Number: 3, Commit: o.first}, {Number: 7, Commit: second}, {Number: 8, Commit: second, Ours: true}}
		o.board.mu.Unlock()
		o.wait(5 * time.Minute)
		o.board.mu.Lock()
		defer o.board.mu.Unlock()
		if said := o.board.comments["7 result"]; !strings.Contains(said, "1 applied") {
			t.Errorf("said %q", said)
		}
		for _, key := range []string{"3 result", "8 result"} {
			if said, told := o.board.comments[key]; told {
				t.Errorf("%s: %q", key, said)
			}
		}
	})
}
