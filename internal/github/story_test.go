package github_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

const (
	repoName = "acme/fleet"
	owner    = "acme"
	repo     = "fleet"
	tenant   = "tenants/ac/acme.cue"
)

// A story is a repository on the sandbox's GitHub with Tenantry's App, ann who works there, and
// eve who may only read.
type story struct {
	t      *testing.T
	ctx    context.Context
	server *githubbox.Server
	app    githubbox.App
	forge  *github.Client
	ann    *gh.Client
	eve    *gh.Client
	// spy, if set, sees each request of the forge before the server does.
	spy func(*http.Request)
	// hook, if set, gets the webhooks.
	hook http.Handler
}

var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newStory(t *testing.T, change ...func(*githubbox.AppOptions)) *story {
	t.Helper()
	s := &story{t: t, ctx: t.Context()}
	s.server = githubbox.New(githubbox.Options{HookTransport: hooked{s}})
	s.server.AddPerson(githubbox.Person{Login: "ann", Name: "Ann", Email: "ann@example.com", Token: "ghp_ann"})
	s.server.AddPerson(githubbox.Person{Login: "eve", Name: "Eve", Email: "eve@example.com", Token: "ghp_eve", Role: "read"})
	s.must(s.server.CreateRepo(repoName, "ann", fstest.MapFS{
		"fleet.cue": {Data: []byte("name: \"acme\"\n")},
		tenant:      {Data: []byte("name: \"acme\"\n")},
	}))
	appKey, err := key()
	s.check(err)
	o := githubbox.AppOptions{Slug: "tenantry", Owner: owner, Key: appKey}
	for _, f := range change {
		f(&o)
	}
	s.app, err = s.server.AddApp(o)
	s.check(err)
	s.forge = s.client(github.Options{AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM))})
	s.ann, s.eve = s.person("ghp_ann"), s.person("ghp_eve")
	return s
}

// client makes a client of ours. Its writes aren't apart, so that stories are short.
func (s *story) client(o github.Options) *github.Client {
	s.t.Helper()
	o.APIURL, o.Repo = s.server.APIURL(), repoName
	o.HTTP = spied{s, observe(s.t, s.server.Transport())}
	if o.WriteInterval == 0 {
		o.WriteInterval = -1
	}
	c, err := github.New(o)
	s.check(err)
	return c
}

// withToken makes a client of ours that uses ann's token.
func (s *story) withToken() *github.Client {
	s.t.Helper()
	return s.client(github.Options{Token: github.NewSecret("ghp_ann")})
}

type spied struct {
	s    *story
	next http.RoundTripper
}

func (p spied) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.s.spy != nil {
		p.s.spy(r)
	}
	return p.next.RoundTrip(r)
}

// hooked carries webhooks to the story's handler without a socket.
type hooked struct{ s *story }

func (h hooked) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.s.hook == nil {
		return nil, errors.New("nobody listens")
	}
	w := httptest.NewRecorder()
	h.s.hook.ServeHTTP(w, r)
	return w.Result(), nil
}

// person makes a client as other people use it.
func (s *story) person(token string) *gh.Client {
	s.t.Helper()
	c, err := gh.NewClient(&http.Client{Transport: s.server.Transport()}).WithAuthToken(token).WithEnterpriseURLs(s.server.APIURL(), s.server.APIURL())
	s.check(err)
	return c
}

func (s *story) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) must(_ any, err error) {
	s.t.Helper()
	s.check(err)
}

// want fails unless the error is the one that is wanted, nil included.
func (s *story) want(err, wanted error) {
	s.t.Helper()
	if !errors.Is(err, wanted) {
		s.t.Fatalf("error %v, want %v", err, wanted)
	}
}

// writes counts the write requests that f makes.
func (s *story) writes(f func()) int {
	s.t.Helper()
	s.server.ForgetRequests()
	f()
	return s.server.Writes()
}

// drift is a proposal as the daemon makes them.
func drift(digest string) reconciler.Proposal {
	return reconciler.Proposal{
		Branch: "tenantry/drift/log-retention",
		Title:  "Drift: log retention of acme",
		Body:   "Somebody changed **acme**.",
		Labels: []string{"tenantry/drift", "tenant:acme"},
		Files: map[string][]byte{
			"reports/drift/log-retention.md": []byte("# Drift " + digest + "\n"),
			tenant:                           []byte("name: \"acme\"\nretention: 30\n"),
		},
		Digest: digest,
	}
}

