package github_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

func TestProposeOpensAPullRequest(t *testing.T) {
	s := newStory(t)
	base := s.tip("main")
	url := s.propose(drift("sha256:1"))

	pr := s.onlyPull("open")
	if pr.GetHTMLURL() != url || pr.GetTitle() != drift("").Title || pr.GetUser().GetLogin() != "tenantry[bot]" {
		t.Errorf("%s: %q by %s", pr.GetHTMLURL(), pr.GetTitle(), pr.GetUser().GetLogin())
	}
	if !strings.HasPrefix(pr.GetBody(), drift("").Body+"\n") || strings.Count(pr.GetBody(), "<!--") != 1 {
		t.Errorf("body %q", pr.GetBody())
	}
	var labels []string
	for _, l := range pr.Labels {
		labels = append(labels, l.GetName())
	}
	slices.Sort(labels)
	if !slices.Equal(labels, []string{"tenant:acme", "tenantry/drift"}) {
		t.Errorf("labels %q", labels)
	}
	commit, _, err := s.ann.Repositories.GetCommit(s.ctx, owner, repo, pr.GetHead().GetSHA(), nil)
	s.check(err)
	if len(commit.Parents) != 1 || commit.Parents[0].GetSHA() != base {
		t.Errorf("the commit is not right on top of main")
	}
	if !commit.GetCommit().GetVerification().GetVerified() {
		t.Error("the commit is not verified")
	}
	if !strings.Contains(commit.GetCommit().GetMessage(), "\n\nTenantry-Digest: sha256:1\n") {
		t.Errorf("message %q", commit.GetCommit().GetMessage())
	}
	if got := s.file(pr.GetHead().GetRef(), tenant); got != "name: \"acme\"\nretention: 30\n" {
		t.Errorf("file %q", got)
	}
	if got := s.file(pr.GetHead().GetRef(), "fleet.cue"); got == "" {
		t.Error("a file that wasn't proposed is gone")
	}
}

func TestProposeTwiceWritesOnce(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	if n := s.writes(func() { s.propose(drift("1")) }); n != 0 {
		t.Errorf("%d writes", n)
	}
	// A restart knows nothing of it, and still finds it done.
	s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))})
	if n := s.writes(func() { s.propose(drift("1")) }); n != 0 {
		t.Errorf("%d writes after a restart", n)
	}
	// Files of the same digest are the same files, whatever time is written in them.
	p := drift("1")
	p.Files["reports/drift/log-retention.md"] = []byte("# another time")
	if n := s.writes(func() { s.propose(p) }); n != 0 {
		t.Errorf("%d writes for an unchanged digest", n)
	}
	p.Body = "Somebody changed **acme** two days ago."
	if n := s.writes(func() { s.propose(p) }); n != 1 || !strings.HasPrefix(s.onlyPull("open").GetBody(), p.Body) {
		t.Errorf("%d writes for another body", n)
	}
}

func TestProposeUpdatesInPlace(t *testing.T) {
	s := newStory(t)
	first := s.propose(drift("1"))
	base := s.commit(s.ann, "main", "plans/team.cue", "price: 5\n", nil)
	p := drift("2")
	p.Title, p.Body = "Drift: two things of acme", "More changed."
	p.Files = map[string][]byte{"reports/drift/log-retention.md": []byte("# More\n")}
	if second := s.propose(p); second != first {
		t.Errorf("another pull request %s, the first was %s", second, first)
	}
	pr := s.onlyPull("open")
	if pr.GetTitle() != p.Title || !strings.Contains(pr.GetBody(), "digest=2 ") {
		t.Errorf("%q, %q", pr.GetTitle(), pr.GetBody())
	}
	commits, _, err := s.ann.PullRequests.ListCommits(s.ctx, owner, repo, pr.GetNumber(), nil)
	s.check(err)
	if len(commits) != 1 || commits[0].Parents[0].GetSHA() != base {
		t.Errorf("%d commits, want one on top of the newest main", len(commits))
	}
	if got := s.file(p.Branch, tenant); got != "name: \"acme\"\n" {
		t.Errorf("what is no longer proposed stays as %q", got)
	}
}

