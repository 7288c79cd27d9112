package schema

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const (
	acmeFile = "package fleet\n\n// Large.\ntenant: acme: {\n\tplan: \"team\" // since May\n\tcell: \"eu-1\"\n}\n"
	policyOf = "package policies\n\nimport \"tenantry.dev/schema\"\n\n\"no-x\": schema.#Policy & {\n\ttitle: \"No x\" // said by legal\n\tresource?: x!: <5\n}\n"
)

func smallFleet() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"tenants/acme.cue":     file(acmeFile),
		"tenants/computed.cue": file("package fleet\n\ntenant: computed: lifecycle: \"act\" + \"ive\"\n"),
		"tenants/other.cue":    file("package fleet\n\ntenant: another: plan: \"team\"\n"),
		"tenants/paused.cue":   file(strings.ReplaceAll(strings.Replace(acmeFile, "\tcell", "\tlifecycle: \"suspended\"\n\tcell", 1), "acme", "paused")),
		"tenants/unpaid.cue":   file(strings.ReplaceAll(strings.Replace(acmeFile, "\tcell", "\tlifecycle: \"suspended\" // until they pay\n\tcell", 1), "acme", "unpaid")),
		"policies/no-x.cue":    file(policyOf),
		"policies/shared.cue":  file("package policies\n\nshared: schema.#Policy & {\n\texceptions: [for t in _late {tenant: t}]\n}\n"),
		"releases/api.cue":     file("package releases\n\napi: schema.#Release & {\n\tservice: \"api\"\n\tversion: \"1.2.3\" // in all rings\n}\n"),
		"releases/web.cue":     file("package releases\n\nweb: {\n\timage:   \"registry.example/web@sha256:0000\"\n\tversion: \"1\"\n}\n"),
		"approvals/eu-1.cue":   file("package fleet\n\napproval: \"eu-1\": {\n\tdigest:  \"sha256:old\"\n\tby:      \"ada\"\n\treason:  \"x\" // why\n\texpires: \"2026-01-01T00:00:00Z\"\n}\n"),
	}
}

