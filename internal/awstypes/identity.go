package awstypes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Within are the properties that a list of the type must be given, such as the load balancer whose
// listeners are listed; empty for a type that is listed as a whole.
func (t Type) Within() []string { return t.Handlers["list"].Needs }

// Marked tells whether a resource of the type carries tags from its creation on, so that these can say
// whose it is. Some services tag only what exists; their handlers do it as a part of the creation.
func (t Type) Marked() bool {
	return t.Tagging.Property != "" && (t.Tagging.OnCreate || slices.ContainsFunc(t.Handlers["create"].Permissions, tags))
}

// tags tells whether an IAM action puts tags on something.
func tags(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return strings.Contains(name, "Tag") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Untag") && !strings.HasPrefix(name, "Get")
}

// Identity has the properties, such as "LogGroupName" or "BackupSelection.SelectionName", that together
// tell the resources of a type apart that can't be tagged; none for types that can, and for those whose
// resources nothing tells apart but an identifier that AWS makes up.
//
// They are the parts of the identifier that a person gives. If AWS makes up the rest, they are also
// what a list needs, the type's own name, and what can't be changed; and if all that is only what the
// resource lies in, then what has to be given besides, or a description.
func (t Type) Identity() []string {
	if t.Marked() {
		return nil
	}
	f, err := t.finder()
	if err != nil {
		return nil
	}
	given := f.those(t.Identifier)
	if len(given) == len(t.Identifier) {
		return given
	}
	around := joinedNames(given, f.those(t.Within()))
	fixed := f.those(f.scalars(t.CreateOnly))
	name := f.name()
	if name != "" {
		fixed = slices.DeleteFunc(fixed, func(path string) bool { return !telling(path) && !slices.Contains(f.required, path) })
		fixed = append(fixed, name)
	}
	fixed = slices.DeleteFunc(fixed, func(path string) bool { return path == description })
	out := joinedNames(around, fixed)
	if len(out) > len(around) {
		return out
	}
	if out = joinedNames(around, f.those(f.required)); len(out) > len(around) {
		return out
	}
	return joinedNames(around, f.those([]string{description}))
}

// Named has the properties that a person gives and of which no two resources in one account and region can
// have the same: the identifier, or else the Identity of what can't be tagged. None if AWS makes up what
// identifies a resource.
func (t Type) Named() []string {
	if !t.Marked() {
		return t.Identity()
	}
	if f, err := t.finder(); err == nil && t.Identifiable() {
		return f.those(t.Identifier)
	}
	return nil
}

// description is the property that people may tell things apart by if there is nothing else.
const description = "Description"

// telling tells whether a property's name is one of something that identifies.
func telling(path string) bool {
	return slices.ContainsFunc([]string{"Id", "ID", "Arn", "ARN", "Name", "Identifier", "Key", "Dimension", "Namespace"}, func(end string) bool {
		return strings.HasSuffix(path, end)
	})
}

// joinedNames are the names of both lists, each once, in this order.
func joinedNames(a, b []string) []string {
	out := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// A finder looks for properties that a person gives and AWS shows again.
type finder struct {
	Type
	shape    *Shape
	required []string
	schema   map[string]any
}

func (t Type) finder() (finder, error) {
	f := finder{Type: t, required: t.required()}
	var err error
	if f.shape, err = t.Shape(); err != nil {
		return f, err
	}
	return f, json.Unmarshal(t.Schema, &f.schema)
}

// listable tells whether a definition gives all that a list needs. Of what has no mark, that must also be
// told apart by what AWS shows of it.
func (f finder) listable() bool {
	return !slices.ContainsFunc(f.Within(), func(name string) bool {
		s := f.shape.Fields[name]
		return s == nil || s.Form != "text" || s.ReadOnly || s.WriteOnly && !f.Marked()
	})
}

// those are the paths at which there is a text, a number or a boolean that a person gives.
func (f finder) those(paths []string) []string {
	var out []string
	for _, path := range paths {
		if f.shape.isGiven(strings.Split(path, ".")) && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

// isGiven tells whether there is, at a path through objects, something plain that a person gives and
// that can be read back.
func (s *Shape) isGiven(path []string) bool {
	for _, name := range path {
		if s == nil || s.Fields == nil || s.ReadOnly || s.WriteOnly {
			return false
		}
		s = s.Fields[name]
	}
	return s != nil && !s.ReadOnly && !s.WriteOnly && (s.Form == "text" || s.Form == "number" || s.Form == "boolean")
}

// scalars replaces objects among the paths by what must be given inside them.
func (f finder) scalars(paths []string) []string {
	var out []string
	for _, path := range paths {
		out = append(out, path)
		for _, inner := range f.requiredIn(path) {
			out = append(out, path+"."+inner)
		}
	}
	return out
}

// requiredIn are the members that must be given of the object at a property.
func (f finder) requiredIn(property string) []string {
	definitions := object(f.schema["definitions"])
	schema := object(object(f.schema["properties"])[property])
	for range 3 { // references to references are rare, and circles must end
		if ref, ok := schema["$ref"].(string); ok {
			schema = object(definitions[strings.TrimPrefix(ref, "#/definitions/")])
		}
	}
	return words(schema["required"])
}

// name is the property by which people call a resource of the type, be it at the top or in an object
// that must be given; empty if there is none.
func (f finder) name() string {
	short := f.Name[strings.LastIndex(f.Name, ":")+1:]
	is := func(property string) bool {
		own, isName := strings.CutSuffix(property, "Name")
		return isName && strings.HasSuffix(short, own)
	}
	for _, property := range slices.Sorted(maps.Keys(f.shape.Fields)) {
		if is(property) && f.shape.isGiven([]string{property}) {
			return property
		}
	}
	for _, property := range slices.Sorted(maps.Keys(f.shape.Fields)) {
		if !slices.Contains(f.required, property) {
			continue
		}
		for _, inner := range f.requiredIn(property) {
			if is(inner) && f.shape.isGiven([]string{property, inner}) {
				return property + "." + inner
			}
		}
	}
	return ""
}
