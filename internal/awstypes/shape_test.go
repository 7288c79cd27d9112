package awstypes

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func shapeOf(t *testing.T, name string) *Shape {
	t.Helper()
	typ, err := open(t).Type(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := typ.Shape()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value reads JSON; the empty text is no value.
func value(t interface{ Fatal(...any) }, text string) any {
	if text == "" {
		return nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(text, err)
	}
	return v
}

// aThing has each form that a schema can have.
func aThing(t interface{ Fatal(...any) }) *Shape {
	s, err := Type{
		Name: "AWS::Test::Thing", ReadOnly: []string{"Arn", "Nested.Id"}, WriteOnly: []string{"Password", "Nested.Secret"},
		CreateOnly: []string{"Name", "Nested.Engine", "Disks.*.Kind"},
		Schema: json.RawMessage(`{"properties": {
			"Name": {"type": "string"}, "Arn": {"type": "string"}, "Password": {"type": "string"}, "Port": {"type": "integer"}, "On": {"type": "boolean"},
			"Nested": {"$ref": "#/definitions/Nested"}, "Other": {"$ref": "#/definitions/Nested"},
			"Subnets": {"type": "array", "insertionOrder": false, "items": {"type": "string"}},
			"Rules": {"type": "array", "insertionOrder": false, "items": {"$ref": "#/definitions/Rule"}},
			"Steps": {"type": "array", "items": {"$ref": "#/definitions/Rule"}},
			"Disks": {"type": "array", "items": {"type": "object", "properties": {"Kind": {"type": "string"}, "Size": {"type": "integer"}}}},
			"Choice": {"type": "object", "properties": {"Allow": {"type": "object", "properties": {"A": {"type": "string"}}}, "Block": {"type": "object", "properties": {"B": {"type": "string"}}}}},
			"Variables": {"type": "object", "patternProperties": {".*": {"type": "string"}}},
			"ResourcePolicy": {"type": ["object", "string"]}, "AccessPolicy": {"type": "string"}},
			"definitions": {
				"Nested": {"type": "object", "properties": {"Id": {"type": "string"}, "Secret": {"type": "string"}, "Engine": {"type": "string"}, "Size": {"type": "integer"},
					"Inner": {"$ref": "#/definitions/Nested"}}},
				"Rule": {"type": "object", "properties": {"Port": {"type": "integer"}, "From": {"type": "string"}, "Comment": {"type": "string"}}}}}`),
	}.Shape()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is compared with Git: what somebody asked for, now or before, and what nobody may add.
func TestAsked(t *testing.T) {
	tests := []struct{ name, have, want, applied, compared string }{
		{"what AWS filled in is left out", `{"Port": 80, "On": true}`, `{"Port": 80}`, ``, `{"Port":80}`},
		{"a changed value shows", `{"Port": 81}`, `{"Port": 80}`, `{"Port": 80}`, `{"Port":81}`},
		{"what Git dropped shows", `{"Port": 80, "On": true}`, `{"Port": 80}`, `{"Port": 80, "On": true}`, `{"On":true,"Port":80}`},
		{"inside an object as well", `{"Nested": {"Size": 1, "Engine": "x"}}`, `{"Nested": {"Size": 1}}`, ``, `{"Nested":{"Size":1}}`},
		{"a map is compared whole", `{"Variables": {"A": "1", "ROGUE": "2"}}`, `{"Variables": {"A": "1"}}`, ``, `{"Variables":{"A":"1","ROGUE":"2"}}`},
		{"a policy that nobody asked for shows", `{"ResourcePolicy": {"Statement": []}}`, `{"Port": 80}`, ``, `{"ResourcePolicy":{"Statement":[]}}`},
		{"an element too many shows", `{"Subnets": ["a", "b", "c"]}`, `{"Subnets": ["a", "b"]}`, ``, `{"Subnets":["a","b","c"]}`},
		{"elements without order", `{"Rules": [{"Port": 2, "From": "b", "Comment": "-"}, {"Port": 1, "From": "a", "Comment": "-"}]}`, `{"Rules": [{"Port": 1, "From": "a"}, {"Port": 2, "From": "b"}]}`, ``, `{"Rules":[{"From":"a","Port":1},{"From":"b","Port":2}]}`},
		{"elements with order", `{"Steps": [{"Port": 1, "Comment": "-"}, {"Port": 2}]}`, `{"Steps": [{"Port": 1}, {"Port": 2}]}`, ``, `{"Steps":[{"Port":1},{"Port":2}]}`},
		{"an empty object counts as there", `{"Nested": {"Size": 1, "Engine": "x"}}`, `{"Nested": {"Inner": {}}}`, ``, `{"Nested":{"Inner":{}}}`},
		{"but not where there is another choice", `{"Choice": {"Allow": {}}}`, `{"Choice": {"Block": {}}}`, ``, `{"Choice":{"Allow":{}}}`},
		{"what is never read back counts as there", `{"Port": 80}`, `{"Port": 80, "Password": "${x}"}`, `{"Password": "${x}"}`, `{"Password":"${x}","Port":80}`},
		{"until Git changes it", `{"Port": 80}`, `{"Port": 80, "Password": "new"}`, `{"Password": "old"}`, `{"Port":80}`},
		{"inside an object that isn't there", `{}`, `{"Nested": {"Secret": "s"}}`, `{"Nested": {"Secret": "s"}}`, `{"Nested":{"Secret":"s"}}`},
		{"an empty list is dropped by services", `{}`, `{"Subnets": []}`, ``, `{"Subnets":[]}`},
		{"what can't be changed and isn't read back was not taken away", `{"Port": 80}`, `{"Port": 80, "Name": "a", "Nested": {"Engine": "x"}}`, `{"Port": 80, "Name": "a", "Nested": {"Engine": "x"}}`, `{"Name":"a","Nested":{"Engine":"x"},"Port":80}`},
		{"but Git may have changed it", `{"Port": 80}`, `{"Port": 80, "Name": "b"}`, `{"Port": 80, "Name": "a"}`, `{"Port":80}`},
		{"something deleted by hand shows", `{}`, `{"Port": 80}`, `{"Port": 80}`, `{}`},
	}
	s := aThing(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := s.Asked(s.Normal(value(t, test.have)), s.Normal(value(t, test.want)), s.Normal(value(t, test.applied)))
			if string(canonical(got)) != test.compared {
				t.Errorf("compared is %s, want %s", canonical(got), test.compared)
			}
		})
	}
}

func TestNormal(t *testing.T) {
	tests := []struct{ name, in, out string }{
		{"what AWS sets goes", `{"Arn": "arn", "Nested": {"Id": "1", "Size": 1}}`, `{"Nested":{"Size":1}}`},
		{"but only where it does", `{"Other": {"Id": "1"}}`, `{"Other":{"Id":"1"}}`},
		{"lists without order are sorted", `{"Subnets": ["b", "a"]}`, `{"Subnets":["a","b"]}`},
		{"others aren't", `{"Steps": [{"Port": 2}, {"Port": 1}]}`, `{"Steps":[{"Port":2},{"Port":1}]}`},
		{"a document is an object", `{"ResourcePolicy": "{\"b\": 1, \"a\": 2}"}`, `{"ResourcePolicy":{"a":2,"b":1}}`},
		{"unless AWS takes text alone", `{"AccessPolicy": {"b": 1, "a": 2}}`, `{"AccessPolicy":"{\"a\":2,\"b\":1}"}`},
		{"which is made canonical", `{"AccessPolicy": "{\"b\": 1,  \"a\": 2}"}`, `{"AccessPolicy":"{\"a\":2,\"b\":1}"}`},
		{"text that is no document stays", `{"AccessPolicy": "none"}`, `{"AccessPolicy":"none"}`},
		{"numbers and booleans that came as text", `{"Port": "80", "On": "true", "Name": "80"}`, `{"Name":"80","On":true,"Port":80}`},
		{"circles end", `{"Other": {"Inner": {"Inner": {"Size": "3"}}}}`, `{"Other":{"Inner":{"Inner":{"Size":3}}}}`},
	}
	s := aThing(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			once := s.Normal(value(t, test.in))
			if string(canonical(once)) != test.out {
				t.Errorf("normal is %s, want %s", canonical(once), test.out)
			}
			if twice := s.Normal(once); !equal(once, twice) {
				t.Errorf("twice is %s", canonical(twice))
			}
		})
	}
}

