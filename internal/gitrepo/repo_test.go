package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler"
)

const token = "ghs_sesame0open"

// onEach runs a test against each kind of remote: a bare repository and a work tree on this
// machine, and smart HTTP with a token. push brings what the work tree has to the remote.
func onEach(t *testing.T, test func(t *testing.T, dir, url string, auth Auth, push func(...string))) {
	t.Run("work tree", func(t *testing.T) {
		dir := work(t)
		test(t, dir, dir, nil, func(...string) {})
	})
	t.Run("file address", func(t *testing.T) {
		dir := work(t)
		test(t, dir, "file://"+dir, nil, func(...string) {})
	})
	bare := func(t *testing.T) (dir, root string, push func(...string)) {
		root = t.TempDir()
		cli(t, root, "init", "-q", "--bare", "-b", "main", "fleet.git")
		cli(t, filepath.Join(root, "fleet.git"), "config", "receive.denyDeleteCurrent", "ignore")
		dir = work(t)
		return dir, root, func(args ...string) {
			t.Helper()
			if len(args) == 0 {
				args = []string{"+refs/heads/*:refs/heads/*"}
			}
			cli(t, dir, append([]string{"push", "-q", filepath.Join(root, "fleet.git")}, args...)...)
		}
	}
	t.Run("bare", func(t *testing.T) {
		dir, root, push := bare(t)
		test(t, dir, filepath.Join(root, "fleet.git"), nil, push)
	})
	t.Run("http", func(t *testing.T) {
		dir, root, push := bare(t)
		test(t, dir, serve(t, root, token)+"/fleet.git", with(token), push)
	})
}

