package schema

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// With loads the fleet with other contents in some of its files, by path, as of the same time. What
// nobody edited isn't evaluated again.
func (f *Fleet) With(ctx context.Context, edits map[string][]byte) (*Fleet, []Finding, error) {
	if f.files.loader == nil {
		return nil, nil, fmt.Errorf("the fleet was not loaded from files")
	}
	return f.files.loader.load(ctx, f.files.listing.with(edits), f.At)
}

// with is the list with other contents in some files.
func (l *listing) with(edits map[string][]byte) *listing {
	return &listing{fsys: edited{l.fsys, edits}, definitions: replaced(l.definitions, edits, false), tenants: replaced(l.tenants, edits, true)}
}

func replaced(list []Listed, edits map[string][]byte, tenants bool) []Listed {
	out := slices.Clone(list)
	for _, path := range slices.Sorted(maps.Keys(edits)) {
		if strings.HasPrefix(path, tenantsDir+"/") != tenants || !belongs(path, false) {
			continue
		}
		f := Listed{Path: path, Text: edits[path], ID: ContentID(edits[path])}
		at, known := slices.BinarySearchFunc(out, f, func(a, b Listed) int { return cmp.Compare(a.Path, b.Path) })
		if known {
			out[at] = f
		} else {
			out = slices.Insert(out, at, f)
		}
	}
	return out
}

// edited is a file system with other content in some of its files.
type edited struct {
	fs.FS
	edits map[string][]byte
}

// ReadFile implements fs.ReadFileFS.
func (e edited) ReadFile(name string) ([]byte, error) {
	if text, ok := e.edits[name]; ok {
		return text, nil
	}
	return fs.ReadFile(e.FS, name)
}
