package main

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// A visit is somebody who makes the App: the command on this machine, and a browser.
type visit struct {
	*testing.T
	server   *githubbox.Server
	out      string
	answer   *bytes.Buffer
	ended    chan error
	here     string
	manifest string
	address  *url.URL
}

// visitApp begins to make an App, up to the form that the browser shows.
func visitApp(t *testing.T) *visit {
	t.Helper()
	server := githubbox.New(githubbox.Options{PagePerson: "dana"})
	server.AddPerson(githubbox.Person{Login: "dana", Name: "Dana", Email: "dana@example.com", Token: "ghp_dana"})
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	server.SetURL(listener.URL)
	if _, err := server.CreateRepo("acme/fleet", "dana", fstest.MapFS{"fleet.cue": {Data: []byte("name: \"acme\"\n")}}); err != nil {
		t.Fatal(err)
	}
	v := &visit{T: t, server: server, out: filepath.Join(t.TempDir(), "app"), answer: &bytes.Buffer{}, ended: make(chan error, 1)}
	told, tell := io.Pipe()
	a := &app{out: v.answer, err: tell, env: func(name string) string {
		return map[string]string{"GITHUB_API_URL": strings.TrimSuffix(server.APIURL(), "/")}[name]
	}}
	wish := appWish{name: "Acme Tenantry", organization: "acme", webhook: "https://acme.example/webhook", out: v.out, patience: time.Minute, asJSON: true}
	go func() { v.ended <- a.createGitHubApp(context.WithoutCancel(t.Context()), wish) }()
	line := make([]byte, 1024)
	n, err := told.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	v.here = regexp.MustCompile(`http://[0-9.:]+`).FindString(string(line[:n]))
	page := v.get(v.here + "/")
	address, err := url.Parse(html.UnescapeString(between(page, `action="`, `"`)))
	if err != nil {
		t.Fatal(err)
	}
	v.address, v.manifest = address, html.UnescapeString(between(page, `name="manifest" value="`, `"`))
	return v
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func (v *visit) get(address string) string {
	v.Helper()
	resp, err := http.Get(address) //nolint:noctx // a server of the test
	return v.read(resp, err)
}

func (v *visit) post(address string, form url.Values) string {
	v.Helper()
	resp, err := http.PostForm(address, form) //nolint:noctx // a server of the test
	return v.read(resp, err)
}

func (v *visit) read(resp *http.Response, err error) string {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil {
		v.Fatal(err)
	}
	return string(text)
}

func TestGitHubApp(t *testing.T) {
	v := visitApp(t)
	if asks := v.post(v.address.String(), url.Values{"manifest": {v.manifest}}); !strings.Contains(asks, "Acme Tenantry") {
		t.Fatalf("GitHub's page does not name the App:\n%s", asks)
	}
	page := v.post(v.server.URL()+"/settings/apps/create", url.Values{
		"manifest": {v.manifest}, "state": {v.address.Query().Get("state")}, "owner": {"acme"},
	})
	if !strings.Contains(page, "/apps/acme-tenantry/installations/new") {
		t.Fatalf("the last page does not lead to the installation:\n%s", page)
	}
	if err := <-v.ended; err != nil {
		t.Fatal(err)
	}
	var said struct {
		ID int64 `json:"app_id"`
	}
	if err := json.Unmarshal(v.answer.Bytes(), &said); err != nil || said.ID == 0 {
		t.Fatalf("%v in %s", err, v.answer)
	}
	for _, name := range []string{appKeyFile, appSettingsFile} {
		if info, err := os.Stat(filepath.Join(v.out, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	settings, err := readSettings(filepath.Join(v.out, appSettingsFile))
	if err != nil || settings["TENANTRY_WEBHOOK_SECRET"] == "" {
		t.Fatalf("settings %v, %v", settings, err)
	}
	key, err := os.ReadFile(settings["TENANTRY_GITHUB_APP_KEY_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := github.New(github.Options{
		APIURL: v.server.APIURL(), Repo: "acme/fleet", AppID: said.ID, PrivateKey: github.NewSecret(string(key)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Examine(t.Context()); err != nil {
		t.Errorf("the new App doesn't work: %v", err)
	}
}

// Whoever lures a browser to the address on this machine has no way of knowing the state.
func TestGitHubAppTakesNoOtherAnswer(t *testing.T) {
	v := visitApp(t)
	page := v.get(v.here + "/made?code=anything&state=guessed")
	if !strings.Contains(page, "not the answer") {
		t.Errorf("said %q", page)
	}
	if _, err := os.Stat(v.out); err == nil {
		t.Error("something was written")
	}
	_ = v.get(v.here + "/made?code=unknown&state=" + v.address.Query().Get("state"))
	if err := <-v.ended; err == nil || !strings.Contains(err.Error(), "fetch the new App's key") {
		t.Errorf("error %v", err)
	}
}

// A key that is in a work tree of Git is one "git add" away from everybody who may read the repository.
func TestGitHubAppKeepsItsKeyOutOfGit(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "settings"))
	t.Setenv("HOME", home)
	settings, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	tree, linked := filepath.Join(home, "fleet"), filepath.Join(home, "linked")
	if err := os.MkdirAll(filepath.Join(tree, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(home, "module")
	if err := os.MkdirAll(filepath.Join(module, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, ".git"), []byte("gitdir: ../elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tree, linked); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(home, "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, appKeyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, out, place, refused string }{
		{name: "nothing said", place: filepath.Join(settings, "tenantry")},
		{name: "elsewhere", out: filepath.Join(home, "elsewhere"), place: filepath.Join(home, "elsewhere")},
		{name: "a work tree", out: tree, refused: "which Git looks after"},
		{name: "to be made in a work tree", out: filepath.Join(tree, "a", "b"), refused: "which Git looks after"},
		{name: "by a link", out: filepath.Join(linked, "a"), refused: "which Git looks after"},
		{name: "a submodule", out: filepath.Join(module, "deep"), refused: "which Git looks after"},
		{name: "a key is there", out: full, refused: "is there already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			place, err := placeForApp(c.out)
			switch {
			case c.refused == "" && (err != nil || place != c.place):
				t.Errorf("%q, %v; want %q", place, err, c.place)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("%q, %v; want a refusal with %q", place, err, c.refused)
			}
		})
	}
}
