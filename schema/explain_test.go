package schema

import (
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers/aws"
)

func manualOf(t *testing.T) *Manual {
	t.Helper()
	drivers, err := aws.Drivers(awssdk.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewManual(drivers.Kinds(), smallExample(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every path that completion offers can be explained, and says enough to write the field.
func TestEveryPathIsExplained(t *testing.T) {
	m := manualOf(t)
	paths := m.Paths()
	if len(paths) < 200 {
		t.Fatalf("%d paths only", len(paths))
	}
	for _, path := range paths {
		d, err := m.Explain(path, false)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		name := path[strings.LastIndexByte(path, '.')+1:]
		if d.Path != path || d.Type == "" {
			t.Errorf("%s: explained as %+v", path, d)
		}
		if strings.Contains(path, ".") && d.Kind == nil && d.Example.Text == "" && !strings.HasPrefix(name, "#") && d.Type != "anything" {
			t.Errorf("%s: there is no example", path)
		}
		if strings.HasPrefix(path, "aws.") && d.Kind == nil && name != "kind" && name != previously && d.Attribute == nil {
			t.Errorf("%s: nothing is said of changes and drift", path)
		}
	}
}

// Every attribute of a kind says what it is, in words of its own. What lies in a policy document is AWS's to explain.
func TestEveryAttributeIsDocumented(t *testing.T) {
	m := manualOf(t)
	for _, path := range m.Paths() {
		name := path[strings.LastIndexByte(path, '.')+1:]
		at, err := m.resolve(path)
		if err != nil {
			t.Fatal(err)
		}
		inDocument := slices.ContainsFunc(at.steps[:max(0, len(at.steps)-1)], func(step string) bool {
			return slices.Contains([]string{"policy", "assumeRolePolicy", "inlinePolicies"}, step)
		})
		if at.kind == "" || len(at.steps) == 0 || name == "kind" || inDocument {
			continue
		}
		if text := m.comments(at.v); len(text) < 30 || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: its documentation is %q", path, text)
		}
	}
}

func TestExplain(t *testing.T) {
	m := manualOf(t)
	for _, test := range []struct {
		path     string
		is       string // the path that it is explained as
		required bool
		preset   string
		choices  string
	}{
		{"tenant.contacts.email", "tenant.contacts.email", true, "", ""},
		{"tenants.contacts.0.email", "tenant.contacts.email", true, "", ""},
		{"#Tenant.lifecycle", "tenant.lifecycle", false, `"active"`, `"active" "suspended" "offboarding"`},
		{"tenant.name", "tenant.name", false, "", ""},
		{"fleet.name", "fleet.name", true, "", ""},
		{"fleet.accounts.production.id", "fleet.accounts.id", true, "", ""},
		{"fleet.limits.count", "fleet.limits.count", false, "5", ""},
		{"aws.s3.bucket.versioning", "aws.s3.bucket.versioning", false, "false", ""},
		{"aws.s3.bucket.encryption.algorithm", "aws.s3.bucket.encryption.algorithm", true, "", `"AES256" "aws:kms"`},
		{"aws.s3.bucket.kind", "aws.s3.bucket.kind", false, `"aws.s3.bucket"`, ""},
		{"aws.kms.key.alias", "aws.kms.key.alias", false, `"alias/brightdesk-acme-data"`, ""},
		{"aws.iam.role.assumeRolePolicy.Statement.Effect", "aws.iam.role.assumeRolePolicy.Statement.Effect", true, "", `"Allow" "Deny"`},
	} {
		d, err := m.Explain(test.path, false)
		if err != nil || d.Path != test.is || d.Required != test.required || d.Default != test.preset {
			t.Errorf("%s: %v, %+v", test.path, err, d)
		}
		if test.choices != "" && strings.Join(d.Choices, " ") != test.choices {
			t.Errorf("%s: choices %s", test.path, d.Choices)
		}
	}
}

// What a change does to a resource is the driver's word.
func TestExplainChanges(t *testing.T) {
	m := manualOf(t)
	for path, want := range map[string]AttributeDoc{
		"aws.s3.bucket.name":               {Name: "name", Immutable: true, Holds: true},
		"aws.s3.bucket.lifecycle.prefix":   {Name: "lifecycle", Set: true, Holds: true},
		"aws.iam.role.inlinePolicies":      {Name: "inlinePolicies", PlanOnly: true},
		"aws.cloudwatch.alarm.okActions":   {Name: "okActions", Set: true},
		"aws.logs.group.retentionDays":     {Name: "retentionDays", Holds: true},
		"aws.sqs.queue.deadLetter":         {Name: "deadLetter"},
		"aws.sqs.queue.visibilityTimeout":  {Name: "visibilityTimeout"},
		"aws.sns.topic.subscriptions":      {Name: "subscriptions", Set: true},
		"aws.secretsmanager.secret.kmsKey": {Name: "kmsKey", Holds: true},
	} {
		d, err := m.Explain(path, false)
		if err != nil || d.Attribute == nil || *d.Attribute != want {
			t.Errorf("%s: %v, %+v", path, err, d.Attribute)
		}
	}
	d, err := m.Explain("aws.kms.key", false)
	if err != nil || !d.Kind.DataBearing || d.Kind.Global || !slices.Equal(d.Kind.Outputs, []string{"arn", "id", "alias"}) || !strings.HasPrefix(d.AWS, "https://docs.aws.amazon.com/") {
		t.Errorf("%v, %+v", err, d)
	}
}

func TestUnknownPaths(t *testing.T) {
	m := manualOf(t)
	for path, want := range map[string]string{
		"tennant":                        `there is nothing to explain at "tennant"; did you mean "tenant"?`,
		"tenant.contcts":                 `there is no field "contcts" in tenant; did you mean "contacts"?`,
		"aws.s3.buckt":                   `there is nothing to explain at "aws.s3.buckt"; did you mean "aws.s3.bucket"?`,
		"tenant.contacts.email.x":        `tenant.contacts.email has no fields, so there is no tenant.contacts.email.x`,
		"plan.resources.data.versioning": `there is no field "versioning" in plan.resources; there is aws.s3.bucket.versioning`,
		"versioning":                     `there is nothing to explain at "versioning"; there is aws.s3.bucket.versioning`,
	} {
		_, err := m.Explain(path, false)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"", ".", "..", "aws", "aws.", "tenant..x", "#", "#.#", "tenant.#name", "plan.resources.", "\x00"} {
		if d, err := m.Explain(path, true); err == nil && d.Type == "" {
			t.Errorf("%q: %+v", path, d)
		}
	}
}

// All levels are finite, and what a chapter shows of another is only where to look.
func TestExplainDeep(t *testing.T) {
	m := manualOf(t)
	d, err := m.Explain("plan", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Fields {
		if f.Path == "plan.#tenant" && (f.See != "tenant" || len(f.Fields) > 0) {
			t.Errorf("a plan's #tenant is shown as %+v", f)
		}
	}
}
