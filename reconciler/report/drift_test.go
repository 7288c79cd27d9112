package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// driftSample has causes of every sort.
func driftSample() changeset.Changeset {
	retention := func(tenant, before string) changeset.Change {
		return held(change(changeset.Update, changeset.Drift, "tenant/"+tenant+"/aws.logs.group/app", drifted("retentionDays", before, "365")), changeset.HoldDrift, "drift")
	}
	replaced := held(change(changeset.Replace, changeset.Drift, "tenant/acme/aws.sns.topic/events", drifted("name", `"odd"`, `"events"`)), changeset.HoldDrift, "drift")
	replaced.Replacing = []string{"name"}
	kept := held(change(changeset.Replace, changeset.Drift, "tenant/acme/aws.s3.bucket/data", drifted("name", `"odd"`, `"data"`)), changeset.HoldData, "name can't be changed in place, and replacing it would destroy what it holds")
	kept.Replacing = []string{"name"}
	mixed := change(changeset.Update, changeset.Config, "tenant/acme/aws.sqs.queue/mixed", differs("delay", "1", "2"), drifted("tags.team", `"a"`, `"b"`))
	return changeset.Changeset{Changes: []changeset.Change{
		mixed,
		retention("beta", "30"), retention("acme", "7"),
		held(change(changeset.Update, changeset.Drift, "tenant/acme/aws.iam.role/app", drifted("inlinePolicies.main", policy, strings.Replace(policy, "s3:ListBucket", "s3:*", 1))), changeset.HoldDrift, "drift"),
		held(change(changeset.Update, changeset.Drift, "tenant/acme/aws.sqs.queue/jobs", drifted("tags.team", `"by hand"`, "")), changeset.HoldDrift, "drift"),
		replaced, kept,
		held(change(changeset.Create, changeset.Drift, "tenant/acme/aws.sqs.queue/dead", drifted("name", "", `"dead"`)), changeset.HoldDrift, "deleted"),
		held(change(changeset.Delete, changeset.Orphan, "tenant/acme/aws.sqs.queue/stray"), changeset.HoldOrphan, "stray"),
		held(change(changeset.None, changeset.Orphan, "tenant/acme/aws.sqs.queue/twin"), changeset.HoldDouble, "2 resources carry the address …: one, two"),
		held(change(changeset.Delete, changeset.Orphan, "tenant/absent/aws.sqs.queue/q"), changeset.HoldNotInGit, "absent"),
		held(change(changeset.Retire, changeset.Orphan, "tenant/absent/aws.s3.bucket/b"), changeset.HoldNotInGit, "absent"),
	}}
}

func TestGroup(t *testing.T) {
	var got []string
	for _, cause := range Group(driftSample()) {
		got = append(got, fmt.Sprintf("%s %s %d", cause.Slug, cause.Sort, len(cause.Changes)))
	}
	want := []string{
		"absent_tenant-absent absent 2",
		"iam-role_inlinepolicies-main changed 1",
		"logs-group_retentiondays changed 2",
		"s3-bucket_name changed 1",
		"sns-topic_name changed 1",
		"sqs-queue_duplicate duplicate 1",
		"sqs-queue_missing missing 1",
		"sqs-queue_orphan orphan 1",
		"sqs-queue_tags-team changed 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	reversed := driftSample()
	slices.Reverse(reversed.Changes)
	if diff := cmp.Diff(Group(driftSample()), Group(reversed)); diff != "" {
		t.Errorf("the order of changes matters:\n%s", diff)
	}
	if causes := Group(changeset.Changeset{}); len(causes) != 0 {
		t.Errorf("nothing has causes: %v", causes)
	}
}

func TestSlugsAreUnique(t *testing.T) {
	long := strings.Repeat("attribute", 20)
	lists := [][]string{
		{"aws.sqs.queue", "tags.team"},
		{"aws.sqs.queue", "tags.Team"},
		{"aws.sqs.queue", "tags.TEAM"},
		{"aws.sqs.queue", "tags", "team"},
		{"aws.sqs.queue", "tags.te@m"},
		{"aws.sqs.queue", "tags.te#m"},
		{"aws.sqs.queue", "tags.тим"},
		{"aws.sqs.queue", long + "a"},
		{"aws.sqs.queue", long + "b"},
		{"", ""},
		{"@"},
	}
	seen := map[string]bool{}
	for _, list := range lists {
		name := slugOf(list...)
		if seen[name] || name == "" || len(name) > 70 {
			t.Errorf("%q makes %q", list, name)
		}
		seen[name] = true
	}
}

// A decision binds to a cause's digest: it must change with what the cloud has, and with nothing else.
func TestCauseDigest(t *testing.T) {
	of := func(edit func(*changeset.Change)) string {
		c := held(change(changeset.Update, changeset.Drift, "tenant/acme/aws.logs.group/app", drifted("retentionDays", "7", "365")), changeset.HoldDrift, "drift")
		edit(&c)
		return Group(changeset.Changeset{Changes: []changeset.Change{c}})[0].Digest
	}
	same := of(func(*changeset.Change) {})
	for says, edit := range map[string]func(*changeset.Change){
		"corrected rather than held": func(c *changeset.Change) { c.Hold, c.HoldKind = "", "" },
		"another line":               func(c *changeset.Change) { c.Origin.Line = 99 },
		"another text of the hold":   func(c *changeset.Change) { c.Hold = "x" },
	} {
		if of(edit) != same {
			t.Errorf("%s: another digest", says)
		}
	}
	for says, edit := range map[string]func(*changeset.Change){
		"another value in the cloud": func(c *changeset.Change) { c.Attributes[0].Before = val("8") },
		"another resource":           func(c *changeset.Change) { c.Address.Name = "web" },
		"another id":                 func(c *changeset.Change) { c.Have.ID = "x" },
	} {
		if of(edit) == same {
			t.Errorf("%s: the same digest", says)
		}
	}
	secret := func(text string) string {
		return of(func(c *changeset.Change) { c.Attributes[0].Before = val(`"` + text + `"`).AsSecret() })
	}
	if secret("one") == secret("two") {
		t.Error("two secrets have one digest")
	}
}

func TestKeys(t *testing.T) {
	for _, c := range driftSample().Changes {
		keys := Keys(c)
		if len(keys) == 0 {
			t.Errorf("%s has no key", c.Address)
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, c.Address.String()+" ") {
				t.Errorf("%s has the key %q", c.Address, key)
			}
		}
	}
	c := driftSample().Changes[1]
	if key := Key(c, c.Attributes[0]); key != Keys(c)[0] || key != "tenant/beta/aws.logs.group/app retentionDays" {
		t.Errorf("key %q", key)
	}
}

