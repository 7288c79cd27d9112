package awsbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tenantry.dev/internal/awstypes"
)

// A cloudType is what the sandbox does with a type, all of which its schema says.
type cloudType struct {
	awstypes.Type
	shape    *awstypes.Shape
	schema   *jsonschema.Schema
	defaults map[string]any
}

func newCloudType(t awstypes.Type) (*cloudType, error) {
	shape, err := t.Shape()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(t.Schema)))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	root, _ := doc.(map[string]any)
	root["type"], root["additionalProperties"] = "object", false
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.UseRegexpEngine(anyPattern)
	if err := compiler.AddResource("type.json", root); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	compiled, err := compiler.Compile("type.json")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	out := &cloudType{Type: t, shape: shape, schema: compiled, defaults: map[string]any{}}
	properties, _ := root["properties"].(map[string]any)
	for name, p := range properties {
		if schema, ok := p.(map[string]any); ok && schema["default"] != nil {
			out.defaults[name] = schema["default"]
		}
	}
	return out, nil
}

// anyPattern is Go's engine where it can read a pattern; what it can't read matches everything.
func anyPattern(pattern string) (jsonschema.Regexp, error) {
	if re, err := regexp.Compile(pattern); err == nil {
		return re, nil
	}
	return regexp.MustCompile(""), nil
}

// refuses is what the schema has against properties that somebody writes.
func (t *cloudType) refuses(properties map[string]any) error {
	for _, name := range t.ReadOnly {
		if _, given := properties[name]; given {
			return fmt.Errorf("#/%s: it is read-only", name)
		}
	}
	return t.schema.Validate(properties)
}

// writable are the properties that a person may set.
func (t *cloudType) writable(properties map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range properties {
		if field := t.shape.Fields[name]; field == nil || !field.ReadOnly {
			out[name] = value
		}
	}
	return out
}

// fill sets what AWS sets: the schema's defaults, identifiers, ARNs, and the texts in objects of which a person
// can say nothing, such as an endpoint's address.
func (t *cloudType) fill(c *call, properties map[string]any) {
	for name, value := range t.defaults {
		if _, given := properties[name]; !given {
			properties[name] = value
		}
	}
	for _, name := range append(append([]string{}, t.Identifier...), t.ReadOnly...) {
		path := strings.Split(name, ".")
		if len(path) > 1 && !t.shape.Fields[path[0]].Closed() {
			continue
		}
		field, into := t.shape, properties
		for i, key := range path {
			if field = field.Fields[key]; field == nil {
				break
			}
			if i < len(path)-1 {
				inner, ok := into[key].(map[string]any)
				if !ok {
					inner = map[string]any{}
					into[key] = inner
				}
				into = inner
			}
		}
		last := path[len(path)-1]
		if _, given := into[last]; given || field == nil || field.Form != "text" {
			continue
		}
		into[last] = t.madeUp(c, name, properties)
	}
}

// madeUp is a text that AWS sets.
func (t *cloudType) madeUp(c *call, name string, properties map[string]any) string {
	if form, known := idForms[t.Name+"."+name]; known {
		return t.filled(c, c.srv.ids.made(form), properties)
	}
	if strings.HasSuffix(name, "Arn") || strings.HasSuffix(name, "ARN") {
		return t.arn(c, properties)
	}
	return t.short() + "-" + c.srv.ids.suffix() + c.srv.ids.suffix()
}

// short is the type's last word.
func (t *cloudType) short() string { return strings.ToLower(t.Name[strings.LastIndex(t.Name, ":")+1:]) }

