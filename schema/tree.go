package schema

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/mod/modfile"

	"tenantry.dev/reconciler/resource"
)

// Sizes above which a file isn't read. People write tenants by hand; the rest is reviewed.
const (
	maxTenantFile = 256 << 10
	maxFile       = 1 << 20
)

// The folders and files of a fleet.
const (
	fleetFile    = "fleet.cue"
	joinFile     = "join.cue" // for the cue command line; Tenantry does without
	moduleFile   = "cue.mod/module.cue"
	plansDir     = "plans"
	cellsDir     = "cells"
	policiesDir  = "policies"
	tenantsDir   = "tenants"
	releasesDir  = "releases"
	accessDir    = "access"
	approvalsDir = "approvals"
)

// A source is one CUE file of a fleet.
type source struct {
	path   string
	text   []byte
	syntax *ast.File // nil if the file can't be used; a finding says why
}

// name is the file's name without ".cue".
func (s *source) name() string { return strings.TrimSuffix(path.Base(s.path), ".cue") }

// dir is the file's folder, "." for the root.
func (s *source) dir() string { return path.Dir(s.path) }

// at is the place of a syntax node in the file.
func (s *source) at(n ast.Node) resource.Origin {
	if n == nil || !n.Pos().IsValid() {
		return resource.Origin{File: s.path, Line: 1}
	}
	return resource.Origin{File: s.path, Line: n.Pos().Line(), Col: n.Pos().Column()}
}

// A tree is what a fleet's files say before anything is evaluated; tenants aside.
type tree struct {
	module  string               // the CUE module that the fleet is, such as "brightdesk.example/fleet"
	sources map[string][]*source // by folder, in the order of their names
	found   []Finding
	vendor  map[string][]byte // the vendored copy of this package, by name
}

// newTree reads all definitions but tenants. The files of killed are left out, with the reason. It calls
// step before each file.
func newTree(files []File, killed []Killed, step func(Step)) *tree {
	t := &tree{sources: map[string][]*source{}, vendor: map[string][]byte{}}
	for _, f := range files {
		if i := slices.IndexFunc(killed, func(k Killed) bool { return k.File == f.Path }); i >= 0 {
			f.Text, f.Trouble = nil, killed[i].Reason
		}
		step(Step{File: f.Path})
		switch {
		case f.Path == moduleFile:
			t.takeModule(f)
		case strings.HasPrefix(f.Path, "cue.mod/"):
			if f.Trouble == "" {
				t.vendor[f.Path] = f.Text
			}
		default:
			s, found := parse(f)
			t.found = append(t.found, found...)
			t.sources[s.dir()] = append(t.sources[s.dir()], s)
		}
	}
	return t
}

func (t *tree) takeModule(f File) {
	if f.Trouble != "" {
		t.find(resource.Origin{File: moduleFile}, "%s", f.Trouble)
		return
	}
	m, err := modfile.ParseNonStrict(f.Text, moduleFile)
	if err != nil {
		t.find(resource.Origin{File: moduleFile, Line: 1}, "this is no CUE module file: %s", firstLine(err.Error()))
		return
	}
	t.module, _, _ = strings.Cut(m.QualifiedModule(), "@")
}

var tenantPath = regexp.MustCompile(`^tenants/([a-z0-9][a-z0-9-]?/)?[^/]+\.cue$`)

// parseTenant reads a tenant's file.
func parseTenant(f File) (*source, []Finding) {
	s := &source{path: f.Path}
	say := func(format string, args ...any) []Finding {
		return []Finding{{Origin: resource.Origin{File: f.Path, Line: 1}, Severity: Error, Message: fmt.Sprintf(format, args...), Tenant: s.name()}}
	}
	if !tenantPath.MatchString(f.Path) {
		return s, say("a tenant's file is tenants/%s.cue or tenants/%.2s/%[1]s.cue", s.name(), s.name())
	}
	if !isName.MatchString(s.name()) {
		return s, say("%q is not a tenant's name; name the file with 1 to 32 lower-case letters, digits and hyphens, beginning with a letter", s.name())
	}
	s, found := parse(f)
	for i := range found {
		found[i].Tenant = s.name()
	}
	return s, found
}

// isName is #Name.
var isName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// parse parses a file, or says why it can't be used.
func parse(f File) (*source, []Finding) {
	s := &source{path: f.Path, text: f.Text}
	say := func(line, col int, format string, args ...any) []Finding {
		return []Finding{{Origin: resource.Origin{File: f.Path, Line: line, Col: col}, Severity: Error, Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case f.Trouble != "":
		return s, say(1, 0, "%s", f.Trouble)
	case !utf8.Valid(f.Text):
		line, col := badByte(f.Text)
		return s, say(line, col, "the text is not UTF-8 from here on; save the file as UTF-8")
	}
	syntax, err := parser.ParseFile(f.Path, f.Text)
	if err != nil {
		var found []Finding
		for _, e := range cueerrors.Errors(err) {
			format, args := e.Msg()
			at, said := e.Position(), fmt.Sprintf(format, args...)
			found = append(found, say(max(at.Line(), 1), at.Column(), "this is not valid CUE: %s%s", said, mend(said, f.Text, at.Line(), at.Column()))...)
		}
		return s, found
	}
	s.syntax = syntax
	return s, nil
}

func (t *tree) find(at resource.Origin, format string, args ...any) {
	t.found = append(t.found, Finding{Origin: at, Severity: Error, Message: fmt.Sprintf(format, args...)})
}

// badByte is the line and column of the first byte that isn't UTF-8.
func badByte(text []byte) (line, col int) {
	line, col = 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		col += size
		if r == '\n' {
			line, col = line+1, 1
		}
		text = text[size:]
	}
	return line, col
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// checkModule says what keeps the cue command line and editors from reading the fleet.
func (t *tree) checkModule() []Finding {
	if t.module == "" {
		if slices.ContainsFunc(t.found, func(f Finding) bool { return f.File == moduleFile }) {
			return nil
		}
		return []Finding{{Origin: resource.Origin{File: moduleFile}, Severity: Error, Message: "there is no cue.mod/module.cue, so the folders can't refer to each other; write module: \"example.com/fleet@v0\""}}
	}
	want, err := VendorTypes(t.types()...)
	if err != nil {
		return []Finding{{Origin: resource.Origin{File: moduleFile}, Severity: Error, Message: err.Error()}}
	}
	maps.Copy(want, Vendor())
	for _, name := range sortedKeys(want) {
		if have, ok := t.vendor[name]; !ok || !bytes.Equal(have, want[name]) {
			return []Finding{{
				Origin: resource.Origin{File: name}, Severity: Warn,
				Message: "the copy of the schema differs from the one in this version of Tenantry, so the cue command line and editors may judge differently; run \"tenantry vendor\"",
			}}
		}
	}
	return nil
}
