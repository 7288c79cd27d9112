package report

import (
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

func outcomeOf(name string, result changeset.Result, detail string) changeset.Outcome {
	return changeset.Outcome{
		Address: resource.Address{Owner: "tenant/acme", Kind: "aws.sqs.queue", Name: name}, Action: changeset.Create, Result: result, Detail: detail,
	}
}

func planned(names ...string) (cs changeset.Changeset) {
	for _, name := range names {
		cs.Changes = append(cs.Changes, changeset.Change{Address: outcomeOf(name, "", "").Address, Action: changeset.Create, Cell: "eu-1"})
	}
	return cs
}

func TestApplyingCountsWhatIsDone(t *testing.T) {
	r := Result{Planned: planned("a", "b", "c", "d", "e"), Now: time.Unix(60, 0)}
	r.Planned.Changes[4].Hold = "waits for a person"
	for _, step := range []struct {
		outcome changeset.Outcome
		title   string
	}{
		{outcomeOf("a", changeset.Applied, ""), "Applying: 1 of 4 done"},
		{outcomeOf("b", changeset.Unchanged, ""), "Applying: 2 of 4 done"},
		{outcomeOf("c", changeset.Waiting, "AWS is at it"), "Applying: 2 of 4 done, 1 waits for the cloud"},
		{outcomeOf("d", changeset.Failed, "AccessDenied"), "Applying: 2 of 4 done, 1 waits for the cloud, 1 failed"},
		{outcomeOf("e", changeset.Held, "waits for a person"), "Applying: 2 of 4 done, 1 waits for the cloud, 1 failed, 1 held"},
		{outcomeOf("f", changeset.Applied, ""), "Applying: 3 of 5 done, 1 waits for the cloud, 1 failed, 1 held"}, // a later pass had more
	} {
		r.Outcomes = append(r.Outcomes, step.outcome)
		title, text := Applying(r)
		if title != step.title {
			t.Errorf("%q, want %q", title, step.title)
		}
		if !strings.HasPrefix(text, "**"+title+"**") {
			t.Errorf("%s", text)
		}
	}
	_, text := Applying(r)
	for _, want := range []string{"### Under way", "AWS is at it", "### Failed", "AccessDenied", "| `tenant/acme` | 3 | 5 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}

// The text never gets longer than GitHub takes, and every owner that isn't named is counted.
func TestApplyingManyStaysShort(t *testing.T) {
	var r Result
	for range 5000 {
		o := outcomeOf(strings.Repeat("q", 200), changeset.Waiting, strings.Repeat("x", 400))
		r.Outcomes = append(r.Outcomes, o)
	}
	if _, text := Applying(r); len(text) > most || !strings.Contains(text, "left out here") {
		t.Errorf("%d bytes", len(text))
	}
	if text := Aftermath(r); len(text) > most {
		t.Errorf("%d bytes", len(text))
	}
}

func TestAftermath(t *testing.T) {
	limited := planned("a")
	limited.Approval, limited.Fleet = "sha256:abc", "brightdesk"
	limited.Changes[0].Hold, limited.Changes[0].HoldKind = "too much", changeset.HoldLimit
	for name, tt := range map[string]struct {
		r    Result
		want []string
		not  []string
	}{
		"converged": {
			Result{Converged: true, Outcomes: []changeset.Outcome{outcomeOf("a", changeset.Applied, "")}},
			[]string{"**Done: 1 applied, and seen in the cloud as Git wants it**", "Nothing is left to do", "revert this pull request"},
			[]string{"What to do", "retry"},
		},
		"nothing to do": {
			Result{Converged: true},
			[]string{"**Nothing had to change: the cloud was as Git wants it already**"},
			[]string{"What to do"},
		},
		"failed": {
			Result{Outcomes: []changeset.Outcome{outcomeOf("a", changeset.Failed, "AccessDenied"), outcomeOf("b", changeset.Blocked, "needs a")}, Page: "https://github.example/x"},
			[]string{"**Not done: 1 failed · 1 blocked**", "### What to do", "`/tenantry retry`", "*Re-run*", "](https://github.example/x)", "AccessDenied"},
			[]string{"Nothing is left"},
		},
		"waiting": {
			Result{Underway: true, Outcomes: []changeset.Outcome{outcomeOf("a", changeset.Applied, ""), outcomeOf("b", changeset.Waiting, "AWS is at it")}},
			[]string{"**Under way: 1 of 2 done, 1 waits for the cloud**", "Nobody has to do anything", "### Under way"},
			[]string{"What to do", "Nothing is left"},
		},
		"held by a limit": {
			Result{Converged: true, Last: limited, Outcomes: []changeset.Outcome{outcomeOf("a", changeset.Held, "too much")}, Again: time.Unix(3600, 0)},
			[]string{
				"**Done but for what is held: 1 held**", "`approvals/eu-1.cue`", "approval: \"eu-1\": {", "digest:  \"sha256:abc\"",
				"expires: \"1970-01-08T00:00:00Z\"", "looked at again at 1970-01-01 01:00:00 UTC",
			},
			[]string{"Nothing is left"},
		},
		"held by a policy": {
			Result{Converged: true, Outcomes: []changeset.Outcome{outcomeOf("a", changeset.Held, "the team security looks at it first")}},
			[]string{"**Done but for what is held: 1 held**", "waits for a person", "the team security"},
			[]string{"approvals/"},
		},
		"unseen": {
			Result{Unseen: []changeset.Unseen{{Error: "AccessDenied"}}},
			[]string{"**Not done: Nothing to do · 1 place unseen**", "`tenantry doctor`"},
			[]string{"Nothing is left"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.r.Commit, tt.r.Digest = "0123456789abcdef", "sha256:d"
			if tt.r.Now.IsZero() {
				tt.r.Now = time.Unix(0, 0)
			}
			text := Aftermath(tt.r)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("without %q:\n%s", want, text)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("with %q:\n%s", not, text)
				}
			}
		})
	}
}

func TestDeployed(t *testing.T) {
	applied, failed := outcomeOf("a", changeset.Applied, ""), outcomeOf("b", changeset.Failed, "AccessDenied")
	for _, tt := range []struct {
		r           Result
		state, text string
	}{
		{Result{Converged: true, Outcomes: []changeset.Outcome{applied}}, "success", "1 change made, and seen in the cloud as Git wants it"},
		{Result{Converged: true}, "success", "As Git wants it, and seen so in the cloud"},
		{Result{Outcomes: []changeset.Outcome{applied, failed}}, "failure", "1 applied · 1 failed: create tenant/acme/aws.sqs.queue/b: AccessDenied"},
		{Result{Underway: true, Outcomes: []changeset.Outcome{applied, outcomeOf("c", changeset.Waiting, "")}}, "in_progress", "1 of 2 done, 1 waits for the cloud"},
		{Result{Unseen: []changeset.Unseen{{Error: "AccessDenied"}}}, "failure", "Nothing to do · 1 place unseen: "},
	} {
		if state, text := Deployed(tt.r); state != tt.state || !strings.HasPrefix(text, tt.text) {
			t.Errorf("%s: %s, want %s: %s", state, text, tt.state, tt.text)
		}
	}
}
