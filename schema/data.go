package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// maxDepth is how deep a tenant's data may be nested.
const maxDepth = 32

// A refusal is a construct in a file that must be plain data and isn't.
type refusal struct {
	at      ast.Node
	message string
}

// dataReader turns syntax into data. It accepts literals, a sign before a number, lists, structs,
// comments and one package clause, and notes everything else. It evaluates nothing.
type dataReader struct {
	refused []refusal
}

// readData reads a file that must be plain data.
func readData(f *ast.File) (*node, []refusal) {
	r := &dataReader{}
	root := &node{kind: structNode, expr: &ast.StructLit{}}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.Package, *ast.CommentGroup:
		case *ast.ImportDecl:
			r.refuse(d, "imports are not allowed here: a tenant's file is plain data")
		default:
			r.declare(root, d, 1)
		}
	}
	return root, r.refused
}

func (r *dataReader) refuse(at ast.Node, format string, args ...any) {
	r.refused = append(r.refused, refusal{at, fmt.Sprintf(format, args...)})
}

// declare reads one declaration into a struct.
func (r *dataReader) declare(into *node, d ast.Decl, depth int) {
	switch d := d.(type) {
	case *ast.CommentGroup:
	case *ast.Field:
		r.field(into, d, depth)
	case *ast.Attribute:
		r.refuse(d, "the attribute %s is not allowed here: a tenant's file is plain data", d.Text)
	case *ast.EmbedDecl:
		r.refuse(d, "a value without a name is not allowed here; write name: value")
	case *ast.Ellipsis:
		r.refuse(d, "\"...\" is not allowed here: a tenant's file is plain data")
	case *ast.LetClause:
		r.refuse(d, "let is not allowed here: a tenant's file is plain data")
	case *ast.Comprehension:
		r.refuse(d, "for and if are not allowed here: a tenant's file is plain data")
	case *ast.ImportDecl:
		r.refuse(d, "imports are not allowed here: a tenant's file is plain data")
	default:
		r.refuse(d, "this is not allowed here: a tenant's file is plain data")
	}
}

func (r *dataReader) field(into *node, f *ast.Field, depth int) {
	for _, a := range f.Attrs {
		r.refuse(a, "the attribute %s is not allowed here: a tenant's file is plain data", a.Text)
	}
	if f.Constraint != token.ILLEGAL {
		into.partial = true
		r.refuse(f.Label, "%q after a name is not allowed here: a tenant's file is plain data", f.Constraint.String())
		return
	}
	if f.Alias != nil {
		r.refuse(f.Label, "an alias is not allowed here: a tenant's file is plain data")
		return
	}
	name, ok := r.key(f.Label)
	if !ok {
		into.partial = true
		return
	}
	value := r.value(f.Value, depth+1)
	if value == nil {
		value = &node{kind: refusedNode, expr: f.Value}
	}
	if i := into.find(name); i >= 0 {
		into.fields[i].value = r.merge(into.fields[i].value, value, name)
		return
	}
	into.add(field{name: name, label: f.Label, value: value})
}

// key reads a label. Aliases are refused by their own type, because ast.LabelName looks through them.
func (r *dataReader) key(label ast.Label) (string, bool) {
	switch l := label.(type) {
	case *ast.Ident:
		if strings.HasPrefix(l.Name, "_") || strings.HasPrefix(l.Name, "#") {
			r.refuse(l, "%s is hidden from the checks; a name begins with a letter", l.Name)
			return "", false
		}
		return l.Name, true
	case *ast.BasicLit:
		if l.Kind == token.STRING {
			if name, err := literal.Unquote(l.Value); err == nil {
				return name, true
			}
		}
		r.refuse(l, "%s is not a name", l.Value)
	case *ast.Alias:
		r.refuse(l, "an alias is not allowed here: a tenant's file is plain data")
	case *ast.ListLit:
		r.refuse(l, "a pattern is not allowed here: a tenant's file is plain data")
	default:
		r.refuse(label, "a computed name is not allowed here: a tenant's file is plain data")
	}
	return "", false
}

