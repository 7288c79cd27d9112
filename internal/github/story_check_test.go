package github_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

func plan(head, conclusion string) reconciler.Check {
	return reconciler.Check{
		Name: "tenantry/plan", Commit: reconciler.Commit(head), Conclusion: conclusion,
		Title: "1 to add", Summary: "**acme** gets a bucket.", ExternalID: "sha256:abc",
	}
}

func findings(n int, level string) []reconciler.Annotation {
	var all []reconciler.Annotation
	for i := range n {
		all = append(all, reconciler.Annotation{
			Origin: resource.Origin{File: tenant, Line: i + 1}, Level: level,
			Title: "Finding", Message: fmt.Sprintf("%s %d", level, i),
		})
	}
	return all
}

// set sets a check and returns how many writes that took.
func (s *story) set(k reconciler.Check) int {
	s.t.Helper()
	return s.writes(func() { s.t.Helper(); s.check(s.forge.Check(s.ctx, k)) })
}

// runs returns the check runs on a commit, all of them, the newest first.
func (s *story) runs(head string) []*gh.CheckRun {
	s.t.Helper()
	list, _, err := s.ann.Checks.ListCheckRunsForRef(s.ctx, owner, repo, head, &gh.ListCheckRunsOptions{Filter: new("all")})
	s.check(err)
	slices.SortFunc(list.CheckRuns, func(a, b *gh.CheckRun) int { return int(b.GetID() - a.GetID()) })
	return list.CheckRuns
}

func (s *story) annotations(run *gh.CheckRun) []*gh.CheckRunAnnotation {
	s.t.Helper()
	var all []*gh.CheckRunAnnotation
	o := &gh.ListOptions{PerPage: 100}
	for {
		page, resp, err := s.ann.Checks.ListCheckRunAnnotations(s.ctx, owner, repo, run.GetID(), o)
		s.check(err)
		all = append(all, page...)
		if resp.NextPage == 0 {
			return all
		}
		o.Page = resp.NextPage
	}
}

func TestCheckFromBeginningToEnd(t *testing.T) {
	s := newStory(t)
	head := s.openPull().GetHead().GetSHA()
	for range 2 {
		s.set(plan(head, ""))
	}
	if runs := s.runs(head); len(runs) != 1 || runs[0].GetStatus() != "in_progress" || runs[0].GetExternalID() != "sha256:abc" {
		t.Fatalf("%v", runs)
	}
	k := plan(head, "action_required")
	k.Annotations = findings(3, "warning")
	if n := s.set(k); n != 1 {
		t.Errorf("%d writes to finish", n)
	}
	if n := s.set(k); n != 0 {
		t.Errorf("%d writes for the same", n)
	}
	run := s.runs(head)[0]
	if run.GetConclusion() != "action_required" || run.GetOutput().GetTitle() != "1 to add" || len(s.annotations(run)) != 3 {
		t.Errorf("%v", run)
	}
	// Something else is shown by a new run, and so is the same check begun again.
	k.Annotations = findings(1, "warning")
	s.set(k)
	s.set(plan(head, ""))
	runs := s.runs(head)
	if len(runs) != 3 || len(s.annotations(runs[1])) != 1 || runs[0].GetStatus() != "in_progress" {
		t.Errorf("%d runs", len(runs))
	}
}

func TestCheckAtOnce(t *testing.T) {
	s := newStory(t)
	head := s.openPull().GetHead().GetSHA()
	if n := s.set(plan(head, "success")); n != 1 {
		t.Errorf("%d writes", n)
	}
	if n := s.set(plan(head, "success")); n != 0 {
		t.Errorf("%d writes for the same", n)
	}
	if err := s.forge.Check(s.ctx, plan(head, "stale")); err == nil {
		t.Error("stale is GitHub's alone")
	}
}

func TestManyAnnotations(t *testing.T) {
	s := newStory(t)
	head := s.openPull().GetHead().GetSHA()
	k := plan(head, "failure")
	k.Annotations = slices.Concat(findings(100, "notice"), findings(100, "warning"), findings(60, "failure"), []reconciler.Annotation{
		{Level: "failure", Title: "No place", Message: "is known for this"},
		{Origin: resource.Origin{File: "../outside", Line: 1}, Level: "failure", Message: "not in the repository"},
	})
	s.set(k)
	run := s.runs(head)[0]
	shown := s.annotations(run)
	count := map[string]int{}
	for _, a := range shown {
		count[a.GetAnnotationLevel()]++
	}
	if len(shown) != 200 || count["failure"] != 60 || count["warning"] != 100 || shown[0].GetAnnotationLevel() != "failure" {
		t.Errorf("%d are shown: %v", len(shown), count)
	}
	text := run.GetOutput().GetText()
	if !strings.HasPrefix(text, "62 more:\n") || !strings.Contains(text, "No place is known for this") || !strings.Contains(text, "notice 99") {
		t.Errorf("text %.300q", text)
	}
	if n := s.set(k); n != 0 {
		t.Errorf("%d writes for the same", n)
	}
}

