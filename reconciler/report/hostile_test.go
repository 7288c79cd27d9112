package report

import (
	"bytes"
	"encoding/json"
	stdhtml "html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

// attacks are texts that try to be more than text.
func attacks() []string {
	return []string{
		"a | b | c |", "`|`", "\\|", "`` ` ``", "a`b|c\\|d", "line\n\n# Heading\n", "\r\n| x | y |", "</details><script>alert(1)</script>",
		"<img src=x onerror=alert(1)>", "![x](https://evil.example/a.png)", "[click](javascript:alert(1))", "https://evil.example/", "www.evil.example", "WwW.evil.example", "İwww.evil.example",
		"@everyone @octocat ping", "@org/team", "fixes #1", "GH-1", "octo/repo#12", "```\n# out of the fence\n```", "~~~\nx", "<!-- hidden", "&lt;b&gt; &#64;octocat", "**bold** _it_ ~~no~~",
		"\x1b[31mred\x1b[0m \x07", "\u202emoc.live\u202c", "\u200b\ufeff", "\x00", "\xff\xfe", "- [ ] task", "1. list", "mailto:a@evil.example", "a@evil.example", "$x$ $$y$$", ":rocket:", "",
		"%!s(MISSING)", "{{.}}", "${tenant/x/k/n#arn}", strings.Repeat("long ", 100),
	}
}

// page renders Markdown as GitHub would, raw HTML included, and drops what is code: there nothing
// is a link or a mention.
func rendered(t *testing.T, markdown string) string {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	var b bytes.Buffer
	if err := md.Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var inCode = regexp.MustCompile(`(?s)<pre>.*?</pre>|<code>.*?</code>`)

// sound checks that a report is made of our own elements alone, and that text in it mentions nobody.
func sound(t *testing.T, what, attack, markdown string, columns int) {
	t.Helper()
	page := inCode.ReplaceAllString(rendered(t, markdown), "")
	for _, bad := range []string{"<script", "<img", "<a ", "<del>", "<em>", "<input", "<!--", "<h1", "onerror=alert(1)>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s: %q became %s in\n%s", what, attack, bad, page)
		}
	}
	for _, bad := range []*regexp.Regexp{regexp.MustCompile(`@[A-Za-z0-9]`), regexp.MustCompile(`#[0-9]`), regexp.MustCompile(`(?i)www\.`), regexp.MustCompile(`://`)} {
		if hit := bad.FindString(stdhtml.UnescapeString(tag.ReplaceAllString(page, " "))); hit != "" {
			t.Errorf("%s: %q left %q for GitHub to act on in\n%s", what, attack, hit, page)
		}
	}
	for _, row := range regexp.MustCompile(`(?s)<tr>.*?</tr>`).FindAllString(page, -1) {
		if n := strings.Count(row, "<td") + strings.Count(row, "<th"); columns > 0 && n != columns {
			t.Errorf("%s: %q made a row of %d cells, want %d:\n%s", what, attack, n, columns, row)
		}
	}
	if strings.Count(page, "<details>") != strings.Count(page, "</details>") {
		t.Errorf("%s: %q broke a fold:\n%s", what, attack, page)
	}
	for _, r := range markdown {
		if r != '\n' && (r < 0x20 || r == 0x7f || r >= 0x202a && r <= 0x202e || r == 0x200b || r == 0xfeff) {
			t.Errorf("%s: %q left the character %U", what, attack, r)
		}
	}
}

func hostilePassages(attack string) []Passage {
	p := Passage{Number: 7, Title: attack, Author: attack + "x", MergedBy: attack, Merged: noon, Head: attack, Commit: attack, Asked: true}
	p.Approvals = []Approval{{attack, attack, noon}, {attack, "older" + attack, noon}}
	return []Passage{p, {Number: 8, Title: attack, Author: attack, MergedBy: attack, Merged: noon, Asked: true}, {Number: 9, Title: attack, Author: attack}}
}

// hostileFacts are facts of which everything that isn't ours is an attack.
func hostileFacts(c changeset.Changeset, attack string) Facts {
	stray := resource.Address{Owner: resource.Owner("tenant/" + attack), Kind: attack, Name: attack}
	d := cost.Delta{
		Currency: "USD", Unpriced: 1,
		Owners: []cost.OwnerCost{{Owner: "tenant/acme", Plan: attack}},
		Items:  []cost.ItemChange{{Address: stray, State: cost.Unknown, Why: attack}, {Address: stray, State: cost.Priced, After: 1, Why: attack}},
	}
	return Facts{Cost: &d, Radius: NewRadius(c, Surroundings{Tenants: 1, Environments: map[string]Environment{"eu-1": {attack, attack}}})}
}