func TestProposeRemovesFilesAndKeepsBytes(t *testing.T) {
	s := newStory(t)
	p := drift("1")
	p.Files = map[string][]byte{
		tenant:          nil,
		"not/there.cue": nil,
		"empty":         {},
		"logo.png":      {0x89, 'P', 'N', 'G', 0xff, 0},
	}
	s.propose(p)
	if got := s.file(p.Branch, tenant); got != "" {
		t.Errorf("the removed file has %q", got)
	}
	if got := s.file(p.Branch, "logo.png"); got != "\x89PNG\xff\x00" {
		t.Errorf("bytes %q", got)
	}
}

func TestProposeWithoutDifference(t *testing.T) {
	s := newStory(t)
	for name, files := range map[string]map[string][]byte{
		"no files":         nil,
		"removing nothing": {"not/there.cue": nil, "fleet.cue/x": nil},
		"the same":         {tenant: []byte("name: \"acme\"\n")},
	} {
		p := drift("1")
		p.Files = files
		if _, err := s.forge.Propose(s.ctx, p); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			s.want(err, github.ErrNoDifference)
		}
	}
	if len(s.pulls("all")) != 0 || s.tip(drift("").Branch) != "" {
		t.Error("something was opened")
	}
}

func TestProposeRefusesNonsense(t *testing.T) {
	s := newStory(t)
	for name, change := range map[string]func(*reconciler.Proposal){
		"the watched branch": func(p *reconciler.Proposal) { p.Branch = "main" },
		"no branch":          func(p *reconciler.Proposal) { p.Branch = "" },
		"no title":           func(p *reconciler.Proposal) { p.Title = " \n" },
		"no digest":          func(p *reconciler.Proposal) { p.Digest = "" },
		"a digest to escape": func(p *reconciler.Proposal) { p.Digest = "x -->" },
		"a path upwards":     func(p *reconciler.Proposal) { p.Files = map[string][]byte{"../x": nil} },
		"an absolute path":   func(p *reconciler.Proposal) { p.Files = map[string][]byte{"/etc/passwd": []byte("x")} },
	} {
		p := drift("1")
		change(&p)
		n := s.writes(func() {
			if _, err := s.forge.Propose(s.ctx, p); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		if n != 0 {
			t.Errorf("%s: %d writes", name, n)
		}
	}
	if err := s.forge.Withdraw(s.ctx, "main", "no"); err == nil || s.tip("main") == "" {
		t.Errorf("withdrawing the watched branch: %v", err)
	}
}

func TestALongBodyIsCut(t *testing.T) {
	s := newStory(t)
	p := drift("1")
	p.Body = lines("- line %d of a report that is far too long for GitHub", 3000)
	s.propose(p)
	if body := s.onlyPull("open").GetBody(); len(body) > 61_000 || !strings.Contains(body, "digest=1") || !strings.Contains(body, "not shown") {
		t.Errorf("%d characters, ending in %q", len(body), body[len(body)-200:])
	}
	if n := s.writes(func() { s.propose(p) }); n != 0 {
		t.Errorf("%d writes for the same long body", n)
	}
}

func TestAPersonsCommitIsNeverOverwritten(t *testing.T) {
	for name, touch := range map[string]func(s *story, branch string) string{
		"on top": func(s *story, branch string) string {
			return s.commit(s.ann, branch, tenant, "name: \"acme\"\nretention: 60\n", nil)
		},
		"amended": func(s *story, branch string) string {
			ours, _, err := s.ann.Repositories.GetCommit(s.ctx, owner, repo, s.tip(branch), nil)
			s.check(err)
			return s.commit(s.ann, branch, tenant, "name: \"acme\"\nretention: 60\n", ours)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.propose(drift("1"))
			theirs := touch(s, drift("").Branch)
			for _, digest := range []string{"1", "2"} {
				n := s.writes(func() {
					_, err := s.forge.Propose(s.ctx, drift(digest))
					s.want(err, reconciler.ErrTouched)
				})
				if n != 0 {
					t.Errorf("digest %s: %d writes", digest, n)
				}
			}
			if got := s.tip(drift("").Branch); got != theirs {
				t.Errorf("the branch was moved from %s to %s", theirs, got)
			}
		})
	}
}

func TestAPushDuringTheRebuildIsNotLost(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	var theirs string
	s.spy = func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git/commits") && theirs == "" {
			theirs = "under way"
			theirs = s.commit(s.ann, drift("").Branch, tenant, "name: \"acme\"\nretention: 60\n", nil)
		}
	}
	_, err := s.forge.Propose(s.ctx, drift("2"))
	s.want(err, reconciler.ErrTouched)
	if got := s.tip(drift("").Branch); got != theirs {
		t.Errorf("the branch is at %s, not at ann's commit %s", got, theirs)
	}
}

