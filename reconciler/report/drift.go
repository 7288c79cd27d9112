package report

import (
	"fmt"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// DriftOptions are what a drift report says beside its cause.
type DriftOptions struct {
	Fleet  string
	Commit string               // the one that the cloud was compared with
	Since  map[string]time.Time // by Key: when each difference was first seen
	// Kept has what merging keeps, by "ADDRESS ATTRIBUTE", with the file that the edit is in.
	// Refused has what it can't keep, by the same or by the address alone, with the reason.
	Kept    map[string]string
	Refused map[string]string
	// Left has why drift wasn't put back in a fleet that corrects it; nil in others.
	Left map[resource.Address]string
	// Deeds has the writes to what differs that the cloud told of, the newest first; empty if it told of none.
	Deeds map[resource.Address][]Deed
}

// Drift reports on one cause: how grave it looks, since when it is there and who did it; what can be done and
// what that does; what differs. The Markdown is shorter than 60,000 bytes; the JSON has everything. Both are the
// same as long as what was found is.
func Drift(cause Cause, o DriftOptions) (title, markdown string, data []byte) {
	title = DriftTitle(cause, o.Deeds)
	level, why := cause.Severity()
	p := &page{tail: fmt.Sprintf("<sub>fleet %s · compared with %s · cause %s · digest %s</sub>\n",
		code(o.Fleet), code(shortID(o.Commit)), code(cause.Slug), code(cause.Digest))}
	p.write(fmt.Sprintf("**%s Severity %s: %s.**%s %s\n\n", sign(level), level, why, known(cause, o), happened(cause)))
	p.write(byWhom(cause, o) + "\n\n")
	p.section(leftSection(cause, o))
	p.write(choices(cause, o))
	p.section(differences(cause, o))
	p.section(restoreSection(cause))
	p.section(keptSection(o))
	p.section(deeds(cause, o))
	for _, change := range cause.Changes {
		p.fold(longValues(change))
	}
	return title, p.String(), driftJSON(cause, o, title, level, why, correction{})
}

// known says since when a cause is known.
func known(cause Cause, o DriftOptions) string {
	if since := minute(cause.Since(o.Since)); since != "" {
		return " Known since " + since + "."
	}
	return ""
}

func happened(cause Cause) string {
	switch cause.Sort {
	case Missing:
		return "Git asks for what is below, and it was there; now it is gone, and no commit said so."
	case Stray:
		return "The cloud has what is below with this fleet's mark, and neither Git nor the log says that Tenantry made it."
	case Duplicate:
		return "More than one resource carries the same address, so that nobody can say which is meant. Nothing is done to either."
	case Mixed:
		return "The cloud was changed, and Git was not; some of it is gone."
	case Absent:
		return "The definition is absent and no commit removed it. Absence is no reason to delete, so everything is left as it is."
	}
	return "The cloud was changed, and Git was not."
}

// differences is the table of what differs; whole resources at a time.
func differences(cause Cause, o DriftOptions) section {
	s := section{noun: "resource", most: 30_000, foot: "\n"}
	s.head = "### What differs\n\n" + table([]string{"Whose", "Resource", "Attribute", "Git says", "The cloud has", "Since"}, nil)
	for _, change := range cause.Changes {
		var rows strings.Builder
		row := func(attribute, git, cloud, key string) {
			cells := []string{code(string(change.Address.Owner)), code(local(change.Address)), attribute, git, cloud, since(o, key)}
			rows.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		}
		if whole(change) {
			row("", presence(cause.Sort != Stray && cause.Sort != Absent), cloudHas(change), Keys(change)[0])
		} else {
			for _, d := range change.Attributes {
				row(code(d.Path), code(cut(show(d.After), 80)), code(cut(show(d.Before), 80)), Key(change, d))
			}
		}
		s.items = append(s.items, rows.String())
	}
	return s
}

func presence(there bool) string {
	if there {
		return "it is there"
	}
	return "nothing"
}

func cloudHas(change changeset.Change) string {
	if change.Have == nil {
		return "nothing"
	}
	return code(cut(change.Have.ID, 80)) + " in " + code(change.Have.Scope.String())
}

func since(o DriftOptions, key string) string {
	at, known := o.Since[key]
	if !known {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

// longValues are the values that the table had to cut, as a folded diff from Git to the cloud.
func longValues(change changeset.Change) section {
	s := section{noun: "resource", foot: "</details>\n\n"}
	s.head = "<details><summary>" + prose(change.Address.String()) + " in full: - Git, + the cloud</summary>\n\n"
	var lines []string
	for _, d := range change.Attributes {
		if whole(change) || short(d) {
			continue
		}
		lines = append(lines, "  "+visible(d.Path)+":")
		for _, line := range linesDiff(d.After, d.Before) {
			lines = append(lines, line[:2]+"  "+cut(line[2:], 400))
		}
	}
	if len(lines) > 0 {
		s.items = []string{fence("diff", strings.Join(lines, "\n"))}
	}
	return s
}
