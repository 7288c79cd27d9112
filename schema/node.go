package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// A node is a piece of plain data in a file, with its place. Exactly one of fields, list and
// scalar counts, by kind.
type node struct {
	kind   nodeKind
	fields []field
	list   []*node
	scalar any // string, json.Number, bool or nil
	expr   ast.Expr
	index  map[string]int // of fields, once they are many
	// partial tells that elements or fields were refused, so that their absence says nothing.
	partial bool
}

type nodeKind int

const (
	scalarNode nodeKind = iota
	structNode
	listNode
	refusedNode // was there, but isn't plain data
)

// A field is a key with its value.
type field struct {
	name  string
	label ast.Label
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	if i := n.find(name); i >= 0 {
		return n.fields[i].value
	}
	return nil
}

// label returns where a key is written, or nil.
func (n *node) label(name string) ast.Node {
	if i := n.find(name); i >= 0 {
		return n.fields[i].label
	}
	return nil
}

// find returns the index of a key, or -1.
func (n *node) find(name string) int {
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(n.fields, func(f field) bool { return f.name == name })
}

// many is how many fields are worth an index: a file may have tens of thousands in one struct.
const many = 32

// add adds a field with a key that isn't there yet.
func (n *node) add(f field) {
	n.fields = append(n.fields, f)
	switch {
	case n.index != nil:
		n.index[f.name] = len(n.fields) - 1
	case len(n.fields) == many:
		n.index = make(map[string]int, 4*many)
		for i := range n.fields {
			n.index[n.fields[i].name] = i
		}
	}
}

// text returns the string that a key has, or "".
func (n *node) text(name string) string {
	if v := n.get(name); v != nil && v.kind == scalarNode {
		s, _ := v.scalar.(string)
		return s
	}
	return ""
}

// texts returns the strings in the list that a key has.
func (n *node) texts(name string) []string {
	var out []string
	if v := n.get(name); v != nil && v.kind == listNode {
		for _, element := range v.list {
			if s, ok := element.scalar.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// plain returns the data as encoding/json would decode it with UseNumber.
func (n *node) plain() any {
	switch n.kind {
	case structNode:
		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			if f.value.kind != refusedNode {
				out[f.name] = f.value.plain()
			}
		}
		return out
	case listNode:
		out := make([]any, len(n.list))
		for i, element := range n.list {
			out[i] = element.plain()
		}
		return out
	}
	return n.scalar
}

// expression is data as CUE, keeping the places of its scalars.
func (n *node) expression() ast.Expr {
	switch n.kind {
	case structNode:
		s := &ast.StructLit{Lbrace: n.expr.Pos()}
		for _, f := range n.fields {
			if f.value.kind == refusedNode {
				continue
			}
			label := &ast.BasicLit{ValuePos: f.label.Pos(), Kind: token.STRING, Value: quoteText(f.name)}
			s.Elts = append(s.Elts, &ast.Field{Label: label, Value: f.value.expression()})
		}
		return s
	case listNode:
		l := &ast.ListLit{Lbrack: n.expr.Pos()}
		for _, element := range n.list {
			l.Elts = append(l.Elts, element.expression())
		}
		return l
	}
	return n.expr
}

// drop removes what can't be used, so that the rest can still be checked. Only overrides are
// finer than the tenant's own fields.
func (n *node) drop(path []string) {
	if len(path) == 0 {
		return
	}
	if path[0] == "overrides" && len(path) > 1 {
		if inner := n.get("overrides"); inner != nil && inner.kind == structNode {
			inner.dropDeep(path[1:min(len(path), 3)])
			return
		}
	}
	n.dropDeep(path[:1])
}

func (n *node) dropDeep(path []string) {
	if len(path) > 1 {
		if inner := n.get(path[0]); inner != nil && inner.kind == structNode {
			inner.dropDeep(path[1:])
			return
		}
	}
	n.fields = slices.DeleteFunc(n.fields, func(f field) bool { return f.name == path[0] })
	n.index = nil
}

// show is data as a person would quote it, cut to a readable length.
func show(n *node) string {
	switch n.kind {
	case structNode:
		return "{…}"
	case listNode:
		return "[…]"
	}
	switch v := n.scalar.(type) {
	case string:
		return shorten(strconv.Quote(v))
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(n.scalar)
}

func shorten(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && text[cut]&0xC0 == 0x80 { // not inside a character
		cut--
	}
	return text[:cut] + "…"
}