func TestFollowsABranch(t *testing.T) {
	onEach(t, func(t *testing.T, dir, url string, auth Auth, push func(...string)) {
		first := commit(t, dir, map[string]string{"fleet.cue": "a", "tenants/acme.cue": "b", "noise": noise(100_000)})
		push()
		data := t.TempDir()
		r := mirrorIn(t, data, url, auth)
		if got := head(t, r); got != first {
			t.Fatalf("head is %s, want %s", got, first)
		}
		if got := head(t, r); got != first {
			t.Fatalf("head is %s the second time, want %s", got, first)
		}
		before := files0(t, r, first)
		second := commit(t, dir, map[string]string{"tenants/globex.cue": "c", "tenants/acme.cue": removed, "noise": removed})
		push()
		if got := head(t, r); got != second {
			t.Fatalf("head is %s, want %s", got, second)
		}
		if diff := cmp.Diff(map[string]string{"fleet.cue": "a", "tenants/globex.cue": "c"}, files0(t, r, second)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(before, files0(t, r, first)); diff != "" {
			t.Errorf("the older commit: %s", diff)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		again := mirrorIn(t, data, url, auth) // everything is still there after a restart
		head(t, again)
		if packs, err := filepath.Glob(filepath.Join(data, "objects/pack/*.pack")); err != nil || len(packs) != 2 {
			t.Errorf("two changes were fetched as %v, %v", packs, err)
		} else if size := sizeOf(t, packs[0]) + sizeOf(t, packs[1]); size > 150_000 {
			t.Errorf("what was there already was fetched again: %d bytes", size)
		}
		if diff := cmp.Diff(before, files0(t, again, first)); diff != "" {
			t.Errorf("after a restart: %s", diff)
		}
	})
}

// noise is text that can't be compressed.
func noise(n int) string {
	text := make([]byte, n)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(text) // never fails
	return string(text)
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestTheTokenIsKeptOutOfErrors(t *testing.T) {
	for _, err := range []error{
		errors.New("server said: bad token " + token),
		fmt.Errorf("get it: %w", &net.OpError{Op: "dial", Err: errors.New("proxy refused x:" + token)}),
	} {
		if got := explain(t.Context(), err, token); strings.Contains(got.Error(), token) || !strings.Contains(got.Error(), "(token)") {
			t.Errorf("%v", got)
		}
	}
	if got := explain(t.Context(), errors.New("plain"), ""); got.Error() != "plain" {
		t.Errorf("%v", got)
	}
}

func TestForcedPushKeepsTheOldCommit(t *testing.T) {
	onEach(t, func(t *testing.T, dir, url string, auth Auth, push func(...string)) {
		base := commit(t, dir, map[string]string{"a": "1"})
		old := commit(t, dir, map[string]string{"b": "1"})
		push()
		r := mirror(t, url, auth)
		head(t, r)
		cli(t, dir, "reset", "-q", "--hard", string(base))
		rewritten := commit(t, dir, map[string]string{"c": "1"})
		push()
		cli(t, dir, "reflog", "expire", "--expire=now", "--all")
		cli(t, dir, "gc", "-q", "--prune=now")
		if got := head(t, r); got != rewritten {
			t.Fatalf("head is %s, want %s", got, rewritten)
		}
		if yes, err := r.Ancestor(t.Context(), old, rewritten); yes || err != nil {
			t.Errorf("the rewritten commit is an ancestor: %v, %v", yes, err)
		}
		want := []reconciler.Change{{Path: "b", Kind: reconciler.Gone}, {Path: "c", Kind: reconciler.Added}}
		if got, err := r.Changed(t.Context(), old, rewritten); err != nil || !cmp.Equal(got, want) {
			t.Errorf("changed: %v, %v", got, err)
		}
		cli(t, dir, "checkout", "-q", "--orphan", "unrelated")
		unrelated := commit(t, dir, map[string]string{"a": removed, "c": removed, "d": "1"})
		cli(t, dir, "branch", "-q", "-M", "unrelated", "main")
		push()
		if got := head(t, r); got != unrelated {
			t.Fatalf("head is %s, want %s", got, unrelated)
		}
		if yes, err := r.Ancestor(t.Context(), base, unrelated); yes || err != nil {
			t.Errorf("unrelated history: %v, %v", yes, err)
		}
		if got := files0(t, r, old); len(got) != 2 {
			t.Errorf("the old commit has %v", got)
		}
	})
}

func TestFetchesOtherRefs(t *testing.T) {
	onEach(t, func(t *testing.T, dir, url string, auth Auth, push func(...string)) {
		newest := commit(t, dir, map[string]string{"a": "1"})
		cli(t, dir, "checkout", "-q", "-b", "topic")
		merge := commit(t, dir, map[string]string{"b": "1"})
		cli(t, dir, "update-ref", "refs/pull/7/merge", string(merge))
		cli(t, dir, "tag", "-a", "-m", "v1", "v1")
		cli(t, dir, "checkout", "-q", "main")
		push("+refs/heads/main", "+refs/pull/*:refs/pull/*", "refs/tags/v1")
		r := mirror(t, url, auth)
		if got, err := r.Fetch(t.Context(), "refs/pull/7/merge"); err != nil || got != merge {
			t.Errorf("pull request: %s, %v; want %s", got, err, merge)
		}
		if got, err := r.Fetch(t.Context(), "refs/tags/v1"); err != nil || got != merge {
			t.Errorf("annotated tag: %s, %v; want %s", got, err, merge)
		}
		if got := files0(t, r, merge); len(got) != 2 {
			t.Errorf("the pull request has %v", got)
		}
		if got := head(t, r); got != newest {
			t.Errorf("head is %s, want %s", got, newest)
		}
		if _, err := r.Fetch(t.Context(), "refs/pull/8/merge"); !errors.Is(err, reconciler.ErrNoRef) {
			t.Errorf("unknown ref: %v", err)
		}
	})
}

func TestABranchThatIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, dir, url string, auth Auth, push func(...string)) {
		r := mirror(t, url, auth)
		check := func(what, want string) {
			t.Helper()
			c, err := r.Head(t.Context())
			if err == nil || c != "" || !strings.Contains(err.Error(), want) || !errors.Is(err, reconciler.ErrNoRef) {
				t.Errorf("%s: %q, %v; want %q", what, c, err, want)
			}
		}
		check("empty", "the repository is empty")
		last := commit(t, dir, map[string]string{"a": "1"})
		push()
		head(t, r)
		cli(t, dir, "branch", "-q", "-M", "main", "trunk")
		push("refs/heads/trunk", ":refs/heads/main")
		check("renamed", "the repository has no such branch or ref")
		if got := files0(t, r, last); len(got) != 1 {
			t.Errorf("what was fetched before can't be read: %v", got)
		}
	})
}

