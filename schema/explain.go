package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"tenantry.dev/reconciler/resource"
)

// A Doc is what the schema says of one path: a definition, a kind, or a field in them. It is plain
// data, for printing and for pages.
type Doc struct {
	Path     string   `json:"path"`
	Type     string   `json:"type"`               // in people's words, such as "list of texts"
	Required bool     `json:"required"`           // somebody must write it
	Default  string   `json:"default,omitempty"`  // as CUE; what holds if nobody writes it
	Takes    string   `json:"takes,omitempty"`    // which values, in people's words; completes "it is …"
	Choices  []string `json:"choices,omitempty"`  // as CUE, if it is a choice between values
	Text     string   `json:"text,omitempty"`     // its documentation, a line per paragraph
	Example  Example  `json:"example,omitzero"`   //
	AWS      string   `json:"aws,omitempty"`      // AWS's page
	Constant bool     `json:"constant,omitempty"` // it has one value, which is Default
	Derived  bool     `json:"derived,omitempty"`  // Default is only an example of what is made of names
	See      string   `json:"see,omitempty"`      // the path that has its fields

	Kind      *KindDoc      `json:"kind,omitempty"`      // of a kind's own page
	Attribute *AttributeDoc `json:"attribute,omitempty"` // of what is in a kind
	Fields    []Doc         `json:"fields,omitempty"`    // one level, or all of them
}

// An Example is how a field is written.
type Example struct {
	Text string `json:"text"`
	// File and Line tell where it is from; empty if it was made from the schema.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// A KindDoc is what holds for all resources of a kind.
type KindDoc struct {
	Name        string   `json:"name"`
	Global      bool     `json:"global"`
	DataBearing bool     `json:"data_bearing"`
	Outputs     []string `json:"outputs"`
	Uses        []string `json:"uses,omitempty"`
}

// An AttributeDoc is what holds for an attribute of a kind and everything in it.
type AttributeDoc struct {
	Name      string `json:"name"`
	Immutable bool   `json:"immutable"` // a change of it replaces the resource
	Mentioned bool   `json:"mentioned"` // AWS fills in what the definitions say nothing of, so that it doesn't count
	Set       bool   `json:"set"`       // a list whose order means nothing
	Secret    bool   `json:"secret"`
	PlanOnly  bool   `json:"plan_only"` // a tenant can't add names to those that the plan has
	Holds     bool   `json:"holds"`     // the kind holds data, so that a replacement is refused
}

// Chapters are the definitions that have a file or a place in one, in the order in which to read.
var chapters = []string{"fleet", "account", "environment", "cell", "plan", "policy", "tenant", "release", "access", "approval", "waiver"}

// A Manual explains the definitions. Not safe for concurrent use.
type Manual struct {
	schema   cue.Value
	kinds    map[string]resource.Kind
	defined  map[string]cue.Value // kinds by name
	parts    []string             // definitions that are no chapters, such as "contact"
	examples *examples
}

// NewManual reads the embedded definitions. kinds says of each kind what its driver does; without
// it, kinds are explained by their definition alone. from is a fleet to take examples from; it may be nil.
// types are the resource types of AWS that are explained as well.
func NewManual(kinds map[string]resource.Kind, from fs.FS, types ...string) (*Manual, error) {
	v, err := vocabulary(types)
	if err != nil {
		return nil, err
	}
	m := &Manual{schema: v, kinds: kinds, defined: map[string]cue.Value{}}
	if m.examples, err = readExamples(from, types); err != nil {
		return nil, err
	}
	fields, err := v.LookupPath(cue.ParsePath("#Kinds")).Fields()
	if err != nil {
		return nil, fmt.Errorf("read the kinds: %w", err)
	}
	for fields.Next() {
		m.defined[fields.Selector().Unquoted()] = fields.Value()
	}
	all, err := v.Fields(cue.Definitions(true))
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	for all.Next() {
		name := lowerFirst(strings.TrimPrefix(all.Selector().String(), "#"))
		if strings.HasSuffix(all.Value().Pos().Filename(), "/"+joinFile) {
			continue
		}
		if !slices.Contains(chapters, name) && name != "kinds" && name != "kind" && len(fieldNames(all.Value())) > 0 {
			m.parts = append(m.parts, name)
		}
	}
	slices.Sort(m.parts)
	return m, nil
}

// vocabulary builds the embedded definitions without what is there only to bring a fleet's folders
// together for the cue command line.
func vocabulary(types []string) (cue.Value, error) {
	files, join := map[string]*ast.File{}, vendorDir+"/"+joinFile
	own := map[string]bool{}
	texts, err := VendorTypes(types...)
	if err != nil {
		return cue.Value{}, err
	}
	maps.Copy(texts, Vendor())
	for name, text := range texts {
		f, err := parser.ParseFile(name, text, parser.ParseComments)
		if err != nil {
			return cue.Value{}, fmt.Errorf("read the schema: %w", err)
		}
		files[name] = f
		for _, d := range f.Decls {
			if label := labelOf(d); label != "" && name != join {
				own[label] = true
			}
		}
	}
	if f := files[join]; f != nil {
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			_, imports := d.(*ast.ImportDecl)
			return imports || own[labelOf(d)]
		})
	}
	inst := build.NewContext(build.Loader(func(token.Pos, string) *build.Instance { return nil })).NewInstance("schema", nil)
	inst.ImportPath = modulePath
	for _, name := range sortedKeys(files) {
		if err := inst.AddSyntax(files[name]); err != nil {
			return cue.Value{}, fmt.Errorf("read the schema: %w", err)
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, fmt.Errorf("read the schema: %w", err)
	}
	v := cuecontext.New().BuildInstance(inst)
	return v, v.Err()
}

