package reference

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

// kind is a kind with a field of every sort.
func kind() schema.Doc {
	attribute := func(name string, change func(*schema.AttributeDoc)) *schema.AttributeDoc {
		a := &schema.AttributeDoc{Name: name, Holds: true}
		if change != nil {
			change(a)
		}
		return a
	}
	return schema.Doc{
		Path: "aws.s3.bucket", Type: "group of fields", Text: "A bucket. It is e.g. for files.\nNames are <unique> in the *world*.", AWS: "https://docs.aws.amazon.com/",
		Kind:    &schema.KindDoc{Name: "aws.s3.bucket", DataBearing: true, Outputs: []string{"arn", "name"}, Uses: []string{"aws.kms.key"}},
		Example: schema.Example{Text: "data: {\n\tkind: \"aws.s3.bucket\"\n}", File: "plans/team.cue", Line: 33},
		Fields: []schema.Doc{
			{Path: "aws.s3.bucket.kind", Type: "text", Default: `"aws.s3.bucket"`, Constant: true},
			{Path: "aws.s3.bucket.name", Type: "text", Default: `"brightdesk-acme-data"`, Derived: true, Takes: "a bucket name", Attribute: attribute("name", func(a *schema.AttributeDoc) { a.Immutable = true })},
			{
				Path: "aws.s3.bucket.encryption", Type: "group of fields", Default: `{algorithm: "AES256"}`, Text: "How it is encrypted. See below.", Attribute: attribute("encryption", nil),
				Fields: []schema.Doc{{Path: "aws.s3.bucket.encryption.algorithm", Type: "choice", Required: true, Takes: `"AES256" or "aws:kms"`, Choices: []string{`"AES256"`, `"aws:kms"`}, Attribute: attribute("encryption", nil)}},
			},
			{Path: "aws.s3.bucket.tags", Type: "texts by name", Default: "{}", Attribute: attribute("tags", func(a *schema.AttributeDoc) { a.PlanOnly = true }), See: "tags", Example: schema.Example{Text: `tags: a|b: "c"`}},
		},
	}
}

func TestText(t *testing.T) {
	golden(t, "text.txt", Text(kind(), Style{}))
	golden(t, "field.txt", Text(kind().Fields[1], Style{})+"\n"+Text(kind().Fields[3], Style{}))
	golden(t, "tree.txt", Tree(kind(), Style{}))
	golden(t, "page.md", page(kind(), []schema.Mistake{{Written: "versioning: 7 | 8", Says: `data: versioning: 7 is not "a" | "b"`}, {Says: "name is missing"}}))
}

func TestWhere(t *testing.T) {
	at := resource.Origin{File: "plans/team.cue", Line: 83, Col: 4}
	where := schema.Trace{
		Path: "plan.team.logs.retentionDays", From: "the plan team", Origin: at, Template: "*60 | 90 | 180", Says: at, MayChoose: "60 (the default), 90 or 180", Tenants: 7,
		Policies: []schema.PolicyNote{
			{Name: "log-retention", Severity: "deny", Title: "Logs are kept", Origin: resource.Origin{File: "policies/log-retention.cue", Line: 5}, Mentions: true, Exceptions: []schema.ExceptionNote{{
				Whom: "logs of the tenant a", Owner: "ops", Reason: "The contract says so.", Expires: time.Date(2026, 12, 31, 18, 0, 0, 0, time.UTC), Origin: resource.Origin{File: "policies/log-retention.cue", Line: 9},
			}}},
			{Name: "tenant-tag", Severity: "warn", Title: "Costs can be told apart"},
		},
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		where.Choices = append(where.Choices, schema.Choice{Tenant: name, Value: "90", Origin: resource.Origin{File: "tenants/" + name + ".cue", Line: 3}})
	}
	unmentioned := schema.Trace{Path: "tenant/acme/aws.sqs.queue/jobs.delay", From: "the default of aws.sqs.queue", MayChoose: "nothing: the plan doesn't mention delay, so a tenant can't override it"}
	golden(t, "where.txt", Where(where, nil, Style{})+"\n"+Where(unmentioned, &schema.Doc{Path: "aws.sqs.queue.delay", Type: "whole number", Default: "0"}, Style{}))
}

func TestFirstSentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"One":                              "One",
		"One.":                             "One",
		"One. Two.":                        "One",
		"One\nTwo":                         "One",
		"Such as e.g. this one. And more.": "Such as e.g. this one",
		"Of v1. 2 of them":                 "Of v1",
	} {
		if got := firstSentence(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Colours add nothing but escapes.
func TestStyle(t *testing.T) {
	colored := Text(kind(), Style{Color: true})
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[2m", "", "\x1b[0m", "").Replace(colored)
	if plain == colored || plain != Text(kind(), Style{}) {
		t.Error("colours change the text")
	}
}