func TestErrorsThatAPersonCanActOn(t *testing.T) {
	root := t.TempDir()
	cli(t, root, "init", "-q", "--bare", "-b", "main", "fleet.git")
	url := serve(t, root, token)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	forbids := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer forbids.Close()
	breaks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("echo " + password))
	}))
	defer breaks.Close()
	full, shallow := work(t), filepath.Join(t.TempDir(), "shallow")
	commit(t, full, map[string]string{"a": "1"})
	commit(t, full, map[string]string{"b": "1"})
	cli(t, full, "clone", "-q", "--depth", "1", "file://"+full, shallow)
	failing := func(context.Context) (string, string, error) { return "", "", errors.New("the App was uninstalled") }

	tests := []struct {
		name, url string
		auth      Auth
		want      string
	}{
		{"wrong token", url + "/fleet.git", with("ghs_wrong"), "the repository refused the credentials"},
		{"no token", url + "/fleet.git", nil, "the repository wants credentials, and none are set"},
		{"forbidden", forbids.URL + "/fleet.git", with(token), "the credentials don't allow reading"},
		{"no such repository", url + "/none.git", with(token), "there is no such repository"},
		{"no such path", filepath.Join(root, "none"), nil, "there is no Git repository at this path"},
		{"nobody there", "http://" + closed.Addr().String() + "/fleet.git", with(token), "the repository can't be reached"},
		{"broken server", breaks.URL + "/fleet.git", with(token), "502"},
		{"not encrypted", "http://git.example.com/fleet", with(token), "the token would be sent unencrypted"},
		{"shallow clone", shallow, nil, "it is a shallow clone"},
		{"no credentials to be had", url + "/fleet.git", failing, "credentials: the App was uninstalled"},
	}
	seen := map[string]string{}
	for _, test := range tests {
		r := mirror(t, test.url, test.auth)
		_, err := r.Head(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
			continue
		}
		if errors.Is(err, reconciler.ErrNoRef) {
			t.Errorf("%s: says that there is no such ref: %v", test.name, err)
		}
		for _, secret := range []string{token, "ghs_wrong"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the token is in the error: %v", test.name, err)
			}
		}
		if other, twice := seen[err.Error()]; twice {
			t.Errorf("%s and %s have the same error: %v", test.name, other, err)
		}
		seen[err.Error()] = test.name
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"https://someone:hunter2@example.com/fleet": "give a token in the settings",
		"https://hunter2@example.com/fleet":         "give a token in the settings",
		"ssh://git:hunter2@example.com/fleet":       "use a key",
		"git://example.com/fleet":                   `"git" is not supported`,
		"https://example.com/fleet?t=hunter2":       "",
		"git@example.com:owner/fleet":               "",
		"http://localhost:80/fleet":                 "",
	} {
		r, err := Open(t.Context(), t.TempDir(), address, "main", with(token))
		if err == nil {
			if strings.Contains(r.name, "hunter2") {
				t.Errorf("%s: its name is %s", address, r.name)
			}
			_ = r.Close()
		}
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is in the error: %v", address, err)
		}
	}
}

