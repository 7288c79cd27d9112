package gitrepo

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	followed, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"https://github.com/acme/fleet.git":      "github.com/acme/fleet",
		"https://GitHub.com/acme/fleet/":         "github.com/acme/fleet",
		"ssh://git@github.com/acme/fleet":        "github.com/acme/fleet",
		"git@github.com:acme/fleet.git":          "github.com/acme/fleet",
		"https://github.com/acme/fleet.git/":     "github.com/acme/fleet",
		"https://github.com/acme/other":          "github.com/acme/other",
		"http://127.0.0.1:3000/acme/fleet.git":   "127.0.0.1:3000/acme/fleet",
		"ssh://git@github.com:2222/acme/fleet":   "github.com:2222/acme/fleet",
		dir:                                      followed,
		"file://" + dir + "/":                    followed,
		filepath.Join(dir, "linked"):             followed,
		filepath.Join(dir, "linked", "..", "no"): filepath.Join(dir, "no"),
	} {
		if got, err := Place(address); err != nil || got != want {
			t.Errorf("%s leads to %q, %v; want %q", address, got, err, want)
		}
	}
}
