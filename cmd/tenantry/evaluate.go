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
	pool := evaluate.New(evaluate.Options{Program: []string{program, os.Args[0], "evaluate"}, Limits: evaluate.DefaultLimits()})
	loader := &schema.Loader{Evaluator: pool, Version: identity(program)}
	if pack == "" || loader.Version == "" {
		return loader, pool.Close, nil
	}
	cache, err := rendercache.Open(pack, rendercache.MaxSize)
	if err != nil {
		return loader, pool.Close, nil //nolint:nilerr // it is only slower without
	}
	loader.Cache = cache
	return loader, func() error { return errors.Join(pool.Close(), cache.Close()) }, nil
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