// value reads a value; nil if it was refused.
func (r *dataReader) value(x ast.Expr, depth int) *node {
	if depth > maxDepth {
		r.refuse(x, "this is nested deeper than %d levels", maxDepth)
		return nil
	}
	switch x := x.(type) {
	case *ast.BasicLit:
		return r.literal(x, x, "")
	case *ast.UnaryExpr:
		if lit, ok := x.X.(*ast.BasicLit); ok && (x.Op == token.SUB || x.Op == token.ADD) && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			return r.literal(x, lit, strings.TrimPrefix(x.Op.String(), "+"))
		}
		r.refuse(x, "%s is not allowed here: a tenant's file is plain data", x.Op)
	case *ast.StructLit:
		n := &node{kind: structNode, expr: x}
		for _, d := range x.Elts {
			r.declare(n, d, depth)
		}
		return n
	case *ast.ListLit:
		n := &node{kind: listNode, expr: x}
		for _, element := range x.Elts {
			v := r.value(element, depth+1)
			if v == nil {
				n.partial = true
				continue
			}
			n.list = append(n.list, v)
		}
		return n
	default:
		r.refuse(x, "%s", whyNotData(x))
	}
	return nil
}

// whyNotData says what an expression is and what to do about it.
func whyNotData(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return fmt.Sprintf("%s is not plain data; to write it as text, put it in quotes", x.Name)
	case *ast.Interpolation:
		return `text with \( ) in it is computed; write the result instead`
	case *ast.BinaryExpr:
		return fmt.Sprintf("%s is not allowed here: a tenant's file is plain data, so write the result", x.Op)
	case *ast.Ellipsis:
		return `"..." is not allowed here: a tenant's file is plain data`
	case *ast.Comprehension:
		return "for and if are not allowed here: a tenant's file is plain data"
	case *ast.CallExpr:
		return "a call is not allowed here: a tenant's file is plain data, so write the result"
	case *ast.SelectorExpr, *ast.IndexExpr:
		return "a reference is not allowed here: a tenant's file is plain data, so write the value"
	}
	return "this is not allowed here: a tenant's file is plain data"
}

func (r *dataReader) literal(x ast.Expr, lit *ast.BasicLit, sign string) *node {
	n := &node{expr: x}
	switch lit.Kind {
	case token.STRING:
		s, err := literal.Unquote(lit.Value)
		if err != nil {
			r.refuse(x, "this text can't be read: %v", err)
			return nil
		}
		if strings.HasPrefix(strings.TrimLeft(lit.Value, "#"), "'") {
			r.refuse(x, "text stands in double quotes, not in single ones")
			return nil
		}
		n.scalar = s
	case token.INT, token.FLOAT:
		text, err := number(lit.Value)
		if err != nil {
			r.refuse(x, "%v", err)
			return nil
		}
		n.scalar = json.Number(sign + text)
	case token.TRUE, token.FALSE:
		n.scalar = lit.Kind == token.TRUE
	case token.NULL:
		n.scalar = nil
	default:
		r.refuse(x, "%s is not plain data", lit.Value)
		return nil
	}
	return n
}

// number brings a number to the form that JSON has. Exponents are refused: the evaluator turns
// some of them silently into other numbers.
func number(text string) (string, error) {
	isHex := strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")
	if !isHex && strings.ContainsAny(text, "eE") {
		return "", fmt.Errorf("%s has an exponent; write the number out", text)
	}
	if len(text) > 64 {
		return "", fmt.Errorf("this number is too long")
	}
	var info literal.NumInfo
	if err := literal.ParseNum(text, &info); err != nil || info.Multiplier() != 0 {
		return "", fmt.Errorf("%s is not a plain number; write it out", text)
	}
	return info.String(), nil
}

// merge joins two values of one key as CUE does: structs field by field, lists of one length
// element by element, scalars if they are equal.
func (r *dataReader) merge(a, b *node, name string) *node {
	switch {
	case a.kind == refusedNode || b.kind == refusedNode:
	case a.kind == structNode && b.kind == structNode:
		for _, f := range b.fields {
			if have := a.get(f.name); have != nil {
				r.merge(have, f.value, f.name)
			} else {
				a.add(f)
			}
		}
	case a.kind == listNode && b.kind == listNode && len(a.list) == len(b.list):
		for i := range a.list {
			r.merge(a.list[i], b.list[i], name)
		}
	case a.kind == scalarNode && b.kind == scalarNode && a.scalar == b.scalar:
	default:
		r.refuse(b.expr, "%s is given twice, here and in line %d, and they differ", name, a.expr.Pos().Line())
	}
	return a
}
