package schema

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"tenantry.dev/reconciler/resource"
)

func TestNoFleet(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"empty":             fstest.MapFS{},
		"only a readme":     fstest.MapFS{"README.md": {Data: []byte("hello")}},
		"empty fleet.cue":   fstest.MapFS{"fleet.cue": {}},
		"fleet.cue a link":  fstest.MapFS{"fleet.cue": {Data: []byte("x"), Mode: fs.ModeSymlink}},
		"unreadable folder": unreadable{fleetOf(t), "tenants"},
		"unreadable fleet":  unreadable{fleetOf(t), "fleet.cue"},
	} {
		t.Run(name, func(t *testing.T) {
			f, found := Load(fsys, today)
			if f != nil || !Invalid(found) {
				t.Fatalf("loads as %v with %v", f, found)
			}
			t.Log(found)
		})
	}
}

// unreadable is a file system in which one path gives an error, as a link or a submodule does in a
// commit.
type unreadable struct {
	fs.FS
	path string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it is a link to elsewhere")}
	}
	return u.FS.Open(name)
}

// A tenant whose file can't be used is known to exist, and harms nobody else.
func TestOneBadFile(t *testing.T) {
	const file = "tenants/plain.cue"
	good := fleetOf(t)
	large := "package fleet\n\ntenant: plain: note: \"" + strings.Repeat("x", 10_000_000) + "\"\n"
	tests := []struct {
		name string
		fsys fs.FS
		says string
	}{
		{"unreadable", unreadable{good, file}, "can't be read: it is a link to elsewhere"},
		{"10 MB", with(t, file, large), "the file has 10000039 bytes; more than 262144 are not read"},
		{"10 MB that hides its size", sizeless{with(t, file, large)}, "the file has 10000039 bytes"},
		{"a link", fsWith(good, file, &fstest.MapFile{Data: []byte("elsewhere"), Mode: fs.ModeSymlink}), "this is a link"},
		{"deep", with(t, file, "package fleet\n\ntenant: plain: "+strings.Repeat("a: ", 20_000)+"1\n"), "nested deeper than 32 levels"},
		{"deeper", with(t, file, "package fleet\n\ntenant: plain: a: "+strings.Repeat("[", 20_000)+"\n"), "not valid CUE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, found := Load(test.fsys, today)
			if f == nil || f.Broken[resource.Tenant("plain")] == "" || len(f.Broken) != 1 || len(f.Tenants) != 3 {
				t.Fatalf("fleet %+v, found %v", f, found)
			}
			said := false
			for _, x := range found {
				said = said || strings.Contains(x.Message, test.says)
				if x.File != file || x.Tenant != "plain" {
					t.Errorf("found %s", x)
				}
			}
			if !said {
				t.Errorf("found %v, want %q", found, test.says)
			}
		})
	}
}

// sizeless is a file system whose listing says that all files are empty.
type sizeless struct{ fstest.MapFS }

func (s sizeless) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := s.MapFS.ReadDir(name)
	for i := range list {
		list[i] = emptyEntry{list[i]}
	}
	return list, err
}

type emptyEntry struct{ fs.DirEntry }

func (e emptyEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	return emptyInfo{info}, err
}

type emptyInfo struct{ fs.FileInfo }

func (emptyInfo) Size() int64 { return 0 }

func with(t *testing.T, path, text string) fstest.MapFS {
	t.Helper()
	return fsWith(fleetOf(t), path, &fstest.MapFile{Data: []byte(text)})
}

func fsWith(base fstest.MapFS, path string, file *fstest.MapFile) fstest.MapFS {
	out := fstest.MapFS{}
	maps.Copy(out, base)
	out[path] = file
	return out
}

// What definitions import must be in the fleet.
func TestImports(t *testing.T) {
	plan := func(t *testing.T, imports string) string {
		t.Helper()
		return strings.Replace(string(fleetOf(t)["plans/basic.cue"].Data), "import \"tenantry.dev/schema\"", imports, 1)
	}
	t.Run("own package", func(t *testing.T) {
		fsys := fleetOf(t)
		fsys["shared/words.cue"] = &fstest.MapFile{Data: []byte("package shared\n\ndelay: 10\n")}
		text := plan(t, "import (\n\t\"tenantry.dev/schema\"\n\t\"good.example/fleet/shared\"\n)")
		fsys["plans/basic.cue"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "delay:             10", "delay: shared.delay", 1))}
		f, found := Load(fsys, today)
		if len(found) != 0 || len(f.Tenants) != 4 {
			t.Errorf("found %v", found)
		}
	})
	for name, imports := range map[string]string{
		"unknown module": "import (\n\t\"tenantry.dev/schema\"\n\t\"github.com/some/module\"\n)",
		"no such folder": "import (\n\t\"tenantry.dev/schema\"\n\t\"good.example/fleet/nowhere\"\n)",
		"itself":         "import (\n\t\"tenantry.dev/schema\"\n\t\"good.example/fleet/plans\"\n)",
		"missing":        "",
	} {
		t.Run(name, func(t *testing.T) {
			f, found := Load(with(t, "plans/basic.cue", plan(t, imports)), today)
			if f == nil || !Invalid(found) || found[0].File != "plans/basic.cue" {
				t.Fatalf("found %v", found)
			}
			if f.Broken[resource.Tenant("plain")] == "" || f.Broken[resource.Tenant("paused")] != "" {
				t.Errorf("broken: %v", f.Broken)
			}
			t.Log(found)
		})
	}
}

// A stale copy of the schema is said, and the embedded one judges.
func TestStaleVendor(t *testing.T) {
	fsys := fleetOf(t)
	fsys["cue.mod/pkg/tenantry.dev/schema/tenant.cue"] = &fstest.MapFile{Data: []byte("package schema\n#Tenant: {...}\n")}
	f, found := Load(fsys, today)
	if len(found) != 1 || found[0].Severity != Warn || Invalid(found) || len(f.Tenants) != 4 {
		t.Errorf("found %v", found)
	}
}

func TestDigest(t *testing.T) {
	a, _ := Load(fleetOf(t), today)
	b, _ := Load(fleetOf(t), today)
	c, _ := Load(with(t, "tenants/plain.cue", string(fleetOf(t)["tenants/plain.cue"].Data)+"// more\n"), today)
	if a.Digest != b.Digest || a.Digest == c.Digest || a.Digest == "" {
		t.Error(a.Digest, b.Digest, c.Digest)
	}
}

// What makes the evaluator panic costs one tenant, or at most the load; never the process.
func TestPanics(t *testing.T) {
	fsys := fleetOf(t)
	e, err := newEngine(newTree(nil, nil, func(Step) {}), nil) // without definitions, it meets nil
	if err != nil {
		t.Fatal(err)
	}
	a, next := e.survive(File{Path: "tenants/be/bespoke.cue", Text: fsys["tenants/be/bespoke.cue"].Data}, func(Step) {}, nil)
	if !strings.Contains(a.broken, "the evaluator fails on this file") || a.owner != resource.Tenant("bespoke") || next == e {
		t.Errorf("answers %+v", a)
	}
	s := NewSession(Definitions{At: today}, func(Step) { panic("a fault in here") })
	if d := s.Define(); d.Fleet != nil || !Invalid(d.Found) {
		t.Errorf("is defined as %v", d)
	}
}
