package report

import (
	"fmt"
	"maps"
	"slices"
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

// Drift reports on one cause: what differs, since when, how grave it looks, and what each choice
// does. The Markdown is shorter than 60,000 bytes; the JSON has everything. Both are the same as
// long as what was found is.
func Drift(cause Cause, o DriftOptions) (title, markdown string, data []byte) {
	title = visible(cut(driftTitle(cause), 200))
	level, why := severity(cause)
	p := &page{tail: fmt.Sprintf("<sub>fleet %s · compared with %s · cause %s · digest %s</sub>\n",
		code(o.Fleet), code(shortID(o.Commit)), code(cause.Slug), code(cause.Digest))}
	p.write("**" + prose(title) + "**\n\n")
	p.write(fmt.Sprintf("%s Severity: **%s** (%s).\n\n", happened(cause), level, why))
	p.section(differences(cause, o))
	p.section(deeds(cause, o))
	p.section(leftSection(cause, o))
	p.section(keptSection(cause, o))
	p.section(restoreSection(cause))
	leaving := "Nothing happens."
	if o.Left != nil {
		leaving = "It is put back once nothing stands in the way any more."
	}
	p.write("### Leaving this open\n\n" + leaving + " The report is kept up to date, and closed by Tenantry when the difference is gone.\n\n")
	for _, change := range cause.Changes {
		p.fold(longValues(change))
	}
	return title, p.String(), driftJSON(cause, o, title, level, why, correction{})
}

func driftTitle(cause Cause) string {
	n := count(len(cause.Changes), "resource")
	switch cause.Sort {
	case Missing:
		return fmt.Sprintf("Drift: %s deleted in the cloud, %s", cause.Kind, n)
	case Stray:
		return fmt.Sprintf("Orphan: %s that Git doesn't know, %s", cause.Kind, n)
	case Duplicate:
		return fmt.Sprintf("Duplicate: %s with one address twice, %s", cause.Kind, count(len(cause.Changes), "address"))
	case Absent:
		return fmt.Sprintf("Absent: %s is not in Git and still has %s", cause.Changes[0].Address.Owner, n)
	}
	return fmt.Sprintf("Drift: %s of %s changed in the cloud, %s", cut(strings.Join(cause.Paths, ", "), 80), cause.Kind, n)
}

func happened(cause Cause) string {
	switch cause.Sort {
	case Missing:
		return "Git asks for what is below, and it was there; now it is gone, and no commit said so."
	case Stray:
		return "The cloud has what is below with this fleet's mark, and neither Git nor the log says that Tenantry made it."
	case Duplicate:
		return "More than one resource carries the same address, so that nobody can say which is meant. Nothing is done to either."
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

// keptSection says what merging does.
func keptSection(cause Cause, o DriftOptions) section {
	s := section{noun: "resource", most: 12_000, foot: "\n"}
	byFile := map[string][]string{}
	for key, file := range o.Kept {
		byFile[file] = append(byFile[file], key)
	}
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		keys := byFile[file]
		slices.Sort(keys)
		for i := range keys {
			keys[i] = code(keys[i])
		}
		s.items = append(s.items, fmt.Sprintf("- %s keeps %s\n", code(file), strings.Join(keys, ", ")))
	}
	for _, key := range slices.Sorted(maps.Keys(o.Refused)) {
		s.items = append(s.items, fmt.Sprintf("- %s can't be kept this way: %s\n", code(key), prose(cut(o.Refused[key], 300))))
	}
	s.head = "### Merging this\n\nTells Tenantry that you know. No definition changes, and nothing is done to the cloud until what is there changes again.\n\n"
	if len(o.Kept) > 0 {
		s.head = "### Merging this\n\nKeeps the cloud's value: from then on Git says what the cloud has.\n\n"
	}
	if len(s.items) == 0 {
		s.items = []string{""}
	}
	return s
}

// restoreSection says what closing does.
func restoreSection(cause Cause) section {
	s := section{noun: "resource", most: 12_000, foot: "\n"}
	s.head = "### Closing this\n\nTenantry puts Git's value back, where it can:\n\n"
	for _, change := range cause.Changes {
		s.items = append(s.items, "- "+restores(change)+"\n")
	}
	switch cause.Sort {
	case Stray:
		s.head, s.items = "### Closing this\n\nNothing is deleted. Describe the resource in Git, or remove it, or its tag `tenantry:address`, by hand.\n", []string{""}
	case Duplicate:
		s.head, s.items = "### Closing this\n\nNothing is deleted. Remove the tag `tenantry:address` from the one that is not to be kept; the next scan goes on with the other.\n", []string{""}
	case Absent:
		s.head, s.items = "### Closing this\n\nNothing is deleted. Put the definition back, or remove it by a commit, and what it has goes with it.\n", []string{""}
	}
	return s
}

func restores(change changeset.Change) string {
	address := code(change.Address.String())
	if change.Hold != "" && change.HoldKind != changeset.HoldDrift {
		return address + " is left as it is: " + prose(change.Hold)
	}
	switch change.Action {
	case changeset.Create:
		return address + " is made again, empty"
	case changeset.Adopt:
		return address + " is adopted again"
	case changeset.Replace:
		return "**" + address + " is deleted and made again**, as " + prose(strings.Join(change.Replacing, ", ")) + " can't be changed in place"
	}
	var parts []string
	for _, d := range change.Attributes {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", code(d.Path), code(cut(show(d.Before), 40)), code(cut(show(d.After), 40))))
	}
	return address + ": " + strings.Join(parts, ", ")
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
