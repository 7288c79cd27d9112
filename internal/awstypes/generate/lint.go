package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/internal/awstypes"
)

// Lint is what cfn-lint's wheel has.
type lintData struct {
	version string
	types   map[string]provider
	regions map[string]map[string]bool // the types of each
}

// A provider is a schema of a resource provider, as far as it is used.
type provider struct {
	TypeName    string                     `json:"typeName"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Definitions map[string]json.RawMessage `json:"definitions"`
	Required    []string                   `json:"required"`
	OneOf       json.RawMessage            `json:"oneOf"`
	AnyOf       json.RawMessage            `json:"anyOf"`
	AllOf       json.RawMessage            `json:"allOf"`

	ReadOnly   []string `json:"readOnlyProperties"`
	CreateOnly []string `json:"createOnlyProperties"`
	MayReplace []string `json:"conditionalCreateOnlyProperties"`
	WriteOnly  []string `json:"writeOnlyProperties"`
	Deprecated []string `json:"deprecatedProperties"`
	Identifier []string `json:"primaryIdentifier"`

	Taggable *bool `json:"taggable"`
	Tagging  *struct {
		Taggable     *bool  `json:"taggable"`
		TagOnCreate  *bool  `json:"tagOnCreate"`
		TagUpdatable *bool  `json:"tagUpdatable"`
		TagProperty  string `json:"tagProperty"`
	} `json:"tagging"`
	Handlers map[string]struct {
		Permissions []string       `json:"permissions"`
		Minutes     int            `json:"timeoutInMinutes"`
		Schema      *handlerSchema `json:"handlerSchema"`
	} `json:"handlers"`
}

// A handlerSchema says what a handler must be given.
type handlerSchema struct {
	Required []string        `json:"required"`
	OneOf    []handlerSchema `json:"oneOf"`
	AnyOf    []handlerSchema `json:"anyOf"`
}

// needs are the properties that a handler must be given. Where it leaves a choice, they are the first
// that can't be changed once the resource exists, or else the first that a person gives at all: what
// is listed by something that may change is found no more once it does.
func (s *handlerSchema) needs(t awstypes.Type) []string {
	if s == nil {
		return nil
	}
	out := slices.Clone(s.Required)
	for _, choices := range [][]handlerSchema{s.OneOf, s.AnyOf} {
		if len(choices) == 0 {
			continue
		}
		rank := func(c handlerSchema) int {
			all := func(in []string, want bool) bool {
				return !slices.ContainsFunc(c.Required, func(name string) bool { return slices.Contains(in, name) != want })
			}
			switch {
			case all(t.CreateOnly, true) && all(t.ReadOnly, false):
				return 0
			case all(t.ReadOnly, false):
				return 1
			}
			return 2
		}
		out = append(out, slices.MinFunc(choices, func(a, b handlerSchema) int { return cmp.Compare(rank(a), rank(b)) }).Required...)
	}
	for i := range out {
		out[i] = dotted(out[i])
	}
	return out
}

func readLint(dir string) (lintData, error) {
	out := lintData{types: map[string]provider{}, regions: map[string]map[string]bool{}}
	infos, err := filepath.Glob(filepath.Join(dir, "cfn_lint-*.dist-info"))
	if err != nil || len(infos) != 1 {
		return out, fmt.Errorf("%s is not one unpacked wheel of cfn-lint", dir)
	}
	out.version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(infos[0]), "cfn_lint-"), ".dist-info")
	schemas := filepath.Join(dir, "cfnlint", "data", "schemas")
	files, err := filepath.Glob(filepath.Join(schemas, "resources", "*.json"))
	if err != nil || len(files) == 0 {
		return out, fmt.Errorf("%s has no schemas of resources", dir)
	}
	for _, file := range files {
		var p provider
		if err := readJSON(file, &p); err != nil {
			return out, err
		}
		if _, twice := out.types[p.TypeName]; twice || p.TypeName == "" {
			return out, fmt.Errorf("%s: the type %q is there twice, or has no name", file, p.TypeName)
		}
		out.types[p.TypeName] = p
	}
	return out, out.readRegions(filepath.Join(schemas, "providers"))
}

// isRegion is a region's file, which has the types that it offers.
var isRegion = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+\.json$`)