func TestHostileTextStaysText(t *testing.T) {
	for _, attack := range attacks() {
		v := resource.String(attack)
		object, _ := resource.Of(map[string]string{attack: attack, "b": strings.Repeat(attack, 3)})
		differences := []changeset.Difference{
			{Path: changeset.Path("tags", attack), Before: v, Cause: changeset.Drift},
			{Path: "name", Before: v, After: resource.String(attack + "x"), Cause: changeset.Drift, Origin: resource.Origin{File: attack, Line: 1}},
			{Path: "policy", Before: object, After: resource.String("short"), Cause: changeset.Drift},
		}
		drift := held(change(changeset.Update, changeset.Drift, "tenant/acme/aws.sqs.queue/jobs", differences...), changeset.HoldDrift, attack)
		config := held(change(changeset.Replace, changeset.Config, "tenant/acme/aws.sns.topic/t", differences...), changeset.HoldData, attack)
		config.Replacing, config.Have.ID, config.HoldsData = []string{attack}, attack, true
		limit := held(change(changeset.Delete, changeset.Config, "tenant/beta/aws.sns.topic/t"), changeset.HoldLimit, attack)
		adopted := change(changeset.Adopt, changeset.Config, "tenant/beta/aws.sns.topic/u")
		adopted.Want.Adopt = attack
		stray := held(change(changeset.Delete, changeset.Orphan, "tenant/beta/aws.sns.topic/v"), changeset.HoldOrphan, attack)
		stray.Have.ID = attack
		stray.Address = resource.Address{Owner: resource.Owner("tenant/" + attack), Kind: attack, Name: attack}
		absent := stray
		absent.HoldKind = changeset.HoldNotInGit
		replaced := held(change(changeset.Replace, changeset.Drift, "tenant/beta/aws.sns.topic/w", changeset.Difference{Path: attack, Before: object, After: v, Cause: changeset.Drift}), changeset.HoldDrift, attack)
		replaced.Replacing = []string{attack}
		c := changeset.Changeset{
			Fleet: attack, Commit: attack, Digest: attack, Changes: []changeset.Change{drift, config, limit, adopted, stray, absent, replaced},
			Unseen: []changeset.Unseen{{Place: changeset.Place{Scope: scope, Kind: attack}, Error: attack}},
			Broken: []changeset.Broken{{Owner: resource.Owner("tenant/" + attack), Error: attack}},
			Abandoned: []changeset.Abandoned{{
				Address: resource.Address{Owner: resource.Owner("tenant/" + attack), Kind: attack, Name: attack},
				Scope:   resource.Scope{Account: attack, Region: attack}, Why: attack,
			}},
		}
		sound(t, "comment", attack, Comment(c, CommentOptions{Head: attack}), 5)
		sound(t, "comment with facts", attack, Comment(c, CommentOptions{Head: attack, Facts: hostileFacts(c, attack)}), 0)
		oneLine(t, attack, Title(c, hostileFacts(c, attack)))
		for _, cause := range Group(c) {
			o := DriftOptions{Fleet: attack, Commit: attack, Kept: map[string]string{attack: attack}, Refused: map[string]string{attack: attack, "x": attack}}
			deed := Deed{Action: attack, By: attack, Session: attack, From: attack, At: noon}
			o.Deeds = map[resource.Address][]Deed{cause.Changes[0].Address: {deed, deed}}
			title, markdown, data := Drift(cause, o)
			sound(t, "drift", attack, markdown, 0)
			tables(t, attack, markdown, map[int]int{3: 5, 6: -1})
			if mention := regexp.MustCompile(`(^|[^A-Za-z0-9])@|#|://`).FindString(strings.TrimPrefix(title[max(0, strings.LastIndex(title, ", by ")):], ", by ")); strings.Contains(title, ", by ") && mention != "" {
				t.Errorf("drift: %q is the title %q, whose %q a commit's message would act on", attack, title, mention)
			}
			oneLine(t, attack, title)
			if strings.Count(markdown, "### Who did it") != 1 {
				t.Errorf("drift: %q forged a section, or hid one:\n%s", attack, markdown)
			}
			if !json.Valid(data) {
				t.Errorf("drift: %q makes bad JSON", attack)
			}
			if regexp.MustCompile(`[^a-z0-9_-]`).MatchString(cause.Slug) || cause.Slug == "" || strings.HasPrefix(cause.Slug, "-") {
				t.Errorf("%q makes the slug %q", attack, cause.Slug)
			}
		}
		outcome := changeset.Outcome{Address: drift.Address, Action: changeset.Update, Result: changeset.Failed, Detail: attack}
		title, markdown := Applied(Result{Commit: attack, Digest: attack, Outcomes: []changeset.Outcome{outcome}, Unseen: c.Unseen, Broken: c.Broken})
		oneLine(t, attack, title)
		sound(t, "applied", attack, markdown, 0)
		entries := []changeset.Entry{
			{Seq: 1, Time: noon, Phase: changeset.Before, Commit: attack, Address: drift.Address, Action: changeset.Update, Actor: attack, Paths: []string{attack, attack}},
			{Seq: 2, Time: noon, Phase: changeset.After, Before: 1, Commit: attack, Address: drift.Address, Action: changeset.Update, Result: changeset.Failed, Detail: attack},
			{Seq: 3, Time: noon, Phase: changeset.Note, Detail: attack, Actor: attack},
			{Seq: 4, Time: noon, Phase: changeset.Before, Commit: attack, Address: drift.Address, Action: changeset.Action(attack), Actor: attack},
		}
		title, markdown, _ = Audit(entries, AuditOptions{From: noon, To: noon.Add(time.Hour), Head: []string{attack}, Passages: hostilePassages(attack)})
		oneLine(t, attack, title)
		sound(t, "audit", attack, markdown, 0)
		for _, text := range []string{Text(c, false), Outcome(outcome, false), Outcomes([]changeset.Outcome{outcome}, false)} {
			for _, r := range text {
				if r != '\n' && (r < 0x20 || r == 0x7f || r >= 0x202a && r <= 0x202e) {
					t.Errorf("terminal: %q left the character %U", attack, r)
				}
			}
		}
		if strings.Contains(Text(c, true), "\x1b[31mred") {
			t.Error("a value coloured the terminal")
		}
	}
}

