package githubbox

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-github/v60/github"
)

// TestReads asks every reading route once and parses what it says.
func TestReads(t *testing.T) {
	b, _ := hooked(t)
	n := b.propose("topic/one", "a", "1\n")
	head := b.pr(n).Head
	b.must(b.Comment(fleet, n, "ana", "hello"))
	b.must(b.Protect(fleet, "main", Protection{RequiredChecks: []string{"c"}, RequiredReviews: 1}))
	b.AddPerson(Person{Login: "root", Token: "ghp_root", Role: "admin"})
	_, _, err := b.gh.Issues.AddLabelsToIssue(ctx(), "acme", "fleet", n, []string{"drift"})
	b.must(err)
	run, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{Name: "c", HeadSHA: head, Conclusion: new("success")})
	b.must(err)
	review, _, err := b.client(nil).WithAuthToken("ghp_root").PullRequests.CreateReview(ctx(), "acme", "fleet", n, &github.PullRequestReviewRequest{Event: new("COMMENT"), Body: new("ok")})
	b.must(err)
	_, _, err = b.ana.Repositories.CreateStatus(ctx(), "acme", "fleet", head, &github.RepoStatus{State: new("success"), Context: new("ci")})
	b.must(err)
	deployed, _, err := b.ana.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("main"), RequiredContexts: &[]string{}})
	b.must(err)
	b.idle()
	blob, _, err := b.gh.Git.CreateBlob(ctx(), "acme", "fleet", &github.Blob{Content: new("aGk="), Encoding: new("base64")})
	b.must(err)
	delivery := b.Deliveries()[0].ID
	suite := run.GetCheckSuite().GetID()

	const repo = "repos/acme/fleet"
	person, root := b.ana, b.client(nil).WithAuthToken("ghp_root")
	reads := []struct {
		by   *github.Client
		path string
	}{
		{person, "rate_limit"},
		{person, "meta"},
		{person, "user"},
		{person, "users/ana"},
		{b.asApp(), "app"},
		{person, "apps/tenantry"},
		{b.asApp(), "app/installations"},
		{b.asApp(), fmt.Sprintf("app/installations/%d", b.app.InstallationID)},
		{b.asApp(), "app/hook/config"},
		{b.asApp(), "app/hook/deliveries"},
		{b.asApp(), fmt.Sprintf("app/hook/deliveries/%d", delivery)},
		{b.asApp(), "orgs/acme/installation"},
		{b.asApp(), repo + "/installation"},
		{b.gh, "installation/repositories"},
		{b.gh, repo},
		{b.gh, repo + "/branches"},
		{b.gh, repo + "/branches/topic/one"},
		{root, repo + "/branches/main/protection"},
		{b.gh, repo + "/rules/branches/main"},
		{b.gh, repo + "/collaborators/ana/permission"},
		{person, repo + "/deployments"},
		{person, fmt.Sprintf("%s/deployments/%d", repo, deployed.GetID())},
		{person, fmt.Sprintf("%s/deployments/%d/statuses", repo, deployed.GetID())},
		{b.gh, repo + "/contents"},
		{b.gh, repo + "/contents/fleet.cue"},
		{b.gh, repo + "/contents/tenants"},
		{b.gh, repo + "/compare/main...topic/one"},
		{b.gh, repo + "/commits"},
		{b.gh, repo + "/commits?path=a&sha=topic/one"},
		{b.gh, repo + "/commits/" + head},
		{b.gh, repo + "/commits/" + head + "/check-runs"},
		{b.gh, repo + "/commits/" + head + "/check-suites"},
		{b.gh, repo + "/commits/" + head + "/status"},
		{b.gh, repo + "/commits/" + head + "/statuses"},
		{b.gh, repo + "/commits/" + head + "/pulls"},
		{b.gh, repo + "/git/blobs/" + blob.GetSHA()},
		{b.gh, repo + "/git/trees/main?recursive=1"},
		{b.gh, repo + "/git/commits/" + head},
		{b.gh, repo + "/git/ref/heads/topic/one"},
		{b.gh, repo + "/git/matching-refs/heads/topic"},
		{b.gh, repo + "/pulls"},
		{b.gh, repo + "/pulls/1"},
		{b.gh, repo + "/pulls/1/files"},
		{b.gh, repo + "/pulls/1/commits"},
		{b.gh, repo + "/pulls/1/reviews"},
		{b.gh, repo + "/issues"},
		{b.gh, repo + "/issues/1"},
		{b.gh, repo + "/issues/comments"},
		{b.gh, repo + "/issues/1/comments"},
		{b.gh, repo + "/issues/1/labels"},
		{b.gh, repo + "/labels"},
		{b.gh, repo + "/labels/drift"},
		{b.gh, fmt.Sprintf("%s/check-runs/%d", repo, run.GetID())},
		{b.gh, fmt.Sprintf("%s/check-runs/%d/annotations", repo, run.GetID())},
		{b.gh, fmt.Sprintf("%s/check-suites/%d", repo, suite)},
		{b.gh, fmt.Sprintf("%s/check-suites/%d/check-runs", repo, suite)},
	}
	for _, read := range reads {
		r, err := read.by.NewRequest("GET", read.path, nil)
		b.must(err)
		var body any
		resp, err := read.by.Do(ctx(), r, &body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %v", read.path, err)
		}
	}
	if review.GetState() != "COMMENTED" {
		t.Errorf("the review is %s", review.GetState())
	}
	merged, _, err := b.gh.PullRequests.IsMerged(ctx(), "acme", "fleet", n)
	if err != nil || merged {
		t.Errorf("merged %v, %v", merged, err)
	}
	diff, _, err := b.gh.PullRequests.GetRaw(ctx(), "acme", "fleet", n, github.RawOptions{Type: github.Diff})
	if err != nil || diff == "" {
		t.Errorf("diff %q, %v", diff, err)
	}
}

func TestFind(t *testing.T) {
	routes := []route{
		{"GET", "/r/{o}/commits/{ref...}/status", "", nil},
		{"GET", "/r/{o}/commits/{ref...}", "", nil},
		{"GET", "/r/{o}/issues/comments/{id}", "", nil},
		{"GET", "/r/{o}/issues/{n}/comments", "", nil},
	}
	for _, tt := range []struct{ path, pattern, name, value string }{
		{"/r/x/commits/a/b/status", "/r/{o}/commits/{ref...}/status", "ref", "a/b"},
		{"/r/x/commits/a%2Fb", "/r/{o}/commits/{ref...}", "ref", "a/b"},
		{"/r/x/commits/status", "/r/{o}/commits/{ref...}", "ref", "status"},
		{"/r/x/issues/comments/7", "/r/{o}/issues/comments/{id}", "id", "7"},
		{"/r/x/issues/7/comments", "/r/{o}/issues/{n}/comments", "n", "7"},
		{"/r/x/commits", "", "", ""},
		{"/r/x/issues/7", "", "", ""},
		{"/r/x/issues/7/%zz", "", "", ""},
	} {
		rt, vars, _ := find(routes, "GET", tt.path)
		if rt.pattern != tt.pattern || vars[tt.name] != tt.value {
			t.Errorf("%s matches %q with %v", tt.path, rt.pattern, vars)
		}
	}
}
