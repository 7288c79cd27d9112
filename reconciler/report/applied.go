package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Result is what came of applying a commit, over all the passes that it took.
type Result struct {
	Commit    string
	Page      string // where people see the commit and its checks; empty if nobody knows
	Digest    string
	Planned   changeset.Changeset // what the first pass set out to do
	Last      changeset.Changeset // what the newest pass found left to do
	Outcomes  []changeset.Outcome
	Unseen    []changeset.Unseen
	Broken    []changeset.Broken
	Converged bool      // the last pass found nothing left to do
	Underway  bool      // what is left waits for the cloud and goes on by itself
	Again     time.Time // when time alone may let through what is held; zero if it won't
	Now       time.Time
}

// Applied reports on a result: a title of one line, and Markdown that is shorter than 60,000 bytes.
func Applied(r Result) (title, markdown string) {
	title = appliedTitle(r)
	p := &page{tail: appliedTail(r)}
	p.write("**" + prose(title) + "**\n\n")
	if r.Converged && len(r.Outcomes) == 0 && len(r.Broken) == 0 {
		p.write("The cloud was as Git wants it already; nothing was written.\n\n")
	}
	body(p, r)
	return title, p.String()
}

func appliedTail(r Result) string {
	return fmt.Sprintf("<sub>commit %s · digest %s</sub>\n", code(shortID(r.Commit)), code(r.Digest))
}

// body writes what became of every change, the worst first.
func body(p *page, r Result) {
	p.section(underWay(r))
	p.section(outcomes(r, "### Failed\n\n", 20_000, changeset.Failed, changeset.Unsure))
	p.section(outcomes(r, "### Not done, because of these\n\n", 8_000, changeset.Blocked, changeset.Skipped))
	p.section(outcomes(r, "### Held\n\n", 10_000, changeset.Held))
	p.section(unseenSection(changeset.Changeset{Unseen: r.Unseen}))
	p.section(brokenSection(changeset.Changeset{Broken: r.Broken}))
	done := outcomes(r, "", 0, changeset.Applied)
	done.head, done.foot = fmt.Sprintf("<details><summary>%s applied</summary>\n\n", count(len(done.items), "change")), "\n</details>\n\n"
	p.fold(done)
}

func appliedTitle(r Result) string {
	by := map[changeset.Result]int{}
	for _, o := range r.Outcomes {
		by[o.Result]++
	}
	var parts []string
	for _, result := range []changeset.Result{changeset.Applied, changeset.Waiting, changeset.Failed, changeset.Unsure, changeset.Blocked, changeset.Skipped, changeset.Held} {
		if n := by[result]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "Nothing to do")
	}
	if n := len(r.Unseen); n > 0 {
		parts = append(parts, count(n, "place")+" unseen")
	}
	if n := len(r.Broken); n > 0 {
		parts = append(parts, fmt.Sprintf("%d left alone", n))
	}
	if !r.Converged && by[changeset.Waiting] == 0 {
		parts = append(parts, "not converged")
	}
	return strings.Join(parts, " · ")
}

// outcomes lists the outcomes of some results.
func outcomes(r Result, head string, most int, results ...changeset.Result) section {
	s := section{head: head, foot: "\n", noun: "resource", most: most}
	planned := map[resource.Address]changeset.Change{}
	for _, change := range r.Planned.Changes {
		planned[change.Address] = change
	}
	limited := map[string]int{}
	for _, o := range r.Outcomes {
		if !among(results, o.Result) {
			continue
		}
		if change, known := planned[o.Address]; known && o.Result == changeset.Held && change.HoldKind == changeset.HoldLimit {
			limited[o.Detail]++
			if limited[o.Detail] > 1 {
				continue // one reason for all of them; it names the numbers
			}
		}
		line := fmt.Sprintf("- %s %s %s", code(o.Action.Symbol()), o.Action, code(o.Address.String()))
		if o.Detail != "" {
			line += ": " + prose(cut(o.Detail, 1000))
		}
		s.items = append(s.items, line+"\n")
	}
	return s
}

func among(list []changeset.Result, result changeset.Result) bool {
	return slices.Contains(list, result)
}

// Outcome is one outcome as a line for a terminal, without a newline.
func Outcome(o changeset.Outcome, color bool) string {
	t := terminal{color: color}
	s := map[changeset.Result]style{
		changeset.Applied: green, changeset.Failed: red, changeset.Unsure: red, changeset.Blocked: yellow,
		changeset.Held: yellow, changeset.Skipped: yellow, changeset.Unchanged: dim, changeset.Waiting: yellow,
	}[o.Result]
	text := fmt.Sprintf("%-9s %-3s %s", o.Result, o.Action.Symbol(), o.Address)
	if o.Detail != "" {
		text += ": " + o.Detail
	}
	t.line(s, "%s", text)
	return strings.TrimSuffix(t.String(), "\n")
}

// Outcomes is the end of an apply for a terminal: what wasn't done, and the counts.
func Outcomes(list []changeset.Outcome, color bool) string {
	t := terminal{color: color}
	for _, o := range list {
		if o.Result != changeset.Applied && o.Result != changeset.Unchanged {
			t.WriteString(Outcome(o, color) + "\n")
		}
	}
	t.line(bold, "Apply: %s", appliedTitle(Result{Outcomes: list, Converged: true}))
	return t.String()
}
