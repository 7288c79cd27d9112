package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/report"
)

// shadowOf compares what every tenant of a folder asks for with what it asked for at a revision. Without
// one that is what was applied last, as far as this machine remembers; else the commit at which the
// checked-out branch left the remote's. It is nil if there is none of these, or if nothing that tenants
// share differs.
func (a *app) shadowOf(ctx context.Context, dir, revision string, plan reconciler.Plan) (s *report.Shadow, failure error) {
	if revision == "" {
		if s := plan.ShadowOfApplied(); s != nil {
			return s, nil
		}
	}
	folder, err := gitrepo.Dir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { failure = errors.Join(failure, folder.Close()) }()
	var commit reconciler.Commit
	if revision != "" {
		commit, err = folder.Resolve(revision)
	} else {
		commit, err = folder.Forked()
	}
	if err != nil || commit == "" {
		return nil, err
	}
	files, err := folder.At(commit)
	if err != nil {
		return nil, err
	}
	changed, err := differing(files, folder.Files())
	if err != nil {
		return nil, fmt.Errorf("what differs from %s: %w", commit.Short(), err)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	loader, done, err := a.loader(ctx, a.pack(dir))
	if err != nil {
		return nil, err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	before, err := reconciler.Load(ctx, loader, files, commit, nil, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	return plan.Shadow(before, changed, "commit "+commit.Short()), nil
}

// differing are the paths of definitions that two trees don't have alike.
func differing(before, after fs.FS) ([]string, error) {
	was, err := definitions(before)
	if err != nil {
		return nil, err
	}
	is, err := definitions(after)
	if err != nil {
		return nil, err
	}
	var list []string
	for name, text := range is {
		if old, there := was[name]; !there || !bytes.Equal(old, text) {
			list = append(list, name)
		}
	}
	for name := range was {
		if _, there := is[name]; !there {
			list = append(list, name)
		}
	}
	return list, nil
}

// definitions are the CUE files of a tree. One that can't be read has a finding of its own, and counts
// as empty.
func definitions(fsys fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && name != ".":
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".cue":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			text = nil
		}
		files[name] = text
		return nil
	})
	return files, err
}