func TestFleetEdits(t *testing.T) {
	at := time.Date(2026, 12, 31, 18, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		edit     func(fs.FS) (Edit, error)
		path     string
		old, new string // what is replaced in the file; the whole file if old is empty
		err      string
	}{
		{"offboard", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "acme", "offboarding") }, "tenants/acme.cue", "\tcell: \"eu-1\"\n", "\tcell: \"eu-1\"\n\tlifecycle: \"offboarding\"\n", ""},
		{"suspend what is suspended", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "paused", "suspended") }, "tenants/paused.cue", "x", "x", ""},
		{"resume", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "paused", "active") }, "tenants/paused.cue", "\tlifecycle: \"suspended\"\n", "", ""},
		{"resume with a remark", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "unpaid", "active") }, "tenants/unpaid.cue", "\"suspended\"", "\"active\"", ""},
		{"resume what is active", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "acme", "active") }, "tenants/acme.cue", "x", "x", ""},
		{"an unknown tenant", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "acne", "active") }, "", "", "", `there is no tenant "acne"; did you mean "acme"?`},
		{"a computed lifecycle", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "computed", "offboarding") }, "", "", "", "tenants/computed.cue: lifecycle: it can't be edited in place: it is computed at tenants/computed.cue:3; edit by hand"},
		{"a file of somebody else", func(f fs.FS) (Edit, error) { return SetLifecycle(f, "other", "offboarding") }, "", "", "", "it doesn't say tenant: other: {…}"},
		{"adopt", func(f fs.FS) (Edit, error) { return AdoptResource(f, "acme", "data", "acme-data") }, "tenants/acme.cue", "\tcell: \"eu-1\"\n", "\tcell: \"eu-1\"\n\tadopt: data: \"acme-data\"\n", ""},
		{"bump a version", func(f fs.FS) (Edit, error) { return BumpRelease(f, "api", "1.2.4", "") }, "releases/api.cue", "1.2.3", "1.2.4", ""},
		{"bump both", func(f fs.FS) (Edit, error) { return BumpRelease(f, "web", "2", "sha256:1111") }, "releases/web.cue", "0000\"\n\tversion: \"1\"", "1111\"\n\tversion: \"2\"", ""},
		{"bump a version and keep the image", func(f fs.FS) (Edit, error) { return BumpRelease(f, "web", "2", "") }, "", "", "", "give the new image or its digest"},
		{"bump a digest without an image", func(f fs.FS) (Edit, error) { return BumpRelease(f, "api", "2", "sha256:11") }, "", "", "", "has no image yet"},
		{"bump nothing", func(f fs.FS) (Edit, error) { return BumpRelease(f, "api", "", "") }, "", "", "", "give the release a version"},
		{"an unknown release", func(f fs.FS) (Edit, error) { return BumpRelease(f, "apy", "1", "") }, "", "", "", `there is no release "apy"; did you mean "api"?`},
		{"an exception", func(f fs.FS) (Edit, error) {
			return AddException(f, Exception{Policy: "no-x", Tenant: "acme", Resource: "data", Owner: "security", Reason: "the \"audit\"", Expires: at})
		}, "policies/no-x.cue", "<5\n", "<5\n\texceptions: [{\n\t\ttenant:   \"acme\"\n\t\tresource: \"data\"\n\t\towner:    \"security\"\n\t\treason:   \"the \\\"audit\\\"\"\n\t\texpires:  \"2026-12-31T18:00:00Z\"\n\t}]\n", ""},
		{"an exception where they are computed", func(f fs.FS) (Edit, error) { return AddException(f, Exception{Policy: "shared", Tenant: "acme"}) }, "", "", "", "policies/shared.cue: exceptions: it can't be edited in place: it is computed at policies/shared.cue:4; edit by hand"},
		{"an exception from nothing", func(f fs.FS) (Edit, error) { return AddException(f, Exception{Policy: "no-y"}) }, "", "", "", `there is no policy "no-y"; did you mean "no-x"?`},
		{"an approval", func(f fs.FS) (Edit, error) {
			return RecordApproval(f, "us-1", changeset.Approval{Digest: "sha256:1", By: "dana", Reason: "they left", Expires: at})
		}, "approvals/us-1.cue", "", "package fleet\n\napproval: \"us-1\": {\n\tdigest:  \"sha256:1\"\n\tby:      \"dana\"\n\treason:  \"they left\"\n\texpires: \"2026-12-31T18:00:00Z\"\n}\n", ""},
		{"an approval again", func(f fs.FS) (Edit, error) {
			return RecordApproval(f, "eu-1", changeset.Approval{Digest: "sha256:new", By: "ada", Reason: "x", Expires: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		}, "approvals/eu-1.cue", "sha256:old", "sha256:new", ""},
		{"an approval of no name", func(f fs.FS) (Edit, error) { return RecordApproval(f, "../x", changeset.Approval{}) }, "", "", "", "can't be the name of an approval"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fleet := smallFleet()
			got, err := test.edit(fleet)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			want := test.new
			if test.old != "" {
				want = strings.Replace(string(fleet[test.path].Data), test.old, test.new, 1)
			}
			if diff := cmp.Diff(want, string(got.After)); diff != "" || got.Path != test.path {
				t.Errorf("%s: %s", got.Path, diff)
			}
			if got.Empty() != (test.old != "" && test.old == test.new) {
				t.Errorf("empty: %t", got.Empty())
			}
		})
	}
}

