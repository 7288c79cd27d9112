package takeover_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
)

const planHead = `package plans

import "tenantry.dev/schema"

work: schema.#Plan & {
	displayName: "Work"
	isolation:   "pool"
	price: {amount: 9, currency: "EUR"}
	limits: {}
	slo: 99
	backup: {everyHours: 24, retentionDays: 7}
	#tenant: _
	resources?: `

const queuePlan = planHead + `line: {kind: "aws.sqs.queue", name: string, visibilityTimeout: *30 | 60, delay: 5, tags: {by: "us", [string]: string}}
}
`

const manyPlan = planHead + `{
	jobs: {kind: "aws.sqs.queue", name: string}
	dead: {kind: "aws.sqs.queue", name: string}
	errors: {kind: "aws.cloudwatch.alarm", name: string, namespace: "Shop", metric: "Errors", statistic: "Sum", threshold: 1, comparison: "GreaterThanThreshold"}
	fixed: {kind: "aws.logs.group", name: "/shop/\(#tenant.name)"}
	credentials: {kind: "aws.secretsmanager.secret", name: "\(#tenant.name)/db"}
}
}
`

// What the plan lets a tenant choose is overridden; what it doesn't is announced, and the rest of the
// overrides is none the worse for it.
func TestOntoOverridesWhatItMay(t *testing.T) {
	w := newWorld(t)
	w.file("plans/work.cue", queuePlan)
	w.has("aws.sqs.queue", "acme-jobs", `{"visibilityTimeout":60,"delay":10,"receiveWait":20,"tags":{"team":"red"}}`)
	got, err := takeover.Onto(w.order("acme", "work"))
	ready(t, got, err, "line acme-jobs")
	var overridden []string
	for _, v := range got.Overrides {
		overridden = append(overridden, v.Attribute)
	}
	if !slices.Equal(overridden, []string{"name", "visibilityTimeout", "tags"}) {
		t.Errorf("overrides %v", overridden)
	}
	if paths := changesOf(got); !slices.Equal(paths, []string{"line.delay", "line.receiveWait", "line.tags.by"}) {
		t.Errorf("adopting changes %v", paths)
	}
	if d := got.Changes[0].Attributes[0]; d.Before.Text() != "10" || d.After.Text() != "5" || d.Origin.File != "plans/work.cue" {
		t.Errorf("%+v", d)
	}
}

func TestOntoMatches(t *testing.T) {
	w := newWorld(t)
	w.file("plans/work.cue", manyPlan)
	w.has("aws.sqs.queue", "acme-jobs", `{}`)
	w.has("aws.sqs.queue", "acme-dead-letters", `{}`)
	w.has("aws.cloudwatch.alarm", "acme-cpu", `{`+anAlarm+`,"threshold":80}`) // the only alarm, and about something else
	w.has("aws.logs.group", "/old/acme", `{}`)                                // the only group, under another name
	w.has("aws.secretsmanager.secret", "acme/db", `{}`)
	got, err := takeover.Onto(w.order("acme", "work"))
	ready(t, got, err, "jobs acme-jobs", "dead acme-dead-letters", "credentials acme/db")
	left := leftOf(got)
	if !strings.Contains(left["acme-cpu"], "nothing of the plan is like it") {
		t.Errorf("the alarm: %q", left["acme-cpu"])
	}
	if !strings.Contains(left["/old/acme"], "its name is /old/acme, and the plan makes it /shop/acme (plans/work.cue:") {
		t.Errorf("the group: %q", left["/old/acme"])
	}
	var created []string
	for _, d := range got.Created {
		created = append(created, d.Address.Name)
	}
	if !slices.Equal(created, []string{"errors", "fixed"}) {
		t.Errorf("creates %v", created)
	}
}

