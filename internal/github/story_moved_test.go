package github_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

// moved makes a client whose traffic isn't held against GitHub's description: where a redirect leads, and
// that writes have one, is in GitHub's words alone.
func (s *story) moved() *github.Client {
	s.t.Helper()
	c, err := github.New(github.Options{
		APIURL: s.server.APIURL(), Repo: repoName, Branch: "main", AppID: s.app.ID,
		PrivateKey: github.NewSecret(string(s.app.KeyPEM)), HTTP: spied{s, s.server.Transport()}, WriteInterval: -1,
	})
	s.check(err)
	return c
}

// A repository that is renamed while the daemon runs, or before it starts, is followed, and its webhooks
// are taken under the new name; those of whoever took the old name are not.
func TestARenamedRepositoryIsFollowed(t *testing.T) {
	for _, before := range []bool{false, true} {
		s := newStory(t)
		head := s.openPull().GetHead().GetSHA()
		s.forge = s.moved()
		if !before {
			s.check(s.forge.Check(s.ctx, plan(head, "")))
			name, err := s.forge.Name(s.ctx)
			s.check(err)
			if _, moved := s.forge.Moved(); moved || name != repoName {
				t.Errorf("called %s, moved %t, and it wasn't", name, moved)
			}
		}
		s.check(s.server.Move(repoName, "acme/estate"))
		s.check(s.forge.Check(s.ctx, plan(head, "success")))
		s.check(s.forge.Comment(s.ctx, 1, "plan", "hello"))
		s.propose(drift("1"))
		s.server.RevokeTokens() // the next is asked for by the repository's id
		s.propose(drift("2"))
		open, err := s.forge.PullRequests(s.ctx)
		s.check(err)
		if len(open) != 2 {
			t.Errorf("%d pull requests", len(open))
		}
		runs := s.server.CheckRuns("acme/estate", head)
		if len(runs) != 1 || runs[0].Conclusion != "success" {
			t.Errorf("%+v", runs)
		}
		if said := s.server.Comments("acme/estate", 1); len(said) != 1 {
			t.Errorf("%+v", said)
		}
		s.must(s.forge.Name(s.ctx))
		if name, moved := s.forge.Moved(); !moved || name != "acme/estate" {
			t.Errorf("called %s, moved %t", name, moved)
		}

		in := s.listen()
		s.must(s.server.CommitFiles("acme/estate", "main", "ann", "Edit", map[string][]byte{"x": []byte("1")}))
		if got := s.arrived(in); len(got) != 1 || !strings.HasPrefix(got[0], "push") {
			t.Errorf("under the new name: %q", got)
		}
		s.must(s.server.CreateRepo(repoName, "ann", fstest.MapFS{"x": {Data: []byte("0")}}))
		s.must(s.server.CommitFiles(repoName, "main", "ann", "Edit", map[string][]byte{"x": []byte("1")}))
		if got := s.arrived(in); len(got) != 0 {
			t.Errorf("of another repository with the old name: %q", got)
		}
	}
}

// A write is never turned into a read by a redirect.
func TestARedirectKeepsTheMethod(t *testing.T) {
	var sent []string
	c, err := github.New(github.Options{
		Repo: repoName, Token: github.NewSecret("ghp_ann"), WriteInterval: -1,
		HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Method+" "+r.URL.Path)
			return &http.Response{
				StatusCode: http.StatusMovedPermanently, Header: http.Header{"Location": {"https://api.github.com/elsewhere"}}, Body: http.NoBody, Request: r,
			}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.React(t.Context(), 7, "eyes"); err == nil || len(sent) != 1 {
		t.Errorf("sent %q, error %v", sent, err)
	}
}

// Lists of many pull requests are shared by those who ask at the same time, and each has its own copy.
func TestTheListIsShared(t *testing.T) {
	s := newStory(t)
	s.openPull()
	s.must(s.forge.PullRequests(s.ctx))
	s.server.ForgetRequests()
	lists := make(chan []reconciler.PullRequest)
	for range 50 {
		go func() {
			list, err := s.forge.PullRequests(s.ctx)
			if err != nil || len(list) != 1 {
				t.Errorf("%v, %v", list, err)
			} else {
				list[0].Number = 0
			}
			lists <- list
		}()
	}
	for range 50 {
		<-lists
	}
	if n := len(s.server.Requests()); n > 25 {
		t.Errorf("%d requests for 50 who asked at the same time", n)
	}
	list, err := s.forge.PullRequests(s.ctx)
	s.check(err)
	if list[0].Number != 1 {
		t.Error("one who asked changed what others get")
	}
}

// What was set is known, so that an answer costs one reading of the commit's checks.
func TestChecksAreReadOnce(t *testing.T) {
	s := newStory(t)
	head := s.openPull().GetHead().GetSHA()
	s.must(s.forge.PullRequests(s.ctx))
	s.check(s.forge.Check(s.ctx, plan(head, "")))
	s.server.ForgetRequests()
	for _, name := range []string{"tenantry/validate", "tenantry/policy", "tenantry/plan"} {
		k := plan(head, "success")
		k.Name = name
		s.check(s.forge.Check(s.ctx, k))
		s.check(s.forge.Check(s.ctx, k))
	}
	if got := s.server.Requests(); len(got) != 3 {
		t.Errorf("%v, want three writes", got)
	}
	s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))}) // a restart
	if n := s.set(plan(head, "success")); n != 0 {
		t.Errorf("%d writes for the same after a restart", n)
	}
}

// GitHub's limits, switched on, are kept by whatever a client is asked at once.
func TestNoLimitIsBroken(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))})
		s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM)), WriteInterval: 1e9})
		head := s.openPull().GetHead().GetSHA()
		s.server.Limit(githubbox.GitHubsLimits())
		done := make(chan error)
		for i := range 40 {
			go func() {
				k := plan(head, "success")
				k.Name = []string{"a", "b", "c", "d"}[i%4]
				err := s.forge.Check(s.ctx, k)
				if err == nil {
					err = s.forge.Comment(s.ctx, 1, []string{"a", "b", "c", "d"}[i%4], "text")
				}
				done <- err
			}()
		}
		for range 40 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if broken := s.server.Broken(); len(broken) != 0 {
			t.Errorf("%v", broken)
		}
		if runs := s.server.CheckRuns(repoName, head); len(runs) != 4 {
			t.Errorf("%d checks", len(runs))
		}
	})
}

func TestTheSandboxNoticesBrokenLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		n := s.openPull().GetNumber()
		s.server.Limit(githubbox.Secondary{Gap: 1e9, PerHour: 3, Points: 30})
		for range 5 {
			_, _, _ = s.ann.Issues.CreateComment(s.ctx, owner, repo, n, &gh.IssueComment{Body: new("x")})
		}
		if broken := s.server.Broken(); broken["pause between writes"] == 0 {
			t.Errorf("%v", broken)
		}
		s.server.Limit(githubbox.Secondary{PerHour: 3})
		s.ann, s.eve = s.person("ghp_ann"), nil
		for range 4 {
			_, _, _ = s.ann.Issues.CreateComment(s.ctx, owner, repo, n, &gh.IssueComment{Body: new("x")})
		}
		if broken := s.server.Broken(); broken["content an hour"] != 1 {
			t.Errorf("%v", broken)
		}
		s.server.Limit(githubbox.Secondary{Points: 10})
		s.ann = s.person("ghp_ann")
		for range 11 {
			_, _, _ = s.ann.Issues.ListComments(s.ctx, owner, repo, n, nil)
		}
		if broken := s.server.Broken(); broken["points"] != 1 {
			t.Errorf("%v", broken)
		}
	})
}
