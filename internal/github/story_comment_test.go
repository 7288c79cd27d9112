package github_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
)

func (s *story) comment(number int, body string) {
	s.t.Helper()
	s.check(s.forge.Comment(s.ctx, number, "plan", body))
}

func TestCommentIsOne(t *testing.T) {
	s := newStory(t)
	n := s.openPull().GetNumber()
	s.comment(n, "Plan: 1 to add")
	if w := s.writes(func() { s.comment(n, "Plan: 1 to add\n") }); w != 0 {
		t.Errorf("%d writes for the same text", w)
	}
	s.comment(n, "Plan: 2 to add")
	// After a restart, it is found in the list.
	s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))})
	s.comment(n, "Plan: 3 to add")
	s.check(s.forge.Comment(s.ctx, n, "validate", "All good"))

	list := s.comments(n)
	if len(list) != 2 || !strings.Contains(list[0].GetBody(), "Plan: 3 to add") || !strings.Contains(list[1].GetBody(), "All good") {
		t.Fatalf("%d comments", len(list))
	}
	_, err := s.ann.Issues.DeleteComment(s.ctx, owner, repo, list[0].GetID())
	s.check(err)
	s.comment(n, "Plan: 3 to add")
	if got := len(s.comments(n)); got != 2 {
		t.Errorf("%d comments after one was deleted and made again", got)
	}
}

func TestCommentCannotBeHijacked(t *testing.T) {
	s := newStory(t)
	n := s.openPull().GetNumber()
	s.comment(n, "Plan: 1 to add")
	marker, _, _ := strings.Cut(s.comments(n)[0].GetBody(), "\n")

	other := s.newPull("feature-2")
	fake := marker + "\nPlan: nothing to see here"
	_, _, err := s.ann.Issues.CreateComment(s.ctx, owner, repo, other, &gh.IssueComment{Body: &fake})
	s.check(err)
	s.comment(other, "Plan: 9 to destroy")
	list := s.comments(other)
	if len(list) != 2 || list[0].GetBody() != fake || list[1].GetUser().GetLogin() != "tenantry[bot]" ||
		!strings.Contains(list[1].GetBody(), "9 to destroy") {
		t.Errorf("%v", list)
	}
}

func (s *story) newPull(branch string) int {
	s.t.Helper()
	_, _, err := s.ann.Git.CreateRef(s.ctx, owner, repo, &gh.Reference{
		Ref: new("refs/heads/" + branch), Object: &gh.GitObject{SHA: new(s.tip("main"))},
	})
	s.check(err)
	s.commit(s.ann, branch, branch+".cue", "x: 1\n", nil)
	pr, _, err := s.ann.PullRequests.Create(s.ctx, owner, repo, &gh.NewPullRequest{
		Title: &branch, Head: &branch, Base: new("main"),
	})
	s.check(err)
	return pr.GetNumber()
}

func TestCommentsAtTheSameTime(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		n := s.openPull().GetNumber()
		s.spy = func(*http.Request) { time.Sleep(time.Second) } // the bubble's clock: requests overlap
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := s.forge.Comment(s.ctx, n, "plan", "Plan: 1 to add"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := len(s.comments(n)); got != 1 {
			t.Errorf("%d comments", got)
		}
	})
}

func TestCopiesOfAComment(t *testing.T) {
	s := newStory(t)
	n := s.openPull().GetNumber()
	s.comment(n, "Plan: 1 to add")
	// Another replica made its own before it could see ours.
	user, token, err := s.forge.GitAuth(s.ctx)
	s.check(err)
	if user != "x-access-token" {
		t.Errorf("user %q", user)
	}
	body := s.comments(n)[0].GetBody()
	_, _, err = s.person(token).Issues.CreateComment(s.ctx, owner, repo, n, &gh.IssueComment{Body: &body})
	s.check(err)
	s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))})
	s.comment(n, "Plan: 1 to add")
	if got := len(s.comments(n)); got != 1 {
		t.Errorf("%d comments", got)
	}
}

func TestLongCommentsAreCut(t *testing.T) {
	s := newStory(t)
	n := s.openPull().GetNumber()
	long := "Plan\n\n```diff\n" + lines("+ resource %d", 9000) + "\n```\n"
	s.comment(n, long)
	body := s.comments(n)[0].GetBody()
	if len(body) > 61_000 || strings.Count(body, "```") != 2 {
		t.Errorf("%d characters, %d fences", len(body), strings.Count(body, "```"))
	}
	if w := s.writes(func() { s.comment(n, long) }); w != 0 {
		t.Errorf("%d writes for the same long text", w)
	}
}

func TestCommentRefusesAKeyThatEscapes(t *testing.T) {
	s := newStory(t)
	for _, key := range []string{"", "a b", "--> <b>", strings.Repeat("x", 300)} {
		if err := s.forge.Comment(s.ctx, 1, key, "x"); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}

func TestLostAnswersOfComment(t *testing.T) {
	for k := range 20 {
		s := newStory(t)
		n := s.openPull().GetNumber()
		s.server.Inject(githubbox.Fault{Skip: k, Count: 1, LoseAnswer: true})
		if err := s.forge.Comment(s.ctx, n, "plan", "Plan"); err == nil {
			if k < 4 {
				t.Errorf("only %d requests", k)
			}
			return
		}
		s.server.ClearFaults()
		s.comment(n, "Plan")
		if got := len(s.comments(n)); got != 1 {
			t.Errorf("answer %d lost: %d comments", k, got)
		}
	}
}
