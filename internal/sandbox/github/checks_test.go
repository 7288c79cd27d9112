package githubbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

func annotations(n int) []*github.CheckRunAnnotation {
	var out []*github.CheckRunAnnotation
	for i := range n {
		out = append(out, &github.CheckRunAnnotation{
			Path: new("fleet.cue"), StartLine: new(1), EndLine: new(1),
			AnnotationLevel: new("warning"), Message: new(fmt.Sprint("remark ", i)),
		})
	}
	return out
}

func TestCheckRun(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic/with/slashes", "a", "1\n")
	head := b.pr(n).Head
	output := func(n int) *github.CheckRunOutput {
		return &github.CheckRunOutput{Title: new("T"), Summary: new("S"), Annotations: annotations(n)}
	}
	run, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{
		Name: "tenantry/plan", HeadSHA: head, Status: new("in_progress"), ExternalID: new("sha256:1"), Output: output(50),
	})
	b.must(err)
	if len(run.PullRequests) != 1 || run.GetApp().GetID() != b.app.ID || run.GetConclusion() != "" {
		t.Errorf("%d pull requests, App %d, conclusion %q", len(run.PullRequests), run.GetApp().GetID(), run.GetConclusion())
	}
	for range 2 {
		run, _, err = b.gh.Checks.UpdateCheckRun(ctx(), "acme", "fleet", run.GetID(), github.UpdateCheckRunOptions{
			Name: "tenantry/plan", Conclusion: new("success"), Output: output(40),
		})
		b.must(err)
	}
	if run.GetStatus() != "completed" || run.GetOutput().GetAnnotationsCount() != 130 {
		t.Errorf("%s with %d annotations", run.GetStatus(), run.GetOutput().GetAnnotationsCount())
	}
	list, resp, err := b.gh.Checks.ListCheckRunAnnotations(ctx(), "acme", "fleet", run.GetID(), &github.ListOptions{PerPage: 100, Page: 2})
	b.must(err)
	if len(list) != 30 || resp.NextPage != 0 {
		t.Errorf("page 2 has %d annotations, next page %d", len(list), resp.NextPage)
	}
	for _, ref := range []string{head, "topic/with/slashes"} {
		found, _, err := b.gh.Checks.ListCheckRunsForRef(ctx(), "acme", "fleet", ref, &github.ListCheckRunsOptions{CheckName: new("tenantry/plan")})
		b.must(err)
		if found.GetTotal() != 1 {
			t.Errorf("%s has %d check runs", ref, found.GetTotal())
		}
	}
	suites, _, err := b.gh.Checks.ListCheckSuitesForRef(ctx(), "acme", "fleet", head, nil)
	b.must(err)
	if suites.GetTotal() != 1 || suites.CheckSuites[0].GetConclusion() != "success" {
		t.Errorf("%d suites", suites.GetTotal())
	}
}

func TestCheckRunRefusals(t *testing.T) {
	b := newBox(t)
	head := b.Tip(fleet, "main")
	long := strings.Repeat("é", maxOutput+1)
	with := func(edit func(*github.CreateCheckRunOptions)) github.CreateCheckRunOptions {
		o := github.CreateCheckRunOptions{Name: "c", HeadSHA: head, Output: &github.CheckRunOutput{Title: new("T"), Summary: new("S")}}
		edit(&o)
		return o
	}
	tests := map[string]github.CreateCheckRunOptions{
		"51 annotations":       with(func(o *github.CreateCheckRunOptions) { o.Output.Annotations = annotations(51) }),
		"long summary":         with(func(o *github.CreateCheckRunOptions) { o.Output.Summary = &long }),
		"no summary":           with(func(o *github.CreateCheckRunOptions) { o.Output.Summary = nil }),
		"stale":                with(func(o *github.CreateCheckRunOptions) { o.Conclusion = new("stale") }),
		"completed, how":       with(func(o *github.CreateCheckRunOptions) { o.Status = new("completed") }),
		"no such commit":       with(func(o *github.CreateCheckRunOptions) { o.HeadSHA = strings.Repeat("1", 40) }),
		"long label":           with(func(o *github.CreateCheckRunOptions) { o.Actions = actions(1, strings.Repeat("x", 21)) }),
		"four actions":         with(func(o *github.CreateCheckRunOptions) { o.Actions = actions(4, "x") }),
		"annotation sans path": with(func(o *github.CreateCheckRunOptions) { o.Output.Annotations = []*github.CheckRunAnnotation{{}} }),
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", o)
			b.status(err, http.StatusUnprocessableEntity)
		})
	}
	_, _, err := b.ana.Checks.CreateCheckRun(ctx(), "acme", "fleet", with(func(*github.CreateCheckRunOptions) {}))
	b.status(err, http.StatusForbidden)
}