func TestSomebodyElsesPullRequestFromTheBranch(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	s.closeAs(s.ann, s.onlyPull("open").GetNumber())
	_, _, err := s.ann.PullRequests.Create(s.ctx, owner, repo, &gh.NewPullRequest{
		Title: new("Mine now"), Head: new(drift("").Branch), Base: new("main"),
	})
	s.check(err)
	_, err = s.forge.Propose(s.ctx, drift("2"))
	s.want(err, reconciler.ErrTouched)
	s.want(s.forge.Withdraw(s.ctx, drift("").Branch, "gone"), reconciler.ErrTouched)
	if s.onlyPull("open").GetTitle() != "Mine now" {
		t.Error("it was changed")
	}
}

func TestAnotherReplicaIsFaster(t *testing.T) {
	s := newStory(t)
	_, token, err := s.forge.GitAuth(s.ctx)
	s.check(err)
	replica := s.person(token)
	s.spy = func(r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/pulls") {
			return
		}
		_, _, err := replica.PullRequests.Create(s.ctx, owner, repo, &gh.NewPullRequest{
			Title: new("Drift"), Head: new(drift("").Branch), Base: new("main"),
		})
		s.check(err)
	}
	s.propose(drift("1"))
	if got := s.onlyPull("all").GetTitle(); got != drift("").Title {
		t.Errorf("title %q", got)
	}
}

func TestAConflictRebuildsTheBranch(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	base := s.commit(s.ann, "main", tenant, "name: \"acme\"\nretention: 14\n", nil)
	s.propose(drift("1"))
	pr, _, err := s.ann.PullRequests.Get(s.ctx, owner, repo, s.onlyPull("open").GetNumber())
	s.check(err)
	if !pr.GetMergeable() || pr.GetBase().GetSHA() != base {
		t.Error("it still conflicts")
	}
}

func TestAClosedProposalIsOpenedAnew(t *testing.T) {
	s := newStory(t)
	first := s.propose(drift("1"))
	s.closeAs(s.ann, s.onlyPull("open").GetNumber())
	second := s.propose(drift("1"))
	if first == second || len(s.pulls("open")) != 1 {
		t.Errorf("first %s, then %s", first, second)
	}
}

