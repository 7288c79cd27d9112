package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

// priced makes the facts of a changeset: everything that is made, changed and destroyed by AWS's list.
func priced(c changeset.Changeset) Facts {
	var before, after []resource.Desired
	kept := map[resource.Address]bool{}
	for _, change := range c.Changes {
		d := resource.Desired{Address: change.Address, Scope: change.Scope, Attributes: resource.Attributes{}}
		if change.Action != changeset.Create && change.Action != changeset.Adopt {
			before = append(before, d)
		}
		if change.Want != nil {
			d.Attributes = change.Want.Attributes
			after = append(after, d)
		}
		kept[change.Address] = change.Action == changeset.Retire
	}
	d := cost.Compare(cost.Book{}, before, after, kept)
	return Facts{Cost: &d, Radius: NewRadius(c, around)}
}

func onboarding() changeset.Changeset {
	return changeset.Changeset{
		Fleet: "brightdesk", Commit: "c0ffee0123456789c0ffee0123456789c0ffee01", Digest: "sha256:" + strings.Repeat("ab", 32),
		Changes: []changeset.Change{
			change(changeset.Create, changeset.Config, "tenant/acme/aws.kms.key/key", differs("alias", "", `"alias/acme"`)),
			data(change(changeset.Create, changeset.Config, "tenant/acme/aws.s3.bucket/data", differs("name", "", `"acme-data"`))),
			change(changeset.Create, changeset.Config, "tenant/acme/aws.secretsmanager.secret/login", differs("name", "", `"acme/login"`)),
			change(changeset.Update, changeset.Config, "tenant/beta/aws.cloudwatch.alarm/errors", differs("period", "60", "10")),
		},
	}
}

// Golden files of what a pull request gets.
func TestGoldenVerdicts(t *testing.T) {
	small := onboarding()
	facts := priced(small)
	facts.Cost.Owners[0].Plan = "390 EUR"
	golden(t, "verdict.small.md", Comment(small, CommentOptions{Head: "deadbeef0123", Facts: facts}))
	golden(t, "verdict.small.txt", TextWith(small, facts, false))

	destroy := onboarding()
	destroy.Changes = append(
		destroy.Changes,
		change(changeset.Delete, changeset.Config, "tenant/gone/aws.cloudwatch.alarm/errors"),
		data(change(changeset.Retire, changeset.Config, "tenant/gone/aws.kms.key/key")),
	)
	golden(t, "verdict.destroy.md", Comment(destroy, CommentOptions{Head: "deadbeef0123", Facts: priced(destroy)}))

	unpriced := onboarding()
	unpriced.Changes = append(
		unpriced.Changes,
		change(changeset.Create, changeset.Config, "tenant/acme/AWS::RDS::DBInstance/db", differs("DBInstanceClass", "", `"db.r7g.large"`)),
		change(changeset.Update, changeset.Config, "cell/eu-1/AWS::Acme::Odd/thing", differs("Size", "1", "2")),
	)
	golden(t, "verdict.unpriced.md", Comment(unpriced, CommentOptions{Head: "deadbeef0123", Facts: priced(unpriced)}))

	nothing := changeset.Changeset{Fleet: "f", Commit: "c0ffee01", Digest: "sha256:00", Unchanged: 3}
	golden(t, "verdict.nothing.md", Comment(nothing, CommentOptions{Head: "deadbeef0123", Facts: priced(nothing)}))

	golden(t, "verdict.large.md", Comment(large(), CommentOptions{Head: "deadbeef0123", Facts: priced(large())}))
}

// large has more of everything than fits.
func large() changeset.Changeset {
	c := changeset.Changeset{Fleet: "brightdesk", Digest: "sha256:" + strings.Repeat("cd", 32)}
	for i := range 400 {
		owner := fmt.Sprintf("tenant/customer-number-%03d", i)
		c.Changes = append(
			c.Changes,
			change(changeset.Create, changeset.Config, owner+"/aws.kms.key/key", differs("alias", "", `"alias/acme"`), differs("description", "", `"Encrypts what is stored"`)),
			change(changeset.Replace, changeset.Config, owner+"/aws.sqs.queue/jobs", differs("name", `"jobs"`, `"work"`)),
		)
	}
	return c
}

