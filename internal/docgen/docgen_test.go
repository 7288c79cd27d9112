package main

import (
	"os"
	"path/filepath"
	"testing"
)

// docs/reference says what the definitions say.
func TestReferenceIsCurrent(t *testing.T) {
	pages, err := definitions()
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../docs/reference"
	for name, page := range pages {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(have) != page {
			t.Errorf("docs/reference/%s is not current; make docs writes it (%v)", name, err)
		}
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if _, known := pages[filepath.Base(path)]; !known && filepath.Base(path) != "cli.md" {
			t.Errorf("%s is about nothing that there is; make docs removes it", path)
		}
	}
}