func TestOntoAsks(t *testing.T) {
	w := newWorld(t)
	w.file("plans/work.cue", queuePlan)
	w.has("aws.sqs.queue", "acme-east", `{}`)
	w.has("aws.sqs.queue", "acme-west", `{}`)
	o := w.order("acme", "work")
	got, err := takeover.Onto(o)
	if err != nil || got.Ready() || len(got.Files) > 0 {
		t.Fatalf("ready %t with %d files, %v", got.Ready(), len(got.Files), err)
	}
	if len(got.Questions) != 1 || got.Questions[0].Name != "line" || len(got.Questions[0].Candidates) != 2 {
		t.Errorf("asks %+v", got.Questions)
	}
	o.Decided["line"] = "acme-west"
	got, err = takeover.Onto(o)
	ready(t, got, err, "line acme-west")
	o.Decided["line"] = takeover.Nothing
	got, err = takeover.Onto(o)
	ready(t, got, err)
	for decided, says := range map[string]string{"acme-north": "no aws.sqs.queue called"} {
		o.Decided["line"] = decided
		if _, err := takeover.Onto(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", decided, err)
		}
	}
	o.Decided = map[string]string{"queue": "acme-west"}
	if _, err := takeover.Onto(o); err == nil || !strings.Contains(err.Error(), "has no resource") {
		t.Errorf("an unknown resource: %v", err)
	}
}

// A secret never gets into a file, and it is said that it is left out.
func TestSecretsStayOut(t *testing.T) {
	w := newWorld(t)
	kind := w.kinds["aws.sns.topic"]
	kind.Attributes = slices.Clone(kind.Attributes)
	for i := range kind.Attributes {
		kind.Attributes[i].Secret = kind.Attributes[i].Name == "displayName"
	}
	w.kinds["aws.sns.topic"] = kind
	w.file("plans/work.cue", planHead+"alerts: {kind: \"aws.sns.topic\", name: string, displayName: *\"\" | string}\n}\n")
	f := w.has("aws.sns.topic", "acme-alerts", `{"displayName":"hunter2"}`)
	if !f.Attributes["displayName"].IsSecret() {
		t.Fatal("the name is no secret here")
	}
	for name, run := range map[string]func(takeover.Order) (takeover.Takeover, error){"onto": takeover.Onto, "as plan": takeover.AsPlan} {
		o := w.order("acme", "work")
		if name == "as plan" {
			o.Plan, o.Tenant.Plan = "plans/made.cue", "made"
		}
		got, err := run(o)
		ready(t, got, err, "alerts acme-alerts")
		for path, text := range got.Files {
			if strings.Contains(string(text), "hunter2") || strings.Contains(string(text), resource.Masked) {
				t.Errorf("%s: %s:\n%s", name, path, text)
			}
		}
		if !strings.Contains(strings.Join(got.Notes, "\n"), "displayName is a secret") {
			t.Errorf("%s: notes %v", name, got.Notes)
		}
	}
}

// Files that something fatal stands against aren't ready, nor is nothing, nor what has a question.
func TestReady(t *testing.T) {
	files := map[string][]byte{"tenants/acme.cue": nil}
	for want, list := range map[bool][]takeover.Takeover{
		true: {{Files: files}, {Files: files, Objections: []takeover.Objection{{Message: "only said"}}}},
		false: {
			{},
			{Files: files, Questions: []takeover.Question{{}}},
			{Files: files, Objections: []takeover.Objection{{Message: "only said"}, {Fatal: true}}},
		},
	} {
		for _, tk := range list {
			if tk.Ready() != want {
				t.Errorf("%+v is ready: %t", tk, !want)
			}
		}
	}
}

func TestStacksAreTold(t *testing.T) {
	w := newWorld(t)
	w.file("plans/work.cue", queuePlan)
	w.has("aws.sqs.queue", "acme-jobs", `{}`).Stack = "the CloudFormation stack acme"
	got, err := takeover.Onto(w.order("acme", "work"))
	ready(t, got, err, "line acme-jobs")
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "the CloudFormation stack acme manages acme-jobs") {
		t.Errorf("notes: %v", got.Notes)
	}
}

