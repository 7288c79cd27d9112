// Package fleetexample holds the example fleet: a config repository to read, to run in the demo
// and to test with. The CUE files beside this one are the fleet.
package fleetexample

import (
	"archive/zip"
	"bytes"
	"embed"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

//go:embed all:cue.mod all:access all:cells all:hosting all:plans all:policies all:releases all:tenants *.cue README.md CODEOWNERS
var files embed.FS

// Files returns the example fleet as the first commit of its repository.
func Files() embed.FS { return files }

// named is what names single tenants: rings, grants and exceptions.
var named = regexp.MustCompile(`(?m)^\t\t\{name: "\w+", select.*\n|^.*\{tenants: \[".*\n|(?s)\n\n\t//[^\n]*\n\texceptions: \[\{.*?\n\t\}\]`)

// hosted is what plans, cells and limits have to do with the folder hosting, and what is there instead of it.
var hosted = []struct {
	text    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\n\n\t\t// Where cells put [^\n]*\n[^\n]*\n\t\tevents: .*|\n\t\tevents: .*`), ""},
	{regexp.MustCompile(`import \(\n\t("tenantry.dev/schema")\n\n\t".*/hosting"\n\)`), "import $1"},
	{regexp.MustCompile(`& hosting\.\w+ `), ""},
	{regexp.MustCompile(`each cell: twenty\n`), "each cell: ten\n"},
	{regexp.MustCompile(`has eighteen that hold`), "has six that hold"},
	{regexp.MustCompile(`(\n\tcount: +)20\n`), "${1}10\n"},
	{regexp.MustCompile(`(#tenant:  _\n)\t#cell:    _\n`), "$1"},
	{regexp.MustCompile(`(\n\n\t#cell: ) {3}_\n\t#account: _\n\t#fleet:   _\n`), "${1}_\n"},
	{regexp.MustCompile(`(?s)\n\n?\t\t// Hosting: .*(\n\t\}\n\}\n)$`), "$1"},
}

// Small returns the example without the folder hosting and what plans and cells have to do with it: a fleet of
// eight kinds, to test with quickly.
func Small() (fs.FS, error) {
	texts, err := read(false)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		w, err := z.Create(path)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(texts[path]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
}

// Shared returns the example's CUE files without its tenants and without what names them, by path, to make
// fleets of other tenants; unless hosting is asked for, as Small has them.
func Shared(hosting bool) (map[string][]byte, error) {
	out, err := read(hosting)
	for path, text := range out {
		switch {
		case !strings.HasSuffix(path, ".cue") || strings.HasPrefix(path, "tenants/"):
			delete(out, path)
		case !strings.HasPrefix(path, "cue.mod/"):
			out[path] = named.ReplaceAll(text, nil)
		}
	}
	return out, err
}

// read returns all files of the example by path.
func read(hosting bool) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		ofTypes := strings.HasPrefix(path, "cue.mod/pkg/") && bytes.Contains(text, []byte("\t\"AWS::"))
		if err != nil || !hosting && (ofTypes || strings.HasPrefix(path, "hosting/")) {
			return err
		}
		for _, h := range hosted {
			if !hosting && (path == "fleet.cue" || strings.HasPrefix(path, "plans/") || strings.HasPrefix(path, "cells/")) {
				text = h.text.ReplaceAll(text, []byte(h.instead))
			}
		}
		out[path] = text
		return nil
	})
	return out, err
}
