package awstypes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Shape is what a schema says of values in one place, references followed. Shapes of one type may
// refer to one another in circles.
type Shape struct {
	// Form is "object", "map", "list", "text", "number", "boolean", or empty if it can be several.
	Form string
	// Document tells that the place has a JSON document of the service's own, such as a policy. It
	// may be given as an object or as its text, and is compared as a document.
	Document  bool
	AsText    bool // a document that AWS wants as text
	Fields    map[string]*Shape
	Elements  *Shape // of a list or a map
	Unordered bool   // a list whose order means nothing

	ReadOnly   bool // AWS sets it
	WriteOnly  bool // it is never read back
	CreateOnly bool // a change of it replaces the resource
}

// Shape reads the type's schema. Values of properties have the shapes of its Fields.
func (t Type) Shape() (*Shape, error) {
	var schema map[string]any
	if err := json.Unmarshal(t.Schema, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", t.Name, err)
	}
	schema["type"] = "object"
	r := &shaper{definitions: object(schema["definitions"]), made: map[string]*Shape{}}
	root := r.shape("", schema)
	for _, mark := range []struct {
		paths []string
		put   func(*Shape)
	}{
		{t.ReadOnly, func(s *Shape) { s.ReadOnly = true }},
		{t.WriteOnly, func(s *Shape) { s.WriteOnly = true }},
		{t.CreateOnly, func(s *Shape) { s.CreateOnly = true }},
	} {
		for _, path := range mark.paths {
			if s := root.own(strings.Split(path, ".")); s != nil {
				mark.put(s)
			}
		}
	}
	return root, nil
}

// own returns the shape at a path, copied as far as the path goes, so that a mark on it says nothing
// of other places that share a definition.
func (s *Shape) own(path []string) *Shape {
	at := s
	for _, name := range path {
		next := at.Elements
		if at.Form == "object" || name != "*" && at.Fields != nil {
			next = at.Fields[name]
		}
		if next == nil {
			return nil
		}
		mine := *next
		if next == at.Elements {
			at.Elements = &mine
		} else {
			at.Fields = maps.Clone(at.Fields)
			at.Fields[name] = &mine
		}
		at = &mine
	}
	return at
}

type shaper struct {
	definitions map[string]any
	made        map[string]*Shape // of definitions
}

// shape reads one schema. name is that of the property, by which documents are known.
func (r *shaper) shape(name string, v any) *Shape {
	schema := object(v)
	if ref, ok := schema["$ref"].(string); ok {
		return r.definition(name, strings.TrimPrefix(ref, "#/definitions/"))
	}
	s := &Shape{}
	r.fill(s, name, schema)
	return s
}

func (r *shaper) definition(name, definition string) *Shape {
	key := definition
	if isDocument(name) {
		key += " as a document"
	}
	if made, ok := r.made[key]; ok {
		return made
	}
	s := &Shape{}
	r.made[key] = s // before its inside is read, which may refer to it
	schema := object(r.definitions[definition])
	if ref, ok := schema["$ref"].(string); ok && ref != "#/definitions/"+definition {
		*s = *r.definition(name, strings.TrimPrefix(ref, "#/definitions/"))
		return s
	}
	r.fill(s, name, schema)
	return s
}