// form is a part of an ARN's form, such as "${Name}".
var form = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\}`)

// arn follows the form that AWS publishes, or has the type's name and a number.
func (t *cloudType) arn(c *call, properties map[string]any) string {
	for _, name := range []string{"Arn", "ARN", t.short() + "Arn"} {
		if text, ok := properties[name].(string); ok {
			return text
		}
	}
	template := t.ARN
	if template == "" {
		template = "arn:${Partition}:" + strings.ToLower(strings.Split(t.Name, "::")[1]) + ":${Region}:${Account}:" + t.short() + "/" + c.srv.ids.suffix()
	}
	return t.filled(c, template, properties)
}

// filled is a form of an ARN with everything in its place.
func (t *cloudType) filled(c *call, template string, properties map[string]any) string {
	return form.ReplaceAllStringFunc(template, func(match string) string {
		switch name := match[2 : len(match)-1]; name {
		case "Partition":
			return "aws"
		case "Region":
			return c.Region
		case "Account":
			return c.Account
		case "Number":
			return c.srv.ids.number()
		default:
			text, ok := properties[name].(string)
			if !ok {
				return c.srv.ids.suffix()
			}
			return text
		}
	})
}

func (t *cloudType) identifier(properties map[string]any) string {
	var parts []string
	for _, path := range t.Identifier {
		var v any = properties
		for name := range strings.SplitSeq(path, ".") {
			inner, _ := v.(map[string]any)
			v = inner[name]
		}
		parts = append(parts, fmt.Sprint(v))
	}
	return strings.Join(parts, "|")
}

// within leaves of resources those that lie in what a list was given, and refuses a list that wasn't
// given what the type's list needs.
func (t *cloudType) within(list []*Resource, model string) ([]*Resource, error) {
	needs := t.Type.Within()
	if len(needs) == 0 {
		return list, nil
	}
	given, err := readObject(cmp.Or(model, "{}"))
	if err != nil {
		return nil, refuse("ValidationException", "ResourceModel: %v", err)
	}
	for _, name := range needs {
		if given[name] == nil {
			return nil, refuse("InvalidRequestException", "Missing or invalid ResourceModel property in %s list handler request input. Required property: %v", t.Name, needs)
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(r *Resource) bool {
		properties := t.properties(r)
		return slices.ContainsFunc(needs, func(name string) bool { return properties[name] != given[name] })
	}), nil
}

// put stores properties in a resource: its tags where all resources of the sandbox have them.
func (t *cloudType) put(c *call, r *Resource, properties map[string]any) error {
	tags, err := c.readTags(fromJSON(copied(properties[t.Tagging.Property])))
	if err != nil {
		return err
	}
	r.Tags, r.Attributes = tags, map[string]string{}
	for name, value := range properties {
		if name != t.Tagging.Property {
			r.Attributes[name] = t.text(value)
		}
	}
	c.put(r)
	return nil
}

// properties is the inverse of put.
func (t *cloudType) properties(r *Resource) map[string]any {
	out := map[string]any{}
	for name, text := range r.Attributes {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			out[name] = v
		}
	}
	switch {
	case t.Tagging.Property == "" || len(r.Tags) == 0:
	case t.Tagging.AsMap:
		tags := map[string]any{}
		for key, value := range r.Tags {
			tags[key] = value
		}
		out[t.Tagging.Property] = tags
	default:
		tags := []any{}
		for _, key := range sortedNames(r.Tags) {
			tags = append(tags, map[string]any{"Key": key, "Value": r.Tags[key]})
		}
		out[t.Tagging.Property] = tags
	}
	return out
}

// readable are the properties that a read gives.
func (t *cloudType) readable(r *Resource) map[string]any {
	out := t.properties(r)
	hide(t.shape, out)
	return out
}

// hide takes out what is never read back.
func hide(s *awstypes.Shape, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			field := s.Elements
			if s.Fields != nil {
				field = s.Fields[name]
			}
			switch {
			case field == nil:
			case field.WriteOnly:
				delete(v, name)
			default:
				hide(field, inner)
			}
		}
	case []any:
		for _, inner := range v {
			if s.Elements != nil {
				hide(s.Elements, inner)
			}
		}
	}
}

// text is a value as JSON.
func (t *cloudType) text(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(text)
}

// copied is a value that shares nothing with v.
func copied(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(text, &out) // written just now
	return out
}
