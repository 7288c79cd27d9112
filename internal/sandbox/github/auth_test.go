package githubbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-github/v60/github"
)

func TestAppAuthentication(t *testing.T) {
	b := newBox(t)
	app, _, err := b.asApp().Apps.Get(ctx(), "")
	b.must(err)
	if app.GetSlug() != "tenantry" {
		t.Errorf("the App is %q", app.GetSlug())
	}
	in, _, err := b.asApp().Apps.FindRepositoryInstallation(ctx(), "acme", "fleet")
	b.must(err)
	if in.GetID() != b.app.InstallationID {
		t.Errorf("installation %d, want %d", in.GetID(), b.app.InstallationID)
	}
	repos, _, err := b.gh.Apps.ListRepos(ctx(), nil)
	b.must(err)
	if len(repos.Repositories) != 1 || repos.Repositories[0].GetFullName() != fleet {
		t.Errorf("the installation sees %v", repos.Repositories)
	}
	tok, _, err := b.asApp().Apps.CreateInstallationToken(ctx(), b.app.InstallationID, nil)
	b.must(err)
	if left := time.Until(tok.GetExpiresAt().Time); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the token lives %v", left)
	}
	b.RevokeTokens()
	_, _, err = b.client(nil).WithAuthToken(tok.GetToken()).Repositories.Get(ctx(), "acme", "fleet")
	b.status(err, http.StatusUnauthorized)
}

func TestNarrowedToken(t *testing.T) {
	b := newBox(t)
	read := b.installation(&github.InstallationTokenOptions{
		Repositories: []string{"fleet"}, Permissions: &github.InstallationPermissions{Contents: new("read")},
	})
	_, _, err := read.Repositories.Get(ctx(), "acme", "fleet")
	b.must(err)
	_, _, err = read.Issues.CreateComment(ctx(), "acme", "fleet", b.propose("x", "a", "1\n"), &github.IssueComment{Body: new("hi")})
	b.status(err, http.StatusForbidden)
	_, _, err = b.asApp().Apps.CreateInstallationToken(ctx(), b.app.InstallationID, &github.InstallationTokenOptions{
		Permissions: &github.InstallationPermissions{Administration: new("write")},
	})
	b.status(err, http.StatusUnprocessableEntity)
	_, _, err = b.asApp().Apps.CreateInstallationToken(ctx(), b.app.InstallationID, &github.InstallationTokenOptions{Repositories: []string{"other"}})
	b.status(err, http.StatusUnprocessableEntity)
}

func TestExpiry(t *testing.T) {
	at := time.Now()
	b := newBox(t, func(o *Options) { o.Now = func() time.Time { return at } })
	_, _, err := b.gh.Repositories.Get(ctx(), "acme", "fleet")
	b.must(err)
	at = at.Add(61 * time.Minute)
	_, _, err = b.gh.Repositories.Get(ctx(), "acme", "fleet")
	b.status(err, http.StatusUnauthorized)
	// And a JWT that was made an hour ago by this clock.
	_, _, err = b.asApp().Apps.Get(ctx(), "")
	b.status(err, http.StatusUnauthorized)
	at = at.Add(-2 * time.Hour)
	_, _, err = b.asApp().Apps.Get(ctx(), "")
	b.status(err, http.StatusUnauthorized)
}

func TestWhoMayDoWhat(t *testing.T) {
	b := newBox(t)
	b.AddPerson(Person{Login: "rita", Token: "ghp_rita", Role: "read"})
	if _, err := b.CreatePrivateRepo("acme/secret", "ana", nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, token, method, path string
		want                      int
	}{
		{"nobody reads what is public", "", "GET", "/repos/acme/fleet", 200},
		{"nobody sees what is private", "", "GET", "/repos/acme/secret", 404},
		{"nobody writes", "", "POST", "/repos/acme/fleet/git/blobs", 401},
		{"a wrong token is refused even for what is public", "wrong", "GET", "/repos/acme/fleet", 401},
		{"a reader reads", "ghp_rita", "GET", "/repos/acme/fleet", 200},
		{"a reader doesn't write", "ghp_rita", "POST", "/repos/acme/fleet/git/blobs", 403},
		{"a person writes no checks", "ghp_ana", "POST", "/repos/acme/fleet/check-runs", 403},
		{"a person is no App", "ghp_ana", "GET", "/app", 401},
		{"a person is no installation", "ghp_ana", "GET", "/installation/repositories", 403},
		{"a person is a user", "ghp_ana", "GET", "/user", 200},
		{"without the base path", "ghp_ana", "GET", "/repos/acme/fleet/branches/main", 200},
		{"no such repository", "ghp_ana", "GET", "/repos/acme/none", 404},
		{"no such route", "ghp_ana", "GET", "/repos/acme/fleet/nothing", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, base := range []string{"", "/api/v3"} {
				r, err := http.NewRequest(tt.method, b.URL()+base+tt.path, strings.NewReader("{}"))
				b.must(err)
				if tt.token != "" {
					r.Header.Set("Authorization", "token "+tt.token)
				}
				resp, err := http.DefaultClient.Do(r)
				b.must(err)
				resp.Body.Close()
				if resp.StatusCode != tt.want {
					t.Errorf("%s%s: status %d, want %d", base, tt.path, resp.StatusCode, tt.want)
				}
			}
		})
	}
}

