package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// A remark is a finding before it knows its file: what is wrong, where, and on which path.
type remark struct {
	at      ast.Node
	path    []string
	message string
}

// A slot is what the schema has for a piece of data.
type slot struct {
	def  cue.Value
	want string // what it takes, in words; empty to find out
	path []string
	at   ast.Node // its key
}

// inner is the slot of a key or an element.
func (s slot) inner(name string, def cue.Value, at ast.Node) slot {
	in := slot{def: def, path: append(slices.Clip(s.path), name), at: at}
	if each := s.def.Attribute("each"); each.Err() == nil {
		in.want, _ = each.String(0)
	}
	return in
}

func (s slot) remark(format string, args ...any) remark {
	return remark{s.at, s.path, strings.Join(s.path, ".") + fmt.Sprintf(format, args...)}
}

// wanted is never empty.
func (s slot) wanted() string {
	if s.want != "" {
		return s.want
	}
	if want := wanted(s.def); want != "" {
		return want
	}
	return "what is allowed here"
}

// diagnose compares data with a definition field by field, so that one mistake hides no other:
// unknown fields with the nearest name, values with what is allowed, and what is missing. It is
// only called for data that doesn't fit, because the evaluator is faster at saying that it does.
func diagnose(ctx *cue.Context, n *node, s slot) []remark {
	if n.kind == refusedNode {
		return nil // said when it was refused
	}
	switch want := s.def.IncompleteKind(); {
	case n.kind == structNode && want&cue.StructKind != 0:
		return diagnoseStruct(ctx, n, s)
	case n.kind == listNode && want&cue.ListKind != 0:
		return diagnoseList(ctx, n, s)
	}
	if s.def.Unify(ctx.BuildExpr(n.expr)).Validate(cue.Concrete(true)) == nil {
		return nil
	}
	s.at = n.expr
	r := s.remark(": %s is not %s", show(n), s.wanted())
	if text, ok := n.scalar.(string); ok {
		if near := nearest(strconv.Quote(text), choices(s.def)); near != "" {
			r.message += "; did you mean " + near + "?"
		}
	}
	return []remark{r}
}

func diagnoseStruct(ctx *cue.Context, n *node, s slot) []remark {
	var out []remark
	known := fieldNames(s.def)
	for _, f := range n.fields {
		def := lookup(s.def, []string{f.name})
		if !def.Exists() {
			r := remark{at: f.label, path: append(slices.Clip(s.path), f.name)}
			r.message = unknownField(f.name, known, s.path)
			out = append(out, r)
			continue
		}
		out = append(out, diagnose(ctx, f.value, s.inner(f.name, def, f.label))...)
	}
	fields, err := s.def.Fields(cue.Optional(true))
	for err == nil && fields.Next() {
		name := fields.Selector().Unquoted()
		if fields.Selector().ConstraintType() == cue.RequiredConstraint && n.get(name) == nil && !n.partial {
			in := s.inner(name, fields.Value(), s.at)
			out = append(out, in.remark(" is missing: %s", in.wanted()))
		}
	}
	return out
}

// unknownField says that a name means nothing here. A map from names has no names to propose.
func unknownField(name string, known, path []string) string {
	if len(known) == 0 {
		return fmt.Sprintf("%q can't be a name in %s: names have lower-case letters, digits and hyphens, and begin with a letter", name, strings.Join(path, "."))
	}
	return fmt.Sprintf("there is no field %q here%s", name, maybe(name, known))
}

func diagnoseList(ctx *cue.Context, n *node, s slot) []remark {
	var out []remark
	element := s.def.LookupPath(cue.MakePath(cue.AnyIndex))
	for i, e := range n.list {
		if element.Exists() {
			out = append(out, diagnose(ctx, e, s.inner(strconv.Itoa(i), element, e.expr))...)
		}
	}
	if len(out) == 0 && !n.partial && s.def.Unify(ctx.BuildExpr(n.expr)).Validate(cue.Concrete(true)) != nil {
		out = append(out, s.remark(" is not %s", s.wanted()))
	}
	return out
}
