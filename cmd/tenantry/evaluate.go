package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/evaluate"
	"tenantry.dev/internal/rendercache"
	"tenantry.dev/schema"
)

// evaluateCommand is what the program starts itself with, to evaluate definitions where that harms
// nobody. It is no command for people.
func (a *app) evaluateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "evaluate",
		Short:  "Evaluate definitions for the process that started this one",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return evaluate.Serve(a.in, a.out) },
	}
}

// loader reads fleets; the definitions are evaluated in other processes, and what they come to is kept
// in a file, or nowhere if pack is empty or can't be written. The returned function ends both.
func (a *app) loader(_ context.Context, pack string) (*schema.Loader, func() error, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program, to evaluate with: %w", err)
	}
	return a.loaderOf(program, pack)
}

// loaderOf is loader with the program that workers are.
func (a *app) loaderOf(program, pack string) (*schema.Loader, func() error, error) {
	e := newEvaluators(program)
	loader, done := e.loader(pack)
	return loader, func() error { return errors.Join(e.pool.Close(), done()) }, nil
}

// evaluators are worker processes that several loaders have together.
type evaluators struct {
	pool    *evaluate.Pool
	version string
}

// evaluators starts none yet. The returned function ends them.
func (a *app) evaluators() (evaluators, func() error, error) {
	program, err := os.Executable()
	if err != nil {
		return evaluators{}, nil, fmt.Errorf("find this program, to evaluate with: %w", err)
	}
	e := newEvaluators(program)
	return e, e.pool.Close, nil
}

func newEvaluators(program string) evaluators {
	pool := evaluate.New(evaluate.Options{Program: []string{program, os.Args[0], "evaluate"}, Limits: evaluate.DefaultLimits()})
	return evaluators{pool: pool, version: identity(program)}
}

// loader makes a loader that keeps what definitions come to in a pack, as app's does. The returned function ends
// the loader, and no worker.
func (e evaluators) loader(pack string) (*schema.Loader, func() error) {
	loader, none := &schema.Loader{Evaluator: e.pool, Version: e.version}, func() error { return nil }
	if pack == "" || loader.Version == "" {
		return loader, none
	}
	cache, err := rendercache.Open(pack, rendercache.MaxSize)
	if err != nil {
		return loader, none // it is only slower without
	}
	loader.Cache = cache
	return loader, cache.Close
}

// identity tells this build of the program from all others; empty if that isn't possible.
func identity(program string) string {
	if file, err := elf.Open(program); err == nil {
		defer func() { _ = file.Close() }() // it was only read from
		if note := file.Section(".note.go.buildid"); note != nil {
			if text, err := note.Data(); err == nil && len(text) > 0 { // the linker's hash of all that is in it
				return fmt.Sprintf("%x", sha256.Sum256(text))
			}
		}
	}
	info, err := os.Stat(program)
	if err != nil {
		return ""
	}
	version, revision := buildVersion()
	return fmt.Sprintf("%s %s %d %d", version, revision, info.Size(), info.ModTime().UnixNano())
}

// mostPacks is how many folders' renderings are kept for the commands.
const mostPacks = 20

// pack is the file in which what a folder's definitions come to is kept; empty if there is no place.
func (a *app) pack(dir string) string {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	folder := filepath.Join(a.dataDir, "cache")
	if a.dataDir == "" {
		caches, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		if _, err := os.Stat(filepath.Dir(caches)); err != nil {
			return "" // the user's home doesn't exist, as on some build machines
		}
		folder = filepath.Join(caches, "tenantry")
	}
	if _, err := os.Stat(a.dataDir); a.dataDir != "" && err != nil {
		return "" // looking makes no folder that a later command would take for memory
	}
	name := fmt.Sprintf("%x.pack", sha256.Sum256([]byte(whole)))
	forgetPacks(folder, name)
	return filepath.Join(folder, name)
}

// forgetPacks removes the packs that were not used for longest.
func forgetPacks(folder, but string) {
	packs, err := filepath.Glob(filepath.Join(folder, "*.pack"))
	if err != nil || len(packs) < mostPacks {
		return
	}
	age := map[string]int64{}
	for _, p := range packs {
		if info, err := os.Stat(p); err == nil {
			age[p] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(packs, func(a, b string) int { return cmp.Compare(age[a], age[b]) })
	for _, p := range packs[:len(packs)-mostPacks+1] {
		if filepath.Base(p) != but {
			_ = os.Remove(p) // it is made again when it is needed
		}
	}
}
