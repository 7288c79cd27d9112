package schema

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// strip takes the schema's definition out of definitions such as "schema.#Plan & {…}". A plan is held
// against #Plan once, when it is read; its template is filled for every tenant, and would otherwise
// have the price and the limits checked again each time. What the definition says of the template
// is said by the template that it becomes part of.
func strip(f *ast.File) {
	for _, d := range f.Decls {
		if field, ok := d.(*ast.Field); ok {
			field.Value = stripped(field.Value)
		}
	}
	dropUnused(f)
}

// stripped is a value without the operands that are definitions of the schema, such as #Plan.
func stripped(x ast.Expr) ast.Expr {
	b, ok := x.(*ast.BinaryExpr)
	if !ok || b.Op != token.AND {
		return x
	}
	switch {
	case isDefinition(b.X):
		return stripped(b.Y)
	case isDefinition(b.Y):
		return stripped(b.X)
	}
	b.X, b.Y = stripped(b.X), stripped(b.Y)
	return b
}

func isDefinition(x ast.Expr) bool {
	s, ok := x.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	name, ok := s.X.(*ast.Ident)
	if !ok || name.Name != "schema" {
		return false
	}
	label, ok := s.Sel.(*ast.Ident)
	return ok && slices.Contains([]string{"#Plan", "#Cell", "#Policy", "#Release", "#Access"}, label.Name)
}

// dropUnused removes the import of the schema if nothing refers to it any more.
func dropUnused(f *ast.File) {
	used := false
	ast.Walk(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := s.X.(*ast.Ident); ok && name.Name == "schema" {
				used = true
			}
		}
		return !used
	}, nil)
	if used {
		return
	}
	decls := f.Decls[:0]
	for _, d := range f.Decls {
		if imports, ok := d.(*ast.ImportDecl); ok {
			imports.Specs = slices.DeleteFunc(imports.Specs, func(s *ast.ImportSpec) bool { return s.Path.Value == `"`+modulePath+`"` })
			if len(imports.Specs) == 0 {
				continue
			}
		}
		decls = append(decls, d)
	}
	f.Decls = decls
}