func (s *story) propose(p reconciler.Proposal) string {
	s.t.Helper()
	url, err := s.forge.Propose(s.ctx, p)
	s.check(err)
	return url
}

// pulls returns the pull requests in a state, the newest first.
func (s *story) pulls(state string) []*gh.PullRequest {
	s.t.Helper()
	list, _, err := s.ann.PullRequests.List(s.ctx, owner, repo, &gh.PullRequestListOptions{State: state})
	s.check(err)
	return list
}

func (s *story) onlyPull(state string) *gh.PullRequest {
	s.t.Helper()
	list := s.pulls(state)
	if len(list) != 1 {
		s.t.Fatalf("%d pull requests are %s, want 1", len(list), state)
	}
	return list[0]
}

// tip is what a branch points at, or "".
func (s *story) tip(branch string) string {
	s.t.Helper()
	ref, resp, err := s.ann.Git.GetRef(s.ctx, owner, repo, "heads/"+branch)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return ""
	}
	s.check(err)
	return ref.GetObject().GetSHA()
}

// file is a file's content on a branch, or "" if it isn't there.
func (s *story) file(branch, name string) string {
	s.t.Helper()
	tree, _, err := s.ann.Git.GetTree(s.ctx, owner, repo, s.tip(branch), true)
	s.check(err)
	for _, entry := range tree.Entries {
		if entry.GetPath() == name {
			content, _, err := s.ann.Git.GetBlobRaw(s.ctx, owner, repo, entry.GetSHA())
			s.check(err)
			return string(content)
		}
	}
	return ""
}

// commit makes a commit on a branch with a person's client. from, if set, is a commit whose
// message and author are kept, as git commit --amend does.
func (s *story) commit(who *gh.Client, branch, name, content string, amended *gh.RepositoryCommit) string {
	s.t.Helper()
	tip := s.tip(branch)
	tree, _, err := who.Git.CreateTree(s.ctx, owner, repo, tip, []*gh.TreeEntry{{
		Path: &name, Mode: new("100644"), Type: new("blob"), Content: &content,
	}})
	s.check(err)
	commit := &gh.Commit{Message: new("Edit " + name), Tree: tree, Parents: []*gh.Commit{{SHA: &tip}}}
	if amended != nil {
		commit.Message, commit.Author = amended.Commit.Message, amended.Commit.Author
		commit.Parents = []*gh.Commit{{SHA: amended.Parents[0].SHA}}
	}
	made, _, err := who.Git.CreateCommit(s.ctx, owner, repo, commit, nil)
	s.check(err)
	_, _, err = who.Git.UpdateRef(s.ctx, owner, repo, &gh.Reference{
		Ref: new("refs/heads/" + branch), Object: &gh.GitObject{SHA: made.SHA},
	}, true)
	s.check(err)
	return made.GetSHA()
}

func (s *story) closeAs(who *gh.Client, number int) {
	s.t.Helper()
	_, _, err := who.PullRequests.Edit(s.ctx, owner, repo, number, &gh.PullRequest{State: new("closed")})
	s.check(err)
}

// comments returns the comments of a pull request.
func (s *story) comments(number int) []*gh.IssueComment {
	s.t.Helper()
	list, _, err := s.ann.Issues.ListComments(s.ctx, owner, repo, number, nil)
	s.check(err)
	return list
}

// openPull has ann open a pull request and returns it.
func (s *story) openPull() *gh.PullRequest {
	s.t.Helper()
	_, _, err := s.ann.Git.CreateRef(s.ctx, owner, repo, &gh.Reference{
		Ref: new("refs/heads/feature"), Object: &gh.GitObject{SHA: new(s.tip("main"))},
	})
	s.check(err)
	s.commit(s.ann, "feature", tenant, "name: \"acme\"\nplan: \"team\"\n", nil)
	pr, _, err := s.ann.PullRequests.Create(s.ctx, owner, repo, &gh.NewPullRequest{
		Title: new("Move acme to the team plan"), Head: new("feature"), Base: new("main"), Body: new("Please."),
	})
	s.check(err)
	return pr
}

func lines(format string, n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return strings.TrimSpace(b.String())
}
