package samples

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
)

// Example is the worked example of a type as a plan's resources have it, with a note of what it refers to;
// empty if there is none.
func Example(name string) (string, error) {
	all, err := All(name)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].Text, nil
}

// A Written is the worked example of a type in CUE.
type Written struct{ Type, Text string }

// All are the worked examples of these types, or of all types if none are named, sorted by type. Types without
// one are left out.
func All(types ...string) ([]Written, error) {
	parsed, err := parse()
	if err != nil {
		return nil, fmt.Errorf("read the samples of resource types: %w", err)
	}
	b, err := Read(Words{})
	if err != nil {
		return nil, err
	}
	var out []Written
	for _, f := range parsed {
		for name, sample := range fieldsOf(f.syntax.Decls) {
			s, is := b.samples[name]
			if !is || len(types) > 0 && !slices.Contains(types, name) {
				continue
			}
			text, err := resource(f.text, s.Name, name, fieldsOf(sample.Value.(*ast.StructLit).Elts)["full"].Value)
			if err != nil {
				return nil, err
			}
			out = append(out, Written{name, b.beside(text) + text})
		}
	}
	slices.SortFunc(out, func(a, b Written) int { return strings.Compare(a.Type, b.Type) })
	return out, nil
}

// beside is a comment that says what a text refers to.
func (b *Book) beside(text string) string {
	names := map[string][]string{} // by kind
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		kind := b.resources[m[1]].Kind
		if !slices.Contains(names[kind], m[1]) {
			names[kind] = append(names[kind], m[1])
		}
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(names)) {
		slices.Sort(names[kind])
		parts = append(parts, strings.Join(names[kind], " and ")+" ("+kind+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "// Refers to " + strings.Join(parts, ", ") + ".\n"
}

// resource is a resource of a plan: a struct's text between its braces, with the kind before it.
func resource(text []byte, name, kind string, attributes ast.Expr) (string, error) {
	body := string(text[attributes.Pos().Offset():attributes.End().Offset()])
	if lit, ok := attributes.(*ast.StructLit); ok && lit.Lbrace.IsValid() {
		body = strings.TrimSuffix(strings.TrimPrefix(body, "{"), "}")
	}
	if !isIdentifier(name) {
		name = `"` + name + `"`
	}
	out, err := format.Source(fmt.Appendf(nil, "%s: {\n\tkind: %q\n%s\n}\n", name, kind, strings.Trim(body, "\n\t ")))
	if err != nil {
		return "", fmt.Errorf("write the sample of %s: %w", kind, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func isIdentifier(name string) bool { return !strings.Contains(name, "-") }

// fieldsOf are the fields of a struct by their names.
func fieldsOf(decls []ast.Decl) map[string]*ast.Field {
	out := map[string]*ast.Field{}
	for _, d := range decls {
		if f, ok := d.(*ast.Field); ok {
			if name, _, err := ast.LabelName(f.Label); err == nil {
				out[name] = f
			}
		}
	}
	return out
}