func actions(n int, label string) []*github.CheckRunAction {
	var out []*github.CheckRunAction
	for range n {
		out = append(out, &github.CheckRunAction{Label: label, Description: "d", Identifier: "i"})
	}
	return out
}

func TestStatuses(t *testing.T) {
	b := newBox(t)
	head := b.Tip(fleet, "main")
	for _, state := range []string{"pending", "success"} {
		_, _, err := b.ana.Repositories.CreateStatus(ctx(), "acme", "fleet", head, &github.RepoStatus{State: &state, Context: new("ci")})
		b.must(err)
	}
	got, _, err := b.gh.Repositories.GetCombinedStatus(ctx(), "acme", "fleet", "main", nil)
	b.must(err)
	if got.GetState() != "success" || got.GetTotalCount() != 1 {
		t.Errorf("%s of %d", got.GetState(), got.GetTotalCount())
	}
}

func TestComments(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	m, _, err := b.gh.Issues.CreateComment(ctx(), "acme", "fleet", n, &github.IssueComment{Body: new("<!-- mark -->\nplan")})
	b.must(err)
	if m.GetUser().GetLogin() != b.app.Login || m.GetUser().GetType() != "Bot" {
		t.Errorf("the comment is by %s, a %s", m.GetUser().GetLogin(), m.GetUser().GetType())
	}
	long := strings.Repeat("é", maxText+1)
	_, _, err = b.gh.Issues.CreateComment(ctx(), "acme", "fleet", n, &github.IssueComment{Body: &long})
	b.status(err, http.StatusUnprocessableEntity)
	_, _, err = b.gh.Issues.EditComment(ctx(), "acme", "fleet", m.GetID(), &github.IssueComment{Body: new("edited")})
	b.must(err)
	b.must(b.Comment(fleet, n, "ana", "thanks"))
	list, _, err := b.gh.Issues.ListComments(ctx(), "acme", "fleet", n, nil)
	b.must(err)
	if len(list) != 2 || list[0].GetBody() != "edited" {
		t.Errorf("%d comments", len(list))
	}
	_, _, err = b.gh.Issues.EditComment(ctx(), "acme", "fleet", list[1].GetID(), &github.IssueComment{Body: new("mine")})
	b.status(err, http.StatusForbidden)
	for range 2 {
		_, _, err = b.gh.Reactions.CreateIssueCommentReaction(ctx(), "acme", "fleet", list[1].GetID(), "eyes")
		b.must(err)
	}
	reacted, _, err := b.gh.Issues.GetComment(ctx(), "acme", "fleet", list[1].GetID())
	b.must(err)
	if r := reacted.GetReactions(); r.GetEyes() != 1 || r.GetTotalCount() != 1 {
		t.Errorf("reactions %v", r)
	}
	_, err = b.gh.Issues.DeleteComment(ctx(), "acme", "fleet", m.GetID())
	b.must(err)
	_, _, err = b.gh.Issues.GetComment(ctx(), "acme", "fleet", m.GetID())
	b.status(err, http.StatusNotFound)
}

func TestLabels(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	_, _, err := b.gh.Issues.CreateLabel(ctx(), "acme", "fleet", &github.Label{Name: new("tenantry/drift"), Color: new("ff0000")})
	b.must(err)
	_, _, err = b.gh.Issues.CreateLabel(ctx(), "acme", "fleet", &github.Label{Name: new("Tenantry/Drift")})
	b.status(err, http.StatusUnprocessableEntity)
	labels, _, err := b.gh.Issues.AddLabelsToIssue(ctx(), "acme", "fleet", n, []string{"tenantry/drift", "tenant:acme"})
	b.must(err)
	if len(labels) != 2 || labels[0].GetColor() != "ff0000" {
		t.Errorf("labels %v", labels)
	}
	found, _, err := b.gh.Issues.ListByRepo(ctx(), "acme", "fleet", &github.IssueListByRepoOptions{Labels: []string{"tenantry/drift"}})
	b.must(err)
	if len(found) != 1 {
		t.Errorf("found %d by their label", len(found))
	}
	_, err = b.gh.Issues.RemoveLabelForIssue(ctx(), "acme", "fleet", n, "tenantry/drift")
	b.must(err)
	_, err = b.gh.Issues.RemoveLabelForIssue(ctx(), "acme", "fleet", n, "tenantry/drift")
	b.status(err, http.StatusNotFound)
	if got := b.pr(n).Labels; len(got) != 1 || got[0] != "tenant:acme" {
		t.Errorf("labels %v", got)
	}
}
