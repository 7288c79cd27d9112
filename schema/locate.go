package schema

import (
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// A spot is where a path is written in a file: as much of it as is found.
type spot struct {
	depth int      // how many elements of the path are found
	label ast.Node // the deepest key, nil at depth 0
	value ast.Expr // its value
}

// locate finds a path in the syntax of a file, through unifications, embedded structs and the
// branches of conditions.
func locate(f *ast.File, path []string) spot {
	best := spot{}
	var walk func(decls []ast.Decl, depth int)
	var into func(x ast.Expr, depth int)
	walk = func(decls []ast.Decl, depth int) {
		for _, d := range decls {
			switch d := d.(type) {
			case *ast.Field:
				name, _, err := ast.LabelName(d.Label)
				if err != nil || depth >= len(path) || name != path[depth] {
					continue
				}
				if depth+1 > best.depth {
					best = spot{depth + 1, d.Label, d.Value}
				}
				into(d.Value, depth+1)
			case *ast.EmbedDecl:
				into(d.Expr, depth)
			case *ast.Comprehension:
				into(d.Value, depth)
			}
		}
	}
	into = func(x ast.Expr, depth int) {
		switch x := x.(type) {
		case *ast.StructLit:
			walk(x.Elts, depth)
		case *ast.ParenExpr:
			into(x.X, depth)
		case *ast.BinaryExpr:
			into(x.X, depth)
			into(x.Y, depth)
		case *ast.UnaryExpr:
			into(x.X, depth)
		case *ast.ListLit:
			if depth >= len(path) {
				return
			}
			i, err := strconv.Atoi(path[depth])
			if err != nil || i < 0 || i >= len(x.Elts) {
				return
			}
			if depth+1 > best.depth {
				best = spot{depth + 1, x.Elts[i], x.Elts[i]}
			}
			into(x.Elts[i], depth+1)
		}
	}
	walk(f.Decls, 0)
	return best
}

// keys returns the fields that a value writes itself, through unifications and embedded structs.
func keys(x ast.Expr) []*ast.Field {
	var out []*ast.Field
	var walk func(x ast.Expr)
	walk = func(x ast.Expr) {
		switch x := x.(type) {
		case *ast.StructLit:
			for _, d := range x.Elts {
				switch d := d.(type) {
				case *ast.Field:
					out = append(out, d)
				case *ast.EmbedDecl:
					walk(d.Expr)
				case *ast.Comprehension:
					walk(d.Value)
				}
			}
		case *ast.ParenExpr:
			walk(x.X)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				walk(x.X)
				walk(x.Y)
			}
		}
	}
	walk(x)
	return out
}
