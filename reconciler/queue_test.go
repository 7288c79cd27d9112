package reconciler_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
)

// A merge group gets the checks of a pull request, webhook or not, and may destroy only what the plan of
// an open pull request showed.
func TestMergeQueue(t *testing.T) {
	inOffice(t, func(o *office) {
		removal := func(tree fstest.MapFS) { delete(tree, "tenants/cedar-clinic.cue") }
		const ref = "refs/heads/gh-readonly-queue/main/pr-7-x"
		queue := func(head reconciler.Commit, pulls ...reconciler.PullRequest) {
			o.board.mu.Lock()
			defer o.board.mu.Unlock()
			o.board.pulls, o.board.groups = pulls, []reconciler.Group{{Ref: ref, Head: head}}
		}
		harmless := o.git.commit("refs/pull/7/head", o.first, edit("tenants/delta-freight.cue", "displayName:", "notes: \"called\"\n\tdisplayName:"))
		writes := o.cloud.writeCount()

		together := o.git.commit(ref, o.first, removal)
		queue(together, reconciler.PullRequest{Number: 7, Head: harmless, Base: o.first})
		o.wait(3 * time.Minute)
		if c := o.board.check("tenantry/validate", together); c.Conclusion != "success" {
			t.Errorf("tenantry/validate is %s: %s", c.Conclusion, c.Title)
		}
		if c := o.board.check("tenantry/policy", together); c.Conclusion != "success" {
			t.Errorf("tenantry/policy is %s: %s", c.Conclusion, c.Title)
		}
		c := o.board.check("tenantry/plan", together)
		if c.Conclusion != "action_required" || !strings.Contains(c.Title, "that no pull request showed") || !strings.Contains(c.Summary, "tenant/cedar-clinic/") {
			t.Errorf("tenantry/plan is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}

		reviewed := o.git.commit("refs/pull/8/head", o.first, removal)
		again := o.git.commit(ref, o.first, removal)
		queue(again, reconciler.PullRequest{Number: 8, Head: reviewed, Base: o.first})
		o.wait(3 * time.Minute)
		queue(o.git.commit(ref, again, func(fstest.MapFS) {}), reconciler.PullRequest{Number: 8, Head: reviewed, Base: o.first})
		o.wait(3 * time.Minute)
		if c := o.board.check("tenantry/plan", o.board.groups[0].Head); c.Name == "" || strings.Contains(c.Title, "that no pull request showed") {
			t.Errorf("tenantry/plan is %s: %s", c.Conclusion, c.Title)
		}

		broken := o.git.commit(ref, o.first, edit("tenants/cedar-clinic.cue", `plan:        "team"`, `plan:        "teem"`))
		queue(broken)
		o.wait(3 * time.Minute)
		for name, want := range map[string]string{"tenantry/validate": "failure", "tenantry/plan": "failure"} {
			if c := o.board.check(name, broken); c.Conclusion != want {
				t.Errorf("%s is %s: %s", name, c.Conclusion, c.Title)
			}
		}
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("%d writes for merge groups", now-writes)
		}
	})
}
