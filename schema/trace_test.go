package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue/parser"
)

func TestTrace(t *testing.T) {
	f, fsys := exampleFleet(t), smallExample(t)
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
	f, fsys := exampleFleet(t), smallExample(t)
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
	got, err := exampleFleet(t).Trace(smallExample(t), "plan.team.logs.retentionDays")
	if err != nil || got.Tenants != 3 || len(got.Choices) != 1 || got.Choices[0].Tenant != "cedar-clinic" || got.Choices[0].Value != "180" {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestTraceOfNothing(t *testing.T) {
	f, fsys := exampleFleet(t), smallExample(t)
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

// A policy that selects single tenants is not about the others, nor about a plan that none of them is on.
func TestTraceOfSelectedTenants(t *testing.T) {
	const policy = `package policies

seen: {
	title:    "Seen"
	severity: "warn"
	message:  "Look at it."
	select: {tenants: ["plain"], kinds: ["aws.s3.bucket"]}
	resource?: versioning?: bool
}
`
	fsys := with(t, "policies/seen.cue", policy)
	twin := strings.Replace(string(fsys["tenants/plain.cue"].Data), "plain:", "twin:", 1)
	fsys = fsWith(fsys, "tenants/twin.cue", &fstest.MapFile{Data: []byte(twin)})
	f, found := Load(fsys, today)
	if f == nil || Invalid(found) {
		t.Fatal(found)
	}
	for path, want := range map[string]bool{
		"tenant.plain.data.versioning":              true,
		"tenant.twin.data.versioning":               false,
		"tenant/twin/aws.s3.bucket/data.versioning": false,
		"plan.basic.data.versioning":                true,
		"plan.large.data.versioning":                false,
	} {
		got, err := f.Trace(fsys, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if is := slices.ContainsFunc(got.Policies, func(p PolicyNote) bool { return p.Name == "seen" }); is != want {
			t.Errorf("%s: the policies are %+v", path, got.Policies)
		}
	}
}

// An exception in force is told with the policy that it takes off, wherever it does.
func TestTraceOfExceptions(t *testing.T) {
	const expired = `owner: "ops", reason: "b", expires: "2026-11-20T00:00:00Z"`
	for _, test := range []struct{ name, exception, path, whom string }{
		{"the tenant", `{tenant: "plain", ` + ends + `}`, "tenant.plain.logs.retentionDays", "the tenant plain"},
		{"its cell", `{cell: "eu", ` + ends + `}`, "tenant.plain.logs.retentionDays", "the cell eu"},
		{"its resource", `{tenant: "plain", resource: "logs", ` + ends + `}`, "tenant/plain/aws.logs.group/logs.retentionDays", "logs of the tenant plain"},
		{"some of its plan", `{tenant: "plain", ` + ends + `}`, "plan.basic.logs.retentionDays", "the tenant plain"},
		{"another resource", `{tenant: "plain", resource: "data", ` + ends + `}`, "tenant.plain.logs.retentionDays", ""},
		{"another tenant", `{tenant: "bespoke", ` + ends + `}`, "tenant.plain.logs.retentionDays", ""},
		{"another cell", `{cell: "us", ` + ends + `}`, "tenant.plain.logs.retentionDays", ""},
		{"expired", `{tenant: "plain", ` + expired + `}`, "tenant.plain.logs.retentionDays", ""},
		{"none", "", "tenant.plain.logs.retentionDays", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := excepting(t, "long-logs", test.exception, "")
			f, found := Load(fsys, today)
			if f == nil {
				t.Fatal(found)
			}
			got, err := f.Trace(fsys, test.path)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(got.Policies, func(p PolicyNote) bool { return p.Name == "long-logs" })
			if i < 0 {
				t.Fatalf("the policies are %+v", got.Policies)
			}
			var whom []string
			for _, x := range got.Policies[i].Exceptions {
				whom = append(whom, x.Whom)
				if x.Owner != "ops" || x.Reason != "a contract" || x.Expires.IsZero() || x.Origin.File != "policies/long-logs.cue" || x.Origin.Line == 0 {
					t.Errorf("the exception is %+v", x)
				}
			}
			if said := strings.Join(whom, ", "); said != test.whom {
				t.Errorf("exceptions for %q", said)
			}
		})
	}
}
