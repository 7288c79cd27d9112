package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
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

// A tree is what a fleet's files say before anything is evaluated.
type tree struct {
	module  string               // the CUE module that the fleet is, such as "brightdesk.example/fleet"
	sources map[string][]*source // by folder, in the order of their names; tenants aside
	tenants []*source
	wanted  func(path string) bool // which tenants to read
	found   []Finding
	vendor  map[string][]byte // the vendored copy of this package, by name
}

// readTree reads all definitions. It returns an error only if the tree can't be listed, because
// then nobody knows what is missing.
func readTree(fsys fs.FS, wanted func(tenant string) bool) (*tree, error) {
	t := &tree{sources: map[string][]*source{}, vendor: map[string][]byte{}, wanted: wanted}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil && (d == nil || d.IsDir()) {
			return fmt.Errorf("read folder %s: %w", name, err)
		}
		if d.IsDir() {
			return t.enter(name)
		}
		t.take(fsys, name, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// enter decides whether a folder can hold definitions.
func (t *tree) enter(name string) error {
	base := path.Base(name)
	switch {
	case name == "." || name == "cue.mod" || strings.HasPrefix(name, "cue.mod/pkg"):
		return nil
	case name == "reports" || strings.HasPrefix(name, "cue.mod/"):
		return fs.SkipDir
	case strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"): // as the cue command line has it
		return fs.SkipDir
	}
	return nil
}

// take reads one file if it is one of ours.
func (t *tree) take(fsys fs.FS, name string, d fs.DirEntry) {
	if !strings.HasSuffix(name, ".cue") || strings.HasPrefix(path.Base(name), "_") || strings.HasPrefix(path.Base(name), ".") {
		return
	}
	switch {
	case name == moduleFile:
		t.takeModule(fsys)
	case strings.HasPrefix(name, "cue.mod/"):
		if text, err := fs.ReadFile(fsys, name); err == nil {
			t.vendor[name] = text
		}
	case name == joinFile:
	case strings.HasPrefix(name, tenantsDir+"/"):
		t.takeTenant(fsys, name, d)
	default:
		s := &source{path: name}
		t.read(fsys, s, d, maxFile)
		t.sources[s.dir()] = append(t.sources[s.dir()], s)
	}
}

func (t *tree) takeModule(fsys fs.FS) {
	text, err := fs.ReadFile(fsys, moduleFile)
	if err != nil {
		t.find(resource.Origin{File: moduleFile}, "%v", readError(err))
		return
	}
	f, err := modfile.ParseNonStrict(text, moduleFile)
	if err != nil {
		t.find(resource.Origin{File: moduleFile, Line: 1}, "this is no CUE module file: %s", firstLine(err.Error()))
		return
	}
	t.module, _, _ = strings.Cut(f.QualifiedModule(), "@")
}

var tenantPath = regexp.MustCompile(`^tenants/([a-z0-9][a-z0-9-]?/)?[^/]+\.cue$`)

func (t *tree) takeTenant(fsys fs.FS, name string, d fs.DirEntry) {
	if !t.wanted(name) {
		return
	}
	s := &source{path: name}
	t.tenants = append(t.tenants, s)
	if !tenantPath.MatchString(name) {
		t.find(resource.Origin{File: name, Line: 1}, "a tenant's file is tenants/%s.cue or tenants/%.2s/%[1]s.cue", s.name(), s.name())
		return
	}
	if !isName.MatchString(s.name()) {
		t.find(resource.Origin{File: name, Line: 1}, "%q is not a tenant's name; name the file with 1 to 32 lower-case letters, digits and hyphens, beginning with a letter", s.name())
		return
	}
	t.read(fsys, s, d, maxTenantFile)
}

// isName is #Name.
var isName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// read reads and parses a file, or says why it can't.
func (t *tree) read(fsys fs.FS, s *source, d fs.DirEntry, limit int64) {
	here := resource.Origin{File: s.path, Line: 1}
	if d.Type()&fs.ModeSymlink != 0 {
		t.find(here, "this is a link; a definition must be a plain file")
		return
	}
	info, err := d.Info()
	if err == nil && info.Size() > limit {
		t.find(here, "the file has %d bytes; more than %d are not read", info.Size(), limit)
		return
	}
	text, err := fs.ReadFile(fsys, s.path)
	switch {
	case err != nil:
		t.find(here, "%v", readError(err))
		return
	case int64(len(text)) > limit:
		t.find(here, "the file has %d bytes; more than %d are not read", len(text), limit)
		return
	case !utf8.Valid(text):
		here.Line, here.Col = badByte(text)
		t.find(here, "the text is not UTF-8 from here on; save the file as UTF-8")
		return
	}
	s.text = text
	syntax, err := parser.ParseFile(s.path, text)
	if err != nil {
		t.unreadable(s, err)
		return
	}
	s.syntax = syntax
}

// unreadable reports the syntax errors of a file.
func (t *tree) unreadable(s *source, err error) {
	for _, e := range cueerrors.Errors(err) {
		format, args := e.Msg()
		at := resource.Origin{File: s.path, Line: max(e.Position().Line(), 1), Col: e.Position().Column()}
		t.find(at, "this is not valid CUE: "+format, args...)
	}
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

// readError is an error of reading a file without the file's name, which the finding has already.
func readError(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("the file can't be read: %w", pathError.Err)
	}
	return fmt.Errorf("the file can't be read: %w", err)
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
	want := Vendor()
	for _, name := range sortedKeys(want) {
		if have, ok := t.vendor[name]; !ok || !bytes.Equal(have, want[name]) {
			return []Finding{{
				Origin: resource.Origin{File: name}, Severity: Warn,
				Message: "the copy of the schema differs from the one in this version of Tenantry, so the cue command line and editors may judge differently; copy the folder cue.mod/pkg of a fleet that \"tenantry init\" writes",
			}}
		}
	}
	return nil
}

// digest identifies the definitions and the schema.
func (t *tree) digest() string {
	h := sha256.New()
	add := func(name string, text []byte) {
		_, _ = fmt.Fprintf(h, "%q %d\n%s\n", name, len(text), text) // a hash never fails to be written to
	}
	schema := Vendor()
	for _, name := range sortedKeys(schema) {
		add(name, schema[name])
	}
	add(moduleFile, []byte(t.module))
	for _, folder := range sortedKeys(t.sources) {
		for _, s := range t.sources[folder] {
			add(s.path, s.text)
		}
	}
	for _, s := range t.tenants {
		add(s.path, s.text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
