package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenantry.dev/schema"
)

// formatSettings are the flags of fmt.
type formatSettings struct{ check, diff, asJSON bool }

func (a *app) formatCommand() *cobra.Command {
	var s formatSettings
	cmd := &cobra.Command{
		Use:   "fmt [DIR | FILE…]",
		Short: "Format definitions as cue fmt does",
		Long: "Format definitions as cue fmt does, and print the names of the files that were changed. Files that are\n" +
			"not valid CUE are left as they are, and so is the vendored schema in cue.mod.",
		RunE: func(_ *cobra.Command, args []string) error { return a.format(s, args) },
	}
	cmd.Flags().BoolVar(&s.check, "check", false, "write nothing; list what isn't formatted, and exit 1 if there is any")
	cmd.Flags().BoolVar(&s.diff, "diff", false, "write nothing; show what would be changed")
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "as JSON")
	return cmd
}

// A formatting is a file that isn't formatted, or can't be.
type formatting struct {
	File  string `json:"file"`
	Diff  string `json:"diff,omitempty"`
	Error string `json:"error,omitempty"`
	text  []byte
}

func (a *app) format(s formatSettings, args []string) error {
	paths, err := definitionFiles(args)
	if err != nil {
		return err
	}
	list := []formatting{}
	bad := 0
	for _, path := range paths {
		f, err := formatted(path)
		if err != nil {
			return err
		}
		if f.Error != "" {
			bad++
		} else if f.text != nil && !s.check && !s.diff {
			if err := writeFile(path, f.text); err != nil {
				return err
			}
		}
		if f.Error != "" || f.text != nil {
			list = append(list, f)
		}
	}
	if err := a.printFormatting(s, list, len(paths)); err != nil {
		return err
	}
	switch {
	case bad > 0 && s.asJSON:
		return exit(codeError, "")
	case bad > 0:
		return exit(codeError, "%s left as %s, because %s not valid CUE", count(bad, "file was", "files were"), oneOr(bad, "it is", "they are"), oneOr(bad, "it is", "they are"))
	case s.check && len(list) > 0:
		return exit(codeError, "")
	}
	return nil
}

func oneOr(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (a *app) printFormatting(s formatSettings, list []formatting, all int) error {
	if s.asJSON {
		return a.printJSON(map[string]any{"format_version": formatVersion, "files": list, "checked": all, "written": !s.check && !s.diff})
	}
	var out, wrong strings.Builder
	for _, f := range list {
		switch {
		case f.Error != "":
			wrong.WriteString(f.Error)
		case s.diff:
			out.WriteString(f.Diff)
		default:
			out.WriteString(f.File + "\n")
		}
	}
	_, _ = fmt.Fprint(a.err, wrong.String())
	_, err := fmt.Fprint(a.out, out.String())
	return err
}

// formatted formats one file in memory; the text is nil if the file is formatted.
func formatted(path string) (formatting, error) {
	name := filepath.ToSlash(path)
	f := formatting{File: name}
	text, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	out, findings, err := schema.Format(name, text)
	f.Error = complaint(findings, err)
	if f.Error == "" && !bytes.Equal(out, text) {
		f.text, f.Diff = out, difference(name, text, out)
	}
	return f, nil
}

// complaint is why a file can't be formatted, a line each.
func complaint(findings []schema.Finding, err error) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	return b.String()
}

// definitionFiles lists the CUE files that the arguments name: files as they are, and all in folders but
// cue.mod, links, and what begins with a dot or an underscore.
func definitionFiles(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("fmt: %w", err)
		}
		if !info.IsDir() {
			whole, err := filepath.EvalSymlinks(arg) // so that a link stays one
			if err != nil {
				return nil, fmt.Errorf("fmt: %w", err)
			}
			files = append(files, whole)
			continue
		}
		err = filepath.WalkDir(filepath.Clean(arg), func(path string, d fs.DirEntry, err error) error {
			base := d.Name()
			hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != filepath.Clean(arg) && (hidden || base == "cue.mod"):
				return fs.SkipDir
			case d.Type().IsRegular() && !hidden && strings.HasSuffix(base, ".cue"):
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("fmt: %w", err)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
