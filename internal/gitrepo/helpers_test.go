package gitrepo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"tenantry.dev/reconciler"
)

// cli runs the git command line, which these tests compare with, and returns what it printed.
func cli(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return cliWith(t, dir, "", args...)
}

func cliWith(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// work makes a repository with a work tree on branch main.
func work(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cli(t, dir, "init", "-q", "-b", "main")
	return dir
}

// commit writes files (nil removes one) and commits them.
func commit(t *testing.T, dir string, files map[string]string) reconciler.Commit {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if text == removed {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cli(t, dir, "add", "-A")
	cli(t, dir, "commit", "-q", "--allow-empty", "-m", "change")
	return reconciler.Commit(cli(t, dir, "rev-parse", "HEAD"))
}

const removed = "\x00"

func mirror(t *testing.T, url string, auth Auth) *Repo {
	t.Helper()
	return mirrorIn(t, t.TempDir(), url, auth)
}

func mirrorIn(t *testing.T, dir, url string, auth Auth) *Repo {
	t.Helper()
	r, err := Open(t.Context(), dir, url, "main", auth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func head(t *testing.T, r *Repo) reconciler.Commit {
	t.Helper()
	c, err := r.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func files0(t *testing.T, r *Repo, c reconciler.Commit) map[string]string {
	t.Helper()
	fsys, err := r.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return contents(t, fsys)
}

func contents(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// serve gives a folder of repositories out over smart HTTP, to those who have the token.
func serve(t *testing.T, root, token string) string {
	t.Helper()
	backend := filepath.Join(cli(t, root, "--exec-path"), "git-http-backend")
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}, Stderr: io.Discard}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if strings.Contains(r.URL.String(), token) {
			t.Errorf("the token is in the address %s", r.URL)
		}
		if password != token {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, "no, not with %s", password)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func with(token string) Auth {
	return func(context.Context) (string, string, error) { return "x-access-token", token, nil }
}

// history0 makes a repository of random commits with branches and merges in it, quickly.
func history0(t *testing.T, random *rand.Rand, commits int) (dir string, all []reconciler.Commit) {
	t.Helper()
	dir = t.TempDir()
	cli(t, dir, "init", "-q", "--bare", "-b", "main")
	type state map[string]string // path to mode and content
	states := []state{{}}
	var stream strings.Builder
	tip := 0       // index in states of the branch's newest; 0 is the empty beginning
	var open []int // commits that were branched away from and wait for a merge
	for mark := 1; mark <= commits; mark++ {
		next := state{}
		parents := []int{tip}
		switch {
		case mark > 1 && random.IntN(5) == 0: // an older commit becomes the base of a branch
			open, parents[0] = append(open, tip), max(1, tip-random.IntN(6))
		case len(open) > 0 && open[0] != tip && random.IntN(3) == 0: // either line is merged into the other
			parents = append(parents, open[0])
			open = open[1:]
			if random.IntN(3) == 0 {
				slices.Reverse(parents)
			}
		}
		for _, p := range parents {
			for path, text := range states[p] {
				if len(parents) == 1 || random.IntN(3) > 0 { // a merge may lose or keep what it likes
					next[path] = text
				}
			}
		}
		for range 1 + random.IntN(4) {
			change(random, next)
		}
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter C <c@example.com> %d +0000\ndata 0\n", mark, 1e9+mark)
		for i, p := range parents {
			if p > 0 {
				fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[i], p)
			}
		}
		stream.WriteString("deleteall\n")
		for path, text := range next {
			mode, content, _ := strings.Cut(text, " ")
			fmt.Fprintf(&stream, "M %s inline %s\ndata %d\n%s\n", mode, path, len(content), content)
		}
		states = append(states, next)
		tip = mark
	}
	cliWith(t, dir, stream.String(), "fast-import", "--quiet", "--force", "--export-marks=marks")
	marks, err := os.ReadFile(filepath.Join(dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	all = make([]reconciler.Commit, commits)
	for line := range strings.Lines(string(marks)) {
		var mark int
		var hash string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &hash); err != nil {
			t.Fatal(err)
		}
		all[mark-1] = reconciler.Commit(hash)
	}
	return dir, all
}

// change makes one random change: a file added, edited, removed, made a folder or a link.
func change(random *rand.Rand, files map[string]string) {
	names := []string{"a", "b", "a.b", "a-b", "ab", "c/a", "c/b/a", "c/b.a", "c.d", "a/x", "a/y/z", "tenants/acme.cue"}
	path := names[random.IntN(len(names))]
	if random.IntN(3) == 0 {
		delete(files, path)
		return
	}
	for other := range files { // a path is a file or a folder, not both
		if strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			delete(files, other)
		}
	}
	modes := []string{"100644", "100644", "100644", "100755", "120000"}
	files[path] = fmt.Sprintf("%s content %d", modes[random.IntN(len(modes))], random.IntN(4))
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return slices.Collect(strings.SplitSeq(text, "\n"))
}

func keys(m map[string]reconciler.Commit) []string { return slices.Sorted(maps.Keys(m)) }

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func hashOf(c string) plumbing.Hash { return plumbing.NewHash(c) }

func without(m map[string]reconciler.Commit, key string) map[string]reconciler.Commit {
	m = maps.Clone(m)
	delete(m, key)
	return m
}
