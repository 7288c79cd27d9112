package samples

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
)

// Example is the worked example of a type as a plan's resources have it; empty if there is none.
func Example(name string) (string, error) { return written(name, "full") }

// written is one form of a sample, "plain" or "full", in the words of its file.
func written(name, form string) (string, error) {
	parsed, err := parse()
	if err != nil {
		return "", fmt.Errorf("read the sample of %s: %w", name, err)
	}
	for _, f := range parsed {
		fields := fieldsOf(f.syntax.Decls)
		if sample := fields[name]; sample != nil {
			parts := fieldsOf(sample.Value.(*ast.StructLit).Elts)
			called := parts["name"].Value.(*ast.BasicLit).Value
			return resource(f.text, strings.Trim(called, `"`), name, parts[form].Value)
		}
	}
	return "", nil
}

// All are the worked examples of all types in the order of the files, each with its type's name.
func All() ([][2]string, error) {
	parsed, err := parse()
	if err != nil {
		return nil, fmt.Errorf("read the samples of resource types: %w", err)
	}
	var out [][2]string
	for _, f := range parsed {
		for _, d := range f.syntax.Decls {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			name, _, err := ast.LabelName(field.Label)
			if err != nil || !strings.Contains(name, "::") {
				continue
			}
			text, err := Example(name)
			if err != nil {
				return nil, err
			}
			out = append(out, [2]string{name, text})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out, nil
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
