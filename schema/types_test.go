package schema

import (
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// typedPlan is a plan with resource types by AWS's own names.
const typedPlan = `
		monitor: {
			kind:         "AWS::RUM::AppMonitor"
			Domain:       "\(#tenant.name).example.com"
			CwLogEnabled: *false | bool
			tags: tenant: #tenant.name
		}
		rule: {
			kind: "AWS::Events::Rule"
			EventPattern: source: ["aws.rum"]
			Description: "of ${monitor.arn}"
		}`

// withTypes is a fleet whose plan basic also has these resources.
func withTypes(t *testing.T, resources string) (*Fleet, []Finding) {
	t.Helper()
	files := fleetOf(t)
	text := string(files["plans/basic.cue"].Data)
	if !strings.Contains(text, "resources?: {") {
		t.Fatal("the plan has no resources to add to")
	}
	return Load(with(t, "plans/basic.cue", strings.Replace(text, "resources?: {", "resources?: {"+resources, 1)), today)
}

func TestResourceTypesAreKinds(t *testing.T) {
	f, found := withTypes(t, typedPlan)
	if f == nil || Invalid(found) {
		t.Fatal(found)
	}
	var monitor, rule *resource.Desired
	for _, d := range f.Render().Desired {
		switch d.Address.Kind {
		case "AWS::RUM::AppMonitor":
			monitor = &d
		case "AWS::Events::Rule":
			rule = &d
		}
	}
	if monitor == nil || rule == nil {
		t.Fatal("a resource of a type isn't rendered")
	}
	tenant := monitor.Address.Owner.Name()
	if got := monitor.Attributes["Name"].Text(); !strings.HasSuffix(got, "-"+tenant+"-monitor") {
		t.Errorf("its name is %q, and should be the definition's", got)
	}
	if got := monitor.Attributes["Domain"].Text(); got != tenant+".example.com" {
		t.Errorf("its domain is %q", got)
	}
	if refs := rule.Attributes["Description"].Refs(); len(refs) != 1 || refs[0].Address != monitor.Address || refs[0].Output != "arn" {
		t.Errorf("the rule refers to %v", refs)
	}
}

func TestResourceTypesAreChecked(t *testing.T) {
	tests := []struct{ name, resource, says string }{
		{"a type that AWS doesn't have", `kind: "AWS::RUM::AppMonitr"`, `AWS has no resource type "AWS::RUM::AppMonitr"; did you mean "AWS::RUM::AppMonitor"?`},
		{"a type with a kind of its own", `kind: "AWS::S3::Bucket"`, `AWS::S3::Bucket has a kind of its own, "aws.s3.bucket"`},
		{"a type that nothing tells apart", `kind: "AWS::ECR::RegistryPolicy"`, "nothing that a definition gives tells them apart"},
		{"a type that is listed by what nobody can give", `kind: "AWS::Glue::SchemaVersion"`, "lists its resources only for what a definition can't give"},
		{"a property that doesn't exist", `{kind: "AWS::RUM::AppMonitor", Domian: "x"}`, `did you mean "Domain"?`},
		{"a value of the wrong type", `{kind: "AWS::RUM::AppMonitor", CwLogEnabled: "yes"}`, "CwLogEnabled"},
		{"a value that isn't offered", `{kind: "AWS::RUM::AppMonitor", CustomEvents: Status: "ON"}`, "Status"},
		{"a required property that is missing", `kind: "AWS::DynamoDB::Table"`, "KeySchema"},
		{"nothing says what it lies in", `{kind: "AWS::Route53::RecordSet", Name: "a.example.com", Type: "A", HostedZoneName: "example.com."}`, "HostedZoneId is missing"},
		{"two of one name that can't be tagged", `{kind: "AWS::Logs::QueryDefinition", Name: "errors", QueryString: "a"}
		other: {kind: "AWS::Logs::QueryDefinition", Name: "errors", QueryString: "b"}`, `the name "errors" is that of a resource of`},
		{"two of one name", `{kind: "AWS::RUM::AppMonitor", Name: "m", Domain: "a.example"}
		other: {kind: "AWS::RUM::AppMonitor", Name: "m", Domain: "b.example"}`, `the name "m" is that of a resource of`},
		{"an output that doesn't exist", `{kind: "AWS::RUM::AppMonitor", Domain: "${thing.nope}"}`, "nope"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, found := withTypes(t, "\n\t\tthing: "+test.resource+"\n")
			if !slices.ContainsFunc(found, func(f Finding) bool {
				return f.File == "plans/basic.cue" && f.Line > 0 && strings.Contains(f.Message, test.says)
			}) {
				t.Errorf("no finding on the plan says %q: %v", test.says, found)
			}
		})
	}
}

// What nobody writes of a type isn't set, lists as little as anything else. A kind of Tenantry's own compares
// it with an empty list.
func TestExplainOfTypesHasNoEmptyLists(t *testing.T) {
	const table = "AWS::DynamoDB::Table"
	drivers, err := aws.Drivers(awssdk.Config{}, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewManual(drivers.Kinds(), nil, table)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		table + ".AttributeDefinitions":                               "",
		table + ".GlobalSecondaryIndexes.Projection.NonKeyAttributes": "",
		table + ".tags":            "{}",
		table + ".kind":            `"` + table + `"`,
		"aws.s3.bucket.lifecycle":  "[]",
		"aws.sns.topic.policy.Id":  "",
		"policy.select.plans":      "[]",
		"aws.iam.role.description": `""`,
	} {
		if d, err := m.Explain(path, false); err != nil || d.Default != want {
			t.Errorf("%s: the default is %q, not %q (%v)", path, d.Default, want, err)
		}
	}
}
