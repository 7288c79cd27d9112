package report

import (
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// underWay is a table of what the cloud isn't done with: what it does, since when, and how long it may
// take. What merely needs one of those is named below it.
func underWay(r Result) section {
	const head = "### Under way\n\nThe cloud takes its time for these; nobody has to do anything. What needs them goes on by itself.\n\n" +
		"| | resource | what | since | deadline |\n|---|---|---|---|---|\n"
	s := section{head: head, foot: "\n", noun: "resource", most: 10_000}
	for _, o := range r.Outcomes {
		if o.Result == changeset.Waiting {
			since, until := times(o, r.Now)
			s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s |\n",
				code(o.Action.Symbol()), code(o.Address.String()), prose(cut(o.Detail, 300)), since, until))
		}
	}
	return s
}

// times says since when an outcome waits, and for how long it may; both are empty if it waits for another.
func times(o changeset.Outcome, now time.Time) (since, until string) {
	if o.Since.IsZero() {
		return "", ""
	}
	return span(now.Sub(o.Since)), "in " + span(o.Until.Sub(now))
}

// span is a duration as people say it: "40 s", "3 min", "2 h 5 min".
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Progress is one line on a change that waits, for a terminal and without a newline.
func Progress(o changeset.Outcome, now time.Time, color bool) string {
	since, until := times(o, now)
	if since != "" {
		o.Detail += fmt.Sprintf(" (since %s, deadline %s)", since, until)
	}
	return Outcome(o, color)
}
