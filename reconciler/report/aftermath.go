package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// Aftermath is what became of a merge, as Markdown for its pull request and shorter than 60,000 bytes: the verdict,
// what isn't done and why, and what to do about it. It is edited as things go on, so that it is true whenever
// it is read.
func Aftermath(r Result) string {
	p := &page{tail: "<sub>commit " + commitLink(r) + " · digest " + code(r.Digest) + " · this comment is edited as things go on</sub>\n"}
	p.write("**" + prose(verdict(r)) + "**\n\n")
	p.write(wayOn(r))
	if _, limited := limitedBy(r.Last); limited && r.Last.Approval != "" {
		r.Outcomes = withoutApproval(r.Outcomes)
	}
	body(p, r)
	return p.String()
}

// verdict is how a result ended, in one sentence.
func verdict(r Result) string {
	title := appliedTitle(r)
	by := resultsOf(r.Outcomes)
	switch {
	case undone(r):
		return "Not done: " + strings.TrimSuffix(title, " · not converged") // which goes without saying
	case r.Underway:
		return strings.Replace(doneOf(r).title(), "Applying", "Under way", 1)
	case by[changeset.Held] > 0:
		return "Done but for what is held: " + title
	case !r.Converged:
		return "Not done: " + title
	case len(r.Outcomes) == 0:
		return "Nothing had to change: the cloud was as Git wants it already"
	}
	return "Done: " + title + ", and seen in the cloud as Git wants it"
}

// undone tells whether something went wrong.
func undone(r Result) bool {
	by := resultsOf(r.Outcomes)
	return by[changeset.Failed]+by[changeset.Unsure]+by[changeset.Blocked]+len(r.Unseen)+len(r.Broken) > 0
}

// resultsOf counts outcomes by result.
func resultsOf(outcomes []changeset.Outcome) map[changeset.Result]int {
	by := map[changeset.Result]int{}
	for _, o := range outcomes {
		by[o.Result]++
	}
	return by
}

// wayOn says what a person is to do: nothing, or exactly what.
func wayOn(r Result) string {
	by := resultsOf(r.Outcomes)
	var steps []string
	if by[changeset.Failed]+by[changeset.Unsure]+by[changeset.Blocked] > 0 || !r.Converged && !r.Underway && len(r.Unseen) == 0 {
		steps = append(steps, "Mend what the messages below say. It is tried again by itself, with pauses that grow up to ten minutes; "+
			"to have it tried at once, comment `/tenantry retry` here or press *Re-run* on the check `tenantry/apply` of "+commitLink(r)+". "+
			"To give it up, revert this pull request.")
	}
	if len(r.Unseen) > 0 {
		steps = append(steps, "What couldn't be read is left alone. `tenantry doctor` says what the role in that account lacks; after that it goes on by itself.")
	}
	if len(r.Broken) > 0 {
		steps = append(steps, "Mend the definitions that can't be used in a pull request of their own; everybody else is served.")
	}
	if by[changeset.Held] > 0 {
		steps = append(steps, letThrough(r))
	}
	switch {
	case len(steps) > 0:
		return "### What to do\n\n- " + strings.Join(steps, "\n- ") + "\n\n"
	case r.Underway:
		return "Nobody has to do anything: the cloud takes its time, and this goes on by itself.\n\n"
	}
	return "Nothing is left to do. To take it back, revert this pull request: the revert shows what it would change before it is merged.\n\n"
}

// approvalLife is for how long the approval that is proposed is good.
const approvalLife = 7 * 24 * time.Hour

// letThrough says how what is held may go on. For what a limit holds it has the approval, ready to be committed.
func letThrough(r Result) string {
	text := "What is held waits for a person; each reason below says for what."
	if !r.Again.IsZero() {
		text += " Time alone may let it through: it is looked at again at " + r.Again.UTC().Format("2006-01-02 15:04:05 UTC") + "."
	}
	name, limited := limitedBy(r.Last)
	if !limited || r.Last.Approval == "" {
		return text
	}
	file := fmt.Sprintf("package fleet\n\napproval: %q: {\n\tdigest:  %q\n\tby:      \"WHO\"\n\treason:  \"WHY\"\n\texpires: %q\n}",
		name, r.Last.Approval, r.Now.UTC().Add(approvalLife).Format(time.RFC3339))
	return text + " To let through what the limit holds, have this reviewed and merged as " + code("approvals/"+name+".cue") +
		"; it is good for exactly this, once:\n\n" + indent(fence("cue", file))
}

// limitedBy tells whether a limit holds something, and the fitting name for its approval: the cell that all of
// it is in, or else the fleet's.
func limitedBy(cs changeset.Changeset) (name string, limited bool) {
	for _, c := range cs.Changes {
		if c.Hold == "" || c.HoldKind != changeset.HoldLimit {
			continue
		}
		switch {
		case !limited:
			name = c.Cell
		case name != c.Cell:
			name = ""
		}
		limited = true
	}
	if name == "" {
		name = cs.Fleet
	}
	return name, limited
}

// withoutApproval takes out of the reasons what wayOn has said already, and better.
func withoutApproval(outcomes []changeset.Outcome) []changeset.Outcome {
	out := slices.Clone(outcomes)
	for i, o := range out {
		if o.Result == changeset.Held {
			out[i].Detail, _, _ = strings.Cut(o.Detail, " To allow it, commit approvals/")
		}
	}
	return out
}

// indent puts a block into an item of a list.
func indent(block string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n  ")
}

// commitLink leads to a commit, where its checks are.
func commitLink(r Result) string {
	if r.Page == "" {
		return code(shortID(r.Commit))
	}
	return "[" + code(shortID(r.Commit)) + "](" + r.Page + ")"
}

// OnHold says of a merge that somebody stopped all writes.
func OnHold(commit, page, why string) string {
	return stalled(Result{Commit: commit, Page: page}, "Not applied: writes are on hold", why,
		"Once the reason is over, comment `/tenantry resume`: then it goes on from where it is.")
}

// Unusable says of a merge that its definitions can't be used; findings are Markdown.
func Unusable(commit, page, findings string) string {
	r := Result{Commit: commit, Page: page}
	return "**Not applied: the definitions can't be used, and nothing was changed**\n\n### What to do\n\n" +
		"- Mend these in another pull request, or revert this one. Until then the cloud stays as it was.\n\n" +
		findings + "\n\n<sub>commit " + commitLink(r) + "</sub>\n"
}

// Incomparable says of a merge that what is in the cloud couldn't be found out, again and again.
func Incomparable(commit, page, why string) string {
	return stalled(Result{Commit: commit, Page: page}, "Not applied: the cloud can't be compared with Git", why,
		"It is tried again by itself, with pauses that grow up to ten minutes. `tenantry doctor` says what is missing; "+
			"to have it tried at once, comment `/tenantry retry`.")
}

// stalled is a verdict with one reason and one thing to do; the latter is Markdown.
func stalled(r Result, verdict, why, do string) string {
	return "**" + prose(verdict) + "**\n\n### What to do\n\n- " + do + "\n\n" + prose(cut(why, 2000)) + "\n\n<sub>commit " + commitLink(r) + "</sub>\n"
}
