package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// driftOpen lists the drift that nobody decided on yet, the gravest and oldest first.
func (k week) driftOpen() section {
	s := section{noun: "drift report", most: 5_000, foot: "\n"}
	s.head = "### Drift that is open\n\n" + table([]string{"Report", "Severity", "Since", "What"}, nil)
	for _, d := range graver(k.Drift) {
		report := "overview" // too many are open to ask about each
		if d.Pull != 0 {
			report = fmt.Sprintf("PR %d", d.Pull)
		}
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s |\n", report, prose(cmp.Or(d.Severity, "not known")), aged(d.Found, k.At), prose(cut(cmp.Or(d.Title, d.Cause), 200))))
	}
	return s
}

func graver(list []OpenDrift) []OpenDrift {
	weight := func(d OpenDrift) int {
		if at := slices.Index([]string{"high", "medium", "low"}, d.Severity); at >= 0 {
			return at
		}
		return 3 // not known
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b OpenDrift) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), a.Found.Compare(b.Found), cmp.Compare(a.Pull, b.Pull))
	})
	return list
}

// driftEnded lists the drift that ended, with how, and how long it took to decide.
func (k week) driftEnded() section {
	s := section{noun: "drift", most: 6_000, foot: "\n"}
	s.head = "### Drift that ended\n\n" + decided(k.ends) + table([]string{"Ended", "What", "Severity", "Resources", "How", "By", "Took"}, nil)
	for _, e := range slices.Backward(k.ends) {
		s.items = append(s.items, endRow(e))
	}
	return s
}

func endRow(e DriftEnd) string {
	what := prose(cut(e.Title, 160))
	if e.Pull != 0 {
		what = fmt.Sprintf("PR %d %s", e.Pull, what)
	}
	return fmt.Sprintf("| %s | %s | %s | %d | %s | %s | %s |\n", moment(e.Ended), what, prose(e.Severity), e.Resources, howEnded(e.How),
		cmp.Or(code(e.By), "nobody"), long(e.Ended.Sub(e.Found)))
}

// decided says how long people took to decide, if they did.
func decided(ends []DriftEnd) string {
	var took []time.Duration
	for _, e := range ends {
		switch e.How {
		case Restored, Kept, Acknowledged, Waived:
			took = append(took, e.Ended.Sub(e.Found))
		}
	}
	if len(took) == 0 {
		return ""
	}
	return fmt.Sprintf("People decided on %d, %s.\n\n", len(took), halves(took))
}

func howEnded(how Ending) string {
	switch how {
	case Restored:
		return "Git's values were put back, as asked"
	case Kept:
		return "Git keeps what the cloud has"
	case Acknowledged:
		return "left as it is, until it changes"
	case Waived:
		return "waived for a time"
	case Healed:
		return "put back by itself"
	case Gone:
		return "went away"
	}
	return prose(string(how))
}

// DriftHistory is the page on what drifted and how it ended in a period of this name, for reports/drift. Empty if
// nothing ended.
func DriftHistory(name string, ends []DriftEnd) string {
	if len(ends) == 0 {
		return ""
	}
	p := &page{tail: "<sub>The reports on what drifted, and the audit log, have the details.</sub>\n"}
	p.write("# Drift that ended in " + prose(name) + "\n\n" + decided(ends))
	s := section{noun: "drift", foot: "\n", head: table([]string{"Found", "Ended", "Cause", "What", "Severity", "Resources", "Whose", "How", "By", "Wrote to it"}, nil)}
	for _, e := range ends {
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s | %d | %s | %s | %s | %s |\n", moment(e.Found), moment(e.Ended), code(e.Cause),
			prose(cut(e.Title, 200)), prose(e.Severity), e.Resources, code(cut(strings.Join(e.Owners, ", "), 300)), howEnded(e.How), cmp.Or(code(e.By), "nobody"),
			code(cut(strings.Join(e.Who, ", "), 300))))
	}
	p.section(s)
	return p.String()
}
