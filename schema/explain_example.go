package schema

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"tenantry.dev/internal/samples"
)

// examples are the files of a fleet in which to look for how a field is written.
type examples struct {
	files  []exampleFile
	worked map[string]string // of resource types
}

type exampleFile struct {
	path   string
	text   []byte
	syntax *ast.File
}

// samplesDir is where worked examples of resource types stand for files of a fleet.
const samplesDir = "samples"

// readExamples reads the CUE files of a fleet, none if there is no fleet, and the worked examples of resource types.
func readExamples(from fs.FS, types []string) (*examples, error) {
	x := &examples{worked: map[string]string{}}
	if len(types) > 0 {
		all, err := samples.All(types...)
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			x.worked[s.Type] = s.Text
			path, text := samplesDir+"/"+s.Type, []byte("sample: resources: {\n"+s.Text+"\n}\n")
			f, err := parser.ParseFile(path, text, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("read the example of %s: %w", s.Type, err)
			}
			x.files = append(x.files, exampleFile{path, text, f})
		}
	}
	if from == nil {
		return x, nil
	}
	err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".cue") || strings.HasPrefix(path, "cue.mod/") || path == "join.cue" {
			return err
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		if f, err := parser.ParseFile(path, text, parser.ParseComments); err == nil {
			x.files = append(x.files, exampleFile{path, text, f})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read examples: %w", err)
	}
	return x, nil
}

// written is where a fleet writes each chapter: a file or a folder, and the path in its files.
var writtenAt = map[string]struct {
	place string
	path  []string
}{
	"fleet":       {fleetFile, nil},
	"account":     {fleetFile, []string{"accounts", anyKey}},
	"environment": {fleetFile, []string{"environments", anyKey}},
	"cell":        {cellsDir + "/", []string{anyKey}},
	"plan":        {plansDir + "/", []string{anyKey}},
	"policy":      {policiesDir + "/", []string{anyKey}},
	"tenant":      {tenantsDir + "/", []string{"tenant", anyKey}},
	"release":     {"releases/", []string{anyKey}},
	"access":      {"access/", []string{anyKey}},
	"approval":    {approvalsDir + "/", []string{"approval", anyKey}},
	"waiver":      {approvalsDir + "/", []string{"waiver", anyKey}},
}

// An example has at most so many lines.
const (
	exampleLines = 12
	chapterLines = 30
)

