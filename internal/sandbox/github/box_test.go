package githubbox

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"
)

// appKey is one key for all tests, because making one takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// box is a server with a repository acme/fleet, a person ana (write), and an App.
type box struct {
	*testing.T
	*Server
	app App
	gh  *github.Client // the App's installation
	ana *github.Client // a person's token
}

const fleet = "acme/fleet"

func newBox(t *testing.T, options ...func(*Options)) *box {
	t.Helper()
	o := Options{PagePerson: "ana"}
	for _, set := range options {
		set(&o)
	}
	s := New(o)
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	s.SetURL(ts.URL)
	s.AddPerson(Person{Login: "ana", Name: "Ana Lovelace", Email: "ana@acme.example", Token: "ghp_ana"})
	files := fstest.MapFS{
		"fleet.cue":           {Data: []byte("name: \"acme\"\n")},
		"tenants/globex.cue":  {Data: []byte("plan: \"team\"\nretention: 30\nregion: \"eu\"\n\n\nowner: \"x\"\n")},
		"tenants/initech.cue": {Data: []byte("plan: \"pool\"\n")},
	}
	if _, err := s.CreateRepo(fleet, "ana", files); err != nil {
		t.Fatal(err)
	}
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	app, err := s.AddApp(AppOptions{Slug: "tenantry", Owner: "acme", Key: key, Permissions: map[string]string{
		"contents": "write", "pull_requests": "write", "checks": "write", "issues": "write", "statuses": "write",
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := &box{T: t, Server: s, app: app}
	b.gh = b.installation(nil)
	b.ana = b.client(nil).WithAuthToken("ghp_ana")
	return b
}

// client is an unauthenticated go-github client for the box.
func (b *box) client(rt http.RoundTripper) *github.Client {
	b.Helper()
	c, err := github.NewClient(&http.Client{Transport: rt}).WithEnterpriseURLs(b.URL(), b.URL())
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// installation is a go-github client of the App's installation, with a token of its own.
func (b *box) installation(options *github.InstallationTokenOptions) *github.Client {
	b.Helper()
	tr, err := ghinstallation.New(http.DefaultTransport, b.app.ID, b.app.InstallationID, b.app.KeyPEM)
	if err != nil {
		b.Fatal(err)
	}
	tr.BaseURL = b.URL() + "/api/v3"
	tr.InstallationTokenOptions = options
	return b.client(tr)
}

// asApp is a go-github client that shows the App's JWT.
func (b *box) asApp() *github.Client {
	b.Helper()
	tr, err := ghinstallation.NewAppsTransport(http.DefaultTransport, b.app.ID, b.app.KeyPEM)
	if err != nil {
		b.Fatal(err)
	}
	return b.client(tr)
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// status fails the test unless the error is GitHub's with that status.
func (b *box) status(err error, want int) *github.ErrorResponse {
	b.Helper()
	e, ok := err.(*github.ErrorResponse)
	if !ok {
		b.Fatalf("got %v, want an answer of status %d", err, want)
	}
	if e.Response.StatusCode != want {
		b.Fatalf("got %v, want status %d", err, want)
	}
	return e
}

// propose commits a file on a branch and opens a pull request.
func (b *box) propose(branch, path, content string) int {
	b.Helper()
	_, err := b.CommitFiles(fleet, branch, "ana", "Change "+path, map[string][]byte{path: []byte(content)})
	b.must(err)
	n, err := b.OpenPullRequest(fleet, "ana", branch, "main", "Change "+path, "Please.")
	b.must(err)
	return n
}

// pr returns a pull request as a person sees it.
func (b *box) pr(number int) PullRequest {
	b.Helper()
	list, err := b.PullRequests(fleet)
	b.must(err)
	for _, p := range list {
		if p.Number == number {
			return p
		}
	}
	b.Fatalf("no pull request %d", number)
	return PullRequest{}
}

// git runs the git command line in a folder and returns what it prints.
func (b *box) git(dir string, args ...string) (string, error) {
	b.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *box) mustGit(dir string, args ...string) string {
	b.Helper()
	out, err := b.git(dir, args...)
	if err != nil {
		b.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// write puts a file into a work tree.
func (b *box) write(dir, path, content string) {
	b.Helper()
	full := filepath.Join(dir, path)
	b.must(os.MkdirAll(filepath.Dir(full), 0o755))
	b.must(os.WriteFile(full, []byte(content), 0o644))
}

func ctx() context.Context { return context.Background() }
