package iampolicy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"tenantry.dev/internal/iampolicy"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// everyAction are the actions that policies allow, with repetitions.
func everyAction(policies []iampolicy.Policy) []string {
	var out []string
	for _, p := range policies {
		for _, s := range p.Document.Statement {
			if s.Effect == "Allow" {
				out = append(out, s.Action...)
			}
		}
	}
	return out
}

// Whatever is asked for fits into policies of IAM's size, is all there, and no name is given twice.
func TestPoliciesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := iampolicy.Estate{
			Fleet: fleet, Boundary: boundary, Kinds: map[string]providers.Permissions{}, Written: map[string]bool{},
			Account: iampolicy.Account{ID: account, Regions: []string{region, "us-east-1"}, Role: role, ExternalID: "x"},
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "kinds") {
			kind := fmt.Sprintf("AWS::Kind::N%d", i)
			var grants []providers.Grant
			for range rapid.IntRange(1, 4).Draw(t, "grants") {
				g := providers.Grant{
					On: rapid.SampledFrom([]string{"*", "arn:{partition}:sqs:{region}:{account}:*", "arn:{partition}:s3:::{name}"}).Draw(t, "on"),
					If: providers.Condition(rapid.IntRange(0, 3).Draw(t, "if")),
				}
				for range rapid.IntRange(1, 120).Draw(t, "actions") {
					g.Actions = append(g.Actions, fmt.Sprintf("svc%d:DoSomethingRatherLong%d", i%7, rapid.IntRange(0, 500).Draw(t, "action")))
				}
				grants = append(grants, g)
			}
			e.Kinds[kind], e.Written[kind] = providers.Permissions{Read: grants[:1], Write: grants}, true
		}
		set := iampolicy.Write(e)
		names := map[string]bool{}
		for _, p := range append(slices.Clone(set.Writer), set.Reader...) {
			if p.Size > 6144 || p.Size != len(p.Document.Text()) {
				t.Fatalf("%s has %d characters", p.Name, p.Size)
			}
			if names[p.Name] {
				t.Fatalf("two policies are called %s", p.Name)
			}
			names[p.Name] = true
		}
		allowed := everyAction(set.Writer)
		for _, p := range e.Kinds {
			for _, g := range p.Write {
				for _, action := range g.Actions {
					if !slices.Contains(allowed, action) {
						t.Fatalf("%s isn't allowed", action)
					}
				}
			}
		}
	})
}

// Everything that tenants need most, together: what a large fleet's roles get.
func TestPoliciesOfAllSampledTypes(t *testing.T) {
	e := estate(t)
	for _, name := range providertest.Types() {
		set, err := drivers.Drivers(aws.Config{}, nil, name)
		if err != nil {
			continue // one that can't be managed yet
		}
		e.Kinds[name], e.Written[name] = set[name].(providers.Permitted).Permissions(), true
	}
	got := iampolicy.Write(e)
	t.Logf("%d kinds: %d policies for the reader, %d for the writer", len(e.Kinds), len(got.Reader), len(got.Writer))
	for _, p := range append(slices.Clone(got.Writer), got.Reader...) {
		if p.Size > 6144 {
			t.Errorf("%s has %d characters", p.Name, p.Size)
		}
	}
	if len(got.Writer) > 20 {
		t.Errorf("%d policies can't be attached to a role", len(got.Writer))
	}
	for _, action := range everyAction(got.Reader) {
		if strings.Contains(action, "*") {
			t.Errorf("the reader may %s", action)
		}
	}
}

func roleOf(t *testing.T, name, attributes string) resource.Desired {
	t.Helper()
	out := resource.Desired{Address: resource.Address{Owner: resource.Tenant("acme"), Kind: "aws.iam.role", Name: name}, Scope: resource.Scope{Account: account, Region: resource.Global}, Attributes: resource.Attributes{}}
	var plain map[string]json.RawMessage
	if err := json.Unmarshal([]byte(attributes), &plain); err != nil {
		t.Fatal(err)
	}
	for key, text := range plain {
		value, err := resource.ParseValue(text)
		if err != nil {
			t.Fatal(err)
		}
		out.Attributes[key] = value
	}
	return out
}