func TestRemoveExceptions(t *testing.T) {
	text := "package policies\n\np: schema.#Policy & {\n\texceptions: [\n\t\t// until the move\n\t\t{tenant: \"a\", expires: \"2026-01-01T00:00:00Z\"},\n\n\t\t// for good reasons\n\t\t{tenant: \"b\", expires: \"2027-01-01T00:00:00Z\"}, {tenant: \"c\", expires: \"2026-01-01T00:00:00Z\"},\n\t]\n}\n"
	fleet := fstest.MapFS{"policies/p.cue": &fstest.MapFile{Data: []byte(text)}}
	all := []Exception{
		{Policy: "p", Tenant: "a", Origin: resource.Origin{File: "policies/p.cue", Line: 6, Col: 3}},
		{Policy: "p", Tenant: "b", Active: true, Origin: resource.Origin{File: "policies/p.cue", Line: 9, Col: 3}},
		{Policy: "p", Tenant: "c", Origin: resource.Origin{File: "policies/p.cue", Line: 9, Col: 52}},
		{Policy: "q", Tenant: "b", Origin: resource.Origin{File: "policies/q.cue", Line: 9, Col: 3}},
	}
	got, err := RemoveExceptions(fleet, "p", all)
	if err != nil {
		t.Fatal(err)
	}
	want := "package policies\n\np: schema.#Policy & {\n\texceptions: [\n\t\t// for good reasons\n\t\t{tenant: \"b\", expires: \"2027-01-01T00:00:00Z\"},\n\t]\n}\n"
	if diff := cmp.Diff(want, string(got.After)); diff != "" {
		t.Error(diff)
	}
	fleet["policies/p.cue"].Data = got.After
	if again, err := RemoveExceptions(fleet, "p", all[1:2]); err != nil || !again.Empty() {
		t.Errorf("again: %v\n%s", err, again.After)
	}
}

func TestAddTenant(t *testing.T) {
	fleet := smallExample(t)
	tenant := NewTenant{
		Tenant: Tenant{
			Name: "fjord-line", DisplayName: "Fjord \"Line\"", Plan: "team", Cell: "eu-1", Residency: "eu", Lifecycle: "active", Domains: []string{"desk.fjord.example"},
			Contacts: []Contact{{Role: "owner", Name: "Ida", Email: "ida@fjord.example"}, {Role: "technical", Email: "it@fjord.example"}},
		},
		Comment:   "They came\nfrom a partner.",
		Overrides: map[string]map[string]any{"jobs": {"visibilityTimeout": 300}},
		Adopt:     map[string]string{"data": "fjord-data"},
	}
	edit, err := AddTenant(fleet, tenant)
	if err != nil {
		t.Fatal(err)
	}
	want := `package fleet

// They came
// from a partner.
tenant: "fjord-line": {
	displayName: "Fjord \"Line\""
	plan:        "team"
	cell:        "eu-1"
	residency:   "eu"
	contacts: [
		{role: "owner", name: "Ida", email: "ida@fjord.example"},
		{role: "technical", email: "it@fjord.example"},
	]
	domains: ["desk.fjord.example"]

	overrides: {
		jobs: visibilityTimeout: 300
	}

	adopt: {
		data: "fjord-data"
	}
}
`
	if diff := cmp.Diff(want, string(edit.After)); diff != "" || edit.Path != "tenants/fjord-line.cue" || edit.Empty() {
		t.Errorf("%s %s", edit.Path, diff)
	}
	f, found, err := exampleFleet(t).With(t.Context(), map[string][]byte{edit.Path: edit.After})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range found {
		t.Error(x)
	}
	if i := len(f.RenderOwners(resource.Tenant("fjord-line")).Desired); i != 8 {
		t.Errorf("%d resources", i)
	}
	tenant.Name = "acme"
	if _, err := AddTenant(fleet, tenant); err == nil || !strings.Contains(err.Error(), "already, in tenants/acme.cue") {
		t.Errorf("twice: %v", err)
	}
	tenant.Name = "Fjord"
	if _, err := AddTenant(fleet, tenant); err == nil {
		t.Error("a name with a capital letter is taken")
	}
}

func TestTenantsLieInFolders(t *testing.T) {
	fleet := fstest.MapFS{"tenants/ac/acme.cue": &fstest.MapFile{Data: []byte(acmeFile)}}
	edit, err := SetLifecycle(fleet, "acme", "suspended")
	if err != nil || edit.Path != "tenants/ac/acme.cue" {
		t.Fatalf("%s, %v", edit.Path, err)
	}
	if edit, err = AddTenant(fleet, NewTenant{Tenant: Tenant{Name: "bluebird"}}); err != nil || edit.Path != "tenants/bl/bluebird.cue" {
		t.Errorf("%s, %v", edit.Path, err)
	}
	if _, err := SetLifecycle(fleet, "acne", "suspended"); err == nil || !strings.Contains(err.Error(), `did you mean "acme"`) {
		t.Error(err)
	}
}
