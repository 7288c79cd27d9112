package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with the file of that name in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", name, diff)
	}
}

func val(text string) resource.Value {
	v, err := resource.ParseValue([]byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

func at(text string) resource.Address {
	a, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

var (
	scope  = resource.Scope{Account: "111111111111", Region: "eu-central-1"}
	origin = resource.Origin{File: "plans/team.cue", Line: 31}
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func change(action changeset.Action, cause changeset.Cause, address string, differences ...changeset.Difference) changeset.Change {
	a := at(address)
	c := changeset.Change{Address: a, Scope: scope, Cell: "eu-1", Action: action, Cause: cause, Origin: origin, Attributes: differences}
	if action != changeset.Create && action != changeset.Adopt {
		c.Have = &resource.Observed{Address: a, Scope: scope, ID: "id-of-" + a.Name}
	}
	if action != changeset.Delete && action != changeset.Retire && action != changeset.None {
		c.Want = &resource.Desired{Address: a, Scope: scope, Attributes: resource.Attributes{}}
		for _, d := range differences {
			c.Want.Attributes[d.Path] = d.After
		}
	}
	return c
}

func differs(path, before, after string) changeset.Difference {
	d := changeset.Difference{Path: path, Cause: changeset.Config, Origin: origin}
	if before != "" {
		d.Before = val(before)
	}
	if after != "" {
		d.After = val(after)
	}
	return d
}

func drifted(path, before, after string) changeset.Difference {
	d := differs(path, before, after)
	d.Cause = changeset.Drift
	return d
}

func held(c changeset.Change, kind, why string) changeset.Change {
	c.Hold, c.HoldKind = why, kind
	return c
}

const policy = `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::acme-data"},{"Sid":"Deny","Effect":"Deny","Action":"*","Resource":"*"}]}`

// sample has a change of every sort.
func sample() changeset.Changeset {
	secret := differs("token", `"old"`, `"new"`)
	secret.Before, secret.After = secret.Before.AsSecret(), secret.After.AsSecret()
	replaced := change(changeset.Replace, changeset.Config, "tenant/acme/aws.sns.topic/events", differs("name", `"events"`, `"acme-events"`))
	replaced.Replacing = []string{"name"}
	adopted := change(changeset.Adopt, changeset.Config, "tenant/beta/aws.sqs.queue/jobs")
	adopted.Want.Adopt = "jobs-of-old"
	mixed := change(changeset.Update, changeset.Config, "tenant/acme/aws.sqs.queue/jobs",
		differs("delay", "5", "9"), drifted("tags.team", `"blue"`, `"red"`), secret)
	mixed.Want.Attributes["tags"] = val(`{"team":"blue"}`)
	delete(mixed.Want.Attributes, "tags.team")
	moved := change(changeset.Move, changeset.Config, "tenant/apex/aws.s3.bucket/store",
		differs("address", `"tenant/acme-old/aws.s3.bucket/data"`, `"tenant/apex/aws.s3.bucket/store"`), differs("versioning", "false", "true"))
	moved.From, moved.HoldsData = at("tenant/acme-old/aws.s3.bucket/data"), true
	limit := "deletes 104 of 261 resources (39.8 %) in cell eu-1, of tenant/a and 99 more; the limit is 10 or 5 % in 24h, here 13. To allow it, commit approvals/eu-1.cue with …"
	c := changeset.Changeset{
		Fleet: "brightdesk", Commit: "c0ffee0123456789c0ffee0123456789c0ffee01", Digest: "sha256:" + strings.Repeat("ab", 32),
		Changes: []changeset.Change{
			change(changeset.Create, changeset.Config, "tenant/acme/aws.kms.key/key", differs("alias", "", `"alias/acme"`), differs("rotation", "", "true")),
			change(changeset.Create, changeset.Config, "tenant/acme/aws.s3.bucket/data", differs("name", "", `"acme-data"`),
				differs("encryption", "", `{"algorithm":"aws:kms","kmsKey":"${tenant/acme/aws.kms.key/key#arn}"}`)),
			mixed,
			replaced,
			change(changeset.Update, changeset.Config, "tenant/acme/aws.iam.role/app", differs("inlinePolicies.main", policy, strings.Replace(policy, "s3:ListBucket", "s3:PutObject", 1))),
			held(change(changeset.Update, changeset.Drift, "cell/eu-1/aws.logs.group/audit", drifted("retentionDays", "7", "365")), changeset.HoldDrift, "changed in the cloud and not in Git"),
			adopted,
			held(change(changeset.Delete, changeset.Config, "tenant/gone/aws.sqs.queue/jobs"), changeset.HoldLimit, limit),
			held(change(changeset.Delete, changeset.Config, "tenant/gone/aws.sns.topic/events"), changeset.HoldLimit, limit),
			data(change(changeset.Retire, changeset.Config, "tenant/gone/aws.s3.bucket/data")),
			moved,
			held(change(changeset.Delete, changeset.Orphan, "tenant/beta/aws.sqs.queue/stray"), changeset.HoldOrphan, "it carries this fleet's mark, but neither Git nor the log knows of it"),
		},
		Unseen:    []changeset.Unseen{{Place: changeset.Place{Scope: resource.Scope{Account: "222222222222", Region: "eu-west-1"}}, Error: "AccessDenied: not authorized to perform sts:AssumeRole"}, {Place: changeset.Place{Scope: scope, Kind: "aws.kms.key"}, Error: "throttled"}},
		Broken:    []changeset.Broken{{Owner: "tenant/wrong", Error: "tenants/wrong.cue:4:2: unknown field \"pln\", did you mean plan?"}},
		Abandoned: []changeset.Abandoned{{Address: at("tenant/far/aws.sqs.queue/jobs"), Scope: resource.Scope{Account: "333333333333", Region: "eu-west-1"}, Why: "closed by mistake (dana)"}},
		Unchanged: 112,
	}
	return c
}

// data makes a change one of a resource that holds data.
func data(c changeset.Change) changeset.Change {
	c.HoldsData = true
	return c
}

func TestGoldenPlan(t *testing.T) {
	c := sample()
	golden(t, "plan.txt", Text(c, false))
	golden(t, "plan.color.txt", Text(c, true))
	golden(t, "comment.md", Comment(c, CommentOptions{Head: "deadbeef0123"}))
	text, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", string(text))
	nothing := changeset.Changeset{Fleet: "f", Commit: "c0ffee01", Digest: "sha256:00", Unchanged: 3}
	golden(t, "nothing.txt", Text(nothing, false))
	golden(t, "nothing.md", Comment(nothing, CommentOptions{}))
}

func TestLine(t *testing.T) {
	c := sample()
	for _, r := range []struct {
		says   string
		change func(*changeset.Changeset)
		want   string
	}{
		{"everything at once", nil, "3 to add, 2 to change, 1 to destroy, 1 to retire, 1 to adopt, 1 to move · 4 tenants · 4 held · 2 places unseen · 1 left alone · 1 abandoned"},
		{"as in the documentation", func(c *changeset.Changeset) {
			create := change(changeset.Create, changeset.Config, "tenant/a/k/n")
			c.Changes = []changeset.Change{create, create, create, change(changeset.Update, changeset.Config, "tenant/b/k/n")}
			c.Unseen, c.Broken, c.Abandoned = nil, nil, nil
		}, "3 to add, 1 to change, 0 to destroy · 2 tenants"},
		{"nothing", func(c *changeset.Changeset) { *c = changeset.Changeset{} }, "No changes"},
		{"nothing in what could be seen", func(c *changeset.Changeset) { c.Changes, c.Broken, c.Abandoned = nil, nil, nil }, "No changes · 2 places unseen"},
		{"only held", func(c *changeset.Changeset) {
			c.Changes, c.Unseen, c.Broken, c.Abandoned = c.Changes[7:9], nil, nil, nil
		}, "Nothing to do now · 2 held"},
		{"a cell and the fleet", func(c *changeset.Changeset) {
			c.Changes = []changeset.Change{change(changeset.Update, changeset.Config, "cell/a/k/n"), change(changeset.Update, changeset.Config, "fleet/k/n")}
			c.Unseen, c.Broken, c.Abandoned = nil, nil, nil
		}, "0 to add, 2 to change, 0 to destroy · 1 cell, the fleet"},
	} {
		got := c
		if r.change != nil {
			r.change(&got)
		}
		if line := Line(got); line != r.want {
			t.Errorf("%s: %q, want %q", r.says, line, r.want)
		}
	}
}

func TestJSONHasTheContractsFields(t *testing.T) {
	text, err := JSON(sample(), changeset.Outcome{Address: at("tenant/acme/aws.kms.key/key"), Action: changeset.Create, Result: changeset.Failed, Detail: "no"})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		FormatVersion string         `json:"format_version"`
		Commit        string         `json:"commit"`
		Digest        string         `json:"digest"`
		Summary       map[string]int `json:"summary"`
		Changes       []map[string]any
		Unseen        []struct {
			Scope map[string]string
			Error string
		}
		Outcomes []changeset.Outcome
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.FormatVersion != "1" || got.Commit == "" || got.Digest == "" || got.Unseen[0].Scope["account"] != "222222222222" || got.Unseen[0].Error == "" {
		t.Errorf("%+v", got)
	}
	for name, n := range map[string]int{"create": 2, "update": 3, "replace": 1, "delete": 3, "retire": 1, "adopt": 1, "held": 4} {
		if got.Summary[name] != n {
			t.Errorf("summary.%s is %d, want %d", name, got.Summary[name], n)
		}
	}
	for _, c := range got.Changes {
		for _, field := range []string{"address", "action", "cause", "hold", "origin", "scope", "attributes"} {
			if _, there := c[field]; !there {
				t.Errorf("%v has no %s", c["address"], field)
			}
		}
	}
	if got.Outcomes[0].Result != changeset.Failed {
		t.Errorf("outcomes %v", got.Outcomes)
	}
}

func TestSaved(t *testing.T) {
	c := sample()
	text, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	commit, digest, err := Saved(text)
	if err != nil || commit != c.Commit || digest != c.Digest {
		t.Errorf("Saved = %q, %q, %v", commit, digest, err)
	}
	for _, text := range []string{``, `{}`, `[]`, `{"format_version":"2","digest":"sha256:00"}`, `{"format_version":"1"}`, `{"format_version":"1","digest":"md5:0"}`, `{"format_version":1}`} {
		if _, _, err := Saved([]byte(text)); err == nil {
			t.Errorf("Saved(%s) is fine", text)
		}
	}
}

// No report says what a secret is.
func TestSecretsStaySecret(t *testing.T) {
	const canary = "hunter2-canary"
	secret := differs("token", `"`+canary+`"`, `"`+canary+`-new"`)
	secret.Before, secret.After = secret.Before.AsSecret(), secret.After.AsSecret()
	drift := held(change(changeset.Update, changeset.Drift, "tenant/acme/aws.sqs.queue/jobs", secret), changeset.HoldDrift, "drift")
	c := changeset.Changeset{Changes: []changeset.Change{change(changeset.Update, changeset.Config, "tenant/acme/aws.sqs.queue/a", secret), drift}}
	plan, _ := JSON(c)
	cause := Group(c)[0]
	title, markdown, data := Drift(cause, DriftOptions{})
	all := strings.Join([]string{Text(c, true), Comment(c, CommentOptions{}), string(plan), title, markdown, string(data), cause.Slug, cause.Digest, fmt.Sprintf("%+v", cause)}, "\n")
	if strings.Contains(all, "hunter2") {
		t.Errorf("a secret shows in\n%s", all)
	}
	if !strings.Contains(all, resource.Masked) {
		t.Error("nothing says that there is a secret")
	}
}

func TestReportsAreDeterministic(t *testing.T) {
	for range 20 {
		a, _ := JSON(sample())
		b, _ := JSON(sample())
		one, two := Comment(sample(), CommentOptions{}), Comment(sample(), CommentOptions{})
		if !bytes.Equal(a, b) || one != two {
			t.Fatal("two reports on the same differ")
		}
	}
}

func TestCommentIsCutAtWholeResources(t *testing.T) {
	var c changeset.Changeset
	for i := range 3000 {
		c.Changes = append(c.Changes, change(changeset.Create, changeset.Config, fmt.Sprintf("tenant/t%d/aws.sqs.queue/q", i/3*1000+i), differs("name", "", `"a name"`)))
	}
	for i := range 500 {
		c.Changes = append(c.Changes, held(change(changeset.Delete, changeset.Config, fmt.Sprintf("tenant/d%d/aws.sqs.queue/q", i)), changeset.HoldLimit, strings.Repeat("long ", 300)))
	}
	for i := range 300 {
		c.Changes = append(c.Changes, held(change(changeset.Create, changeset.Config, fmt.Sprintf("tenant/h%d/aws.sqs.queue/q", i)), changeset.HoldUnsure, strings.Repeat("unsure ", 20)))
		c.Unseen = append(c.Unseen, changeset.Unseen{Place: changeset.Place{Scope: scope, Kind: fmt.Sprint("k", i)}, Error: "denied"})
		c.Broken = append(c.Broken, changeset.Broken{Owner: resource.Tenant(fmt.Sprint("b", i)), Error: strings.Repeat("broken ", 1000)})
	}
	text := Comment(c, CommentOptions{})
	if len(text) >= 60_000 {
		t.Errorf("%d bytes", len(text))
	}
	if n := strings.Count(text, "```"); n%2 != 0 {
		t.Error("a code block isn't closed")
	}
	if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Error("a fold isn't closed")
	}
	for _, want := range []string{"### Destroyed", "### Held", "### Not seen", "### Left alone", "left out here", "The details of 3", "digest"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	shown := strings.Count(text, "```diff")
	if !strings.Contains(text, fmt.Sprintf("The details of %d more resources", len(c.Changes)-shown)) {
		t.Errorf("%d of %d are shown, and the rest isn't counted right:\n%s", shown, len(c.Changes), text[len(text)-400:])
	}
	one := changeset.Changeset{Changes: []changeset.Change{change(changeset.Create, changeset.Config, "tenant/a/aws.sqs.queue/q", differs("policy", "", `"`+strings.Repeat("x", 200_000)+`"`))}}
	if n := len(Comment(one, CommentOptions{})); n >= 60_000 {
		t.Errorf("one huge value makes %d bytes", n)
	}
}

func TestDestructionIsNeverFolded(t *testing.T) {
	text := Comment(sample(), CommentOptions{})
	before, _, _ := strings.Cut(text, "<details>")
	for _, address := range []string{"tenant/acme/aws.sns.topic/events", "tenant/gone/aws.sqs.queue/jobs", "tenant/gone/aws.s3.bucket/data"} {
		if !strings.Contains(before, address) {
			t.Errorf("%s is folded away", address)
		}
	}
	text = Comment(changeset.Changeset{Changes: sample().Changes[:1]}, CommentOptions{})
	if !strings.HasPrefix(text, "**Plan: ") {
		t.Errorf("the verdict isn't first where no data is concerned: %s", text[:60])
	}
}