func TestACheckThatWasInterrupted(t *testing.T) {
	for _, total := range []int{0, 30, 120} {
		for k := range 20 {
			s := newStory(t)
			head := s.openPull().GetHead().GetSHA()
			want := plan(head, "failure")
			want.Annotations = findings(total, "warning")
			s.server.Inject(githubbox.Fault{Skip: k, Count: 1, LoseAnswer: true})
			if err := s.forge.Check(s.ctx, want); err == nil {
				break
			}
			s.server.ClearFaults()
			s.check(s.forge.Check(s.ctx, want))
			run := s.runs(head)[0]
			if run.GetConclusion() != "failure" || len(s.annotations(run)) != total {
				t.Errorf("%d annotations, answer %d lost: %s with %d", total, k, run.GetConclusion(), len(s.annotations(run)))
			}
			if n := s.set(want); n != 0 {
				t.Errorf("%d annotations, answer %d lost: %d writes afterwards", total, k, n)
			}
		}
	}
}

func TestAnotherAppsCheckIsNotOurs(t *testing.T) {
	s := newStory(t)
	head := s.openPull().GetHead().GetSHA()
	appKey, err := key()
	s.check(err)
	other, err := s.server.AddApp(githubbox.AppOptions{Slug: "other", Owner: owner, Key: appKey})
	s.check(err)
	theirs := s.client(github.Options{AppID: other.ID, PrivateKey: github.NewSecret(string(other.KeyPEM))})
	s.check(theirs.Check(s.ctx, plan(head, "")))
	s.set(plan(head, "failure"))
	s.check(theirs.Check(s.ctx, plan(head, "success")))
	got := map[int64]string{}
	for _, run := range s.runs(head) {
		got[run.GetApp().GetID()] += run.GetConclusion()
	}
	if got[s.app.ID] != "failure" || got[other.ID] != "success" {
		t.Errorf("conclusions by App: %v", got)
	}
}

func TestStatusesInPlaceOfChecks(t *testing.T) {
	s := newStory(t)
	s.forge = s.withToken()
	head := s.openPull().GetHead().GetSHA()
	k := plan(head, "")
	k.Title = strings.Repeat("long ", 60)
	s.set(k)
	for _, step := range []struct{ conclusion, state string }{
		{"success", "success"}, {"action_required", "failure"}, {"neutral", "success"}, {"failure", "failure"}, {"cancelled", "error"}, {"", "pending"},
	} {
		s.set(plan(head, step.conclusion))
		if n := s.set(plan(head, step.conclusion)); n != 0 {
			t.Errorf("%q: %d writes for the same", step.conclusion, n)
		}
		list, _, err := s.ann.Repositories.ListStatuses(s.ctx, owner, repo, head, nil)
		s.check(err)
		if list[0].GetState() != step.state || list[0].GetContext() != "tenantry/plan" || list[0].GetDescription() != "1 to add" {
			t.Errorf("%q: %v", step.conclusion, list[0])
		}
	}
}

func TestAnAppWithOtherPermissionsIsRefused(t *testing.T) {
	for says, change := range map[string]map[string]string{
		"lacks checks (write)":                               {"checks": "read"},
		"has more than it may: administration (write)":       {"administration": "write"},
		"has more than it may: secrets (read)":               {"secrets": "read"},
		"lacks contents (write), and has more than it may: ": {"contents": "", "workflows": "write"},
	} {
		s := newStory(t, func(o *githubbox.AppOptions) {
			o.Permissions = map[string]string{}
			for _, g := range github.Grants() {
				o.Permissions[g.Name] = g.Level
			}
			maps.Copy(o.Permissions, change)
			maps.DeleteFunc(o.Permissions, func(_, level string) bool { return level == "" })
		})
		err := s.forge.Examine(s.ctx)
		s.want(err, github.ErrGrants)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	s := newStory(t)
	s.check(s.forge.Examine(s.ctx))
}

func TestPullRequests(t *testing.T) {
	for name, as := range map[string]func(*story) *github.Client{
		"App":   func(s *story) *github.Client { return s.forge },
		"token": (*story).withToken,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.forge = as(s)
			s.propose(drift("1"))
			theirs := s.openPull()
			got, err := s.forge.PullRequests(s.ctx)
			s.check(err)
			if len(got) != 2 {
				t.Fatalf("%d pull requests", len(got))
			}
			for _, pr := range got {
				if pr.Ours != (pr.Branch == drift("").Branch) || pr.Fork || pr.Base == "" || pr.Title == "" {
					t.Errorf("%+v", pr)
				}
				if pr.Number == theirs.GetNumber() && (pr.Author != "ann" || string(pr.Head) != s.tip("feature")) {
					t.Errorf("%+v", pr)
				}
			}
		})
	}
}
