package gitrepo

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler"
)

func openDir(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestFolderOutsideOfGit(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fleet.cue"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := openDir(t, dir)
	if diff := cmp.Diff(map[string]string{"fleet.cue": "a"}, contents(t, f.Files())); diff != "" {
		t.Error(diff)
	}
	if c, err := f.Commit(); c != "" || err != nil {
		t.Errorf("commit: %q, %v", c, err)
	}
	if removed, err := f.Removed(t.Context()); len(removed) != 0 || err != nil {
		t.Errorf("removed: %v, %v", removed, err)
	}
	if _, err := Dir(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that doesn't exist is no error")
	}
}

func TestFolderInAWorkTree(t *testing.T) {
	dir := work(t)
	f := openDir(t, dir)
	if c, err := f.Commit(); c != "" || err != nil {
		t.Errorf("before the first commit: %q, %v", c, err)
	}
	commit(t, dir, map[string]string{"fleets/eu/tenants/acme.cue": "a", "fleets/eu/tenants/globex.cue": "b", "fleets/eu/fleet.cue": "c", "readme": "r", "old": "o"})
	last := commit(t, dir, map[string]string{"fleets/eu/tenants/globex.cue": removed, "old": removed})
	sub := openDir(t, filepath.Join(dir, "fleets/eu"))

	check := func(what string, f *Folder, commit reconciler.Commit, gone ...string) {
		t.Helper()
		if c, err := f.Commit(); c != commit || err != nil {
			t.Errorf("%s: commit %q, %v; want %q", what, c, err, commit)
		}
		want := map[string]reconciler.Commit{}
		for _, path := range gone {
			want[path] = last
		}
		if got, err := f.Removed(t.Context()); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: removed %v, %v; want %v", what, got, err, want)
		}
	}
	check("the whole", f, last, "fleets/eu/tenants/globex.cue", "old")
	check("a part", sub, last, "tenants/globex.cue")
	if diff := cmp.Diff(map[string]string{"tenants/acme.cue": "a", "fleet.cue": "c"}, contents(t, sub.Files())); diff != "" {
		t.Error(diff)
	}
	if list, err := fs.ReadDir(f.Files(), "."); err != nil || len(list) != 2 {
		t.Errorf("the top has %v, %v", list, err)
	}

	write(t, dir, "readme", "edited")
	check("the whole, edited elsewhere", f, "", "fleets/eu/tenants/globex.cue", "old")
	check("a part, edited elsewhere", sub, last, "tenants/globex.cue")
	write(t, dir, "fleets/eu/tenants/globex.cue", "back, not committed")
	check("back on the disk", sub, "")
	if err := os.Remove(filepath.Join(dir, "fleets/eu/tenants/globex.cue")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "fleets/eu/tenants/acme.cue")); err != nil {
		t.Fatal(err)
	}
	check("deleted, not committed", sub, "", "tenants/globex.cue")

	shallow := filepath.Join(t.TempDir(), "shallow")
	cli(t, dir, "clone", "-q", "--depth", "1", "file://"+dir, shallow)
	cut := openDir(t, shallow)
	if c, err := cut.Commit(); c != last || err != nil {
		t.Errorf("a shallow clone: commit %q, %v", c, err)
	}
	if _, err := cut.Removed(t.Context()); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("a shallow clone: removed: %v", err)
	}

	linked := filepath.Join(t.TempDir(), "linked")
	cli(t, dir, "worktree", "add", "-q", linked)
	check("a linked work tree", openDir(t, linked), last, "fleets/eu/tenants/globex.cue", "old")
}

func TestFolderRefusesWhatAFleetMayNotContain(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside, "secret.cue", "secret")
	write(t, dir, "fleet.cue", "a")
	write(t, dir, "git~1/x.cue", "b")
	for link, target := range map[string]string{
		"link.cue": filepath.Join(outside, "secret.cue"), "inner.cue": "fleet.cue", "folder": outside, "up": "..",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.cue"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large.cue"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "large.cue"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	fsys := openDir(t, dir).Files()
	for path, want := range map[string]string{
		"link.cue": "symbolic link", "inner.cue": "symbolic link", "folder/secret.cue": "symbolic link", "up/x": "symbolic link",
		"pipe.cue": "neither a file nor a folder", "large.cue": "a file of a fleet has at most", "git~1/x.cue": "Git's own folder",
		"../x": "invalid argument", "/etc/passwd": "invalid argument",
		strings.Repeat("a/", 40) + "b": "more than 32 folders deep", "none.cue": "no such file",
	} {
		refusedAt(t, fsys, path, want)
	}
	if text, err := fs.ReadFile(fsys, "fleet.cue"); err != nil || string(text) != "a" {
		t.Errorf("its neighbour: %q, %v", text, err)
	}
}

// refusedAt checks that a path can't be read in any way, for a reason.
func refusedAt(t *testing.T, fsys fs.FS, path, want string) {
	t.Helper()
	_, opened := fsys.Open(path)
	_, read := fs.ReadFile(fsys, path)
	for how, err := range map[string]error{"open": opened, "read": read} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v; want %q", how, path, err, want)
		}
	}
}

func write(t *testing.T, dir, path, text string) {
	t.Helper()
	path = filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