// Every answer may get lost, at any request. Proposing again then ends as if nothing had happened.
func TestLostAnswersOfPropose(t *testing.T) {
	for _, fault := range []githubbox.Fault{{LoseAnswer: true}, {Reset: true}} {
		for k := range 40 {
			s := newStory(t)
			fault.Skip, fault.Count = k, 1
			s.server.ForgetRequests()
			s.server.Inject(fault)
			_, err := s.forge.Propose(s.ctx, drift("1"))
			if err == nil { // the k-th request doesn't exist any more
				if k < 8 {
					t.Errorf("only %d requests", k)
				}
				break
			}
			s.server.ClearFaults()
			s.propose(drift("1"))
			pr := s.onlyPull("all")
			commits, _, err := s.ann.PullRequests.ListCommits(s.ctx, owner, repo, pr.GetNumber(), nil)
			s.check(err)
			if len(commits) != 1 || len(pr.Labels) != 2 {
				t.Errorf("answer %d lost: %d commits, %d labels", k, len(commits), len(pr.Labels))
			}
			if n := s.writes(func() { s.propose(drift("1")) }); n != 0 {
				t.Errorf("answer %d lost: %d writes afterwards", k, n)
			}
		}
	}
}

func TestProposeWithAPersonsToken(t *testing.T) {
	s := newStory(t)
	s.forge = s.withToken()
	s.propose(drift("1"))
	if n := s.writes(func() { s.propose(drift("1")) }); n != 0 {
		t.Errorf("%d writes", n)
	}
	s.propose(drift("2"))

	// The same person amends the commit: author and committer are right, the tree isn't.
	ours, _, err := s.ann.Repositories.GetCommit(s.ctx, owner, repo, s.tip(drift("").Branch), nil)
	s.check(err)
	s.commit(s.ann, drift("").Branch, tenant, "by hand\n", ours)
	_, err = s.forge.Propose(s.ctx, drift("3"))
	s.want(err, reconciler.ErrTouched)
}

func TestProposals(t *testing.T) {
	for name, as := range map[string]func(*story) *github.Client{
		"App":   func(s *story) *github.Client { return s.forge },
		"token": (*story).withToken,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.forge = as(s)
			branch := func(name string) reconciler.Proposal {
				p := drift(name)
				p.Branch = "tenantry/drift/" + name
				return p
			}
			s.propose(branch("open"))
			s.propose(branch("closed"))
			s.closeAs(s.ann, s.pulls("open")[0].GetNumber())
			s.propose(branch("withdrawn"))
			s.check(s.forge.Withdraw(s.ctx, "tenantry/drift/withdrawn", "The drift is gone."))
			s.propose(branch("merged"))
			_, _, err := s.ann.PullRequests.Merge(s.ctx, owner, repo, s.pulls("open")[0].GetNumber(), "", nil)
			s.check(err)
			other := drift("x")
			other.Branch = "tenantry/audit/2026"
			other.Files = map[string][]byte{"reports/audit/2026.md": []byte("# Audit\n")}
			s.propose(other)
			s.openPull()

			got, err := s.forge.Proposals(s.ctx, "tenantry/drift/", time.Now().Add(-time.Hour))
			s.check(err)
			var summary []string
			for _, p := range got {
				by := p.ClosedBy
				if p.ByUs {
					by = "us"
				}
				summary = append(summary, strings.Join([]string{p.Digest, p.State, by}, " "))
				if p.Branch != "tenantry/drift/"+p.Digest || p.URL == "" || p.ClosedAt.IsZero() != (p.State == "open") {
					t.Errorf("%+v", p)
				}
			}
			if want := []string{"merged merged ", "withdrawn closed us", "closed closed ann", "open open "}; !slices.Equal(summary, want) {
				t.Errorf("%q, want %q", summary, want)
			}
			later, err := s.forge.Proposals(s.ctx, "tenantry/drift/", time.Now().Add(time.Hour))
			s.check(err)
			if len(later) != 1 || later[0].State != "open" {
				t.Errorf("since later: %+v", later)
			}
		})
	}
}

func TestAProposalThatIsClosedWhileListing(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	s.spy = func(r *http.Request) {
		if r.URL.Query().Get("state") == "closed" {
			s.spy = nil
			s.closeAs(s.ann, s.onlyPull("open").GetNumber())
		}
	}
	got, err := s.forge.Proposals(s.ctx, "tenantry/", time.Time{})
	s.check(err)
	if len(got) != 1 {
		t.Errorf("it is listed %d times", len(got))
	}
}
