package schema

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// offer says in words which values a template leaves open at an expression: "60 (the default), 90 or
// 180". It is empty if the expression leaves no choice, or none that can be read off it.
func offer(p *page, x ast.Expr) string {
	arms := arms(x)
	var out []string
	open := len(arms) > 1
	for _, a := range arms {
		marked := false
		if u, ok := a.(*ast.UnaryExpr); ok && u.Op == token.MUL {
			a, marked = u.X, true
		}
		words, range_ := offered(p, a)
		if words == "" {
			return ""
		}
		open = open || range_
		if marked {
			words += " (the default)"
		}
		out = append(out, words)
	}
	if !open {
		return ""
	}
	return oneOf(out)
}

// arms are the branches of a disjunction.
func arms(x ast.Expr) []ast.Expr {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return arms(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.OR {
			return append(arms(x.X), arms(x.Y)...)
		}
	}
	return []ast.Expr{x}
}

// offered says which values one branch takes, and whether that is more than one.
func offered(p *page, x ast.Expr) (words string, many bool) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return offered(p, x.X)
	case *ast.Ident:
		if noun, is := idents[x.Name]; is {
			return noun, true
		}
	case *ast.BasicLit, *ast.ListLit:
		return p.written(x), false
	case *ast.UnaryExpr, *ast.BinaryExpr:
		b := bounds{noun: "a value"}
		if b.read(p, x) {
			return b.String(), true
		}
		return p.written(x), false
	}
	return "", false
}

// idents are the types that templates name.
var idents = map[string]string{
	"string": "any text", "int": "any whole number", "number": "any number", "bool": "true or false", "float": "any number",
}

// bounds are what a conjunction of types and limits says.
type bounds struct {
	noun                           string
	least, most, above, below, not string
}

// read takes a conjunction; false if it has more than types and limits.
func (b *bounds) read(p *page, x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return b.read(p, x.X)
	case *ast.BinaryExpr:
		return x.Op == token.AND && b.read(p, x.X) && b.read(p, x.Y)
	case *ast.Ident:
		noun, known := map[string]string{"int": "a whole number", "number": "a number", "string": "a text", "float": "a number"}[x.Name]
		b.noun = noun
		return known
	case *ast.UnaryExpr:
		limit := p.written(x.X)
		switch x.Op {
		case token.GEQ:
			b.least = limit
		case token.LEQ:
			b.most = limit
		case token.GTR:
			b.above = limit
		case token.LSS:
			b.below = limit
		case token.NEQ:
			b.not = limit
		case token.MAT:
			b.noun = "a text that matches " + limit
		default:
			return false
		}
		return true
	}
	return false
}

func (b *bounds) String() string {
	var parts []string
	switch {
	case b.least != "" && b.most != "":
		parts = append(parts, "from "+b.least+" to "+b.most)
	case b.least != "":
		parts = append(parts, "of at least "+b.least)
	case b.most != "":
		parts = append(parts, "of at most "+b.most)
	}
	if b.above != "" {
		parts = append(parts, "above "+b.above)
	}
	if b.below != "" {
		parts = append(parts, "below "+b.below)
	}
	if b.not != "" {
		parts = append(parts, "other than "+b.not)
	}
	return strings.TrimSpace(b.noun + " " + strings.Join(parts, " and "))
}
