package report

import (
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	refused := Refusal{
		Login: "eve", What: "revert", Place: "CODEOWNERS",
		Lacking: []Lacking{
			{Files: []string{"plans/team.cue"}, Owners: []string{"@acme/product", "@acme/finance", "ann@example.com"}, Line: 4},
			{Files: []string{"tenants/a.cue", "tenants/b.cue", "tenants/c.cue", "tenants/d.cue", "tenants/e.cue", "tenants/`f.cue"}, Owners: []string{"@acme/customer-success"}, Line: 3},
		},
		Doubts:  []string{"an e-mail address can't be told to be a login's"},
		Skipped: []string{"line 7: a pattern can't be negated with !"},
	}
	golden(t, "answers.md", Answers([]Answer{
		{Comment: 3, Asked: "/tenantry revert", By: "eve", At: noon.Add(2 * time.Minute), Text: refused.String()},
		{Comment: 2, Asked: "/tenantry hold <b>", By: "dana", At: noon.Add(time.Minute), Text: "No more writes."},
		{Asked: "/tenantry ignore", At: noon, Text: "Nothing is waived."},
	}))
	golden(t, "refusal.outsider.md", Refusal{Login: "eve", What: "hold", Outsider: true}.String())
	golden(t, "refusal.unread.md", Refusal{Login: "eve", What: "resume", Place: "docs/CODEOWNERS", Unread: "the file has 3 MB or more"}.String())
	if text := Answers(nil); text != "" {
		t.Errorf("of nothing: %q", text)
	}
}

// What people wrote in a command, or in the file, mentions nobody and opens nothing.
func TestAnswersAreHarmless(t *testing.T) {
	evil := "@acme/everybody <script> ``` [x](http://evil.example)"
	text := Answers([]Answer{
		{Asked: evil, By: "a", At: noon, Text: Refusal{Login: "a", What: evil, Place: "CODEOWNERS", Doubts: []string{evil}, Skipped: []string{evil}, Lacking: []Lacking{{Files: []string{evil}, Owners: []string{evil}}}}.String()},
		{Asked: evil, By: "a", At: noon, Text: "x"},
	})
	for _, bad := range []string{"<script", "```", "](http", " @acme/everybody"} {
		if strings.Contains(text, bad) {
			t.Errorf("it has %q:\n%s", bad, text)
		}
	}
}