func TestTheVerdictIsTheFirstLine(t *testing.T) {
	c := onboarding()
	f := priced(c)
	const want = "Plan: 3 to add, 1 to change, 0 to destroy · 2 tenants · +$1.60/mo · blast radius low"
	if got := Title(c, f); got != want {
		t.Errorf("the title is %q", got)
	}
	comment := Comment(c, CommentOptions{Facts: f})
	if first, _, _ := strings.Cut(comment, "\n"); first != "**"+want+"**" {
		t.Errorf("the comment begins with %q", first)
	}
	if text := TextWith(c, f, false); !strings.HasSuffix(text, "\n"+want+"\n") {
		t.Errorf("the plan ends with %q", text[len(text)-120:])
	}
	if got := Verdict(c, Facts{}); got != Line(c) {
		t.Errorf("without facts: %q", got)
	}
	f.Cost.Unpriced = 2
	if got := Verdict(c, f); !strings.Contains(got, "+$1.60/mo and 2 unpriced · ") {
		t.Errorf("what has no price is passed over: %q", got)
	}
	if got := Verdict(changeset.Changeset{}, Facts{Cost: f.Cost}); got != "No changes" {
		t.Errorf("nothing costs something: %q", got)
	}
}

// A check's title has no line breaks and a bounded length, whatever is in it.
func TestTitlesStayShort(t *testing.T) {
	c := onboarding()
	c.Changes = append(c.Changes, data(change(changeset.Retire, changeset.Config, "tenant/"+strings.Repeat("é", 400)+"/aws.s3.bucket/data")))
	title := Title(c, priced(c))
	if n := utf8.RuneCountInString(title); n > mostTitle || !strings.HasSuffix(title, "…") || strings.ContainsAny(title, "\r\n") {
		t.Errorf("%d characters: %s", n, title)
	}
}

// However much there is to say, the table of owners, what is destroyed and what is held have their room.
func TestDestructionHasRoomBesideEverythingElse(t *testing.T) {
	c := large()
	for i := range 100 {
		c.Changes = append(c.Changes, held(change(changeset.Create, changeset.Config, fmt.Sprintf("tenant/h%d/aws.sqs.queue/q", i)), changeset.HoldUnsure, strings.Repeat("unsure ", 20)))
	}
	s := Shadow{Files: []string{"plans/team.cue"}, Tenants: 400}
	for i := range 60 {
		s.Groups = append(s.Groups, ShadowGroup{Unusual: true, Tenants: []resource.Owner{resource.Tenant(fmt.Sprint("t", i))}, Broken: strings.Repeat("broken ", 90)})
	}
	for i := range 20 {
		g := ShadowGroup{Mended: true}
		for j := range 50 {
			g.Tenants = append(g.Tenants, resource.Tenant(fmt.Sprintf("a-customer-with-a-long-name-%d-%d", i, j)))
		}
		s.Groups = append(s.Groups, g)
	}
	for i := range 150 {
		c.Changes = append(c.Changes, data(change(changeset.Retire, changeset.Config, fmt.Sprintf("tenant/r%d/aws.s3.bucket/data", i))))
	}
	var remarks []string
	for range 50 {
		remarks = append(remarks, strings.Repeat("mind this ", 40))
	}
	text := Comment(c, CommentOptions{Shadow: &s, Remarks: remarks, Facts: priced(c)})
	if len(text) > most {
		t.Errorf("%d bytes", len(text))
	}
	if n := strings.Count(text, "- `-/+` replace"); n < 100 {
		t.Errorf("%d of 400 replacements are shown", n)
	}
	if n := strings.Count(text, "unsure unsure"); n < 40 {
		t.Errorf("%d of 100 that are held are shown", n)
	}
	for _, want := range []string{"### Destroyed", "### Held", "| Whose | Add |", "Blast radius high"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestCostAndRadiusAsJSON(t *testing.T) {
	c := onboarding()
	text, err := JSONWith(c, nil, priced(c))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cost struct {
			Currency              string
			Before, After, Change json.Number
			ByUse                 int `json:"by_use"`
			Unpriced              int
			Owners                []struct{ Owner string }
			Sources               []cost.Source
		}
		Radius struct {
			Level   string
			Tenants int
			Fleet   int `json:"fleet_tenants"`
			Cells   []string
		} `json:"blast_radius"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Cost.Currency != "USD" || got.Cost.Before != "0.1" || got.Cost.After != "1.7" || got.Cost.Change != "1.6" || got.Cost.ByUse != 1 || len(got.Cost.Owners) != 2 || len(got.Cost.Sources) != 3 {
		t.Errorf("cost: %+v", got.Cost)
	}
	if got.Radius.Level != "low" || got.Radius.Tenants != 2 || got.Radius.Fleet != 41 || len(got.Radius.Cells) != 1 {
		t.Errorf("radius: %+v", got.Radius)
	}
	plain, err := JSON(c)
	if err != nil || strings.Contains(string(plain), `"cost"`) || strings.Contains(string(plain), "blast_radius") {
		t.Errorf("what isn't known is spoken of (%v)", err)
	}
}
