package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"tenantry.dev/internal/awstypes"
)

func TestDotted(t *testing.T) {
	for pointer, want := range map[string]string{
		"/properties/Name":                             "Name",
		"/properties/Tags/*/Key":                       "Tags.*.Key",
		"/properties/A/items/properties/B":             "A.*.B",
		"/properties/Endpoint/properties/Address":      "Endpoint.Address",
		"/properties/A/items":                          "A.items",
		"Name":                                         "Name",
		"/properties/VpcConfig/SecurityGroupIds/*/Ids": "VpcConfig.SecurityGroupIds.*.Ids",
	} {
		if got := dotted(pointer); got != want {
			t.Errorf("%s is %s, want %s", pointer, got, want)
		}
	}
}

// Descriptions go, at any depth; properties that are called like a keyword stay.
func TestTrim(t *testing.T) {
	got, err := trim([]byte(`{"properties": {"description": {"type": "string", "description": "long"}, "title": {"title": "x", "items": {"examples": [1], "enum": ["a"]}}},
		"anyOf": [{"required": ["a"], "$comment": "why"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"anyOf":[{"required":["a"]}],"properties":{"description":{"type":"string"},"title":{"items":{"enum":["a"]}}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The same data gives the same bytes: otherwise nobody could tell whether the table is current.
func TestPackIsDeterministic(t *testing.T) {
	types := []awstypes.Type{{Name: "AWS::A::B", Schema: json.RawMessage(`{}`)}}
	index := awstypes.Index{Types: []awstypes.Entry{{Name: "AWS::A::B"}}}
	a, err := pack(types, index)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pack(types, index)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("two archives of the same data differ: %v", err)
	}
}

func TestTagging(t *testing.T) {
	no := false
	tags := map[string]json.RawMessage{"Tags": json.RawMessage(`{"$ref": "#/definitions/Tags"}`), "Labels": json.RawMessage(`{"type": "array"}`)}
	definitions := map[string]json.RawMessage{"Tags": json.RawMessage(`{"type": "object"}`)}
	for name, test := range map[string]struct {
		p    provider
		want awstypes.Tagging
	}{
		"as a map":      {provider{Properties: tags, Definitions: definitions}, awstypes.Tagging{Property: "Tags", AsMap: true, OnCreate: true, Updatable: true}},
		"not at all":    {provider{Properties: tags, Taggable: &no}, awstypes.Tagging{}},
		"no such field": {provider{}, awstypes.Tagging{}},
	} {
		if got := test.p.tagging(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
