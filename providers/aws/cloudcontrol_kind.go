package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/reconciler/resource"
)

// A typed is a resource type that is driven through Cloud Control: what AWS says of it, in the words
// of the comparison. Its attributes are the type's properties by AWS's own names, and tags.
type typed struct {
	awstypes.Type
	shape *awstypes.Shape
	kind  resource.Kind
	// Where an ARN is known from; see awstypes.Type.ARNFrom.
	arnProperty, arnForm string
}

func newTyped(t awstypes.Type) (typed, error) {
	shape, err := t.Shape()
	if err != nil {
		return typed{}, err
	}
	_, updates := t.Handlers["update"]
	kind := resource.Kind{
		Name: t.Name, Global: t.Global(), DataBearing: t.HoldsData, Unrepeatable: !t.Identifiable(), Outputs: t.Outputs(), Patience: patienceOf(t),
		Identity: t.Identity(), Within: t.Within(), Usual: usual(t.Name),
	}
	if t.Marked() {
		kind.Attributes = []resource.Attribute{{Name: attributeTags, Default: emptyMap, Immutable: !t.Tagging.Updatable}}
	}
	for _, name := range sortedNames(shape.Fields) {
		if field := shape.Fields[name]; !field.ReadOnly && name != t.Tagging.Property {
			kind.Attributes = append(kind.Attributes, attributeOf(name, field, !updates))
		}
	}
	property, form := t.ARNFrom()
	return typed{t, shape, kind, property, form}, nil
}

// usualMinutes is the time-out of a handler that names none.
// https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html (timeoutInMinutes)
const usualMinutes = 120

// patienceOf is how long AWS gives the handlers that write a type.
func patienceOf(t awstypes.Type) resource.Patience {
	of := func(operation string) time.Duration {
		return time.Duration(cmp.Or(t.Handlers[operation].Minutes, usualMinutes)) * time.Minute
	}
	return resource.Patience{Create: of("create"), Update: of("update"), Delete: of("delete")}
}

// attributeTags is how every kind calls the tags of its user, whatever the service does.
const attributeTags = "tags"

// secretName is the name of a property that is never read back because it is a secret, rather than
// because the service doesn't keep it.
var secretName = regexp.MustCompile(`(?i)(password|secret|token|credential|passphrase|privatekey)`)

// settingsName is the name of a property that has a program's settings, among which people put secrets.
var settingsName = regexp.MustCompile(`^(Environment|EnvironmentVariables|Variables)$`)

func attributeOf(name string, field *awstypes.Shape, immutable bool) resource.Attribute {
	return resource.Attribute{
		Name:      name,
		Immutable: immutable || field.CreateOnly,
		Secret:    field.WriteOnly && secretName.MatchString(name) || settingsName.MatchString(name),
		Canonical: func(v resource.Value) resource.Value {
			return valueOf(field.Normal(plain(v)), veil(name, field), v)
		},
		Asked: func(have, want, applied resource.Value) resource.Value {
			if want.Equal(applied) { // what is remembered of a secret is its seal
				applied = want
			}
			return valueOf(field.Asked(plain(have), plain(want), plain(applied)), veil(name, field), have, want)
		},
		Replaces: func(before, after resource.Value) bool { return field.Replaces(plain(before), plain(after)) },
	}
}

// plain is a value as JSON decodes it; nil if it is unset.
func plain(v resource.Value) any {
	if !v.IsSet() {
		return nil
	}
	var out any
	dec := json.NewDecoder(strings.NewReader(v.Reveal()))
	dec.UseNumber()
	_ = dec.Decode(&out) // a Value is JSON
	return out
}

// valueOf is the inverse of plain. It is secret as a whole if it was made from something that is, and else
// in the parts that hide masks.
func valueOf(v any, hide func(any) any, from ...resource.Value) resource.Value {
	out := literal(v)
	whole := func(v resource.Value) bool { return v.IsSecret() && !v.Veiled() }
	if slices.ContainsFunc(from, whole) {
		return out.AsSecret()
	}
	return out.Veil(hide)
}

// properties are the attributes as AWS wants them: without the user's tags, which go with the mark.
func (t typed) properties(attributes resource.Attributes) map[string]any {
	out := map[string]any{}
	for name, value := range attributes {
		if name != attributeTags && value.IsSet() {
			out[name] = plain(value)
		}
	}
	return out
}

// tags reads a resource's tags out of its properties.
func (t typed) tags(properties map[string]any) tagged {
	tags := tagged{}
	switch v := properties[t.Tagging.Property].(type) {
	case map[string]any:
		for key, value := range v {
			tags[key], _ = value.(string)
		}
	case []any:
		for _, element := range v {
			pair, _ := element.(map[string]any)
			key, _ := pair["Key"].(string)
			tags[key], _ = pair["Value"].(string)
		}
	}
	return tags
}

// tagValue writes tags in the form that the type has for them.
func (t typed) tagValue(tags tagged) any {
	if t.Tagging.AsMap {
		out := map[string]any{}
		for key, value := range tags {
			out[key] = value
		}
		return out
	}
	out := []any{}
	for _, key := range sortedNames(tags) {
		out = append(out, map[string]any{"Key": key, "Value": tags[key]})
	}
	return out
}

// seen is what the properties of a resource say, in canonical form. Its tags say whose it is.
func (t typed) seen(scope resource.Scope, id string, properties map[string]any, tags tagged) (resource.Observed, error) {
	attributes := t.attributes(properties)
	attributes[attributeTags] = tags.users()
	return seen{kind: t.kind, scope: scope, id: id, tags: tags, attributes: attributes, outputs: t.outputs(scope, id, properties)}.observed()
}

// attributes are the properties that a person may set.
func (t typed) attributes(properties map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range properties {
		if field := t.shape.Fields[name]; name != t.Tagging.Property && (field == nil || !field.ReadOnly) {
			out[name] = value
		}
	}
	return out
}

// placeholder is a part of an ARN's form, such as "${Region}".
var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\}`)

// outputs are what others may refer to.
func (t typed) outputs(scope resource.Scope, id string, properties map[string]any) map[string]string {
	out := map[string]string{"id": id}
	for _, name := range t.kind.Outputs {
		if text, ok := at(properties, strings.Split(name, ".")).(string); ok {
			out[name] = text
		}
	}
	if t.arnProperty != "" {
		out["arn"], _ = at(properties, []string{t.arnProperty}).(string)
	}
	if t.arnForm == "" {
		return out
	}
	out["arn"] = placeholder.ReplaceAllStringFunc(t.arnForm, func(match string) string {
		switch name := match[2 : len(match)-1]; name {
		case "Partition":
			return partition(scope.Region)
		case "Region":
			return scope.Region
		case "Account":
			return scope.Account
		default:
			text, _ := properties[name].(string)
			return text
		}
	})
	return out
}

// at is what lies at a path; nil if there is nothing.
func at(v any, path []string) any {
	for _, name := range path {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}

// identifier is what Cloud Control knows a resource by, if that can be told before it exists.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-identifier.html
func (t typed) identifier(properties map[string]any) (string, bool) {
	var parts []string
	for _, name := range t.Identifier {
		text, ok := at(properties, strings.Split(name, ".")).(string)
		if !ok {
			return "", false
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "|"), len(parts) > 0
}

// readProperties decodes what Cloud Control gives.
func readProperties(text string) (map[string]any, error) {
	var out map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("read its properties: %w", err)
	}
	return out, nil
}
