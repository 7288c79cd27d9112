package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// wanted says in words what a field of the schema takes: its own @say, or else the values that it
// allows. It completes "… is not …"; empty if there is nothing to say.
func wanted(field cue.Value) string {
	if !field.Exists() {
		return ""
	}
	if a := field.Attribute("say"); a.Err() == nil {
		if text, err := a.String(0); err == nil {
			return text
		}
	}
	if values := choices(field); len(values) > 0 {
		return oneOf(values)
	}
	switch field.IncompleteKind() {
	case cue.StringKind:
		return "a text"
	case cue.BoolKind:
		return "true or false"
	case cue.IntKind:
		return "a whole number"
	case cue.NumberKind, cue.FloatKind:
		return "a number"
	case cue.ListKind:
		return "a list in [ ]"
	case cue.StructKind:
		return "a group of fields in { }"
	}
	return ""
}

// choices returns the values that a field allows, if it is a choice between concrete ones.
func choices(field cue.Value) []string {
	var out []string
	var walk func(v cue.Value) bool
	walk = func(v cue.Value) bool {
		op, args := v.Expr()
		if op == cue.OrOp {
			return !slices.ContainsFunc(args, func(a cue.Value) bool { return !walk(a) })
		}
		if !v.IsConcrete() {
			return false
		}
		text, err := v.MarshalJSON()
		if err != nil {
			return false
		}
		if !slices.Contains(out, string(text)) {
			out = append(out, string(text))
		}
		return true
	}
	if op, _ := field.Eval().Expr(); op != cue.OrOp {
		if op, _ = field.Expr(); op != cue.OrOp {
			return nil
		}
		if !walk(field) {
			return nil
		}
		return out
	}
	if !walk(field.Eval()) {
		return nil
	}
	return out
}

// oneOf lists values: "a", "b" or "c".
func oneOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}

// allOf lists names: a, b and c.
func allOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// maybe proposes the known name that is nearest to a wrong one, and lists what there is when none
// is near.
func maybe(wrong string, known []string) string {
	if near := nearest(wrong, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) == 0 || len(known) > 30 {
		return ""
	}
	return "; there are " + strings.Join(known, ", ")
}

// nearest returns the name with the fewest letters changed, if that is few enough to be a slip.
func nearest(wrong string, known []string) string {
	best, most := "", max(1, min(3, len(wrong)/3))+1
	for _, name := range known {
		if d := distance(strings.ToLower(wrong), strings.ToLower(name)); d < most {
			best, most = name, d
		}
	}
	for _, name := range known { // what was only begun
		if best == "" && len(wrong) > 3 && strings.HasPrefix(strings.ToLower(name), strings.ToLower(wrong)) {
			best = name
		}
	}
	return best
}

// distance counts the letters to insert, remove, change or swap with their neighbour.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