func TestReplaces(t *testing.T) {
	s := aThing(t)
	for _, test := range []struct {
		before, after string
		replaces      bool
	}{
		{`{"Name": "a"}`, `{"Name": "b"}`, true},
		{`{"Name": "a", "Port": 1}`, `{"Name": "a", "Port": 2}`, false},
		{`{"Nested": {"Engine": "a", "Size": 1}}`, `{"Nested": {"Engine": "a", "Size": 2}}`, false},
		{`{"Nested": {"Engine": "a"}}`, `{"Nested": {"Engine": "b"}}`, true},
		{`{}`, `{"Nested": {"Engine": "b"}}`, true},
		{`{"Other": {"Engine": "a"}}`, `{"Other": {"Engine": "b"}}`, false},
		{`{"Disks": [{"Kind": "a", "Size": 1}]}`, `{"Disks": [{"Kind": "a", "Size": 2}]}`, false},
		{`{"Disks": [{"Kind": "a"}]}`, `{"Disks": [{"Kind": "b"}]}`, true},
	} {
		if got := s.Replaces(value(t, test.before), value(t, test.after)); got != test.replaces {
			t.Errorf("from %s to %s replaces: %v", test.before, test.after, got)
		}
	}
}

func TestPatch(t *testing.T) {
	s := aThing(t)
	for _, test := range []struct{ have, want, patch string }{
		{`{"Port": 80}`, `{"Port": 80}`, `null`},
		{`{"Port": 80, "On": true}`, `{"Port": 81}`, `[{"op":"remove","path":"/On"},{"op":"add","path":"/Port","value":81}]`},
		{`{"Nested": {"Size": 1, "Engine": "x"}}`, `{"Nested": {"Size": 2, "Engine": "x"}}`, `[{"op":"add","path":"/Nested/Size","value":2}]`},
		{`{"Nested": {"Size": 1}}`, `{"Nested": {"Size": 2, "Engine": "x"}}`, `[{"op":"add","path":"/Nested/Size","value":2}]`},
		{`{"Subnets": ["a"]}`, `{"Subnets": ["a", "b"]}`, `[{"op":"add","path":"/Subnets","value":["a","b"]}]`},
		{`{"Variables": {"a/b": "1"}}`, `{"Variables": {"a/b": "2"}}`, `[{"op":"add","path":"/Variables","value":{"a/b":"2"}}]`},
	} {
		got, err := json.Marshal(s.Patch("", value(t, test.have), value(t, test.want)))
		if err != nil || string(got) != test.patch {
			t.Errorf("from %s to %s: %s, want %s (%v)", test.have, test.want, got, test.patch, err)
		}
	}
}

