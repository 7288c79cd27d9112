package schema

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"cuelang.org/go/cue/ast"
)

// A Mistake is a line of a definition that is wrong, and what Tenantry says of it.
type Mistake struct {
	Written string `json:"written"`
	Says    string `json:"says"`
}

// Mistakes makes the usual mistakes in a fleet's own definition of a chapter or in a resource of a kind,
// and returns what is said: every value of a wrong type, everything that must be written left out, and a
// field that doesn't exist. There are none for what the fleet has no example of.
func (m *Manual) Mistakes(fsys fs.FS, path string, at time.Time) ([]Mistake, error) {
	root, err := m.resolve(path)
	if err != nil {
		return nil, err
	}
	file, field := m.examples.whole(root)
	if field == nil {
		return nil, nil
	}
	var out []Mistake
	for _, spoil := range []func(point, *ast.Field) []change{m.wrongTypes, m.leftOut} {
		changes := spoil(root, field)
		if len(changes) == 0 {
			continue
		}
		text := apply(file.text, changes)
		found, err := findingsWith(fsys, file.path, text, at)
		if err != nil {
			return nil, err
		}
		out = append(out, said(found, file.path, text, file.text)...)
	}
	return slices.CompactFunc(out, func(a, b Mistake) bool { return a == b }), nil
}

// whole is where the examples write a chapter or a resource of a kind; the one with the most fields.
func (x *examples) whole(root point) (exampleFile, *ast.Field) {
	var best exampleFile
	var field *ast.Field
	for _, f := range x.files {
		place, path := writtenAt[root.root].place, writtenAt[root.root].path
		if root.kind != "" {
			place, path = plansDir+"/", []string{anyKey, "resources", anyResource}
			if strings.HasPrefix(f.path, cellsDir+"/") {
				place = cellsDir + "/"
			}
		}
		if place == "" || !strings.HasPrefix(f.path, place) {
			continue
		}
		if len(path) == 0 { // the file itself
			return f, &ast.Field{Label: ast.NewIdent("fleet"), Value: &ast.StructLit{Elts: f.syntax.Decls}}
		}
		for _, have := range matches(f.syntax.Decls, path, root.kind) {
			if field == nil || len(keys(have.Value)) > len(keys(field.Value)) {
				best, field = f, have
			}
		}
	}
	return best, field
}

// A change replaces bytes of a file.
type change struct {
	from, to int
	with     string
}

func apply(text []byte, changes []change) []byte {
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(b.from, a.from) })
	for _, c := range changes {
		text = slices.Concat(text[:c.from], []byte(c.with), text[c.to:])
	}
	return text
}

// wrongTypes writes a value of another type for every field whose value is written out.
func (m *Manual) wrongTypes(root point, field *ast.Field) []change {
	var out []change
	for _, f := range keys(field.Value) {
		at, known := m.field(root, labelOf(f))
		if !known || labelOf(f) == "kind" || strings.HasPrefix(labelOf(f), "#") || labelOf(f) == "resources" || labelOf(f) == "resource" {
			continue
		}
		if _, is := f.Value.(*ast.StructLit); is && root.kind == "" {
			continue
		}
		wrong := "7"
		switch typeWords(at.v) {
		case "choice":
			wrong = `"other"`
		case "whole number", "number":
			wrong = `"many"`
		case "true or false":
			wrong = `"yes"`
		}
		out = append(out, change{f.Value.Pos().Offset(), f.Value.End().Offset(), wrong})
	}
	return out
}

// leftOut takes away what must be written, and adds what doesn't exist.
func (m *Manual) leftOut(root point, field *ast.Field) []change {
	var out []change
	taken := 0
	for _, f := range keys(field.Value) {
		at, known := m.field(root, labelOf(f))
		if !known {
			continue
		}
		from, to := f.Label.Pos().Offset(), f.End().Offset()
		switch required := m.doc(at, 0, false).Required; {
		case required && taken < 3:
			taken++
			out = append(out, change{from, to, ""})
		case !required && labelOf(f) != "kind" && !strings.HasPrefix(labelOf(f), "#") && !slices.ContainsFunc(out, func(c change) bool { return c.with != "" }):
			out = append(out, change{f.Label.Pos().Offset(), f.Label.Pos().Offset(), "colour: \"blue\"\n"})
		}
	}
	return out
}

// findingsWith loads a fleet with one file replaced.
func findingsWith(fsys fs.FS, path string, text []byte, at time.Time) ([]Finding, error) {
	files := fstest.MapFS{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name != path && strings.HasPrefix(name, tenantsDir+"/") {
			return err // the other tenants take time and have no part in it
		}
		content, err := fs.ReadFile(fsys, name)
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the fleet: %w", err)
	}
	files[path] = &fstest.MapFile{Data: text}
	_, found := Load(files, at)
	return found, nil
}

// said pairs findings with the lines that they are about. What is missing has no line of its own.
func said(found []Finding, path string, text, before []byte) []Mistake {
	lines := strings.Split(string(text), "\n")
	had := strings.Split(string(before), "\n")
	var out []Mistake
	for _, f := range found {
		if f.File != path || f.Severity != Error {
			continue
		}
		written := ""
		if f.Line > 0 && f.Line <= len(lines) && !slices.Contains(had, lines[f.Line-1]) {
			line, _, _ := strings.Cut(lines[f.Line-1], " //")
			written = aligned.ReplaceAllString(strings.TrimSpace(line), ": ")
		}
		out = append(out, Mistake{Written: written, Says: f.Message})
	}
	return out
}
