package github_test

import (
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

func returning(digest string) reconciler.Proposal {
	p := drift(digest)
	p.Returns = true
	return p
}

func (s *story) withdraw() {
	s.t.Helper()
	s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "It is gone."))
}

// What comes back after we closed it is the same pull request, with what is there now and a word on why.
func TestWhatReturnsIsReopened(t *testing.T) {
	for name, again := range map[string]string{"the same": "1", "something else": "2"} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			first := s.propose(returning("1"))
			s.withdraw()
			base := s.commit(s.ann, "main", "plans/team.cue", "price: 5\n", nil)
			if second := s.propose(returning(again)); second != first {
				t.Errorf("first %s, then %s", first, second)
			}
			pr := s.onlyPull("all")
			if pr.GetState() != "open" || !strings.Contains(pr.GetBody(), "digest="+again+" ") || strings.Contains(pr.GetBody(), "tenantry:withdrawn") {
				t.Errorf("%s: %s", pr.GetState(), pr.GetBody())
			}
			comments := s.comments(pr.GetNumber())
			if len(comments) != 1 || !strings.Contains(comments[0].GetBody(), "it is back") {
				t.Errorf("comments %v", comments)
			}
			if again == "2" && (pr.GetBase().GetSHA() != base || s.file(drift("").Branch, "reports/drift/log-retention.md") != "# Drift 2\n") {
				t.Error("the branch isn't up to date")
			}
			if n := s.writes(func() { s.propose(returning(again)) }); n != 0 {
				t.Errorf("%d more writes", n)
			}
			s.withdraw()
			if pr := s.onlyPull("all"); pr.GetState() != "closed" {
				t.Error("it can't be withdrawn again")
			}
		})
	}
}

// A decision is a decision: what a person closed or merged is never opened again, nor what isn't said to return,
// nor an older one that we closed.
func TestWhatAPersonDecidedIsNotReopened(t *testing.T) {
	for name, end := range map[string]func(*story, int){
		"closed": func(s *story, number int) { s.closeAs(s.ann, number) },
		"merged": func(s *story, number int) {
			_, _, err := s.ann.PullRequests.Merge(s.ctx, owner, repo, number, "", nil)
			s.check(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			first := s.propose(drift("0"))
			s.withdraw()
			second := s.propose(drift("1"))
			if first == second {
				t.Fatal("it was reopened, though it wasn't said to return")
			}
			end(s, s.onlyPull("open").GetNumber())
			p := returning("2")
			p.Files = map[string][]byte{"reports/drift/other.md": []byte("new\n")}
			if third := s.propose(p); third == first || third == second {
				t.Errorf("%s was opened again", third)
			}
		})
	}
}

// Where GitHub refuses, a new pull request is opened.
func TestABranchThatWasMovedIsNotReopened(t *testing.T) {
	s := newStory(t)
	first := s.propose(returning("1"))
	ours := s.onlyPull("open").GetHead().GetSHA()
	s.propose(returning("2"))
	s.withdraw()
	_, _, err := s.ann.Git.CreateRef(s.ctx, owner, repo, &gh.Reference{ // one of ours, and not the one that was closed
		Ref: new("refs/heads/" + drift("").Branch), Object: &gh.GitObject{SHA: &ours},
	})
	s.check(err)
	if second := s.propose(returning("3")); second == first {
		t.Error("it was opened again")
	}
	s.onlyPull("open")
}

// Every answer may get lost, at any request.
func TestLostAnswersOfReopening(t *testing.T) {
	for k := range 40 {
		s := newStory(t)
		s.propose(returning("1"))
		s.withdraw()
		s.server.ForgetRequests()
		s.server.Inject(githubbox.Fault{LoseAnswer: true, Skip: k, Count: 1})
		_, err := s.forge.Propose(s.ctx, returning("2"))
		if err == nil {
			if k < 10 {
				t.Errorf("only %d requests", k)
			}
			break
		}
		s.server.ClearFaults()
		s.propose(returning("2"))
		pr := s.onlyPull("all")
		comments := s.comments(pr.GetNumber())
		if pr.GetState() != "open" || len(comments) != 1 || !strings.Contains(comments[0].GetBody(), "it is back") {
			t.Errorf("answer %d lost: %s, %v", k, pr.GetState(), comments)
		}
	}
}
