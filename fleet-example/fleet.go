// Package fleetexample holds the example fleet: a config repository to read, to run in the demo
// and to test with. The CUE files beside this one are the fleet.
package fleetexample

import (
	"embed"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed all:cue.mod all:access all:cells all:plans all:policies all:releases all:tenants *.cue README.md CODEOWNERS
var files embed.FS

// Files returns the example fleet as the first commit of its repository.
func Files() embed.FS { return files }

// named is what names single tenants: rings, grants and exceptions.
var named = regexp.MustCompile(`(?m)^\t\t\{name: "\w+", select.*\n|^.*\{tenants: \[".*\n|(?s)\n\n\t//[^\n]*\n\texceptions: \[\{.*?\n\t\}\]`)

// Shared returns the example's CUE files without its tenants and without what names them, by path, to make
// fleets of other tenants.
func Shared() (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".cue") || strings.HasPrefix(path, "tenants/") {
			return err
		}
		text, err := files.ReadFile(path)
		if !strings.HasPrefix(path, "cue.mod/") {
			text = named.ReplaceAll(text, nil)
		}
		out[path] = text
		return err
	})
	return out, err
}
