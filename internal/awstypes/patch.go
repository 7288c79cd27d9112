package awstypes

import (
	"maps"
	"slices"
	"strings"
)

// Replaces tells whether going from one value to another replaces the resource: whether a place
// differs that can't be changed.
func (s *Shape) Replaces(before, after any) bool {
	switch {
	case s == nil || equal(before, after):
		return false
	case s.CreateOnly:
		return true
	}
	b, isObject := before.(map[string]any)
	a, still := after.(map[string]any)
	if (isObject || before == nil) && (still || after == nil) && s.Fields != nil {
		for key, field := range s.Fields {
			if field.Replaces(b[key], a[key]) {
				return true
			}
		}
		return false
	}
	before2, after2 := list(before), list(after)
	for i := range min(len(before2), len(after2)) {
		if s.Elements.Replaces(before2[i], after2[i]) {
			return true
		}
	}
	return false
}

// Patch returns the operations of a JSON patch (RFC 6902) that bring have to want, both in normal
// form: objects are gone into, anything else is put whole. What is never read back is put in every
// patch that has something else to say, since a service that gets none may drop it. What can't be
// changed is in none: a service refuses the whole of a patch that has it.
func (s *Shape) Patch(path string, have, want any) []Operation {
	h, isObject := have.(map[string]any)
	w, still := want.(map[string]any)
	switch {
	case s != nil && s.CreateOnly:
		return nil
	case s != nil && s.Form == "object" && isObject && still:
		var out []Operation
		for _, key := range slices.Sorted(maps.Keys(joined(h, w))) {
			out = append(out, s.at(key).Patch(path+"/"+escaped(key), h[key], w[key])...)
		}
		return out
	case equal(have, want):
		return nil
	case want == nil:
		return []Operation{{Op: "remove", Path: path}}
	}
	return []Operation{{Op: "add", Path: path, Value: want}}
}

// An Operation is one step of a JSON patch. https://www.rfc-editor.org/rfc/rfc6902
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Pointer is the JSON pointer to a path. https://www.rfc-editor.org/rfc/rfc6901
func Pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + escaped(name))
	}
	return b.String()
}

// escaped is a name in a JSON pointer. https://www.rfc-editor.org/rfc/rfc6901
func escaped(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
