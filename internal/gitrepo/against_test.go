package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestAFolderAsOfACommit(t *testing.T) {
	upstream, clone := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	write := func(dir, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "fleets/eu"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "fleets/eu/fleet.cue"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "add", ".")
		run(t, dir, "commit", "-qm", text)
	}
	run(t, upstream, "init", "-qb", "main")
	write(upstream, "one")
	run(t, upstream, "clone", "-q", upstream, clone)
	run(t, clone, "checkout", "-qb", "topic")
	write(clone, "two")
	write(clone, "three")
	folder, err := Dir(filepath.Join(clone, "fleets/eu"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	forked, err := folder.Forked()
	if err != nil {
		t.Fatal(err)
	}
	for revision, want := range map[string]string{string(forked): "one", "main": "one", "HEAD~1": "two", "topic": "three"} {
		commit, err := folder.Resolve(revision)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := folder.At(commit)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := fs.ReadFile(tree, "fleet.cue"); err != nil || string(text) != want {
			t.Errorf("at %s the file says %q, %v; want %s", revision, text, err, want)
		}
	}
	if _, err := folder.Resolve("nowhere"); err == nil {
		t.Error("there is no such revision")
	}
	plain, err := Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if commit, err := plain.Forked(); commit != "" || err != nil {
		t.Errorf("outside of Git: %s, %v", commit, err)
	}
	if _, err := plain.Resolve("HEAD"); !errors.Is(err, ErrNoGit) {
		t.Errorf("outside of Git: %v", err)
	}
}
