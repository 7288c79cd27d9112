package schema

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cuelang.org/go/cue/parser"
)

func TestTrace(t *testing.T) {
	f, fsys := exampleFleet(t), os.DirFS("../fleet-example")
	for _, test := range []struct{ path, value, from, file, may string }{
		{"tenant/acme/aws.logs.group/logs.retentionDays", "1827", "the tenant's override", "tenants/acme.cue", "365 (the default), 731 or 1827"},
		{"tenant/delta-freight/aws.logs.group/logs.retentionDays", "60", "the plan team", "plans/team.cue", "60 (the default), 90 or 180"},
		{"tenant.acme.data.versioning", "true", "the plan enterprise", "plans/enterprise.cue", "nothing: the plan fixes it"},
		{"tenant.acme.data.encryption.algorithm", `"aws:kms"`, "the plan enterprise", "plans/enterprise.cue", "nothing: the plan fixes it"},
		{"tenant.acme.overrides.jobs.visibilityTimeout", "600", "the tenant's override", "tenants/acme.cue", "120 (the default) or a whole number from 30 to 900"},
		{"tenant/acme/aws.sqs.queue/jobs.delay", "", "the default of aws.sqs.queue", "", "nothing: the plan doesn't mention delay, so a tenant can't override it"},
		{"tenant.acme.plan", `"enterprise"`, "tenants/acme.cue", "tenants/acme.cue", ""},
		{"tenant.bluebird.lifecycle", "", "the schema, as tenants/bluebird.cue doesn't say", "", ""},
		{"plan.team.data.versioning", "", "the plan team", "plans/team.cue", "true (the default) or false"},
		{"plan.team.resources.data.versioning", "", "the plan team", "plans/team.cue", "true (the default) or false"},
		{"plan.team.price", `{amount: 390, currency: "EUR"}`, "plans/team.cue", "plans/team.cue", ""},
		{"cell.eu-1.alerts.displayName", `"Brightdesk eu-1"`, "the cell eu-1", "cells/eu-1.cue", ""},
		{"cell/eu-1/aws.sns.topic/alerts.displayName", `"Brightdesk eu-1"`, "the cell eu-1", "cells/eu-1.cue", ""},
		{"policy.key-rotation.severity", `"hold"`, "policies/key-rotation.cue", "policies/key-rotation.cue", ""},
		{"account.production-eu.regions", `["eu-central-1"]`, "fleet.cue", "fleet.cue", ""},
		{"fleet.drift", `"report"`, "fleet.cue", "fleet.cue", ""},
	} {
		got, err := f.Trace(fsys, test.path)
		if err != nil || got.Value != test.value || got.From != test.from || got.Origin.File != test.file || got.MayChoose != test.may {
			t.Errorf("%s: %v, %+v", test.path, err, got)
		}
		if got.Origin.File != "" && got.Origin.Line == 0 {
			t.Errorf("%s: no line in %v", test.path, got.Origin)
		}
	}
}

// The policies that a trace names are those that select the resource, and those that say something of
// the attribute come first.
func TestTracePolicies(t *testing.T) {
	f, fsys := exampleFleet(t), os.DirFS("../fleet-example")
	for path, want := range map[string]string{
		"tenant.acme.logs.retentionDays":  "log-retention! tenant-tag",
		"tenant.acme.key.rotation":        "key-rotation! tenant-tag",
		"tenant.acme.errors.alarmActions": "mandatory-alarms! tenant-tag",
		"cell.eu-1.alerts.displayName":    "",
		"plan.pool.logs.retentionDays":    "log-retention! tenant-tag",
	} {
		got, err := f.Trace(fsys, path)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, p := range got.Policies {
			list = append(list, p.Name+map[bool]string{true: "!"}[p.Mentions])
		}
		if said := strings.Join(list, " "); said != want {
			t.Errorf("%s: %s", path, said)
		}
	}
}

func TestTraceChoices(t *testing.T) {
	got, err := exampleFleet(t).Trace(os.DirFS("../fleet-example"), "plan.team.logs.retentionDays")
	if err != nil || got.Tenants != 3 || len(got.Choices) != 1 || got.Choices[0].Tenant != "cedar-clinic" || got.Choices[0].Value != "180" {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestTraceOfNothing(t *testing.T) {
	f, fsys := exampleFleet(t), os.DirFS("../fleet-example")
	for path, want := range map[string]string{
		"plan.tem":                           `there is no plan "tem" in this fleet; did you mean "team"?`,
		"tenant.acm":                         `there is no tenant "acm" in this fleet; did you mean "acme"?`,
		"tenant/acme/aws.sqs.queue/job":      `did you mean "tenant/acme/aws.sqs.queue/jobs"?`,
		"tenant/acme":                        "want OWNER/KIND/NAME",
		"policy.x":                           `there is no policy "x"`,
		"somewhere.else":                     "a path begins with tenant",
		"":                                   "a path begins with tenant",
		"tenant/nobody/aws.s3.bucket/data.x": "there is no resource",
	} {
		if _, err := f.Trace(fsys, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOffers(t *testing.T) {
	for text, want := range map[string]string{
		`*60 | 90 | 180`:                     "60 (the default), 90 or 180",
		`*true | false`:                      "true (the default) or false",
		`*true | bool`:                       "true (the default) or true or false",
		`*120 | (int & >=30 & <=900)`:        "120 (the default) or a whole number from 30 to 900",
		`int & >=30`:                         "a whole number of at least 30",
		`>0 & <100`:                          "a value above 0 and below 100",
		`"a"`:                                "",
		`"x-\(#tenant.name)"`:                "",
		`#tenant.name`:                       "",
		`*"x" | #Other`:                      "",
		`string`:                             "any text",
		`=~"^a"`:                             `a text that matches "^a"`,
		`*[] | [...string]`:                  "[] (the default) or [...string]",
		`-1`:                                 "",
		`(*"a" | "b") & =~"^[ab]$"`:          "",
		`if #tenant.plan == "a" {1}`:         "",
		`*10 | (number & >=5 & <=500 & !=7)`: "10 (the default) or a number from 5 to 500 and other than 7",
	} {
		x, err := parser.ParseExpr("x.cue", text)
		if err != nil {
			continue
		}
		if got := offer(&page{text: []byte(text)}, x); got != want {
			t.Errorf("%s: %s", text, fmt.Sprintf("%q", got))
		}
	}
}
