package gitrepo

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"tenantry.dev/reconciler"
)

// A raw builds trees that git itself would refuse to make.
type raw struct {
	t    *testing.T
	dir  string
	repo *git.Repository
}

func newRaw(t *testing.T) *raw {
	t.Helper()
	dir := t.TempDir()
	cli(t, dir, "init", "-q", "--bare", "-b", "main")
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t: t, dir: dir, repo: repo}
}

func (r *raw) put(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	r.t.Helper()
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	if _, err := o.Write(content); err != nil {
		r.t.Fatal(err)
	}
	hash, err := r.repo.Storer.SetEncodedObject(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return hash
}

func (r *raw) blob(text string) plumbing.Hash { return r.put(plumbing.BlobObject, []byte(text)) }

// tree writes the entries as they come, in the order that they come in.
func (r *raw) tree(entries ...entry) plumbing.Hash {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00%s", e.mode, e.name, e.hash[:])
	}
	return r.put(plumbing.TreeObject, b.Bytes())
}

func (r *raw) commit(tree plumbing.Hash, parents ...reconciler.Commit) reconciler.Commit {
	r.t.Helper()
	who := object.Signature{Name: "A", Email: "a@example.com", When: time.Unix(1e9, 0)}
	c := &object.Commit{Author: who, Committer: who, Message: "m", TreeHash: tree}
	for _, p := range parents {
		c.ParentHashes = append(c.ParentHashes, hashOf(string(p)))
	}
	o := &plumbing.MemoryObject{}
	if err := c.Encode(o); err != nil {
		r.t.Fatal(err)
	}
	hash, err := r.repo.Storer.SetEncodedObject(o)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.repo.Storer.SetReference(plumbing.NewHashReference("refs/heads/main", hash)); err != nil {
		r.t.Fatal(err)
	}
	return reconciler.Commit(hash.String())
}

func TestWhatAFleetMayNotContain(t *testing.T) {
	r := newRaw(t)
	good, link := r.blob("good"), r.blob("/etc/passwd")
	inner := r.tree(entry{modeFile, "x.cue", good})
	large := r.put(plumbing.BlobObject, make([]byte, maxFile+1))
	entries := []struct {
		entry
		at, want string // the path that it is seen at, and the error there; no error if empty
	}{
		{entry{modeFile, "fleet.cue", good}, "fleet.cue", ""},
		{entry{modeExecutable, "run.cue", good}, "run.cue", ""},
		{entry{modeFolder, "tenants", inner}, "tenants/x.cue", ""},
		{entry{modeFile, ".gitignore", good}, ".gitignore", ""},
		{entry{modeFile, "größe.cue", good}, "größe.cue", ""},
		{entry{modeLink, "link.cue", link}, "link.cue", "symbolic link"},
		{entry{modeLink, "linked", link}, "linked/x.cue", "symbolic link"},
		{entry{modeSubmodule, "sub", plumbing.NewHash("0123456789012345678901234567890123456789")}, "sub", "submodule"},
		{entry{0o100664, "group.cue", good}, "group.cue", "the mode 100664"},
		{entry{0o10644, "fifo.cue", good}, "fifo.cue", "the mode 10644"},
		{entry{modeFile, "", good}, "(no name)", "is not a name"},
		{entry{modeFile, ".", good}, "(dot)", "is not a name"},
		{entry{modeFolder, "..", inner}, "(dot dot)/x.cue", "is not a name"},
		{entry{modeFile, "../up.cue", good}, "..∕up.cue", "separator"},
		{entry{modeFile, "a/b.cue", good}, "a∕b.cue", "separator"},
		{entry{modeFile, `a\b.cue`, good}, `a\b.cue`, "separator"},
		{entry{modeFile, "bell\a.cue", good}, "bell\a.cue", "can't be shown"},
		{entry{modeFile, "bad\xff.cue", good}, "bad\uFFFD.cue", "can't be shown"},
		{entry{modeFile, "gro\u0308sse.cue", good}, "gro\u0308sse.cue", "normal form"},
		{entry{modeFolder, ".git", inner}, ".git/x.cue", "Git's own folder"},
		{entry{modeFolder, ".GIT ", inner}, ".GIT /x.cue", "Git's own folder"},
		{entry{modeFolder, "GIT~1", inner}, "GIT~1/x.cue", "Git's own folder"},
		{entry{modeFolder, ".g\u200cit", inner}, ".g\u200cit/x.cue", "Git's own folder"},
		{entry{modeFolder, ".git::$INDEX_ALLOCATION", inner}, ".git::$INDEX_ALLOCATION/x.cue", "Git's own folder"},
		{entry{modeFile, "Acme.cue", good}, "Acme.cue", "in case only"},
		{entry{modeFile, "acme.cue", good}, "acme.cue", "in case only"},
		{entry{modeFile, "twice.cue", good}, "twice.cue", "this name twice"},
		{entry{modeFile, "twice.cue", link}, "twice.cue", "this name twice"},
		{entry{modeFile, "large.cue", large}, "large.cue", "a file of a fleet has at most"},
	}
	var list []entry
	for _, e := range entries {
		list = append(list, e.entry)
	}
	c := r.commit(r.tree(list...))
	m := mirror(t, r.dir, nil)
	if got := head(t, m); got != c {
		t.Fatalf("head is %s, want %s", got, c)
	}
	fsys, err := m.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]fs.FileMode{}
	all, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		listed[e.Name()] = e.Type()
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.at, "/")
		mode, ok := listed[name]
		if usable := mode.IsRegular() || mode.IsDir(); !ok || usable != (e.want == "") && e.name != "large.cue" {
			t.Errorf("%q is listed: %v, as %v", name, ok, mode)
		}
		if e.want != "" {
			refusedAt(t, fsys, e.at, e.want)
		} else if text, err := fs.ReadFile(fsys, e.at); err != nil || string(text) != "good" {
			t.Errorf("%s: %q, %v", e.at, text, err)
		}
	}
	empty := r.commit(r.tree())
	head(t, m)
	changed, err := m.Changed(t.Context(), empty, c)
	if err != nil || len(changed) != len(entries)-1 { // one name is there twice
		t.Errorf("changed: %d of %d, %v", len(changed), len(entries)-1, err)
	}
}

