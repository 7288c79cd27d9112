package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// example is how far away the day in the example of a waiver is from when the drift was first seen.
const example = 90 * 24 * time.Hour

// choices is what a person can do about a cause: how, and what that does.
func choices(cause Cause, o DriftOptions) string {
	merge := "**Keep it**"
	if len(o.Kept) == 0 {
		merge = "**Take note of it**"
	}
	return "### What to do\n\n" + table([]string{"", "How", "What happens then"}, [][]string{
		{merge, "merge this", merging(o)},
		{"**Put it back**", "close this, or comment `/tenantry revert`", closing(cause)},
		{"**Leave it until a day**", waiving(cause, o), waived(cause)},
		{"**Nothing yet**", "leave this open", leaving(o)},
	}) + "\n"
}

func merging(o DriftOptions) string {
	files := map[string]bool{}
	for _, file := range o.Kept {
		files[file] = true
	}
	acknowledged := "Nothing is done to the cloud until what is there changes again; no definition changes."
	if len(files) == 0 {
		return "Tells Tenantry that you know. " + acknowledged
	}
	text := fmt.Sprintf("Git says what the cloud has: %s changed in this pull request.", count(len(files), "definition file"))
	if len(o.Refused) > 0 {
		text += " Of what can't be kept (below), it tells Tenantry that you know."
	}
	return text
}

func closing(cause Cause) string {
	switch cause.Sort {
	case Stray:
		return "Nothing is deleted. Describe the resource in Git, or remove it, or its tag `tenantry:address`, by hand."
	case Duplicate:
		return "Nothing is deleted. Remove the tag `tenantry:address` from the one that is not to be kept; the next scan goes on with the other."
	case Absent:
		return "Nothing is deleted. Put the definition back, or remove it by a commit, and what it has goes with it."
	}
	count := map[string]int{}
	for _, change := range cause.Changes {
		count[restoration(change)]++
	}
	var parts []string
	for _, what := range []string{"changed back in place", "made again, empty", "adopted again", "**deleted and made again**", "left as they are, for the reason below"} {
		if n := count[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	return "Tenantry puts Git's values back, where it can. Resources: " + strings.Join(parts, ", ") + "."
}

// restoration says what putting Git's value back does to a resource.
func restoration(change changeset.Change) string {
	if change.Hold != "" && change.HoldKind != changeset.HoldDrift {
		return "left as they are, for the reason below"
	}
	switch change.Action {
	case changeset.Create:
		return "made again, empty"
	case changeset.Adopt:
		return "adopted again"
	case changeset.Replace:
		return "**deleted and made again**"
	}
	return "changed back in place"
}

func gone(cause Cause) bool {
	return slices.ContainsFunc(cause.Changes, func(c changeset.Change) bool { return c.Have == nil })
}

func waiving(cause Cause, o DriftOptions) string {
	if gone(cause) {
		return "not possible here"
	}
	day := "DATE"
	if since := cause.Since(o.Since); !since.IsZero() {
		day = since.Add(example).UTC().Format(time.DateOnly)
	}
	return "comment `/tenantry ignore until " + day + " REASON`, then merge"
}

func waived(cause Cause) string {
	if gone(cause) {
		return "Some of it is gone, and others may need it."
	}
	return "A waiver in `approvals/`, with your name and the reason. Nothing is done to the cloud; on that day it is reported again."
}

func leaving(o DriftOptions) string {
	if o.Left != nil {
		return "It is put back once nothing stands in the way any more. This is kept up to date, and closed when the difference is gone."
	}
	return "Nothing. This is kept up to date, closed when the difference is gone, and opened again if that returns."
}

// keptSection says which definitions merging changes, and what it can't keep.
func keptSection(o DriftOptions) section {
	s := section{noun: "resource", most: 12_000, head: "### What merging keeps\n\n", foot: "\n"}
	if len(o.Kept) == 0 {
		s.head = "### Why merging changes no definition\n\n"
	}
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
		s.items = append(s.items, fmt.Sprintf("- %s can't be kept: %s\n", code(key), prose(cut(o.Refused[key], 300))))
	}
	return s
}

// restoreSection says what putting Git's values back does other than to change them in place.
func restoreSection(cause Cause) section {
	s := section{noun: "resource", most: 12_000, head: "### What putting it back does besides\n\n", foot: "\n"}
	if cause.Sort == Stray || cause.Sort == Duplicate || cause.Sort == Absent {
		return s
	}
	for _, change := range cause.Changes {
		if !inPlace(change) {
			s.items = append(s.items, "- "+restores(change)+"\n")
		}
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
	case changeset.Replace:
		return "**" + address + " is deleted and made again**, as " + prose(strings.Join(change.Replacing, ", ")) + " can't be changed in place"
	}
	return address + " is adopted again"
}
