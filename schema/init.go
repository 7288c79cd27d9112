package schema

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed all:scaffold
var scaffold embed.FS

// ErrNotEmpty means that a new fleet would lie among other files.
var ErrNotEmpty = errors.New("the folder is not empty")

// Init writes a new fleet of this name that validates into dir, which must be empty or not exist; a
// Git repository without files counts as empty. It writes nothing if it returns ErrNotEmpty or
// refuses the name.
func Init(dir, name string) error {
	if !isName.MatchString(name) {
		return fmt.Errorf("%q can't be a fleet's name: 1 to 32 lower-case letters, digits and hyphens, beginning with a letter", name)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("init %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			return fmt.Errorf("init %s: %w: it has %s", dir, ErrNotEmpty, e.Name())
		}
	}
	contents := Vendor()
	err = fs.WalkDir(scaffold, "scaffold", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := scaffold.ReadFile(path)
		contents[strings.TrimPrefix(path, "scaffold/")] = []byte(strings.ReplaceAll(string(text), "FLEET", name))
		return err
	})
	if err != nil {
		return fmt.Errorf("init %s: %w", dir, err)
	}
	return write(dir, contents)
}

// write writes files by their path below dir.
func write(dir string, contents map[string][]byte) error {
	for _, path := range sortedKeys(contents) {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // a repository that a team shares
			return fmt.Errorf("write %s: %w", path, err)
		}
		if err := os.WriteFile(file, contents[path], 0o644); err != nil { //nolint:gosec // the same
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}
