package schema

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// The README's own steps make a second tenant.
func TestInitReadme(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir, "orchard"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tenants/example.cue"))
	if err != nil {
		t.Fatal(err)
	}
	acme := strings.NewReplacer("Example Customer", "Acme", "example:", "acme:").Replace(string(text))
	if err := os.WriteFile(filepath.Join(dir, "tenants/acme.cue"), []byte(acme), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, found := Load(os.DirFS(dir), today); len(found) != 0 || len(f.Tenants) != 2 {
		t.Errorf("found %v", found)
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
