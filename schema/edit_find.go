package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// An occurrence is where an element of a path is written in a file.
type occurrence struct {
	field *ast.Field // nil for an element of a list
	decls *[]ast.Decl
	list  *ast.ListLit // that it is an element of
	value ast.Expr
	up    *occurrence // where the path's element before it is written, nil at the top
	// computed is what decides whether or how it counts: a condition, a choice. Nil if nothing does.
	computed ast.Node
}

// implicit tells whether the place's value is a struct without braces: the rest of "a: b: 1".
func (p *occurrence) implicit() bool {
	s, ok := p.value.(*ast.StructLit)
	return ok && !s.Lbrace.IsValid()
}

// index is where the place is among its list's or struct's elements.
func (p *occurrence) index() int {
	if p.list != nil {
		return slices.Index(p.list.Elts, p.value)
	}
	return slices.Index(*p.decls, ast.Decl(p.field))
}

// find returns for each element of a path all places in which it is written, through unifications and
// embedded structs.
func (d *document) find(path []string) [][]*occurrence {
	s := &search{path: path, found: make([][]*occurrence, len(path))}
	s.decls(&d.syntax.Decls, nil, 0, nil)
	return s.found
}

// A search looks for a path. See document.find.
type search struct {
	path  []string
	found [][]*occurrence
}

func (s *search) decls(list *[]ast.Decl, up *occurrence, depth int, computed ast.Node) {
	for _, d := range *list {
		switch d := d.(type) {
		case *ast.Field:
			if name, ok := nameIn(d.Label); ok && name == s.path[depth] {
				p := &occurrence{field: d, decls: list, value: d.Value, up: up, computed: computed}
				s.found[depth] = append(s.found[depth], p)
				s.value(d.Value, p, depth+1, computed)
			}
		case *ast.EmbedDecl:
			s.value(d.Expr, up, depth, computed)
		case *ast.Comprehension:
			s.value(d.Value, up, depth, d)
		}
	}
}

func (s *search) value(x ast.Expr, up *occurrence, depth int, computed ast.Node) {
	if depth == len(s.path) {
		return
	}
	switch x := x.(type) {
	case *ast.StructLit:
		s.decls(&x.Elts, up, depth, computed)
	case *ast.ParenExpr:
		s.value(x.X, up, depth, computed)
	case *ast.BinaryExpr:
		if x.Op != token.AND && computed == nil {
			computed = x
		}
		s.value(x.X, up, depth, computed)
		s.value(x.Y, up, depth, computed)
	case *ast.UnaryExpr:
		if computed == nil {
			computed = x
		}
		s.value(x.X, up, depth, computed)
	case *ast.ListLit:
		i, ok := indexIn(s.path[depth], len(x.Elts))
		if !ok {
			return
		}
		p := &occurrence{list: x, value: x.Elts[i], up: up, computed: computed}
		s.found[depth] = append(s.found[depth], p)
		s.value(x.Elts[i], p, depth+1, computed)
	}
}

// indexIn reads an element of a path as an index of a list of a length.
func indexIn(text string, length int) (int, bool) {
	i, err := strconv.Atoi(text)
	return i, err == nil && i >= 0 && i < length && strconv.Itoa(i) == text
}

// nameIn is the name of an ordinary field; definitions, hidden fields and patterns have none.
func nameIn(l ast.Label) (string, bool) {
	switch l := l.(type) {
	case *ast.Alias:
		if inner, ok := l.Expr.(ast.Label); ok {
			return nameIn(inner)
		}
	case *ast.Ident:
		return l.Name, !strings.HasPrefix(l.Name, "_") && !strings.HasPrefix(l.Name, "#")
	case *ast.BasicLit:
		if l.Kind == token.STRING {
			name, err := literal.Unquote(l.Value)
			return name, err == nil
		}
	}
	return "", false
}

// written returns the data that places have together. What isn't written out is an error.
func (d *document) written(at []*occurrence) (*node, error) {
	var all *node
	r := &dataReader{}
	for _, p := range at {
		if p.computed != nil {
			return nil, d.computed(p.computed)
		}
		if p.field != nil && p.field.Constraint != token.ILLEGAL && !isStruct(p.value) {
			return nil, d.computed(p.field)
		}
		n := r.value(p.value, 1)
		if len(r.refused) > 0 {
			return nil, d.computed(r.refused[0].at)
		}
		if all == nil {
			all = n
		} else if all = r.merge(all, n, "it"); len(r.refused) > 0 {
			return nil, fmt.Errorf("%w: %s", ErrNotEditable, r.refused[0].message)
		}
	}
	return all, nil
}

// computed says that a person must edit, and where.
func (d *document) computed(at ast.Node) error {
	return fmt.Errorf("%w: it is computed at %s; edit by hand", ErrNotEditable, d.at(at))
}

// at is "file:line", or "line 12" if the file has no name.
func (d *document) at(n ast.Node) string {
	if d.name == "" {
		return "line " + strconv.Itoa(n.Pos().Line())
	}
	return d.name + ":" + strconv.Itoa(n.Pos().Line())
}

// braced is the struct in braces that a value writes, if it writes one.
func braced(x ast.Expr) *ast.StructLit {
	switch x := x.(type) {
	case *ast.StructLit:
		if x.Lbrace.IsValid() {
			return x
		}
	case *ast.ParenExpr:
		return braced(x.X)
	case *ast.BinaryExpr:
		if x.Op != token.AND {
			return nil
		}
		if s := braced(x.Y); s != nil {
			return s
		}
		return braced(x.X)
	}
	return nil
}

func isStruct(x ast.Expr) bool {
	_, ok := x.(*ast.StructLit)
	return ok
}

// begins is the last field of a name.
func begins(decls []ast.Decl, name string) *ast.Field {
	for _, d := range slices.Backward(decls) {
		if f, ok := d.(*ast.Field); ok {
			if n, ok := nameIn(f.Label); ok && n == name {
				return f
			}
		}
	}
	return nil
}
