package schema

import (
	"strings"
	"testing"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// What a fleet has put back at once is what its rules name, and nothing beside it.
func TestWhatIsPutBackAtOnce(t *testing.T) {
	text := string(with(t, "x", "")["fleet.cue"].Data) + `
correct: [
	{kind: "aws.s3.bucket", attribute: "publicAccessBlock", reason: "A public bucket waits for nobody."},
	{kind: "aws.sqs.queue", attribute: "*", reason: "Jobs are lost."},
	{kind: "aws.kms.key", attribute: "policy", environment: "staging", reason: "Nobody works on keys there."},
]
`
	f, found := Load(with(t, "fleet.cue", text), today)
	if f == nil {
		t.Fatal(found)
	}
	change := func(kind string, action changeset.Action, paths ...string) changeset.Change {
		c := changeset.Change{Action: action, Address: resource.Address{Owner: "tenant/a", Kind: kind, Name: "x"}, Cell: f.Cells[0].Name}
		for _, path := range paths {
			c.Attributes = append(c.Attributes, changeset.Difference{Path: path})
		}
		return c
	}
	for _, test := range []struct {
		name   string
		change changeset.Change
		want   bool
	}{
		{"the attribute", change("aws.s3.bucket", changeset.Update, "publicAccessBlock"), true},
		{"a part of it", change("aws.s3.bucket", changeset.Update, "publicAccessBlock.blockPublicAcls"), true},
		{"another one", change("aws.s3.bucket", changeset.Update, "versioning"), false},
		{"another one as well", change("aws.s3.bucket", changeset.Update, "publicAccessBlock", "versioning"), false},
		{"one that is gone", change("aws.s3.bucket", changeset.Create), false},
		{"another kind", change("aws.sns.topic", changeset.Update, "publicAccessBlock"), false},
		{"anything of a kind", change("aws.sqs.queue", changeset.Update, "policy", "visibilityTimeout"), true},
		{"one that is gone, of a kind of which all is put back", change("aws.sqs.queue", changeset.Create), true},
		{"another environment", change("aws.kms.key", changeset.Update, "policy"), false},
	} {
		if got := f.Corrects(test.change); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	for rule, want := range map[string]string{
		`{kind: "aws.s3.buckets", attribute: "policy", reason: "x"}`:                        "aws.s3.bucket",
		`{kind: "aws.s3.bucket", attribute: "policy", environment: "prod", reason: "x"}`:    "production",
		`{kind: "aws.s3.bucket", attribute: "policy"}`:                                      "reason",
		`{kind: "aws.s3.bucket", attribute: "policy", reason: "x", environments: ["prod"]}`: "environments",
	} {
		_, found := Load(with(t, "fleet.cue", string(with(t, "x", "")["fleet.cue"].Data)+"\ncorrect: ["+rule+"]\n"), today)
		if len(found) == 0 || !strings.Contains(found[0].Message, want) {
			t.Errorf("%s: %v", rule, found)
		}
	}
}
