package schema

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrNotEditable means that a file has no place for what a one-field edit should write, or that the
// place is computed; the error says where, and a person must do it.
var ErrNotEditable = errors.New("it can't be edited in place")

// SetField sets one field of a CUE file and leaves every other byte as it is, comments included.
// The path is the field's keys from the top of the file, or the index of a list's element; missing
// structs on the way are added in the style of the file. The value is anything that encoding/json can
// encode. A struct or list that is there already is changed element by element where that keeps more of
// the file. Setting what is so already returns the same bytes.
//
// The file may hold any CUE around the field, but the field and the way to it must be written out.
// The edit is read again, and is returned only if that field is all that it changes.
func SetField(file []byte, path []string, value any) ([]byte, error) {
	lit, err := literalOf(value)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", strings.Join(path, "."), err)
	}
	out, err := editFile("", file, path, setTo(lit))
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", strings.Join(path, "."), err)
	}
	return out, nil
}

// RemoveField removes one field of a CUE file with the comments directly above it and behind it, and
// leaves every other byte as it is. A field that holds nothing else, as b in "a: b: c: 1", goes with it.
// Removing what isn't there returns the same bytes.
func RemoveField(file []byte, path []string) ([]byte, error) {
	out, err := editFile("", file, path, removed)
	if err != nil {
		return nil, fmt.Errorf("remove %s: %w", strings.Join(path, "."), err)
	}
	return out, nil
}

// AppendElement adds a value to the end of a list, in the style of its last element, and makes the
// list if there is none. Otherwise it is as SetField.
func AppendElement(file []byte, path []string, value any) ([]byte, error) {
	lit, err := literalOf(value)
	if err != nil {
		return nil, fmt.Errorf("add to %s: %w", strings.Join(path, "."), err)
	}
	out, err := editFile("", file, path, appended(lit))
	if err != nil {
		return nil, fmt.Errorf("add to %s: %w", strings.Join(path, "."), err)
	}
	return out, nil
}

// RemoveElement removes an element of a list, counted from 0, with the comments directly above it
// and behind it. Otherwise it is as RemoveField.
func RemoveElement(file []byte, path []string, index int) ([]byte, error) {
	out, err := editFile("", file, path, without(index))
	if err != nil {
		return nil, fmt.Errorf("remove %s.%d: %w", strings.Join(path, "."), index, err)
	}
	return out, nil
}

// An operation is a kind of edit: on the text, and independently of it on the decoded data. The two are
// held against each other.
type operation struct {
	text func(d *document, path []string) (*document, error)
	data func(have any) any // what becomes of the decoded value at the path, nil if there is none
}

func setTo(lit newValue) operation {
	return operation{
		text: func(d *document, path []string) (*document, error) { return d.set(path, lit) },
		data: func(any) any { return lit.plain },
	}
}

var removed = operation{
	text: func(d *document, path []string) (*document, error) { return d.remove(path) },
	data: func(any) any { return nil },
}

func appended(lit newValue) operation {
	return operation{
		text: func(d *document, path []string) (*document, error) { return d.append(path, lit) },
		data: func(have any) any {
			list, _ := have.([]any)
			return append(slices.Clone(list), lit.plain)
		},
	}
}

func without(index int) operation {
	return operation{
		text: func(d *document, path []string) (*document, error) { return d.removeElement(path, index) },
		data: func(have any) any {
			list, _ := have.([]any)
			if index < 0 || index >= len(list) {
				return have
			}
			return slices.Delete(slices.Clone(list), index, index+1)
		},
	}
}

// editFile does an operation on a file, and holds the result against the file. The name is for messages.
func editFile(name string, file []byte, path []string, op operation) ([]byte, error) {
	if len(path) == 0 || !utf8.ValidString(strings.Join(path, "")) {
		return nil, fmt.Errorf("%w: the path names no field", ErrNotEditable)
	}
	before, err := newDocument(name, file)
	if err != nil {
		return nil, fmt.Errorf("the file is not valid CUE: %w", err)
	}
	old, refused := readData(before.syntax)
	after, err := op.text(before, path)
	if err != nil {
		return nil, err
	}
	if len(refused) > 0 { // no plain data; each step was held against the syntax already
		return after.text, nil
	}
	if err := onlyChanges(old, after, path, op.data); err != nil {
		return nil, err
	}
	return after.text, nil
}

// onlyChanges tells whether a file of plain data says after an edit what it should.
func onlyChanges(old *node, after *document, path []string, change func(any) any) error {
	now, refused := readData(after.syntax)
	if len(refused) > 0 {
		return fmt.Errorf("%w: the result is no plain data: %s", ErrNotEditable, refused[0].message)
	}
	want, have := normal(changed(old.plain(), path, change)), normal(now.plain())
	if !reflect.DeepEqual(prune(want, path), prune(have, path)) {
		return fmt.Errorf("%w: more than this field would change", ErrNotEditable)
	}
	return nil
}

// changed changes a path in decoded JSON; a change to nil removes it.
func changed(v any, path []string, change func(any) any) any {
	if len(path) == 0 {
		return change(v)
	}
	if list, ok := v.([]any); ok {
		if i, ok := indexIn(path[0], len(list)); ok {
			list[i] = changed(list[i], path[1:], change)
		}
		return list
	}
	m, ok := v.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	inner, had := m[path[0]]
	if inner = changed(inner, path[1:], change); inner != nil {
		m[path[0]] = inner
	} else if had {
		delete(m, path[0])
	}
	return m
}

// prune removes the structs on a path that hold nothing: an edit may write or remove them.
func prune(v any, path []string) any {
	m, ok := v.(map[string]any)
	if !ok || len(path) == 0 {
		return v
	}
	inner, had := m[path[0]]
	if !had {
		return v
	}
	if inner = prune(inner, path[1:]); len(path) > 1 {
		if s, ok := inner.(map[string]any); ok && len(s) == 0 {
			delete(m, path[0])
			return m
		}
	}
	m[path[0]] = inner
	return m
}