func TestForgedJWT(t *testing.T) {
	b := newBox(t)
	other, err := New(Options{}).AddApp(AppOptions{Slug: "evil", Owner: "acme"})
	b.must(err)
	b.app.KeyPEM = other.KeyPEM
	_, _, err = b.asApp().Apps.Get(ctx(), "")
	b.status(err, http.StatusUnauthorized)
}

// jwt signs claims as an App would.
func (b *box) jwt(claims map[string]any) string {
	b.Helper()
	key, err := appKey()
	b.must(err)
	part := func(v any) string {
		raw, err := json.Marshal(v)
		b.must(err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	b.must(err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestJWTTimes(t *testing.T) {
	b := newBox(t)
	now := time.Now().Unix()
	for _, tt := range []struct {
		name        string
		issued, end int64
		want        int
	}{
		{"as it should be", now - 30, now + 120, http.StatusOK},
		{"ended", now - 600, now - 1, http.StatusUnauthorized},
		{"for too long", now - 30, now + 3600, http.StatusUnauthorized},
		{"from the future", now + 120, now + 300, http.StatusUnauthorized},
	} {
		r, err := http.NewRequest(http.MethodGet, b.APIURL()+"app", nil)
		b.must(err)
		r.Header.Set("Authorization", "Bearer "+b.jwt(map[string]any{"iss": b.app.ID, "iat": tt.issued, "exp": tt.end}))
		resp, err := http.DefaultClient.Do(r)
		b.must(err)
		b.must(resp.Body.Close())
		if resp.StatusCode != tt.want {
			t.Errorf("%s: status %d", tt.name, resp.StatusCode)
		}
	}
}

func TestWhoMayPush(t *testing.T) {
	b := newBox(t)
	b.AddPerson(Person{Login: "rita", Token: "ghp_rita", Role: "read"})
	if _, err := b.CreatePrivateRepo("acme/secret", "ana", fstest.MapFS{"a": {Data: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	tok, _, err := b.asApp().Apps.CreateInstallationToken(ctx(), b.app.InstallationID, &github.InstallationTokenOptions{
		Permissions: &github.InstallationPermissions{Contents: new("read")},
	})
	b.must(err)
	as := func(token, repo string) string {
		return strings.Replace(b.GitURL(repo), "http://", "http://x-access-token:"+token+"@", 1)
	}
	dir := t.TempDir()
	b.mustGit("", "clone", "-q", as("ghp_rita", "acme/secret"), dir)
	for _, tt := range []struct{ who, token, says string }{
		{"a reader", "ghp_rita", "Permission to acme/secret.git denied to rita"},
		{"a token to read", tok.GetToken(), "denied to tenantry[bot]"},
		{"nobody", "", "terminal prompts disabled"},
	} {
		remote := as(tt.token, "acme/secret")
		if tt.token == "" {
			remote = b.GitURL("acme/secret")
		}
		if out, err := b.git(dir, "push", remote, "HEAD:refs/heads/x"); err == nil || !strings.Contains(out, tt.says) {
			t.Errorf("%s pushes: %v\n%s", tt.who, err, out)
		}
	}
	if out, err := b.git(dir, "ls-remote", b.GitURL("acme/secret")); err == nil {
		t.Errorf("nobody reads what is private: %s", out)
	}
	blind, _, err := b.asApp().Apps.CreateInstallationToken(ctx(), b.app.InstallationID, &github.InstallationTokenOptions{
		Permissions: &github.InstallationPermissions{Issues: new("write")},
	})
	b.must(err)
	if out, err := b.git(dir, "ls-remote", as(blind.GetToken(), "acme/secret")); err == nil {
		t.Errorf("a token without contents reads: %s", out)
	}
	b.mustGit(dir, "push", "-q", as("ghp_ana", "acme/secret"), "HEAD:refs/heads/x")
}
