package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// A problem is what the evaluator has against one path, with its many errors for it folded into one.
type problem struct {
	path []string
	kind problemKind
	text string // the evaluator's own words
	at   []token.Pos
}

type problemKind int

const (
	wrong   problemKind = iota // the value doesn't fit
	missing                    // there is no value
	unknown                    // there is no such field
	other                      // anything else: a reference that leads nowhere, a failing call
)

// below makes the path relative to root, if it lies below it.
func (p problem) below(root ...string) problem {
	if len(p.path) >= len(root) && slices.Equal(p.path[:len(root)], root) {
		p.path = p.path[len(root):]
	}
	return p
}

// problems folds an error of the evaluator. Paths are relative to root, if they lie below it.
func problems(err error, root ...string) []problem {
	var out []problem
	for _, e := range errors.Errors(err) {
		path := slices.Clone(e.Path())
		for i, element := range path {
			path[i] = strings.Trim(element, `"`)
		}
		format, args := e.Msg()
		p := problem{path: path, kind: kindOf(format), text: fmt.Sprintf(format, args...), at: errors.Positions(e)}.below(root...)
		same := slices.IndexFunc(out, func(o problem) bool { return slices.Equal(o.path, p.path) })
		if same < 0 {
			out = append(out, p)
			continue
		}
		if p.kind == unknown || out[same].kind == other || strings.HasPrefix(p.text, "invalid value") {
			out[same].kind, out[same].text = p.kind, p.text
		}
		out[same].at = append(out[same].at, p.at...)
	}
	return out
}

func kindOf(format string) problemKind {
	switch {
	case strings.Contains(format, "field not allowed"):
		return unknown
	case strings.Contains(format, "field is required but not present"), strings.HasPrefix(format, "incomplete value"),
		strings.Contains(format, "non-concrete value"), strings.HasPrefix(format, "cannot convert incomplete value"):
		return missing
	case strings.HasPrefix(format, "conflicting values"), strings.HasPrefix(format, "invalid value"),
		strings.Contains(format, "errors in empty disjunction"), strings.HasPrefix(format, "mismatched types"),
		strings.HasPrefix(format, "incompatible list lengths"):
		return wrong
	}
	return other
}

// lookup finds the schema of a path below a definition, so that the problem can be put in words.
func lookup(v cue.Value, path []string) cue.Value {
	for _, name := range path {
		if !v.Exists() {
			break
		}
		next := v.LookupPath(cue.MakePath(cue.Str(name).Optional()))
		if !next.Exists() {
			next = elementOf(v, name)
		}
		if !next.Exists() {
			return next
		}
		v = next
	}
	return v
}

// elementOf is what a pattern or a list says of a key.
func elementOf(v cue.Value, name string) cue.Value {
	if !v.Exists() {
		return v
	}
	if v.IncompleteKind() == cue.ListKind {
		return v.LookupPath(cue.MakePath(cue.AnyIndex))
	}
	if !v.Allows(cue.Str(name)) {
		return cue.Value{}
	}
	key := cue.MakePath(cue.Str(name))
	return v.FillPath(key, v.Context().CompileString("_")).LookupPath(key) //nolint:staticcheck // one context makes all values here
}

// fieldNames are the names that a definition gives to fields.
func fieldNames(v cue.Value) []string {
	return fieldsWhere(v, func(cue.Value) bool { return true })
}

// writable are the names to propose for a field of a definition. Fields that are there only to bring a fleet's
// folders together for the cue command line are nobody's to write.
func writable(v cue.Value) []string {
	return fieldsWhere(v, func(field cue.Value) bool { return !onlyJoins(field) })
}

// onlyJoins tells whether nothing but the file for the cue command line has a field.
func onlyJoins(field cue.Value) bool {
	if op, parts := field.Expr(); op == cue.AndOp {
		return !slices.ContainsFunc(parts, func(part cue.Value) bool { return !onlyJoins(part) })
	}
	return strings.HasSuffix(field.Pos().Filename(), "/"+joinFile)
}

// fieldsWhere are the names of some of the fields that a definition has, sorted.
func fieldsWhere(v cue.Value, wanted func(field cue.Value) bool) []string {
	if !v.Exists() {
		return nil
	}
	var names []string
	fields, err := v.Fields(cue.All()) // Optional(true) leaves out what is only demanded
	for err == nil && fields.Next() {
		if s := fields.Selector(); s.LabelType() == cue.StringLabel && wanted(fields.Value()) {
			names = append(names, s.Unquoted())
		}
	}
	slices.Sort(names)
	return names
}

// wantedAt says what a path takes: its own words, or those that its parent has for each of its elements.
func wantedAt(def cue.Value, path []string) string {
	field := lookup(def, path)
	if a := field.Attribute("say"); field.Exists() && a.Err() == nil {
		return wanted(field)
	}
	if len(path) > 0 {
		if parent := lookup(def, path[:len(path)-1]); parent.Exists() {
			each := parent.Attribute("each")
			if text, err := each.String(0); err == nil {
				return text
			}
		}
	}
	return wanted(field)
}

// secretIn tells whether a path is, or lies in, what must not be printed.
func secretIn(def cue.Value, path []string) bool {
	for n := range len(path) {
		if a := lookup(def, path[:n+1]).Attribute("secret"); a.Err() == nil {
			return true
		}
	}
	return false
}

// climb shortens the path of an unknown field to the field itself: the evaluator names what is in it.
func (p problem) climb(def cue.Value) problem {
	for n := 1; p.kind == unknown && n < len(p.path); n++ {
		if !lookup(def, p.path[:n]).Exists() {
			p.path = p.path[:n]
		}
	}
	return p
}

// words says what a problem is, given the definition that the path is below and the value as it is written,
// if it is.
func (p problem) words(def cue.Value, written string) string {
	name := strings.Join(p.path, ".")
	switch p.kind {
	case unknown:
		last := len(p.path) - 1
		if last < 0 {
			break
		}
		return fmt.Sprintf("there is no field %q here%s", p.path[last], maybe(p.path[last], writable(lookup(def, p.path[:last]))))
	case missing:
		if want := wantedAt(def, p.path); want != "" {
			return fmt.Sprintf("%s is missing: %s", name, want)
		}
		return name + " is missing"
	case wrong:
		want := wantedAt(def, p.path)
		switch {
		case want == "":
			return name + ": " + p.text
		case written == "":
			return fmt.Sprintf("%s is not %s", name, want)
		}
		message := fmt.Sprintf("%s: %s is not %s", name, written, want)
		if near := nearest(written, choices(lookup(def, p.path))); near != "" {
			message += "; did you mean " + near + "?"
		}
		return message
	}
	if name == "" {
		return p.text
	}
	return name + ": " + p.text
}
