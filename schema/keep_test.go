package schema

import (
	"strings"
	"testing"
	"testing/fstest"

	"tenantry.dev/reconciler/resource"
)

func exampleFleet(t *testing.T) *Fleet {
	t.Helper()
	f, found := Load(smallExample(t), today)
	for _, x := range found {
		t.Error(x)
	}
	if f == nil {
		t.Fatal("the example fleet doesn't load")
	}
	return f
}

func want(t *testing.T, f *Fleet, address string) resource.Desired {
	t.Helper()
	for _, d := range f.Render().Desired {
		if d.Address.String() == address {
			return d
		}
	}
	t.Fatalf("the fleet doesn't render %s", address)
	return resource.Desired{}
}

func value(t *testing.T, v any) resource.Value {
	t.Helper()
	out, err := resource.Of(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKeep(t *testing.T) {
	f := exampleFleet(t)
	tests := []struct {
		address, attribute string
		value              any
		path, line, err    string // the line that is new in the file, or part of the refusal
	}{
		{"tenant/acme/aws.logs.group/logs", "retentionDays", 731, "tenants/acme.cue", "\t\tlogs: retentionDays: 731", ""},
		{"tenant/bluebird/aws.logs.group/logs", "retentionDays", 60, "tenants/bluebird.cue", "\toverrides: logs: retentionDays: 60", ""},
		{"tenant/acme/aws.cloudwatch.alarm/errors", "threshold", 7.5, "tenants/acme.cue", "\t\terrors: threshold: 7.5", ""},
		{"tenant/globex/aws.sqs.queue/jobs", "visibilityTimeout", 300, "tenants/globex.cue", "\toverrides: jobs: visibilityTimeout: 300", ""},
		{"tenant/acme/aws.sqs.queue/jobs", "visibilityTimeout", 240, "tenants/acme.cue", "\t\tjobs: visibilityTimeout: 240", ""},
		{"tenant/delta-freight/aws.s3.bucket/data", "versioning", false, "tenants/delta-freight.cue", "\toverrides: data: versioning: false", ""},
		{"cell/eu-1/aws.logs.group/gateway", "retentionDays", 180, "cells/eu-1.cue", "\t\t\tretentionDays: 180", ""},

		{"tenant/acme/aws.logs.group/logs", "retentionDays", 30, "", "", "choose 365, 731 or 1827"},
		{"tenant/acme/aws.s3.bucket/data", "versioning", false, "", "", "the plan enterprise fixes it at true (plans/enterprise.cue:"},
		{"tenant/acme/aws.s3.bucket/data", "publicAccessBlock", map[string]bool{"blockPublicAcls": false, "ignorePublicAcls": true, "blockPublicPolicy": true, "restrictPublicBuckets": true}, "", "", "the plan enterprise says nothing of publicAccessBlock"},
		{"tenant/acme/aws.sqs.queue/jobs", "visibilityTimeout", 5, "", "", "choose 120 (the default) or a whole number from 30 to 900"},
		{"tenant/acme/aws.s3.bucket/data", "encryption", map[string]string{"algorithm": "aws:kms"}, "", "", "the definitions make it"},
		{"tenant/acme/aws.logs.group/logs", "kmsKey", "arn:aws:kms:eu-central-1:111122223333:key/1", "", "", "says nothing of kmsKey"},
		{"tenant/acme/aws.iam.role/role", "managedPolicies", []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, "", "", "says nothing of managedPolicies"},
		{"tenant/acme/aws.iam.role/role", "inlinePolicies", map[string]any{"mine": map[string]any{"Statement": []any{}}}, "", "", "a tenant can't add to it"},
	}
	for _, test := range tests {
		t.Run(test.address+" "+test.attribute, func(t *testing.T) {
			path, edited, err := f.Keep(t.Context(), want(t, f, test.address), test.attribute, value(t, test.value))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("refused with %v, want %q", err, test.err)
				}
				t.Log(err)
				return
			}
			if err != nil || path != test.path {
				t.Fatalf("%s: %v", path, err)
			}
			if !strings.Contains(string(edited), "\n"+test.line) {
				t.Errorf("no line %q in\n%s", test.line, edited)
			}
		})
	}
}

func TestKeepRefuses(t *testing.T) {
	f := exampleFleet(t)
	d := want(t, f, "tenant/acme/aws.logs.group/logs")
	for says, v := range map[string]resource.Value{"it is a secret": value(t, 731).AsSecret(), "no value": {}} {
		if path, _, err := f.Keep(t.Context(), d, "retentionDays", v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: kept in %q: %v", says, path, err)
		}
	}
	if _, _, err := f.Keep(t.Context(), d, "name", value(t, "/brightdesk/globex")); err == nil {
		t.Error("another name is kept against the plan")
	}
	d.Address.Owner = "tenant/nobody"
	if _, _, err := f.Keep(t.Context(), d, "retentionDays", value(t, 731)); err == nil {
		t.Error("the value of an unknown tenant is kept")
	}
}

// What the plan leaves open, a policy may still forbid.
func TestKeepAgainstPolicy(t *testing.T) {
	fsys := fleetOf(t)
	plan := strings.Replace(string(fsys["plans/basic.cue"].Data), "delay:             10", "delay:             *10 | (int & <=900)", 1)
	fsys["plans/basic.cue"] = &fstest.MapFile{Data: []byte(plan)}
	f, found := Load(fsys, today)
	if f == nil || len(found) > 0 {
		t.Fatal(found)
	}
	d := want(t, f, "tenant/plain/aws.sqs.queue/jobs")
	if _, _, err := f.Keep(t.Context(), d, "delay", value(t, 60)); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Keep(t.Context(), d, "delay", value(t, 61)); err == nil || !strings.Contains(err.Error(), "A delay of more than a minute hides outages. (policy short-delay)") {
		t.Errorf("against the policy: %v", err)
	}
}

// Text that looks like a reference is kept as text.
func TestKeepEscapes(t *testing.T) {
	f := exampleFleet(t)
	d := want(t, f, "tenant/acme/aws.logs.group/logs")
	tags := map[string]string{"tenant": "acme", "note": "${key.arn} ${aws:username} $${x} ${open"}
	_, edited, err := f.Keep(t.Context(), d, "tags", value(t, tags))
	if err != nil {
		t.Fatal(err)
	}
	if line := `logs: tags: {note: "$${key.arn} ${aws:username} $$${x} $${open", tenant: "acme"}`; !strings.Contains(string(edited), line) {
		t.Errorf("no %s in\n%s", line, edited)
	}
}