func TestTreesThatUnfoldWithoutEnd(t *testing.T) {
	r := newRaw(t)
	level := r.tree(entry{modeFile, "x", r.blob("x")})
	for range 12 { // 10^12 files
		var list []entry
		for i := range 10 {
			list = append(list, entry{modeFolder, fmt.Sprintf("d%d", i), level})
		}
		level = r.tree(list...)
	}
	before := r.commit(r.tree(entry{modeFile, "a", r.blob("a")}, entry{modeFile, "b", r.blob("b")}))
	bomb := r.commit(r.tree(entry{modeFile, "a", r.blob("a")}, entry{modeFolder, "bomb", level}), before)
	after := r.commit(r.tree(), bomb)
	m := mirror(t, r.dir, nil)
	head(t, m)
	// Without their limits these would take longer than any test may.
	if _, err := m.Open(t.Context(), bomb); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("open: %v", err)
	}
	if _, err := m.Changed(t.Context(), before, bomb); err == nil || !strings.Contains(err.Error(), "paths differ") {
		t.Errorf("changed: %v", err)
	}
	removed, err := m.Removed(t.Context(), after)
	if err != nil || removed["b"] != bomb || len(removed) != 1 {
		t.Errorf("removed: %v, %v", removed, err)
	}
}

func TestDeepFolders(t *testing.T) {
	r := newRaw(t)
	level, path := r.tree(entry{modeFile, "x", r.blob("x")}), "x"
	for range 40 {
		level, path = r.tree(entry{modeFolder, "d", level}), "d/"+path
	}
	deep := r.commit(r.tree(entry{modeFolder, "d", level}, entry{modeFile, "ok", r.blob("ok")}))
	m := mirror(t, r.dir, nil)
	head(t, m)
	fsys, err := m.Open(t.Context(), deep)
	if err != nil {
		t.Fatal(err)
	}
	refusedAt(t, fsys, "d/"+path, "more than 32 folders deep")
	if text, err := fs.ReadFile(fsys, "ok"); string(text) != "ok" || err != nil {
		t.Errorf("its neighbour: %q, %v", text, err)
	}
	for range maxNesting + 100 {
		level = r.tree(entry{modeFolder, "d", level})
	}
	deeper := r.commit(level, deep)
	head(t, m)
	if _, err := m.Open(t.Context(), deeper); err == nil || !strings.Contains(err.Error(), "within one another") {
		t.Errorf("open: %v", err)
	}
	got, err := m.Changed(t.Context(), deep, deeper)
	if err != nil || len(got) == 0 {
		t.Errorf("changed: %v, %v", got, err)
	}
	for _, c := range got { // a folder that is too deep changes as one
		if n := strings.Count(c.Path, "/"); n > maxDepth {
			t.Errorf("a path %d folders deep is listed", n)
		}
	}
}

func TestDamagedTrees(t *testing.T) {
	hash := string(make([]byte, 20))
	for name, content := range map[string]string{
		"no space": "100644", "no end": "100644 a", "no mode": " a\x00" + hash, "short hash": "100644 a\x00123",
		"bad mode": "10x644 a\x00" + hash, "huge mode": "77777777777777777777 a\x00" + hash, "space after the name": "a\x00b " + hash,
		"negative mode": "-100644 a\x00" + hash,
	} {
		if _, _, err := next([]byte(content)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzNext(f *testing.F) {
	hash := strings.Repeat("h", 20)
	for _, seed := range []string{"", "100644 a\x00" + hash, "40000 d\x00" + hash + "120000 l\x00" + hash, "100644 a/b\x00" + hash, "1 \x00" + hash} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		rest := content
		for len(rest) > 0 {
			e, after, err := next(rest)
			if err != nil {
				break
			}
			if len(after) >= len(rest) {
				t.Fatal("it took nothing")
			}
			rest = after
			if shown := e.shown(); !fs.ValidPath(shown) || strings.Contains(shown, "/") || shown == "." {
				t.Errorf("the name %q is shown as %q, which can't stand in a path", e.name, shown)
			}
			if e.refusal() == "" && e.shown() != e.name {
				t.Errorf("the name %q may be used, and is shown as %q", e.name, e.shown())
			}
		}
		if a, b := skipEqual(content, content); len(a) != len(b) {
			t.Errorf("what is equal is not skipped alike: %d and %d bytes are left", len(a), len(b))
		}
		if folder, err := parseFolder(content); err == nil && len(folder.nodes) != len(folder.byName) {
			t.Error("a folder's two lists differ")
		}
	})
}
