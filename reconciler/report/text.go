package report

import (
	"fmt"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// Text is the plan as a terminal shows it: what becomes of data, the changes by owner, what is held and why, what
// couldn't be seen, and the verdict as the last line. With colour it has ANSI escapes of its own;
// those in values are made visible either way.
func Text(c changeset.Changeset, color bool) string { return TextWith(c, Facts{}, color) }

// TextWith is Text with what the changes come to, as far as that is known.
func TextWith(c changeset.Changeset, f Facts, color bool) string {
	t := terminal{color: color}
	t.data(c)
	for _, g := range byOwner(c.Changes) {
		t.line(bold, "%s", g.owner)
		for _, change := range g.changes {
			t.change(change)
		}
		t.line("", "")
	}
	for _, text := range limits(c.Changes) {
		t.line(yellow, "Held by a limit: %s", text)
	}
	for _, u := range c.Unseen {
		t.line(yellow, "Not seen, and left alone: %s: %s", place(u.Place), u.Error)
	}
	for _, b := range c.Broken {
		t.line(yellow, "Left alone: %s: %s", b.Owner, b.Error)
	}
	for _, a := range c.Abandoned {
		t.line(yellow, "Abandoned: %s in %s: the account is lost: %s", a.Address, a.Scope, a.Why)
	}
	for _, w := range c.Waived {
		t.line(dim, "Waived until %s: %s %s, as %s asked for: %s (%s)", w.Until.UTC().Format(time.DateOnly), w.Address, w.Attribute, w.By, w.Reason, w.Origin)
	}
	if c.Empty() && len(c.Unseen) == 0 && len(c.Broken) == 0 {
		t.line(bold, "No changes: the cloud is as Git wants it (%s).", count(c.Unchanged, "resource"))
		return t.String()
	}
	t.facts(c, f)
	t.line(bold, "Plan: %s", Verdict(c, f))
	return t.String()
}

// A terminal gathers lines for one.
type terminal struct {
	strings.Builder
	color bool
}

type style string

const (
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[31m"
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	reset        = "\x1b[0m"
)

// line writes one line; whatever would move the cursor is shown instead.
func (t *terminal) line(s style, format string, args ...any) {
	text := visible(fmt.Sprintf(format, args...))
	if t.color && s != "" && text != "" {
		text = string(s) + text + reset
	}
	t.WriteString(text + "\n")
}

func (t *terminal) change(change changeset.Change) {
	head := fmt.Sprintf("  %-3s %s", change.Action.Symbol(), local(change.Address))
	if text := remark(change); text != "" {
		head += " (" + text + ")"
	}
	if at := change.Origin.String(); at != "" {
		head += "  " + at
	}
	t.line(styleOf(change.Action), "%s", head)
	for _, d := range change.Attributes {
		t.difference(change, d)
	}
	if change.Hold != "" {
		t.line(yellow, "        held: %s", holdOnce(change))
	}
}

func (t *terminal) difference(change changeset.Change, d changeset.Difference) {
	note := ""
	if d.Cause == changeset.Drift && change.Cause == changeset.Config {
		note = "  (changed in the cloud; left as it is)"
		if change.Want != nil && corrected(change, d) {
			note = "  (changed in the cloud; put back)"
		}
	}
	switch {
	case !d.Before.IsSet() && short(d):
		t.line("", "        %s: %s%s", d.Path, show(d.After), note)
	case short(d):
		t.line("", "        %s: %s → %s%s", d.Path, show(d.Before), show(d.After), note)
	default:
		t.line("", "        %s:%s", d.Path, note)
		for _, line := range linesDiff(d.Before, d.After) {
			t.line(styleOfLine(line), "          %s", line)
		}
	}
}

// corrected tells whether what is sent has Git's value at a difference, and not the cloud's.
func corrected(change changeset.Change, d changeset.Difference) bool {
	keys := changeset.SplitPath(d.Path)
	value := change.Want.Attributes[keys[0]]
	for _, key := range keys[1:] {
		in, _ := value.Members()
		value = in[key]
	}
	return value.Equal(d.After)
}

func styleOf(a changeset.Action) style {
	switch a {
	case changeset.Create, changeset.Adopt:
		return green
	case changeset.Delete, changeset.Replace:
		return red
	}
	return yellow
}

func styleOfLine(line string) style {
	switch line[0] {
	case '+':
		return green
	case '-':
		return red
	}
	return dim
}