func (r *shaper) fill(s *Shape, name string, schema map[string]any) {
	types := words(schema["type"])
	if isJSON(schema) {
		types = []string{"object", "string"}
	}
	properties, patterns := object(schema["properties"]), object(schema["patternProperties"])
	for _, choice := range slices.Concat(list(schema["oneOf"]), list(schema["anyOf"]), list(schema["allOf"])) {
		inner := object(choice)
		if ref, ok := inner["$ref"].(string); ok {
			inner = object(r.definitions[strings.TrimPrefix(ref, "#/definitions/")])
		}
		types = append(types, words(inner["type"])...)
		for field, schema := range object(inner["properties"]) {
			if properties == nil {
				properties = map[string]any{}
			}
			if _, known := properties[field]; !known {
				properties[field] = schema
			}
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	isObject := slices.Contains(types, "object") || properties != nil || patterns != nil
	switch {
	case isDocument(name) && (isObject && properties == nil || slices.Equal(types, []string{"string"})):
		s.Document, s.AsText = true, !isObject
	case properties != nil:
		s.Form, s.Fields = "object", map[string]*Shape{}
		for field, schema := range properties {
			s.Fields[field] = r.shape(field, schema)
		}
	case isObject && len(types) <= 1:
		s.Form, s.Elements = "map", &Shape{}
		for _, schema := range patterns {
			s.Elements = r.shape("", schema)
		}
		if inner := object(schema["additionalProperties"]); inner != nil {
			s.Elements = r.shape("", inner)
		}
	case slices.Contains(types, "array"):
		s.Form, s.Elements = "list", r.shape("", schema["items"])
		s.Unordered = schema["insertionOrder"] == false
	case slices.Equal(types, []string{"string"}):
		s.Form = "text"
	case slices.Equal(types, []string{"boolean"}):
		s.Form = "boolean"
	case len(types) == 1:
		s.Form = "number"
	}
}

// isJSON tells whether a schema says nothing of a value but that it is JSON, as that of a managed policy's
// document does.
func isJSON(schema map[string]any) bool {
	return schema["format"] == "json" && schema["type"] == nil && schema["$ref"] == nil && schema["properties"] == nil
}

// isDocument knows a JSON document by the name of its property: the schemas have no word for it.
func isDocument(name string) bool {
	return strings.HasSuffix(name, "PolicyDocument") || strings.HasSuffix(name, "Policy") || strings.HasSuffix(name, "Document") ||
		name == "DashboardBody" || name == "EventPattern" || name == "DefinitionString" || name == "FilterPolicy" || name == "Content"
}

func object(v any) map[string]any {
	out, _ := v.(map[string]any)
	return out
}

func list(v any) []any {
	out, _ := v.([]any)
	return out
}

// words are the values of a keyword that is a text or a list of texts.
func words(v any) []string {
	if text, ok := v.(string); ok {
		return []string{text}
	}
	var out []string
	for _, v := range list(v) {
		if text, ok := v.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// Closed tells whether a place is an object of which a person can say nothing. A place that the schema doesn't
// have isn't.
func (s *Shape) Closed() bool {
	if s == nil || s.Fields == nil {
		return false
	}
	for _, field := range s.Fields {
		if !s.ReadOnly && !field.ReadOnly {
			return false
		}
	}
	return true
}

// Normal brings equal meanings to equal values: what AWS alone sets is left out, lists without order
// are sorted, documents that AWS also takes as objects are objects. It is idempotent and doesn't
// change v.
func (s *Shape) Normal(v any) any {
	if s == nil {
		return v
	}
	if s.Document {
		return s.document(v)
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			at := s.at(key)
			if at != nil && at.ReadOnly {
				continue
			}
			if inner = at.Normal(inner); inner != nil {
				out[key] = inner
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, inner := range v {
			out = append(out, s.Elements.Normal(inner))
		}
		if s.Unordered {
			slices.SortFunc(out, func(a, b any) int { return bytes.Compare(canonical(a), canonical(b)) })
		}
		return out
	}
	return s.scalar(v)
}

// scalar is a number or a boolean that a service gives as text, as what it is.
func (s *Shape) scalar(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	var out any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	switch s.Form {
	case "boolean":
		if text == "true" || text == "false" {
			return text == "true"
		}
	case "number":
		if dec.Decode(&out) == nil && !dec.More() {
			if n, ok := out.(json.Number); ok {
				return n
			}
		}
	}
	return v
}

// document is a document in one form: an object, or canonical text where AWS takes only that.
func (s *Shape) document(v any) any {
	if text, ok := v.(string); ok {
		var parsed any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&parsed) != nil || dec.More() {
			return v
		}
		if _, ok := parsed.(map[string]any); !ok {
			return v
		}
		v = parsed
	}
	if s.AsText {
		if _, ok := v.(map[string]any); ok {
			return string(canonical(v))
		}
	}
	return v
}

// at is the shape of a member of an object or a map; nil if the schema says nothing of it.
func (s *Shape) at(key string) *Shape {
	if s.Fields != nil {
		return s.Fields[key]
	}
	return s.Elements
}

// Asked returns of have what is to be compared with want: what AWS filled in by itself is left out,
// which is what neither want nor what was applied before says anything of. What can't be read back
// counts as there if it was applied, and so does what can't be changed and isn't read back: nobody can
// have taken it away. All three are in normal form; nil means that there is none.
//
// Maps, documents and the number of a list's elements are compared as they are: nothing may be in
// them that nobody asked for.
func (s *Shape) Asked(have, want, applied any) any {
	if s == nil || have == nil && !s.WriteOnly {
		return s.unread(have, want, applied)
	}
	if s.WriteOnly {
		if have == nil && equal(want, applied) {
			return want
		}
		return have
	}
	if want == nil && applied == nil && !s.Document {
		return nil
	}
	switch have := have.(type) {
	case map[string]any:
		if s.Form != "object" {
			return have
		}
		w, isObject := want.(map[string]any)
		if !isObject && want != nil {
			return have
		}
		return s.askedObject(have, w, object(applied))
	case []any:
		w, isList := want.([]any)
		if !isList || len(w) != len(have) {
			return have
		}
		if s.Unordered {
			return s.askedSet(have, w, list(applied))
		}
		out := make([]any, len(have))
		for i := range have {
			var before any
			if a := list(applied); len(a) == len(have) {
				before = a[i]
			}
			out[i] = s.Elements.Asked(have[i], w[i], before)
		}
		return out
	}
	return have
}

// unread is for a place of which the cloud says nothing: an object may still have members that are
// never read back.
func (s *Shape) unread(have, want, applied any) any {
	if have == nil && (empty(want) || s != nil && s.CreateOnly && equal(want, applied)) {
		return want
	}
	w, isObject := want.(map[string]any)
	if s == nil || have != nil || !isObject || s.Form != "object" {
		return have
	}
	if out := s.askedObject(map[string]any{}, w, object(applied)); len(out) > 0 {
		return out
	}
	return nil
}

func (s *Shape) askedObject(have, want, applied map[string]any) map[string]any {
	if chooses(have, want) {
		return have
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(s.Fields)) {
		if v := s.Fields[key].Asked(have[key], want[key], applied[key]); v != nil {
			out[key] = v
		}
	}
	for key, v := range have { // what the schema doesn't know
		if _, known := s.Fields[key]; !known && (want[key] != nil || applied[key] != nil) {
			out[key] = v
		}
	}
	return out
}

// chooses tells whether an object says by its one member, an empty object, which of several things it is,
// such as {"Allow": {}}, and have is another one of them. That member isn't what a service dropped then.
func chooses(have, want map[string]any) bool {
	if len(have) != 1 || len(want) != 1 {
		return false
	}
	for key, v := range want {
		if _, there := have[key]; there || object(v) == nil || !empty(v) {
			return false
		}
	}
	for _, v := range have {
		return object(v) != nil
	}
	return false
}

// askedSet pairs the elements of two lists of equal length by what is asked of them.
func (s *Shape) askedSet(have, want, applied []any) []any {
	out := slices.Clone(have)
	taken := make([]bool, len(have))
	for _, w := range want {
		for i := range have {
			if taken[i] {
				continue
			}
			var before any
			if slices.ContainsFunc(applied, func(a any) bool { return equal(a, w) }) {
				before = w
			}
			if as := s.Elements.Asked(have[i], w, before); equal(as, w) {
				out[i], taken[i] = as, true
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b any) int { return bytes.Compare(canonical(a), canonical(b)) })
	return out
}

// empty tells whether a value is a list or an object with nothing in it, which services drop.
func empty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func joined(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func equal(a, b any) bool { return bytes.Equal(canonical(a), canonical(b)) }

// canonical is JSON with sorted keys.
func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // only what JSON gave comes here
	return bytes.TrimRight(b.Bytes(), "\n")
}