func TestASlowRemoteStopsNobody(t *testing.T) {
	dir := work(t)
	first := commit(t, dir, map[string]string{"a": "1"})
	data := t.TempDir()
	local := mirrorIn(t, data, dir, nil)
	head(t, local)
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	asked, release := make(chan struct{}, 1), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	r := mirrorIn(t, data, slow.URL, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.Head(ctx)
		done <- err
	}()
	<-asked
	if got := files0(t, r, first); len(got) != 1 { // a fetch that hangs holds up no reader
		t.Errorf("%v", got)
	}
	waiting, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if _, err := r.Fetch(waiting, "refs/heads/main"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second fetch: %v", err)
	}
	cancel(errors.New("stopping"))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("the fetch that hangs: %v", err)
	}
}

func TestAnInterruptedFetchIsMended(t *testing.T) {
	dir := work(t)
	first := commit(t, dir, map[string]string{"a": "1"})
	for name, harm := range map[string]func(*testing.T, string){
		"index without its pack": func(t *testing.T, data string) {
			packs, _ := filepath.Glob(filepath.Join(data, "objects/pack/*.pack"))
			for _, pack := range packs {
				index := strings.TrimSuffix(pack, ".pack") + ".idx"
				if err := errors.Join(os.Remove(pack), os.Chmod(index, 0o600), os.Truncate(index, 10)); err != nil {
					t.Fatal(err)
				}
			}
			if len(packs) == 0 {
				t.Fatal("no pack")
			}
		},
		"empty ref": func(t *testing.T, data string) {
			if err := os.Truncate(filepath.Join(data, "refs/remotes/origin/main"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"half a ref": func(t *testing.T, data string) {
			if err := os.Truncate(filepath.Join(data, "refs/remotes/origin/main"), 17); err != nil {
				t.Fatal(err)
			}
		},
		"half a pack": func(t *testing.T, data string) {
			for _, path := range []string{"incoming-123", "objects/pack/tmp_pack_123"} {
				if err := os.WriteFile(filepath.Join(data, path), []byte("PACK"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			r := mirrorIn(t, data, dir, nil)
			head(t, r)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, data)
			again := mirrorIn(t, data, dir, nil)
			if got := head(t, again); got != first {
				t.Errorf("head is %s, want %s", got, first)
			}
			if got := files0(t, again, first); got["a"] != "1" {
				t.Errorf("%v", got)
			}
			for _, pattern := range []string{"incoming-*", "objects/pack/tmp_*"} {
				if left, _ := filepath.Glob(filepath.Join(data, pattern)); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
}

func TestOneProcessPerMirror(t *testing.T) {
	dir, data := work(t), t.TempDir()
	mirrorIn(t, data, dir, nil)
	if _, err := Open(t.Context(), data, dir, "main", nil); err == nil || !strings.Contains(err.Error(), "another process is using it") {
		t.Errorf("%v", err)
	}
}

func TestReadersAndFetchesAtOnce(t *testing.T) {
	dir := work(t)
	files := map[string]string{}
	for i := range 40 {
		files["tenants/"+strconv.Itoa(i)+".cue"] = strings.Repeat(strconv.Itoa(i), 50)
	}
	first := commit(t, dir, files)
	r := mirror(t, dir, nil)
	head(t, r)
	fsys, err := r.Open(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 10 {
				if diff := cmp.Diff(files, contents(t, fsys)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	for i := range 8 {
		want := commit(t, dir, map[string]string{"tenants/1.cue": "changed " + strconv.Itoa(i)})
		if got := head(t, r); got != want {
			t.Errorf("head is %s, want %s", got, want)
		}
		if _, err := r.Removed(t.Context(), want); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
}

func TestIsAProperFS(t *testing.T) {
	dir := work(t)
	c := commit(t, dir, map[string]string{"fleet.cue": "a", "tenants/ab/acme.cue": "b", "tenants/ab/empty.cue": "", "plans/x/y/z.cue": "c"})
	r := mirror(t, dir, nil)
	head(t, r)
	committed, err := r.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	folder := openDir(t, dir)
	for name, fsys := range map[string]fs.FS{"commit": committed, "folder": folder.Files()} {
		if err := fstest.TestFS(fsys, "fleet.cue", "tenants/ab/acme.cue", "tenants/ab/empty.cue", "plans/x/y/z.cue"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