func TestSelectors(t *testing.T) {
	f := func(name string, tags ...string) providers.Found {
		out := providers.Found{Name: name, Tags: map[string]string{}}
		for i := 0; i < len(tags); i += 2 {
			out.Tags[tags[i]] = tags[i+1]
		}
		return out
	}
	for _, test := range []struct {
		selector string
		found    providers.Found
		want     bool
	}{
		{"tag:customer=acme", f("x", "customer", "acme"), true},
		{"tag:customer=acme", f("acme", "customer", "globex"), false},
		{"tag:customer=*", f("x"), false},
		{"tag:a=b=c", f("x", "a", "b=c"), true},
		{"name:acme-*", f("acme-data"), true},
		{"name:acme-*", f("alias/acme-key"), true},
		{"name:acme*", f("/acme/app"), true},
		{"name:*/acme/*", f("/aws/acme/app"), true},
		{"name:acme-*", f("acmecorp-data"), false},
		{"name:a*b*c", f("abc"), true},
		{"name:a*b*c", f("acb"), false},
		{"name:aba*aba", f("aba"), false},
		{"name:acme", f("acme"), true},
	} {
		s, err := takeover.ParseSelector(test.selector)
		if err != nil || s.Picks(test.found) != test.want {
			t.Errorf("%s on %s %v: %t, %v", test.selector, test.found.Name, test.found.Tags, !test.want, err)
		}
	}
	for _, bad := range []string{"", "acme", "tag:", "tag:a", "tag:=b", "tag:a=", "name:", "id:x"} {
		if _, err := takeover.ParseSelector(bad); err == nil {
			t.Errorf("%q selects something", bad)
		}
	}
}

func TestGroups(t *testing.T) {
	w := newWorld(t)
	for _, customer := range []string{"acme", "globex"} {
		w.has("aws.sqs.queue", customer+"-jobs", `{"tags":{"customer":"`+customer+`","stage":"prod","name":"`+customer+`-jobs"}}`)
		w.has("aws.s3.bucket", customer+"-data", `{"tags":{"customer":"`+customer+`","stage":"prod"}}`)
	}
	w.has("aws.s3.bucket", "initech-a", `{}`)
	w.has("aws.s3.bucket", "initech-b", `{}`)
	w.has("aws.s3.bucket", "alone", `{}`)
	w.has("aws.s3.bucket", "initech-theirs", `{}`).Fleet = "rival"
	var got []string
	for _, g := range takeover.Groups(w.found) {
		got = append(got, g.Name+" "+g.Selector+" "+string(rune('0'+len(g.Found))))
	}
	want := []string{"acme tag:customer=acme 2", "globex tag:customer=globex 2", "initech name:initech* 2"}
	if !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
}

func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plans", "tenants/ab"} {
		if err := os.MkdirAll(dir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"plans/a.cue": "a", "tenants/ab/abc.cue": "hidden"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := takeover.Overlay{
		Base: os.DirFS(dir), Hide: func(name string) bool { return name == "tenants/ab/abc.cue" },
		Files: map[string][]byte{"plans/a.cue": []byte("new"), "tenants/x.cue": []byte("x"), "cells/deep/er.cue": []byte("y")},
	}
	seen := walk(t, o)
	want := map[string]string{"plans/a.cue": "new", "tenants/x.cue": "x", "cells/deep/er.cue": "y"}
	for name, text := range want {
		if seen[name] != text {
			t.Errorf("%s is %q, want %q", name, seen[name], text)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("sees %v", seen)
	}
	if _, err := o.ReadFile("tenants/ab/abc.cue"); err == nil {
		t.Error("reads what is hidden")
	}
	if _, err := o.Open("tenants/ab/abc.cue"); err == nil {
		t.Error("opens what is hidden")
	}
}