// find returns the shortest text that writes a path of a chapter; in resources of a kind if kind is set.
func (x *examples) find(chapter, kind string, steps []string) (Example, bool) {
	if text := x.worked[kind]; text != "" && len(steps) == 0 {
		return Example{Text: text}, true
	}
	var found []Example
	look := func(place string, path []string) {
		for _, f := range x.files {
			if !strings.HasPrefix(f.path, place) {
				continue
			}
			for _, n := range matches(f.syntax.Decls, path, kind) {
				e := f.example(n)
				if place == samplesDir+"/" { // no file of anybody's
					e.File, e.Line = "", 0
				}
				if len(steps) == 0 && len(path) > 1 && chapter == path[0] {
					e.Text = path[0] + ": " + e.Text // as the file has it
				}
				found = append(found, e)
			}
		}
	}
	if kind != "" {
		for _, folder := range []string{plansDir + "/", cellsDir + "/", samplesDir + "/"} {
			look(folder, slices.Concat([]string{anyKey, "resources", anyResource}, steps))
		}
	} else if at, ok := writtenAt[chapter]; ok && (len(steps) > 0 || len(at.path) > 0) {
		look(at.place, slices.Concat(at.path, steps))
	}
	most := exampleLines
	if len(steps) == 0 {
		most = chapterLines
	}
	found = slices.DeleteFunc(found, func(e Example) bool { return strings.Count(e.Text, "\n") >= most })
	if len(found) == 0 {
		return Example{}, false
	}
	return slices.MinFunc(found, func(a, b Example) int {
		return cmp.Or(cmp.Compare(len(a.Text), len(b.Text)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	}), true
}

// anyResource is a step to a resource of the kind that is looked for.
const anyResource = "resource"

// matches finds the fields that a path leads to.
func matches(decls []ast.Decl, path []string, kind string) []*ast.Field {
	var out []*ast.Field
	var into func(x ast.Expr, f *ast.Field, rest []string)
	walk := func(decls []ast.Decl, rest []string) {
		for _, d := range decls {
			switch d := d.(type) {
			case *ast.Field:
				name := labelOf(d)
				if len(rest) == 0 || name == "" && rest[0] != anyKey {
					continue
				}
				if rest[0] == name || rest[0] == anyKey && !strings.HasPrefix(name, "#") || rest[0] == anyResource && kindIn(d.Value) == kind {
					into(d.Value, d, rest[1:])
				}
			case *ast.EmbedDecl:
				into(d.Expr, nil, rest)
			}
		}
	}
	into = func(x ast.Expr, f *ast.Field, rest []string) {
		if len(rest) == 0 {
			if f != nil {
				out = append(out, f)
			}
			return
		}
		switch x := x.(type) {
		case *ast.StructLit:
			walk(x.Elts, rest)
		case *ast.ParenExpr:
			into(x.X, nil, rest)
		case *ast.BinaryExpr:
			into(x.X, nil, rest)
			into(x.Y, nil, rest)
		case *ast.ListLit:
			for _, e := range x.Elts {
				if rest[0] == anyElement {
					into(e, nil, rest[1:])
				}
			}
		}
	}
	walk(decls, path)
	return out
}

// kindIn is the kind that a resource's struct writes.
func kindIn(x ast.Expr) string {
	for _, f := range keys(x) {
		if lit, ok := f.Value.(*ast.BasicLit); ok && labelOf(f) == "kind" {
			text, _ := strconv.Unquote(lit.Value)
			return text
		}
	}
	return ""
}

// example is the text of a field, with its indentation taken away.
func (f exampleFile) example(field *ast.Field) Example {
	from, to := field.Label.Pos().Offset(), field.End().Offset()
	begin := bytes.LastIndexByte(f.text[:from], '\n') + 1
	indent := string(f.text[begin:from])
	indent = indent[:len(indent)-len(strings.TrimLeft(indent, " \t"))]
	lines := strings.Split(string(f.text[from:to]), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	if len(lines) == 1 {
		lines[0] = aligned.ReplaceAllString(lines[0], ": ")
	}
	return Example{Text: strings.Join(lines, "\n"), File: f.path, Line: field.Label.Pos().Line()}
}

var aligned = regexp.MustCompile(`: {2,}`)

// example shows how a field is written: as a fleet has it, or made from the schema.
func (m *Manual) example(at point) Example {
	if e, ok := m.examples.find(at.root, at.kind, at.steps); ok {
		return e
	}
	if len(at.steps) == 0 || strings.HasPrefix(at.path[strings.LastIndexByte(at.path, '.')+1:], "#") {
		return Example{}
	}
	if at.kind != "" && len(at.steps) == 1 && m.derived(at) {
		text, _ := m.defaultOf(at)
		return Example{Text: at.steps[0] + ": " + text}
	}
	if text := m.sample(at.v, 3); text != "" {
		return Example{Text: at.path[strings.LastIndexByte(at.path, '.')+1:] + ": " + text}
	}
	return Example{}
}

// proposals are values to try where the schema names none.
var proposals = []string{
	`"some text"`, `"first"`, `"eu-central-1"`, `"2026-12-31T18:00:00Z"`, `"2026-12-31"`, `"24h"`, `"someone@example.com"`, `"/service/"`, `"alias/first"`,
	`"arn:aws:iam::111122223333:role/tenantry"`, `"111122223333"`, `"${key.arn}"`, "true", "30", "1", "5", "60", "300", "3600", "1024", "99.9", "[]", "{}",
	`"sha256:` + strings.Repeat("0123456789abcdef", 4) + `"`,
}

// sample makes a value that the schema takes; empty if it finds none. What @say names comes first.
func (m *Manual) sample(v cue.Value, depth int) string {
	if !v.Exists() || depth < 0 {
		return ""
	}
	for _, text := range slices.Concat(suchAs(wanted(v)), choices(v)) {
		if m.fits(v, text) {
			return text
		}
	}
	if preset, has := v.Default(); has && preset.IncompleteKind()&(cue.ListKind|cue.StructKind) == 0 {
		if text, err := preset.MarshalJSON(); err == nil {
			return oneLine(string(text))
		}
	}
	element, step := elementAt(v)
	if step == "" && v.IncompleteKind() == cue.ListKind && v.Validate(cue.Concrete(true)) == nil { // it is one list and no other
		text, _ := v.MarshalJSON()
		return oneLine(string(text))
	}
	switch inner := m.sample(element, depth-1); {
	case step == anyElement && inner != "" && m.fits(v, "["+inner+"]"):
		return "[" + inner + "]"
	case step == anyKey && inner != "" && m.fits(v, "{first: "+inner+"}"):
		return "{first: " + inner + "}"
	}
	if fields := m.demanded(v, depth); fields != "" && m.fits(v, fields) {
		return fields
	}
	if i := slices.IndexFunc(proposals, func(text string) bool { return m.fits(v, text) }); i >= 0 {
		return proposals[i]
	}
	return ""
}

// demanded is a struct of the fields that must be written.
func (m *Manual) demanded(v cue.Value, depth int) string {
	if v.IncompleteKind() != cue.StructKind {
		return ""
	}
	var parts []string
	all, err := v.Fields(cue.Optional(true))
	for err == nil && all.Next() {
		if all.Selector().ConstraintType() == cue.RequiredConstraint {
			inner := m.sample(all.Value(), depth-1)
			if inner == "" {
				return ""
			}
			parts = append(parts, all.Selector().Unquoted()+": "+inner)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// fits tells whether the schema takes a value.
func (m *Manual) fits(v cue.Value, text string) bool {
	x := m.schema.Context().CompileString(text) //nolint:staticcheck // one context makes all values here
	return x.Err() == nil && v.Unify(x).Validate(cue.Concrete(true)) == nil
}

var such = regexp.MustCompile(`such as (.+)$`)

// suchAs are the values that a description names: `a duration such as "24h" or "90m"`.
func suchAs(description string) []string {
	found := such.FindStringSubmatch(description)
	if found == nil {
		return nil
	}
	out := []string{found[1]}
	for _, separator := range []string{" or ", ", "} {
		before, _, _ := strings.Cut(found[1], separator)
		out = append(out, before)
	}
	return out
}