// A boundary allows what the fleet's roles are given by their own policies, never Tenantry's own roles, and
// says what it can't know.
func TestTheBoundaryIsWhatTheFleetsRolesNeed(t *testing.T) {
	e := estate(t, "aws.iam.role")
	e.Fill([]resource.Desired{
		roleOf(t, "a", `{"name": "suite-a", "permissionsBoundary": "`+boundary+`", "inlinePolicies": {
			"p": {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "sqs:SendMessage"], "Resource": "*"}, {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}]},
			"q": {"Statement": {"Effect": "Allow", "Action": "S3:getobject", "Resource": "*"}}}}`),
		roleOf(t, "b", `{"name": "b", "managedPolicies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "inlinePolicies": {"p": {"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}}}`),
	})
	set := iampolicy.Write(e)
	if got, want := everyAction([]iampolicy.Policy{set.Boundary}), []string{"s3:GetObject", "sqs:SendMessage"}; !slices.Equal(got, want) {
		t.Errorf("the boundary allows %q, want %q", got, want)
	}
	if set.Boundary.Name != "suite-tenant" || !strings.Contains(set.Boundary.Document.Text(), `"Effect":"Deny","Action":["sts:AssumeRole"],"Resource":["`+role+`"]`) {
		t.Errorf("%s: %s", set.Boundary.Name, set.Boundary.Document.Text())
	}
	notes := strings.Join(set.Notes, "\n")
	for _, want := range []string{
		"tenant/acme/aws.iam.role/b has no permissionsBoundary", "What tenant/acme/aws.iam.role/b may do by arn:aws:iam::aws:policy/ReadOnlyAccess isn't known",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %q:\n%s", want, notes)
		}
	}
	empty := iampolicy.Write(estate(t, "aws.sqs.queue"))
	if text := empty.Boundary.Document.Text(); !strings.Contains(text, `"Effect":"Deny","Action":["*"]`) {
		t.Errorf("without roles the boundary is %s", text)
	}
	for _, p := range empty.Writer {
		if strings.Contains(p.Document.Text(), "NeverItself") {
			t.Error("a role that can't write IAM needs no guards")
		}
	}
}

// Names that the fleet's own pattern doesn't cover are listed, up to a point.
func TestNamesOfBuckets(t *testing.T) {
	e := estate(t, "aws.s3.bucket")
	for _, n := range []int{0, 2, 30} {
		e.Names = map[string][]string{"aws.s3.bucket": {"suite-one"}}
		for i := range n {
			e.Names["aws.s3.bucket"] = append(e.Names["aws.s3.bucket"], fmt.Sprintf("old-%02d", i))
		}
		set := iampolicy.Write(e)
		var on []string
		for _, r := range set.Rows {
			if r.For == "writing" && slices.Contains(r.Actions, "s3:CreateBucket") {
				on = r.On
			}
		}
		want := map[int][]string{0: {"arn:aws:s3:::suite-*"}, 2: {"arn:aws:s3:::old-00", "arn:aws:s3:::old-01", "arn:aws:s3:::suite-*"}, 30: {"arn:aws:s3:::*"}}[n]
		if !slices.Equal(on, want) {
			t.Errorf("%d others: %q, want %q", n, on, want)
		}
	}
}

// Whoever only acts through the writer can't change Tenantry's own roles or loosen what bounds the others.
func TestTheWriterCantGiveItselfMore(t *testing.T) {
	text := strings.Join(texts(iampolicy.Write(estate(t)).Writer), "\n")
	for _, want := range []string{
		`"Sid":"NeverItself","Effect":"Deny"`, `"Sid":"NeverItsBounds","Effect":"Deny"`, `"iam:PermissionsBoundary":["` + boundary + `"]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the policies don't say %s", want)
		}
	}
	for _, action := range everyAction(iampolicy.Write(estate(t)).Writer) {
		if strings.Contains(action, "*") || action == "iam:DeleteRolePermissionsBoundary" {
			t.Errorf("the writer may %s", action)
		}
	}
}
