package schema

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fsWalk reads all files of a tree.
func fsWalk(root fs.FS, take func(path string, text []byte)) error {
	return fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		take(path, text)
		return err
	})
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Init(dir, "orchard"); err != nil {
		t.Fatal(err)
	}
	f, found := Load(os.DirFS(dir), today)
	for _, x := range found {
		t.Error(x)
	}
	if f == nil || f.Name != "orchard" || len(f.Tenants) != 1 || len(f.Render().Desired) != 5 {
		t.Fatalf("the new fleet is %+v", f)
	}
	if _, err := vet(t, dir); err != nil {
		t.Errorf("cue vet refuses the new fleet: %v", err)
	}
	err := fsWalk(os.DirFS(dir), func(path string, text []byte) {
		if strings.Contains(string(text), "FLEET") {
			t.Errorf("%s has a placeholder left", path)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CODEOWNERS"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// The README is one page that leads to the first pull request, and what it has one explain is there.
func TestInitReadme(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir, "orchard"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > 60 {
		t.Errorf("the README has %d lines, which is more than a page", lines)
	}
	for _, want := range []string{"## The first pull request", "`tenantry plans`", "tenantry tenant add acme ", "`tenantry vendor`", "`exceptions`"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the README doesn't say %q", want)
		}
	}
	f, _ := Load(os.DirFS(dir), today)
	m := manualOf(t)
	paths := regexp.MustCompile("`tenantry explain ([^`]+)`").FindAllStringSubmatch(string(text), -1)
	if len(paths) != 4 {
		t.Errorf("it explains %v", paths)
	}
	for _, path := range paths {
		_, err := m.Explain(path[1], false)
		if strings.Contains(path[1], "/") { // of the tenant that its reader makes
			_, err = f.Trace(os.DirFS(dir), strings.Replace(path[1], "/acme/", "/example/", 1))
		}
		if err != nil {
			t.Errorf("%s: %v", path[1], err)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Init(dir, "orchard"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a folder with files: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Error("it wrote something")
	}
	empty := t.TempDir()
	for _, name := range []string{"", "Orchard", "my fleet", strings.Repeat("a", 33)} {
		if err := Init(empty, name); err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
	if err := os.Mkdir(filepath.Join(empty, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Init(empty, "orchard"); err != nil {
		t.Errorf("an empty repository: %v", err)
	}
}

// The example has the schema of this version.
func TestExampleIsVendored(t *testing.T) {
	for path, want := range Vendor() {
		file := filepath.Join("../fleet-example", path)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s differs from the schema; go test ./schema -update writes it (%v)", path, err)
		}
	}
}
