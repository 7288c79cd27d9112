package schema

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A policy of the good fleet with exceptions, and a tenant that breaks it.
func excepting(t *testing.T, policy, exceptions, overrides string) fstest.MapFS {
	t.Helper()
	fsys := fleetOf(t)
	file := "policies/" + policy + ".cue"
	text := string(fsys[file].Data)
	end := strings.LastIndexByte(text, '}')
	fsys[file] = &fstest.MapFile{Data: []byte(text[:end] + "\texceptions: [" + exceptions + "]\n}\n")}
	const tenant = "tenants/plain.cue"
	text = strings.TrimSuffix(string(fsys[tenant].Data), "}\n") + overrides + "\n}\n"
	fsys[tenant] = &fstest.MapFile{Data: []byte(text)}
	return fsys
}

const ends = `owner: "ops", reason: "a contract", expires: "2026-12-31T00:00:00Z"`

func TestExceptions(t *testing.T) {
	const logs = "\toverrides: logs: retentionDays: 90" // breaks long-logs, which warns
	// Of the policies that deny, only the encryption can be broken by who lives here: by the cell.
	tests := []struct {
		name, policy, exceptions, overrides string
		says                                []string // findings, by a part of each
		broken                              bool
	}{
		{"none", "long-logs", "", logs, []string{"Logs of 90 days"}, false},
		{"the tenant", "long-logs", `{tenant: "plain", ` + ends + `}`, logs, nil, false},
		{"its cell", "long-logs", `{cell: "eu", ` + ends + `}`, logs, nil, false},
		{"the resource", "long-logs", `{tenant: "plain", resource: "logs", ` + ends + `}`, logs, nil, false},
		{
			"another resource", "long-logs", `{tenant: "plain", resource: "data", ` + ends + `}`, logs,
			[]string{"data of the tenant plain excepts nothing, because nothing there breaks the policy", "Logs of 90 days"},
			false,
		},
		{
			"another tenant", "long-logs", `{tenant: "bespoke", ` + ends + `}`, logs,
			[]string{"the tenant bespoke excepts nothing, because nothing there breaks the policy", "Logs of 90 days"},
			false,
		},
		{
			"not selected", "long-logs", `{tenant: "paused", ` + ends + `}`, "",
			[]string{"the tenant paused excepts nothing, because the policy isn't about it"},
			false,
		},
		{"unknown tenant", "long-logs", `{tenant: "plian", ` + ends + `}`, "", []string{`there is no tenant "plian"; did you mean "plain"?`}, false},
		{"unknown cell", "long-logs", `{cell: "uk", ` + ends + `}`, "", []string{`there is no cell "uk"; did you mean "us"?`}, false},
		{
			"unknown resource", "long-logs", `{tenant: "plain", resource: "lgos", ` + ends + `}`, "",
			[]string{`no plan and no cell has a resource "lgos"; did you mean "logs"?`},
			false,
		},
		{"for nobody", "long-logs", `{` + ends + `}`, "", []string{"give tenant or cell"}, false},
		{"for both", "long-logs", `{tenant: "plain", cell: "eu", ` + ends + `}`, logs, []string{"give tenant or cell", "Logs of 90 days"}, false},
		{"twice", "long-logs", `{tenant: "plain", ` + ends + `}, {tenant: "plain", ` + ends + `}`, logs, []string{"there is one for the tenant plain already (policies/long-logs.cue:11:15)"}, false},
		{"of the whole", "eu-residency", `{tenant: "plain", resource: "logs", ` + ends + `}`, "", []string{"the policy has no resource?"}, false},
		{"no such day", "long-logs", `{tenant: "plain", owner: "a", reason: "b", expires: "2026-02-31T00:00:00Z"}`, "", []string{"is not a moment that exists"}, false},
		{
			"expired", "long-logs", `{tenant: "plain", owner: "ops", reason: "b", expires: "2026-11-20T00:00:00Z"}`, logs,
			[]string{"the exception for the tenant plain expired at 2026-11-20T00:00:00Z: mend", "Logs of 90 days"},
			false,
		},
		{"a denial, not taken off", "short-delay", "", "\toverrides: jobs: delay: 10", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, found := Load(excepting(t, test.policy, test.exceptions, test.overrides), today)
			if f == nil {
				t.Fatal(found)
			}
			var got []string
			for _, x := range found {
				got = append(got, x.String())
			}
			if len(got) != len(test.says) {
				t.Errorf("found %q", got)
			}
			for _, want := range test.says {
				if !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("found %q, not %q", got, want)
				}
			}
			if broken := f.Broken[resource.Tenant("plain")] != ""; broken != test.broken {
				t.Errorf("broken: %v", f.Broken)
			}
		})
	}
}