func TestGoldenDrift(t *testing.T) {
	causes := map[string]Cause{}
	for _, cause := range Group(driftSample()) {
		causes[cause.Slug] = cause
	}
	o := DriftOptions{
		Fleet: "brightdesk", Commit: "c0ffee0123456789",
		Since: map[string]time.Time{"tenant/acme/aws.logs.group/app retentionDays": noon, "tenant/beta/aws.logs.group/app retentionDays": noon.Add(time.Hour)},
		Kept:  map[string]string{"tenant/acme/aws.logs.group/app retentionDays": "tenants/ac/acme.cue"},
		Refused: map[string]string{
			"tenant/beta/aws.logs.group/app retentionDays": "the plan team allows 90, 365 or 3650",
			"tenant/acme/aws.sqs.queue/dead":               "there is no value to keep: the resource is gone from the cloud",
		},
	}
	robin := Deed{Action: "logs:PutRetentionPolicy", By: "arn:aws:sts::111122223333:assumed-role/Admins/robin@example.com", Session: "robin@example.com", From: "203.0.113.7", At: noon.Add(-time.Minute)}
	o.Deeds = map[resource.Address][]Deed{
		{Owner: "tenant/acme", Kind: "aws.logs.group", Name: "app"}: {robin, {Action: "logs:TagResource", By: "arn:aws:iam::111122223333:root", From: "cloudformation.amazonaws.com", At: noon.Add(-time.Hour)}},
	}
	for slug, cause := range causes {
		here := o
		if slug != "logs-group_retentiondays" {
			here.Kept = nil
		}
		switch slug {
		case "sqs-queue_missing":
			here.Refused = map[string]string{"tenant/acme/aws.sqs.queue/dead": o.Refused["tenant/acme/aws.sqs.queue/dead"]}
		case "logs-group_retentiondays":
			here.Refused = map[string]string{"tenant/beta/aws.logs.group/app retentionDays": o.Refused["tenant/beta/aws.logs.group/app retentionDays"]}
		default:
			here.Refused = nil
		}
		title, markdown, data := Drift(cause, here)
		golden(t, "drift."+slug+".md", "title: "+title+"\n\n"+markdown)
		if slug == "logs-group_retentiondays" {
			golden(t, "drift."+slug+".json", string(data))
		}
		if !json.Valid(data) {
			t.Errorf("%s: bad JSON", slug)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, c := range []struct {
		paths []string
		sort  Sort
		want  string
	}{
		{[]string{"tags.team"}, Changed, "low"},
		{[]string{"description", "tags.a"}, Changed, "low"},
		{[]string{"retentionDays", "tags.a"}, Changed, "medium"},
		{[]string{"tags.a", "visibilityTimeout"}, Changed, "medium"},
		{[]string{"versioning"}, Changed, "high"}, // without it, whoever overwrites a file destroys it
		{[]string{"publicAccessBlock.blockPublicAcls"}, Changed, "high"},
		{[]string{"inlinePolicies.main", "tags.a"}, Changed, "high"},
		{nil, Missing, "high"},
		{nil, Duplicate, "high"},
		{nil, Stray, "medium"},
		{nil, Absent, "medium"},
	} {
		if level, why := (Cause{Sort: c.sort, Paths: c.paths}).Severity(); level != c.want || why == "" {
			t.Errorf("%s %v is %s (%s), want %s", c.sort, c.paths, level, why, c.want)
		}
	}
}

func TestLargeDriftFits(t *testing.T) {
	var c changeset.Changeset
	o := DriftOptions{Kept: map[string]string{}, Refused: map[string]string{}}
	for i := range 3000 {
		one := held(change(changeset.Update, changeset.Drift, fmt.Sprintf("tenant/t%d/aws.iam.role/app", i), drifted("policy", policy, strings.Replace(policy, "Read", "Write", 1))), changeset.HoldDrift, "drift")
		c.Changes = append(c.Changes, one)
		o.Kept[one.Address.String()+" policy"] = fmt.Sprintf("tenants/t%d.cue", i)
		o.Refused[one.Address.String()+" x"] = "no"
	}
	_, markdown, data := Drift(Group(c)[0], o)
	if len(markdown) >= 60_000 || !strings.Contains(markdown, "left out here") || !strings.Contains(markdown, "**Put it back**") || !strings.Contains(markdown, "### What differs") {
		t.Errorf("%d bytes", len(markdown))
	}
	var all struct{ Resources []any }
	if err := json.Unmarshal(data, &all); err != nil || len(all.Resources) != 3000 {
		t.Errorf("the JSON has %d resources (%v)", len(all.Resources), err)
	}
}
