package gitrepo

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tenantry.dev/reconciler"
	"tenantry.dev/schema"
)

func TestListOfFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"fleet.cue": "a", "tenants/ab/abc.cue": "bc", "tenants/b.cue": "", ".git/x.cue": "no", "skip/y.cue": "no", "big.cue": strings.Repeat("x", maxListedFile+1)} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "tenants", "evil.cue")); err != nil {
		t.Fatal(err)
	}
	folder, err := Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	got, err := folder.Files().(schema.Lister).List(func(name string, _ bool) bool { return name != "skip" })
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Listed{
		{Path: "big.cue", Size: maxListedFile + 1},
		{Path: "fleet.cue", ID: schema.ContentID([]byte("a")), Text: []byte("a")},
		{Path: "tenants/ab/abc.cue", ID: schema.ContentID([]byte("bc")), Text: []byte("bc")},
		{Path: "tenants/b.cue", ID: schema.ContentID(nil), Text: []byte{}},
		{Path: "tenants/evil.cue", Type: fs.ModeSymlink},
	}
	if !slices.EqualFunc(got, want, func(a, b schema.Listed) bool {
		return a.Path == b.Path && a.ID == b.ID && a.Type == b.Type && a.Size == b.Size && string(a.Text) == string(b.Text) && (a.Text == nil) == (b.Text == nil)
	}) {
		t.Errorf("listed %+v", got)
	}
}

// A commit is listed as the generic way lists it, whatever was listed before, and equal contents have
// equal IDs.
func TestListOfCommits(t *testing.T) {
	dir := work(t)
	first := commit(t, dir, map[string]string{"fleet.cue": "a", "tenants/ab/abc.cue": "x", "tenants/cd/cde.cue": "y", "deep/er/z.cue": "z"})
	second := commit(t, dir, map[string]string{"tenants/ab/abc.cue": "x2", "tenants/new.cue": "x"})
	r := mirror(t, dir, nil)
	head(t, r)
	wanted := func(string, bool) bool { return true }
	for _, c := range []reconciler.Commit{first, second, first} {
		fsys, err := r.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fsys.(schema.Lister).List(wanted)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		texts := map[string]string{}
		for _, f := range got {
			text, err := fs.ReadFile(fsys, f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if before, known := texts[f.ID]; known && before != string(text) || f.ID == "" {
				t.Errorf("%s: the ID %q is that of %q", f.Path, f.ID, before)
			}
			paths, texts[f.ID] = append(paths, f.Path), string(text)
		}
		var want []string
		for name := range contents(t, fsys) {
			want = append(want, name)
		}
		slices.Sort(want)
		if !slices.Equal(paths, want) {
			t.Errorf("listed %v, want %v", paths, want)
		}
	}
}
