package githubbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

// deploy makes a deployment of main with one status.
func (b *box) deploy(by *github.Client, environment, state string, production bool) *github.Deployment {
	b.Helper()
	d, _, err := by.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{
		Ref: new("main"), Environment: &environment, RequiredContexts: &[]string{}, ProductionEnvironment: &production,
	})
	b.must(err)
	_, _, err = by.Repositories.CreateDeploymentStatus(ctx(), "acme", "fleet", d.GetID(), &github.DeploymentStatusRequest{State: &state})
	b.must(err)
	return d
}

func (b *box) states() string {
	var list []string
	for _, d := range b.Deployments(fleet) {
		list = append(list, d.Environment+":"+strings.Join(d.States, ","))
	}
	return strings.Join(list, " ")
}

// GitHub takes earlier deployments out of service by itself, but not those in environments for production.
func TestAutoInactive(t *testing.T) {
	b := newBox(t)
	for range 2 {
		b.deploy(b.ana, "staging", "success", false)
		b.deploy(b.ana, "live", "success", true)
	}
	b.deploy(b.ana, "staging", "failure", false)
	if got, want := b.states(), "staging:success,inactive live:success staging:success live:success staging:failure"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	list, _, err := b.ana.Repositories.ListDeployments(ctx(), "acme", "fleet", &github.DeploymentsListOptions{Environment: "live", SHA: b.Tip(fleet, "main")})
	b.must(err)
	if len(list) != 2 || list[0].GetID() < list[1].GetID() {
		t.Errorf("listed %v", list)
	}
}

func TestDeploymentsThatAreRefused(t *testing.T) {
	b := newBox(t)
	_, _, err := b.gh.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("main")})
	b.status(err, http.StatusForbidden) // the App of this box has no such permission
	_, _, err = b.ana.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("nowhere")})
	b.status(err, http.StatusUnprocessableEntity)
	d := b.deploy(b.ana, "staging", "in_progress", false)
	_, _, err = b.ana.Repositories.CreateDeploymentStatus(ctx(), "acme", "fleet", d.GetID(), &github.DeploymentStatusRequest{State: new("done")})
	b.status(err, http.StatusUnprocessableEntity)
	_, _, err = b.ana.Repositories.CreateDeploymentStatus(ctx(), "acme", "fleet", d.GetID(), &github.DeploymentStatusRequest{
		State: new("failure"), Description: new(strings.Repeat("x", 141)),
	})
	b.status(err, http.StatusUnprocessableEntity)

	// Unless it is told otherwise, it wants every check passed and a branch that isn't behind.
	n := b.propose("topic", "a", "1\n")
	_, _, err = b.ana.Repositories.CreateStatus(ctx(), "acme", "fleet", b.pr(n).Head, &github.RepoStatus{State: new("pending"), Context: new("ci")})
	b.must(err)
	_, _, err = b.ana.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("topic")})
	b.status(err, http.StatusConflict)
	_, err = b.CommitFiles(fleet, "main", "ana", "Go on", map[string][]byte{"b": []byte("1")})
	b.must(err)
	_, _, err = b.ana.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("topic"), RequiredContexts: &[]string{}})
	b.status(err, http.StatusConflict)
	_, _, err = b.ana.Repositories.CreateDeployment(ctx(), "acme", "fleet", &github.DeploymentRequest{Ref: new("topic"), RequiredContexts: &[]string{}, AutoMerge: new(false)})
	b.must(err)
}

// An App hears of deployments only if it asked to.
func TestDeploymentWebhooks(t *testing.T) {
	b, r := hooked(t)
	b.deploy(b.ana, "staging", "success", false)
	b.idle()
	if got := r.take(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	b.mu.Lock()
	app := b.apps[b.app.ID]
	app.events = append(app.events, "deployment", "deployment_status")
	b.mu.Unlock()
	b.deploy(b.ana, "staging", "success", false)
	b.idle()
	if got, want := r.take(), []string{"deployment", "deployment_status", "deployment_status"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if status, is := e.(*github.DeploymentStatusEvent); is && (status.GetDeployment().GetEnvironment() != "staging" || status.GetDeploymentStatus().GetState() == "") {
			t.Errorf("%v", status)
		}
	}
}

// The pages show what is in service where, and have the button that tries again.
func TestDeploymentsOnPages(t *testing.T) {
	b, r := hooked(t)
	n := b.propose("topic", "a", "1\n")
	merged, err := b.Merge(fleet, n, "ana")
	b.must(err)
	b.deploy(b.ana, "staging", "failure", false)
	b.deploy(b.ana, "production", "success", true)
	for _, page := range []string{"/" + fleet, "/" + fleet + "/commit/" + merged, fmt.Sprintf("/%s/pull/%d", fleet, n)} {
		b.shows(page, "Deployments", "<b>production</b> active", "<b>staging</b> failure", merged[:8])
	}
	run, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{Name: "c", HeadSHA: merged, Conclusion: new("failure")})
	b.must(err)
	page := fmt.Sprintf("/%s/runs/%d", fleet, run.GetID())
	b.shows(page, "Re-run")
	b.idle()
	r.take()
	if _, _, at := b.visit(page+"/rerun", url.Values{}); at != "/"+fleet+"/commit/"+merged {
		t.Errorf("pressing it ends at %s", at)
	}
	b.idle()
	if got := r.take(); !slices.Equal(got, []string{"check_run.rerequested"}) {
		t.Errorf("got %v", got)
	}
}