// Whatever AWS adds to objects, and in whatever order it gives what has none: what was asked for is
// all that is compared.
func TestWhatAWSAddsIsNeverADifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aThing(t)
		text := rapid.SampledFrom([]string{"a", "b", "c"})
		rule := rapid.Custom(func(t *rapid.T) any {
			return map[string]any{"Port": json.Number(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "port")), "From": text.Draw(t, "from")}
		})
		want := map[string]any{
			"Nested": map[string]any{"Size": json.Number("1")}, "Rules": rapid.SliceOfN(rule, 0, 4).Draw(t, "rules"),
			"Steps": rapid.SliceOfN(rule, 0, 3).Draw(t, "steps"), "Subnets": toAny(rapid.SliceOfNDistinct(text, 0, 3, rapid.ID[string]).Draw(t, "subnets")),
		}
		have := value(t, string(canonical(want))).(map[string]any)
		for _, list := range []string{"Rules", "Steps"} {
			for _, r := range have[list].([]any) {
				r.(map[string]any)["Comment"] = text.Draw(t, "comment")
			}
		}
		for _, list := range []string{"Rules", "Subnets"} {
			have[list] = rapid.Permutation(have[list].([]any)).Draw(t, "order")
		}
		have["Port"], have["Arn"] = json.Number("80"), "arn"
		have["Nested"].(map[string]any)["Engine"] = "postgres"
		asked := s.Normal(want)
		if got := s.Asked(s.Normal(have), asked, nil); !equal(got, asked) {
			t.Fatalf("compared is %s, want %s", canonical(got), canonical(asked))
		}
	})
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// The shapes of every type can be read, and say of real ones what AWS's pages say.
func TestShapesOfRealTypes(t *testing.T) {
	table := open(t)
	for _, e := range index(t).Types {
		typ, err := table.Type(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := typ.Shape(); err != nil {
			t.Error(err)
		}
	}
	db := shapeOf(t, "AWS::RDS::DBInstance")
	if !db.Fields["MasterUserPassword"].WriteOnly || !db.Fields["Engine"].CreateOnly && db.Fields["DBInstanceIdentifier"] == nil {
		t.Error("an instance's password is never read back")
	}
	lambda := shapeOf(t, "AWS::Lambda::Function")
	if lambda.Fields["Environment"].Fields["Variables"].Form != "map" || lambda.Fields["Layers"].Form != "list" {
		t.Errorf("%+v", lambda.Fields["Environment"])
	}
	if table := shapeOf(t, "AWS::DynamoDB::Table"); !table.Fields["ResourcePolicy"].Fields["PolicyDocument"].Document {
		t.Error("a table's policy is a document")
	}
}
