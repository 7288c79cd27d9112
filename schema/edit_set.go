package schema

import (
	"fmt"
	"reflect"
	"slices"

	"cuelang.org/go/cue/ast"
)

// set makes a path have a value.
func (d *document) set(path []string, lit newValue) (*document, error) {
	found := d.find(path)
	at := found[len(path)-1]
	if len(at) == 0 {
		return d.insert(path, found, lit)
	}
	have, err := d.written(at)
	if err != nil {
		return nil, err
	}
	old := have.plain()
	if same(old, lit.plain) {
		return d, nil
	}
	if from, ok := old.(map[string]any); ok {
		if to, ok := lit.plain.(map[string]any); ok && len(to) > 0 && (len(at) > 1 || shared(from, to)) {
			return d.setStruct(path, from, to)
		}
	}
	if len(at) > 1 {
		return nil, fmt.Errorf("%w: it is given more than once, at %s and %s", ErrNotEditable, d.at(at[0].value), d.at(at[1].value))
	}
	if from, ok := old.([]any); ok {
		if to, ok := lit.plain.([]any); ok && len(to) > 0 {
			return d.setList(path, from, to, at[0], lit)
		}
	}
	return d.replace(at[0], lit)
}

// shared tells whether two structs have a field in common.
func shared(a, b map[string]any) bool {
	for key := range a {
		if _, both := b[key]; both {
			return true
		}
	}
	return false
}

// same tells whether two decoded values are equal; numbers count by their value.
func same(a, b any) bool { return reflect.DeepEqual(normal(a), normal(b)) }

// setStruct changes a struct field by field, so that the rest of it keeps its form and its comments.
func (d *document) setStruct(path []string, from, to map[string]any) (*document, error) {
	next := d
	for _, key := range sortedKeys(to) {
		lit, err := literalOf(to[key])
		if err != nil {
			return nil, err
		}
		if next, err = next.set(append(slices.Clone(path), key), lit); err != nil {
			return nil, err
		}
	}
	for _, key := range sortedKeys(from) {
		if _, stays := to[key]; stays {
			continue
		}
		var err error
		if next, err = next.remove(append(slices.Clone(path), key)); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// setList changes a list by what is new at its end or missing in it, if that is all; otherwise it
// replaces the list.
func (d *document) setList(path []string, from, to []any, at *occurrence, lit newValue) (*document, error) {
	gone, isPart := dropped(from, to)
	switch {
	case len(to) > len(from) && same(from, to[:len(from)]):
		next := d
		for _, v := range to[len(from):] {
			element, err := literalOf(v)
			if err != nil {
				return nil, err
			}
			if next, err = next.append(path, element); err != nil {
				return nil, err
			}
		}
		return next, nil
	case isPart:
		next := d
		for _, i := range slices.Backward(gone) {
			var err error
			if next, err = next.removeElement(path, i); err != nil {
				return nil, err
			}
		}
		return next, nil
	}
	return d.replace(at, lit)
}

// dropped tells which elements of a list must go to make it another one, and whether that is enough.
func dropped(from, to []any) (gone []int, enough bool) {
	for i, v := range from {
		if len(to) > 0 && same(v, to[0]) {
			to = to[1:]
		} else {
			gone = append(gone, i)
		}
	}
	return gone, len(to) == 0
}

// replace writes a value over the one that is there.
func (d *document) replace(p *occurrence, lit newValue) (*document, error) {
	from, to := p.value.Pos().Offset(), d.end(p.value)
	for _, c := range comments(d.syntax) {
		if at := c.Slash.Offset(); at >= from && at < to {
			return nil, fmt.Errorf("%w: the comment at %s would be lost; edit by hand", ErrNotEditable, d.at(c))
		}
	}
	x, err := lit.expression()
	if err != nil {
		return nil, fmt.Errorf("%w: %q can't be written: %w", ErrNotEditable, lit.text, err)
	}
	change := func() {
		if p.list != nil {
			p.list.Elts[p.index()] = x
		} else {
			p.field.Value = x
		}
	}
	return d.apply(change, splice{from, to, lit.text})
}

// append adds an element to a list, or makes the list.
func (d *document) append(path []string, lit newValue) (*document, error) {
	found := d.find(path)
	at := found[len(path)-1]
	if len(at) == 0 {
		return d.insert(path, found, listOf(lit))
	}
	list, err := d.literalList(at)
	if err != nil {
		return nil, err
	}
	x, err := lit.expression()
	if err != nil {
		return nil, fmt.Errorf("%w: %q can't be written: %w", ErrNotEditable, lit.text, err)
	}
	var splices []splice
	if len(list.Elts) == 0 {
		splices = d.first(list.Lbrack.Offset(), list.Rbrack.Offset(), lit, "", ",")
	} else {
		splices = d.nextElement(list, lit)
	}
	return d.apply(func() { list.Elts = append(list.Elts, x) }, splices...)
}

// literalList is the list that places write, if it is one list that is written out.
func (d *document) literalList(at []*occurrence) (*ast.ListLit, error) {
	if len(at) > 1 {
		return nil, fmt.Errorf("%w: it is given more than once, at %s and %s", ErrNotEditable, d.at(at[0].value), d.at(at[1].value))
	}
	p := at[0]
	if p.computed != nil {
		return nil, d.computed(p.computed)
	}
	list, ok := p.value.(*ast.ListLit)
	if !ok {
		if n, err := d.written(at); err == nil {
			return nil, fmt.Errorf("%w: it is %s at %s, and no list", ErrNotEditable, show(n), d.at(p.value))
		}
		return nil, d.computed(p.value)
	}
	for _, x := range list.Elts {
		switch x.(type) {
		case *ast.Comprehension, *ast.Ellipsis:
			return nil, d.computed(x)
		}
	}
	return list, nil
}

// nextElement writes an element behind the last one of a list, as that one is written.
func (d *document) nextElement(list *ast.ListLit, lit newValue) []splice {
	last := list.Elts[len(list.Elts)-1]
	from, end := last.Pos().Offset(), d.end(last)
	line := d.lineOf(end)
	text := func(indent string) string {
		if d.lineStart(from) == d.lineStart(end) {
			return lit.text
		}
		return lit.tall(indent, d.unit(), d.eol())
	}
	if !line.ends {
		return []splice{{end, end, ", " + text(d.indentation(end))}}
	}
	indent := d.indentation(from)
	if !d.startsLine(from) {
		indent = d.indentation(end)
	}
	if line.comma {
		return []splice{{line.end, line.end, d.eol() + indent + text(indent) + ","}}
	}
	return []splice{{end, end, ","}, {line.end, line.end, d.eol() + indent + text(indent)}}
}