// tables wants rows of these numbers of cells, each so often; -1 is any number of rows.
func tables(t *testing.T, attack, markdown string, want map[int]int) {
	t.Helper()
	got := map[int]int{}
	for _, row := range regexp.MustCompile(`(?s)<tr>.*?</tr>`).FindAllString(inCode.ReplaceAllString(rendered(t, markdown), ""), -1) {
		got[strings.Count(row, "<td")+strings.Count(row, "<th")]++
	}
	for cells, rows := range got {
		if n, ok := want[cells]; !ok || n >= 0 && n != rows {
			t.Errorf("%q made %d rows of %d cells", attack, rows, cells)
		}
	}
}

var cell = regexp.MustCompile(`(?s)<td>(.*?)</td>`)

var tag = regexp.MustCompile(`<[^>]*>`)

// read is what a person reads in the cells of a table.
func read(t *testing.T, markdown string) []string {
	t.Helper()
	var texts []string
	for _, m := range cell.FindAllStringSubmatch(rendered(t, markdown), -1) {
		text := stdhtml.UnescapeString(tag.ReplaceAllString(m[1], ""))
		texts = append(texts, strings.Join(strings.Fields(strings.ReplaceAll(text, "\u200b", "")), " "))
	}
	return texts
}

// What is escaped reads as it was written, and stays in its cell.
func readsBack(t *testing.T, text string) {
	t.Helper()
	want := strings.Join(strings.Fields(visible(text)), " ")
	got := read(t, table([]string{"a", "b", "c"}, [][]string{{prose(text), code(text), "end"}}))
	if len(got) != 3 || got[0] != want || got[1] != want || got[2] != "end" {
		t.Errorf("%q reads as %q", text, got)
	}
}

func TestEscapesReadBack(t *testing.T) {
	for _, attack := range attacks() {
		readsBack(t, attack)
		block := rendered(t, fence("diff", "+ "+attack+"\n"+attack))
		if strings.Count(block, "<pre>") != 1 || !strings.HasSuffix(strings.TrimSpace(block), "</code></pre>") {
			t.Errorf("%q broke out of a code block:\n%s", attack, block)
		}
	}
}

func oneLine(t *testing.T, attack, title string) {
	t.Helper()
	if strings.ContainsAny(title, "\n\r\x1b\x00") || title == "" {
		t.Errorf("%q makes the title %q", attack, title)
	}
}

func FuzzProse(f *testing.F) {
	for _, attack := range attacks() {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, text string) {
		markdown := table([]string{"a", "b", "c"}, [][]string{{prose(text), code(text), "end"}})
		sound(t, "table", text, markdown, 3)
		readsBack(t, text)
	})
}
