package schema

import (
	"fmt"
	"regexp"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"

	"tenantry.dev/reconciler/resource"
)

// An engine evaluates definitions. Not safe for concurrent use.
type engine struct {
	tree      *tree
	ctx       *cue.Context
	packages  *packages
	bare      *packages // for what is evaluated for every tenant
	schema    cue.Value
	def       *definitions
	templates map[templateKey]*template
	defaults  []*ast.Field // of #Tenant
	needed    map[place]Sum
	step      func(Step) // called before each thing that is evaluated
}

// newEngine compiles the schema. The definitions are nil until define or until they are shared.
func newEngine(t *tree, def *definitions) (*engine, error) {
	left := map[string]bool{}
	if def != nil {
		left = def.left
	}
	e := &engine{tree: t, ctx: cuecontext.New(), packages: newPackages(t, left), bare: newPackages(t, left), def: def, templates: map[templateKey]*template{}, needed: map[place]Sum{}, step: func(Step) {}}
	e.bare.bare = true
	v, err := e.packages.inline(e.ctx, "words", fmt.Sprintf("package words\nimport %q\nschema.#Kinds\n#words: schema\n", modulePath))
	if err != nil {
		return nil, fmt.Errorf("compile the schema: %w", err)
	}
	e.schema = v.LookupPath(cue.MakePath(cue.Def("#words")))
	e.defaults = defaults(e.definition("#Tenant"))
	return e, nil
}

// defaults are the fields that a definition fills in.
func defaults(def cue.Value) []*ast.Field {
	var out []*ast.Field
	fields, err := def.Fields()
	for err == nil && fields.Next() {
		v, _ := fields.Value().Default()
		if text, err := v.MarshalJSON(); err == nil {
			if x, err := cuejson.Extract("", text); err == nil {
				out = append(out, &ast.Field{Label: ast.NewString(fields.Selector().Unquoted()), Value: x})
			}
		}
	}
	return out
}

func (e *engine) definition(name string) cue.Value {
	return e.schema.LookupPath(cue.MakePath(cue.Def(name)))
}

// A reporter turns problems of one file into findings.
type reporter struct {
	e    *engine
	src  *source
	root []string  // the path of the definition in the file
	def  cue.Value // what it is held against
	// lists has absent and strangers look into lists as well.
	lists bool
}

// findings puts what the evaluator says of a definition in words, each at the place in the file
// where the path is written, or where the evaluator points.
func (r reporter) findings(err error) []Finding {
	var out []Finding
	for _, p := range problems(err, r.root...) {
		p = p.climb(r.def)
		path := slices.Concat(r.root, p.path)
		found := locate(r.src.syntax, path)
		written := ""
		if found.depth == len(path) && found.value != nil {
			written = r.src.written(found.value)
		}
		if secretIn(r.def, p.path) {
			written = ""
		}
		if p.kind == unknown && found.depth < len(path) || found.depth == 0 {
			found.label = nil
		}
		out = append(out, Finding{Origin: r.place(p, found), Severity: Error, Message: p.words(r.def, written)})
	}
	return out
}

// absent finds the fields that a definition requires and v lacks. The evaluator doesn't say so as
// long as anything else is wrong.
func (r reporter) absent(v, def cue.Value, path []string) []Finding {
	var out []Finding
	here := locate(r.src.syntax, slices.Concat(r.root, path))
	var written []string
	for _, f := range keys(here.value) {
		if name, _, err := ast.LabelName(f.Label); err == nil {
			written = append(written, name)
		}
	}
	fields, err := def.Fields(cue.Optional(true))
	for err == nil && fields.Next() {
		name := fields.Selector().Unquoted()
		inner := slices.Concat(path, []string{name})
		have := v.LookupPath(cue.MakePath(cue.Str(name)))
		switch {
		case slices.Contains(written, name) || v.Err() == nil && have.Exists():
			if have.IncompleteKind() == cue.StructKind && fields.Value().IncompleteKind() == cue.StructKind {
				out = append(out, r.absent(have, fields.Value(), inner)...)
			}
			element := fields.Value().LookupPath(cue.MakePath(cue.AnyIndex))
			if r.lists && have.IncompleteKind() == cue.ListKind && element.IncompleteKind() == cue.StructKind {
				elements, err := have.List()
				for i := 0; err == nil && elements.Next(); i++ {
					out = append(out, r.absent(elements.Value(), element, append(slices.Clip(inner), itoa(i)))...)
				}
			}
		case fields.Selector().ConstraintType() == cue.RequiredConstraint:
			p := problem{path: inner, kind: missing}
			out = append(out, Finding{Origin: r.src.at(here.label), Severity: Error, Message: p.words(r.def, "")})
		}
	}
	known := fieldNames(def)
	mine, err := v.Fields()
	for err == nil && mine.Next() {
		name := mine.Selector().Unquoted()
		if element := elementOf(def, name); !slices.Contains(known, name) && element.IncompleteKind() == cue.StructKind {
			out = append(out, r.absent(mine.Value(), element, append(slices.Clip(path), name))...)
		}
	}
	return out
}

func (r reporter) place(p problem, found spot) resource.Origin {
	if found.label != nil && found.depth == len(r.root)+len(p.path) {
		return r.src.at(found.label)
	}
	for _, pos := range slices.Backward(p.at) {
		if pos.Filename() == r.src.path {
			return resource.Origin{File: r.src.path, Line: pos.Line(), Col: pos.Column()}
		}
	}
	return r.src.at(found.label)
}

// preamble is what the evaluator says before it comes to the point.
var preamble = regexp.MustCompile(`^(import failed: |[^ :]+\.cue:[0-9]+:[0-9]+: )+`)

// undeclared is a use of an input that the definition doesn't declare.
var undeclared = regexp.MustCompile(`^reference "(#[a-z]+)" not found$`)

func plainer(err error) string {
	text := preamble.ReplaceAllString(err.Error(), "")
	if m := undeclared.FindStringSubmatch(text); m != nil && facts[m[1]] != "" {
		return fmt.Sprintf("to use %s, declare it at the top of the definition: %[1]s: _", m[1])
	}
	return text
}

// fileErrors are findings for errors that the evaluator has about a whole file.
func fileErrors(path string, errs []errors.Error) []Finding {
	var out []Finding
	for _, err := range errs {
		at := resource.Origin{File: path, Line: 1}
		for _, pos := range slices.Backward(errors.Positions(err)) {
			if pos.Filename() == path {
				at.Line, at.Col = pos.Line(), pos.Column()
			}
		}
		out = append(out, Finding{Origin: at, Severity: Error, Message: plainer(err)})
	}
	return out
}