func (l lintData) readRegions(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list regions: %w", err)
	}
	for _, e := range entries {
		if !isRegion.MatchString(e.Name()) {
			continue
		}
		var types map[string]string
		if err := readJSON(filepath.Join(dir, e.Name()), &types); err != nil {
			return err
		}
		has := map[string]bool{}
		for name := range types {
			has[name] = true
		}
		l.regions[strings.TrimSuffix(e.Name(), ".json")] = has
	}
	if len(l.regions) == 0 {
		return errors.New("no region is named")
	}
	return nil
}

// typeOf is a provider's schema in the form of the table.
func (p provider) typeOf() (awstypes.Type, error) {
	t := awstypes.Type{
		Name: p.TypeName, ReadOnly: paths(p.ReadOnly), CreateOnly: paths(p.CreateOnly), MayReplace: paths(p.MayReplace),
		WriteOnly: paths(p.WriteOnly), Deprecated: paths(p.Deprecated), Handlers: map[string]awstypes.Handler{},
	}
	for _, pointer := range p.Identifier {
		t.Identifier = append(t.Identifier, dotted(pointer))
	}
	for name, h := range p.Handlers {
		slices.Sort(h.Permissions)
		t.Handlers[name] = awstypes.Handler{Permissions: slices.Compact(h.Permissions), Minutes: h.Minutes, Needs: h.Schema.needs(t)}
	}
	t.Tagging = p.tagging()
	schema := map[string]any{"properties": p.Properties}
	for key, value := range map[string]json.RawMessage{"oneOf": p.OneOf, "anyOf": p.AnyOf, "allOf": p.AllOf} {
		if len(value) > 0 {
			schema[key] = value
		}
	}
	if len(p.Definitions) > 0 {
		schema["definitions"] = p.Definitions
	}
	if len(p.Required) > 0 {
		schema["required"] = p.Required
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return t, fmt.Errorf("%s: %w", p.TypeName, err)
	}
	t.Schema, err = trim(text)
	if err != nil {
		return t, fmt.Errorf("%s: %w", p.TypeName, err)
	}
	return t, nil
}

// tagging reads what a schema says of tags. What it leaves out is as the registry's documentation
// has it: tags on creation, updatable, in the property Tags.
func (p provider) tagging() awstypes.Tagging {
	yes := func(b *bool) bool { return b == nil || *b }
	property := "Tags"
	var t awstypes.Tagging
	switch {
	case p.Tagging != nil:
		if !yes(p.Tagging.Taggable) {
			return t
		}
		if p.Tagging.TagProperty != "" {
			property = dotted(p.Tagging.TagProperty)
		}
		t = awstypes.Tagging{OnCreate: yes(p.Tagging.TagOnCreate), Updatable: yes(p.Tagging.TagUpdatable)}
	case !yes(p.Taggable):
		return t
	default:
		t = awstypes.Tagging{OnCreate: true, Updatable: true}
	}
	schema, ok := p.Properties[property]
	if !ok {
		return awstypes.Tagging{}
	}
	t.Property, t.AsMap = property, p.isMap(schema)
	return t
}

// isMap tells whether a property's schema is an object rather than a list.
func (p provider) isMap(schema json.RawMessage) bool {
	var s struct {
		Type json.RawMessage `json:"type"`
		Ref  string          `json:"$ref"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return false
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		return p.isMap(p.Definitions[name])
	}
	return strings.Contains(string(s.Type), "object")
}

// paths are JSON pointers as dotted paths, sorted.
func paths(pointers []string) []string {
	set := map[string]bool{}
	for _, p := range pointers {
		set[dotted(p)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// dotted turns "/properties/Tags/*/Key" into "Tags.*.Key". Some schemas name the keywords of nested
// schemas, too, as in "/properties/A/items/properties/B".
func dotted(pointer string) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	var out []string
	for i := range parts {
		switch {
		case parts[i] == "properties":
		case parts[i] == "items" && i+1 < len(parts) && parts[i+1] == "properties":
			out = append(out, "*")
		default:
			out = append(out, parts[i])
		}
	}
	return strings.Join(out, ".")
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file) //nolint:gosec // the caller says where
	if err != nil {
		return fmt.Errorf("read a source: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