func labelOf(d ast.Decl) string {
	if f, ok := d.(*ast.Field); ok {
		name, _, _ := ast.LabelName(f.Label)
		return name
	}
	return ""
}

// Chapters are the paths that Explain begins at, in the order in which to read: the definitions, the kinds,
// and what they are made of.
func (m *Manual) Chapters() (definitions, kinds, parts []string) {
	for _, name := range chapters {
		if m.definition(name).Exists() {
			definitions = append(definitions, name)
		}
	}
	return definitions, sortedKeys(m.defined), m.parts
}

// definition is the value of a chapter or a part.
func (m *Manual) definition(name string) cue.Value {
	if name == "" {
		return cue.Value{}
	}
	return m.schema.LookupPath(cue.MakePath(cue.Def(strings.ToUpper(name[:1]) + name[1:])))
}

// Explain says what is at a path, such as "tenant", "tenant.contacts.email" or
// "aws.s3.bucket.encryption.algorithm". The path goes through lists and maps: elements have no part
// in it, and the keys of a map may be written or left out. With deep, Fields has all levels. The
// error of a path that doesn't exist is an *UnknownPath.
func (m *Manual) Explain(path string, deep bool) (Doc, error) {
	at, err := m.resolve(path)
	if unknown, is := errors.AsType[*UnknownPath](err); is {
		return Doc{}, m.proposeElsewhere(unknown)
	}
	return m.doc(at, 1, deep), nil
}

// Paths are all paths that Explain knows, for completion; sorted.
func (m *Manual) Paths() []string {
	var out []string
	definitions, kinds, parts := m.Chapters()
	var add func(d Doc)
	add = func(d Doc) {
		out = append(out, d.Path)
		for _, f := range d.Fields {
			add(f)
		}
	}
	for _, name := range slices.Concat(definitions, kinds, parts) {
		if at, err := m.resolve(name); err == nil {
			add(m.outline(at))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// An UnknownPath is a path that the schema doesn't have.
type UnknownPath struct {
	Path  string
	Below string   // the part of the path that there is; empty if nothing of it is
	Name  string   // the part after it, that isn't there
	Known []string // what is there instead
	Else  []string // paths elsewhere that end in the name, some of them
}

func (e *UnknownPath) Error() string {
	proposal := maybe(e.Name, e.Known)
	if len(e.Else) > 0 && nearest(e.Name, e.Known) == "" {
		proposal = "; there is " + strings.Join(e.Else, ", ")
	}
	switch {
	case e.Below == "":
		return fmt.Sprintf("there is nothing to explain at %q%s", e.Name, proposal)
	case len(e.Known) == 0 && len(e.Else) == 0:
		return fmt.Sprintf("%s has no fields, so there is no %s", e.Below, e.Path)
	}
	return fmt.Sprintf("there is no field %q in %s%s", e.Name, e.Below, proposal)
}

// proposeElsewhere adds the paths that end as the unknown one does.
func (m *Manual) proposeElsewhere(e *UnknownPath) *UnknownPath {
	const most = 4
	last := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
	for _, path := range m.Paths() {
		if strings.HasSuffix(path, "."+last) && len(e.Else) < most {
			e.Else = append(e.Else, path)
		}
	}
	return e
}

func lowerFirst(s string) string { return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):] }
