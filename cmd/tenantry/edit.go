package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/schema"
)

// A draft is a fleet in a folder that is about to be edited.
type draft struct {
	dir      string
	files    fs.FS
	fleet    *schema.Fleet
	findings []schema.Finding
}

// draft loads a folder for an edit. Mistakes that are in it already don't stand in the way, unless
// nothing of the fleet can be used.
func (a *app) draft(ctx context.Context, dir string, do func(*draft) error) (failure error) {
	if err := isFolder(dir); err != nil {
		return err
	}
	folder, err := gitrepo.Dir(dir)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, folder.Close()) }()
	loader, done, err := a.loader(ctx, a.pack(dir))
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	d := &draft{dir: dir, files: folder.Files()}
	if d.fleet, d.findings, err = loader.Load(ctx, d.files, time.Now().UTC()); err != nil {
		return err
	}
	if d.fleet == nil {
		return a.refuse(d.findings)
	}
	return do(d)
}

// try loads the fleet with an edit, and returns what is newly wrong with it.
func (d *draft) try(ctx context.Context, e schema.Edit) (*schema.Fleet, []schema.Finding, error) {
	fleet, findings, err := d.fleet.With(ctx, map[string][]byte{e.Path: e.After})
	if err != nil {
		return nil, nil, fmt.Errorf("try the edit: %w", err)
	}
	fresh := slices.DeleteFunc(findings, func(f schema.Finding) bool {
		return slices.ContainsFunc(d.findings, func(had schema.Finding) bool {
			return had.File == f.File && had.Severity == f.Severity && had.Tenant == f.Tenant && gist(had) == gist(f)
		})
	})
	return fleet, fresh, nil
}

// gist is what a finding says, without the proposals, which depend on what else there is.
func gist(f schema.Finding) string {
	text, _, _ := strings.Cut(f.Message, ";")
	return text
}

// An edition is how an edit is to be made and reported.
type edition struct{ dryRun, asJSON bool }

// make tries an edit with the whole fleet, writes it and shows what it changed. Nothing is written if the
// fleet would have a mistake that it doesn't have now.
func (a *app) make(ctx context.Context, d *draft, e schema.Edit, how edition, then string) error {
	if !e.Empty() {
		_, fresh, err := d.try(ctx, e)
		if err != nil {
			return err
		}
		if schema.Invalid(fresh) {
			return a.refuseEdit(fresh)
		}
		a.warn(fresh)
		if !how.dryRun {
			if err := writeFile(filepath.Join(d.dir, filepath.FromSlash(e.Path)), e.After); err != nil {
				return err
			}
		}
	}
	return a.printEdit(e, how, then)
}

func (a *app) printEdit(e schema.Edit, how edition, then string) error {
	if how.asJSON {
		return a.printJSON(map[string]any{
			"format_version": formatVersion, "path": e.Path, "changed": !e.Empty(), "written": !e.Empty() && !how.dryRun, "diff": difference(e.Path, e.Before, e.After),
		})
	}
	text := difference(e.Path, e.Before, e.After)
	switch {
	case e.Empty():
		text = fmt.Sprintf("%s says so already; nothing was changed.\n", e.Path)
	case how.dryRun:
		text += "Nothing was written.\n"
	case then != "":
		text += then + "\n"
	}
	_, err := fmt.Fprint(a.out, text)
	return err
}

// refuseEdit prints what stands against an edit.
func (a *app) refuseEdit(findings []schema.Finding) error {
	for _, f := range findings {
		if f.Severity == schema.Error || f.Severity == schema.Deny {
			_, _ = fmt.Fprintln(a.err, f)
		}
	}
	return exit(codeError, "nothing was written: with it the definitions would not be valid")
}

// warn prints what an edit brings up without making the fleet invalid.
func (a *app) warn(findings []schema.Finding) {
	for _, f := range findings {
		_, _ = fmt.Fprintf(a.err, "%s (%s)\n", f, f.Severity)
	}
}

// difference is what an edit changes, as a unified diff.
func difference(name string, before, after []byte) string {
	old := "a/" + name
	if before == nil {
		old = "/dev/null"
	}
	text := diff.Diff(old, before, "b/"+name, after)
	_, text, _ = bytes.Cut(text, []byte("\n")) // a line that names the program
	return string(text)
}

// writeFile replaces a file at once or not at all, and keeps its mode. The folder is made if it is missing,
// and nothing is left of it if the file can't be written.
func writeFile(path string, text []byte) (failure error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // a repository that a team shares
			return fmt.Errorf("write %s: %w", path, err)
		}
		defer func() {
			if failure != nil {
				failure = errors.Join(failure, os.Remove(folder))
			}
		}()
	}
	temporary, err := os.CreateTemp(folder, ".tenantry-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if failure != nil {
			failure = errors.Join(failure, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
