package reconciler_test

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// ask opens a pull request with a change and returns its head, once it was answered.
func (o *office) ask(number int, change func(fstest.MapFS)) reconciler.Commit {
	o.t.Helper()
	ref := "refs/pull/" + string(rune('0'+number)) + "/head"
	head := o.git.commit(ref, o.first, change)
	o.board.mu.Lock()
	o.board.pulls = append(o.board.pulls, reconciler.PullRequest{Number: number, Head: head, Base: o.first})
	o.board.mu.Unlock()
	o.wait(3 * time.Minute)
	return head
}

// entered watches with which roles the accounts are entered.
func (o *office) entered() func() string {
	var mu sync.Mutex
	made := map[string]bool{}
	inner := o.Daemon.Reconciler.Providers
	o.Daemon.Reconciler.Providers = func(fleet *schema.Fleet, kinds []string) (providers.Set, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range fleet.Accounts {
			made[a.RoleARN+" "+a.ExternalID] = true
		}
		return inner(fleet, kinds)
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		var list []string
		for role := range made {
			list = append(list, role)
		}
		return strings.Join(list, "\n")
	}
}

// A pull request doesn't decide which roles are assumed, nor where: an account that the watched branch
// doesn't have as it is counts as unseen, and the others are compared.
func TestAPullRequestDoesNotDecideOnRoles(t *testing.T) {
	both := func(change func(fstest.MapFS)) func(fstest.MapFS) {
		return func(tree fstest.MapFS) {
			change(tree)
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
			edit("tenants/harbor-books.cue", "Harbor Books", "Harbour Books")(tree)
		}
	}
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		where  string // the account that isn't entered
		role   string
	}{
		"another role":        {edit("fleet.cue", "444455556666:role/tenantry", "444455556666:role/admin"), "444455556666", "role/admin"},
		"another external id": {edit("fleet.cue", "brightdesk-production-us", "guessed"), "444455556666", "guessed"},
		"a new account": {
			edit("fleet.cue", "accounts: {", "accounts: {\n\tother: {id: \"999999999999\", role: \"arn:aws:iam::999999999999:role/admin\", externalId: \"other\", regions: [\"us-east-1\"]}"),
			"999999999999", "999999999999",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				roles := o.entered()
				head := o.ask(7, both(c.change))
				if got := roles(); strings.Contains(got, c.role) {
					t.Errorf("entered as\n%s", got)
				}
				check, text := o.board.check("tenantry/plan", head), o.board.comments["7 plan"]
				if check.Conclusion != "action_required" || !strings.Contains(text, "can&#39;t be compared before this is merged") && !strings.Contains(text, "can't be compared before this is merged") || !strings.Contains(text, c.where) {
					t.Errorf("tenantry/plan is %s: %s\n%s", check.Conclusion, check.Title, text)
				}
				if cedar := strings.Contains(text, "retentionDays"); cedar != (c.where == "999999999999") {
					t.Errorf("Cedar Clinic is compared: %t\n%s", cedar, text)
				}
				if !strings.Contains(text, "harbor-books") {
					t.Errorf("what is in the other account isn't compared\n%s", text)
				}
				// Once it is merged, it is people's word.
				o.git.commit(mainRef, o.first, both(c.change))
				o.wait(5 * time.Minute)
				if got := roles(); !strings.Contains(got, c.role) {
					t.Errorf("after the merge, entered as\n%s", got)
				}
			})
		})
	}
}

// A fleet's name says what is ours: no pull request and no commit changes it.
func TestTheFleetsNameStays(t *testing.T) {
	inOffice(t, func(o *office) {
		change := edit("fleet.cue", `name: "brightdesk"`, `name: "another"`)
		head := o.ask(7, change)
		if c := o.board.check("tenantry/plan", head); c.Conclusion != "failure" || !strings.Contains(o.board.comments["7 plan"], "made once more") {
			t.Errorf("tenantry/plan is %s: %s\n%s", c.Conclusion, c.Title, o.board.comments["7 plan"])
		}
		writes := o.cloud.writeCount()
		second := o.git.commit(mainRef, o.first, change)
		o.wait(5 * time.Minute)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "action_required" {
			t.Errorf("tenantry/apply is %s: %s", c.Conclusion, c.Title)
		}
		third := o.git.commit(mainRef, second, edit("fleet.cue", `name: "another"`, `name: "brightdesk"`))
		o.wait(5 * time.Minute)
		if c := o.board.check("tenantry/apply", third); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %s: %s", c.Conclusion, c.Title)
		}
	})
}

// What a pull request changes of the fleet's safety is said, and what it would put back is shown.
func TestAPullRequestSaysWhatItChangesOfTheFleetsSafety(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.ask(7, func(tree fstest.MapFS) {
			edit("fleet.cue", "count:   10", "count:   500")(tree)
			edit("fleet.cue", `drift: "report"`, `drift: "correct"`)(tree)
			tree["approvals/all.cue"] = &fstest.MapFile{Data: []byte("package fleet\n\napproval: all: {digest: \"sha256:" + strings.Repeat("ab", 32) +
				"\", by: \"mallory\", reason: \"because\", expires: \"2099-12-31T18:00:00Z\"}\n")}
		})
		text := o.board.comments["7 plan"]
		for _, want := range []string{"10 or 10 % in 24h → 500 or 10 % in 24h", "put back from now on", "by mallory", "cedar-clinic", "retentionDays"} {
			if !strings.Contains(text, want) {
				t.Errorf("the comment doesn't say %q:\n%s", want, text)
			}
		}
	})
}