// An exception lets through what a policy denies until it expires, and the fleet says when that is.
func TestExceptionExpires(t *testing.T) {
	expires := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, exception := range []string{`{tenant: "plain", `, `{tenant: "plain", resource: "data", `, `{cell: "us", `} {
		fsys := excepting(t, "eu-residency", "", "")
		deny(t, fsys, exception+ends+"}")
		f, found := Load(fsys, today)
		if Invalid(found) || len(f.Tenants) != 4 || !f.Until.Equal(expires) {
			t.Fatalf("%s: until %s, found %v", exception, f.Until, found)
		}
		if len(f.Exceptions) != 1 || !f.Exceptions[0].Active || f.Exceptions[0].Owner != "ops" || f.Exceptions[0].Origin.File != "policies/versions.cue" {
			t.Errorf("exceptions: %+v", f.Exceptions)
		}
		for _, at := range []time.Time{expires, expires.Add(time.Hour)} {
			f, found = Load(fsys, at)
			if !Invalid(found) || len(f.Tenants) != 3 || f.Broken[resource.Tenant("plain")] == "" || !f.Until.IsZero() || f.Exceptions[0].Active {
				t.Fatalf("%s: until %s, found %v", exception, f.Until, found)
			}
		}
	}
}

// deny adds a policy that the tenant plain breaks, in the cell us.
func deny(t *testing.T, fsys fstest.MapFS, exceptions string) {
	t.Helper()
	fsys["policies/versions.cue"] = &fstest.MapFile{Data: []byte(`package policies

import "tenantry.dev/schema"

versions: schema.#Policy & {
	title:    "versions"
	severity: "deny"
	message:  "Keep versions."
	select: {plans: ["basic"], kinds: ["aws.s3.bucket"]}
	resource?: versioning!: true
	exceptions: [` + exceptions + `]
}
`)}
	text := string(fsys["tenants/plain.cue"].Data)
	text = strings.NewReplacer("\"eu\"", "\"us\"", "contacts:", "overrides: data: versioning: false\n\tcontacts:").Replace(text)
	fsys["tenants/plain.cue"] = &fstest.MapFile{Data: []byte(text)}
}

// What an exception for one resource spares, it spares alone, in plans whose resources depend on the
// tenant, too.
func TestExceptionSparesOneResource(t *testing.T) {
	for _, condition := range []string{"", "if #tenant.residency == \"us\" "} {
		fsys := fleetOf(t)
		deny(t, fsys, `{tenant: "plain", resource: "data", `+ends+`}`)
		text := string(fsys["plans/basic.cue"].Data)
		text = strings.Replace(text, "\t\tlogs: {", "\t\t"+condition+"{more: {kind: \"aws.s3.bucket\", encryption: {algorithm: \"aws:kms\", kmsKey: \"${key.arn}\"}, versioning: *true | false}}\n\t\tlogs: {", 1)
		fsys["plans/basic.cue"] = &fstest.MapFile{Data: []byte(text)}
		if f, found := Load(fsys, today); Invalid(found) || len(f.Tenants) != 4 {
			t.Errorf("%q: found %v", condition, found)
		}
		tenant := string(fsys["tenants/plain.cue"].Data)
		tenant = strings.Replace(tenant, "overrides: data", "overrides: more: versioning: false\n\toverrides: data", 1)
		fsys["tenants/plain.cue"] = &fstest.MapFile{Data: []byte(tenant)}
		f, found := Load(fsys, today)
		if !Invalid(found) || f.Broken[resource.Tenant("plain")] == "" || len(f.Tenants) != 3 || !strings.Contains(found[0].Message, "more.versioning: Keep versions.") {
			t.Errorf("%q: found %v", condition, found)
		}
	}
}

// A policy can be about single tenants.
func TestPolicyOfTenants(t *testing.T) {
	fsys := fleetOf(t)
	deny(t, fsys, "")
	text := strings.Replace(string(fsys["policies/versions.cue"].Data), "select: {", "select: {tenants: [\"bespoke\"], ", 1)
	fsys["policies/versions.cue"] = &fstest.MapFile{Data: []byte(text)}
	if f, found := Load(fsys, today); Invalid(found) || len(f.Tenants) != 4 {
		t.Errorf("found %v", found)
	}
	fsys["policies/versions.cue"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "bespoke", "plain", 1))}
	if f, found := Load(fsys, today); !Invalid(found) || f.Broken[resource.Tenant("plain")] == "" || len(f.Broken) != 1 {
		t.Errorf("found %v", found)
	}
	fsys["policies/versions.cue"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "bespoke", "plan", 1))}
	_, found := Load(fsys, today)
	if !Invalid(found) || found[0].String() != `policies/versions.cue:9:21: select.tenants: there is no tenant "plan"; did you mean "plain"?` {
		t.Errorf("found %v", found)
	}
}
