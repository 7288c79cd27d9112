package github_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

func in(commit, environment, state string) reconciler.Deployment {
	return reconciler.Deployment{
		Commit: reconciler.Commit(commit), Environment: environment, Production: environment == "production",
		State: state, Description: "8 changes " + state,
	}
}

// deploy states what became of a commit and returns how many writes that took.
func (s *story) deploy(d reconciler.Deployment) int {
	s.t.Helper()
	return s.writes(func() { s.t.Helper(); s.check(s.forge.Deploy(s.ctx, d)) })
}

// deployed says each deployment in a line: its commit's number, environment and states.
func (s *story) deployed(commits ...string) []string {
	var list []string
	for _, d := range s.server.Deployments(repoName) {
		list = append(list, fmt.Sprintf("%d %s: %s", slices.Index(commits, d.Commit), d.Environment, strings.Join(d.States, " ")))
	}
	return list
}

func TestDeploymentFromBeginningToEnd(t *testing.T) {
	for name, as := range map[string]func(*story) *github.Client{
		"App":   func(s *story) *github.Client { return s.forge },
		"token": (*story).withToken,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.forge = as(s)
			first := s.tip("main")
			if n := s.deploy(in(first, "production", "in_progress")); n != 2 {
				t.Errorf("%d writes to begin", n)
			}
			for _, state := range []string{"failure", "in_progress", "success"} {
				if n := s.deploy(in(first, "production", state)); n != 1 {
					t.Errorf("%d writes for %s", n, state)
				}
				if n := s.deploy(in(first, "production", state)); n != 0 {
					t.Errorf("%d writes for the same", n)
				}
			}
			s.deploy(in(first, "staging", "success"))
			second := s.commit(s.ann, "main", tenant, "name: \"acme\"\nplan: \"team\"\n", nil)
			s.deploy(in(second, "production", "in_progress"))
			s.deploy(in(second, "production", "inactive"))
			third := s.commit(s.ann, "main", tenant, "name: \"acme\"\n", nil)
			if n := s.deploy(in(third, "production", "success")); n != 3 {
				t.Errorf("%d writes to replace what was in service", n)
			}
			if n := s.deploy(in(third, "production", "success")); n != 0 {
				t.Errorf("%d writes for the same", n)
			}
			want := []string{
				"0 production: in_progress failure in_progress success inactive", "0 staging: success",
				"1 production: in_progress inactive", "2 production: success",
			}
			if got := s.deployed(first, second, third); !slices.Equal(got, want) {
				t.Errorf("deployments\n%s", strings.Join(got, "\n"))
			}
			if n := s.deploy(in(second, "staging", "inactive")); n != 0 {
				t.Errorf("%d writes to end what never began", n)
			}
			s.want(s.forge.Deploy(s.ctx, in(first, "production", "success")), nil)
			if err := s.forge.Deploy(s.ctx, in(first, "production", "queued")); err == nil {
				t.Error("queued is no state of ours")
			}
		})
	}
}

// What others deploy to the same environment is theirs, in production and elsewhere.
func TestDeploymentsOfOthersStay(t *testing.T) {
	s := newStory(t)
	first := s.tip("main")
	for _, environment := range []string{"staging", "production"} {
		theirs, _, err := s.ann.Repositories.CreateDeployment(s.ctx, owner, repo, &gh.DeploymentRequest{
			Ref: new("main"), Task: new("tenantry"), Environment: &environment, RequiredContexts: &[]string{},
		})
		s.check(err)
		_, _, err = s.ann.Repositories.CreateDeploymentStatus(s.ctx, owner, repo, theirs.GetID(), &gh.DeploymentStatusRequest{State: new("success")})
		s.check(err)
		s.deploy(in(first, environment, "success"))
	}
	want := []string{"0 staging: success", "0 staging: success", "0 production: success", "0 production: success"}
	if got := s.deployed(first); !slices.Equal(got, want) {
		t.Errorf("deployments\n%s", strings.Join(got, "\n"))
	}
}

func TestALongReasonIsCut(t *testing.T) {
	s := newStory(t)
	d := in(s.tip("main"), "new-inbox", "failure")
	d.Preview, d.Description = true, strings.Repeat("AccessDénied\n", 40)
	s.deploy(d)
	got := s.server.Deployments(repoName)[0]
	if n := len([]rune(got.Description)); n > 140 || n < 100 || strings.Contains(got.Description, "\n") {
		t.Errorf("%d characters: %q", n, got.Description)
	}
	if !got.Transient || got.Production {
		t.Errorf("%+v", got)
	}
	if n := s.deploy(d); n != 0 {
		t.Errorf("%d writes for the same", n)
	}
}

func TestWithoutThePermissionToDeploy(t *testing.T) {
	s := newStory(t, func(o *githubbox.AppOptions) {
		o.Permissions = map[string]string{}
		for _, g := range github.Grants() {
			if g.Name != "deployments" {
				o.Permissions[g.Name] = g.Level
			}
		}
	})
	s.check(s.forge.Examine(s.ctx)) // it is no reason not to start
	tip := s.tip("main")
	s.want(s.forge.Deploy(s.ctx, in(tip, "production", "success")), reconciler.ErrNoDeployments)
	s.server.ForgetRequests()
	s.want(s.forge.Deploy(s.ctx, in(tip, "staging", "success")), reconciler.ErrNoDeployments)
	if n := len(s.server.Requests()); n != 0 {
		t.Errorf("%d requests after the refusal", n)
	}
}

func TestADeploymentThatWasInterrupted(t *testing.T) {
	for k := range 20 {
		s := newStory(t)
		first := s.tip("main")
		s.deploy(in(first, "production", "success"))
		second := s.commit(s.ann, "main", tenant, "name: \"acme\"\nplan: \"team\"\n", nil)
		s.server.Inject(githubbox.Fault{Skip: k, Count: 1, LoseAnswer: true})
		if err := s.forge.Deploy(s.ctx, in(second, "production", "success")); err == nil {
			break
		}
		s.server.ClearFaults()
		s.deploy(in(second, "production", "success"))
		want := []string{"0 production: success inactive", "1 production: success"}
		if got := s.deployed(first, second); !slices.Equal(got, want) {
			t.Errorf("answer %d lost:\n%s", k, strings.Join(got, "\n"))
		}
	}
}

// A commit's page is where its checks are, with the forge's own address.
func TestCommitPage(t *testing.T) {
	s := newStory(t)
	tip := s.tip("main")
	if got, want := s.forge.CommitPage(reconciler.Commit(tip)), s.server.URL()+"/"+repoName+"/commit/"+tip; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What we say about deployments comes back as events, to an App that somebody let listen to them: they are
// nothing to us, whoever they are by.
func TestDeploymentEventsCauseNothing(t *testing.T) {
	s := newStory(t, func(o *githubbox.AppOptions) { o.Events = []string{"deployment", "deployment_status"} })
	inbox := s.listen()
	s.deploy(in(s.tip("main"), "production", "success"))
	if got := s.arrived(inbox); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	delivered := 0
	for _, d := range s.server.Deliveries() {
		if strings.HasPrefix(d.Event, "deployment") && d.Status == 202 {
			delivered++
		}
	}
	if delivered != 2 {
		t.Errorf("%d events were taken", delivered)
	}
}
