package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
)

// CommentOptions are what a comment says beside the changeset.
type CommentOptions struct {
	Head string // the commit of the pull request that the plan is for
	// Remarks say what else the pull request changes that reviewers should know, one sentence each.
	Remarks []string
	// Shadow is what a change to something shared does to everybody; nil if nothing shared changed.
	Shadow *Shadow
	// Facts are what the changes come to: what they cost, and how far they reach.
	Facts Facts
}

// Comment is the plan as Markdown for a pull request or a check: what becomes of data first, if
// anything does, then the verdict, a table of whom it concerns, what
// destroys, what is held and what couldn't be seen, never folded, then what it costs and every change by owner,
// folded. It is shorter than 60,000 bytes: what doesn't fit is left out at whole resources, and
// counted. For what destroys and what is held there is always room.
func Comment(c changeset.Changeset, o CommentOptions) string {
	p := &page{tail: footer(c, o)}
	p.section(dataSection(c))
	p.write("**Plan: " + prose(Line(c)) + strings.TrimPrefix(Verdict(c, o.Facts), Line(c)) + "**\n\n")
	p.write(opening(c))
	for _, line := range receipt(c, o.Facts) {
		head, rest, _ := strings.Cut(line, ":")
		p.write("**" + prose(head) + "**:" + prose(rest) + "\n\n")
	}
	destroyed, waiting := grave(c), heldSection(c)
	p.kept = destroyed.size() + waiting.size()
	p.section(overview(c, o.Facts.Cost))
	p.shadow(o.Shadow)
	p.section(remarkSection(o.Remarks))
	p.kept = waiting.size()
	p.section(destroyed)
	p.kept = 0
	p.section(waiting)
	p.section(unseenSection(c))
	p.section(brokenSection(c))
	p.section(abandonedSection(c))
	p.section(costSection(o.Facts.Cost))
	examples := o.Shadow.examples()
	likewise := 0
	for _, g := range byOwner(c.Changes) {
		if example, grouped := examples[g.owner]; grouped && example != g.owner && plainly(g.changes) {
			likewise++
			continue
		}
		p.fold(details(g))
	}
	if likewise > 0 && p.fits(200) {
		p.write(fmt.Sprintf("*The details of %s are those of the example of their group, above.*\n\n", count(likewise, "more tenant")))
	}
	return p.String()
}

// plainly tells whether changes are no more than what Git asks for: nothing is held, drifted, or in
// the way of being destroyed.
func plainly(changes []changeset.Change) bool {
	return !slices.ContainsFunc(changes, func(c changeset.Change) bool {
		drifted := slices.ContainsFunc(c.Attributes, func(d changeset.Difference) bool { return d.Cause != changeset.Config })
		return c.Hold != "" || c.Cause != changeset.Config || drifted || c.Action.Destructive() || c.Action == changeset.Retire
	})
}

// remarkSection lists what the changes in the cloud don't show.
func remarkSection(remarks []string) section {
	s := section{noun: "remark", most: 4_000, head: "### It also changes how the fleet is kept safe\n\n", foot: "\n"}
	for _, text := range remarks {
		s.items = append(s.items, "- "+prose(cut(text, 600))+"\n")
	}
	return s
}

// opening is a sentence for somebody who sees such a comment for the first time.
func opening(c changeset.Changeset) string {
	switch {
	case c.Empty() && len(c.Unseen) == 0 && len(c.Broken) == 0:
		return "Merging changes nothing in the cloud.\n\n"
	case len(c.Changes) == 0:
		return "Nothing has to change in what could be read and seen.\n\n"
	case len(c.Ready()) == 0:
		return "Merging does nothing yet: everything is held, for the reasons below.\n\n"
	}
	return "This is what merging does in the cloud.\n\n"
}

func footer(c changeset.Changeset, o CommentOptions) string {
	parts := []string{}
	if commit := c.Commit; commit != "" {
		parts = append(parts, "computed for "+code(shortID(commit)))
	}
	if o.Head != "" {
		parts = append(parts, "head "+code(shortID(o.Head)))
	}
	parts = append(parts, "digest "+code(c.Digest))
	return "<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

func shortID(commit string) string { return commit[:min(len(commit), 8)] }

// grave lists what destroys, replaces or retires, with the holds.
func grave(c changeset.Changeset) section {
	s := section{noun: "resource", most: 20_000}
	for _, change := range c.Changes {
		if !change.Action.Destructive() && change.Action != changeset.Retire {
			continue
		}
		line := fmt.Sprintf("- %s %s %s", code(change.Action.Symbol()), change.Action, code(change.Address.String()))
		if change.Have != nil && change.Have.ID != "" {
			line += ", in the cloud " + code(cut(change.Have.ID, 120))
		}
		if text := remark(change); text != "" {
			line += " (" + prose(text) + ")"
		}
		if change.Hold != "" {
			line += " — **held**: " + prose(holdOnce(change))
		}
		s.items = append(s.items, line+"\n")
	}
	if len(s.items) > 0 {
		s.head, s.foot = "### Destroyed, replaced or retired\n\n", "\n"
	}
	return s
}

// heldSection lists what is held and isn't in the grave section, and the reasons of limits.
func heldSection(c changeset.Changeset) section {
	s := section{noun: "resource", most: 10_000}
	for _, text := range limits(c.Changes) {
		s.items = append(s.items, "- **A limit**: "+prose(text)+"\n")
	}
	for _, change := range c.Changes {
		if change.Hold != "" && !change.Action.Destructive() && change.Action != changeset.Retire {
			s.items = append(s.items, fmt.Sprintf("- %s %s: %s\n", code(change.Action.Symbol()), code(change.Address.String()), prose(change.Hold)))
		}
	}
	if len(s.items) > 0 {
		s.head, s.foot = "### Held\n\n", "\n"
	}
	return s
}

func unseenSection(c changeset.Changeset) section {
	s := section{noun: "place", most: 5_000}
	for _, u := range c.Unseen {
		s.items = append(s.items, fmt.Sprintf("- %s: %s\n", code(place(u.Place)), prose(cut(u.Error, 500))))
	}
	if len(s.items) > 0 {
		s.head, s.foot = "### Not seen, and left alone\n\n", "\n"
	}
	return s
}

func brokenSection(c changeset.Changeset) section {
	s := section{noun: "owner", most: 5_000}
	for _, b := range c.Broken {
		s.items = append(s.items, fmt.Sprintf("- %s: %s\n", code(string(b.Owner)), prose(cut(b.Error, 500))))
	}
	if len(s.items) > 0 {
		s.head, s.foot = "### Left alone, as the definitions can't be used\n\n", "\n"
	}
	return s
}

func abandonedSection(c changeset.Changeset) section {
	s := section{noun: "resource", most: 5_000}
	for _, a := range c.Abandoned {
		s.items = append(s.items, fmt.Sprintf("- %s in %s: the account is lost: %s\n", code(a.Address.String()), code(a.Scope.String()), prose(cut(a.Why, 300))))
	}
	if len(s.items) > 0 {
		s.head, s.foot = "### Abandoned: forgotten, and never touched\n\n", "\n"
	}
	return s
}

// overview is a table of the owners, with what each costs if that is known.
func overview(c changeset.Changeset, d *cost.Delta) section {
	s := section{noun: "owner", most: 6_000, foot: "\n"}
	columns := ownerColumns(c.Summary())
	plans := d != nil && slices.ContainsFunc(d.Owners, func(o cost.OwnerCost) bool { return o.Plan != "" })
	head := []string{"Whose"}
	for _, column := range columns {
		head = append(head, column.name)
	}
	if d != nil {
		head = append(head, "Cost a month")
	}
	if plans {
		head = append(head, "Pays a month")
	}
	for _, g := range byOwner(c.Changes) {
		sum := (changeset.Changeset{Changes: g.changes}).Summary()
		row := []string{code(string(g.owner))}
		for _, column := range columns {
			row = append(row, strconv.Itoa(column.of(sum)))
		}
		if d != nil {
			cell, plan := costOf(d, g.owner)
			row = append(row, prose(cell))
			if plans {
				row = append(row, prose(plan))
			}
		}
		s.items = append(s.items, "| "+strings.Join(row, " | ")+" |\n")
	}
	s.head = table(head, nil)
	return s
}

// An ownerColumn is a number of the table of owners.
type ownerColumn struct {
	name   string
	seldom bool // left out if nobody has any
	of     func(changeset.Summary) int
}

// ownerColumns are those that the table of owners has, given the sums of all.
func ownerColumns(all changeset.Summary) []ownerColumn {
	columns := []ownerColumn{
		{"Add", false, func(s changeset.Summary) int { return s.Create + s.Replace + s.Adopt }},
		{"Change", false, func(s changeset.Summary) int { return s.Update }},
		{"Move", true, func(s changeset.Summary) int { return s.Move }},
		{"Destroy", false, func(s changeset.Summary) int { return s.Delete + s.Replace }},
		{"Retire", true, func(s changeset.Summary) int { return s.Retire }},
		{"of these held", false, func(s changeset.Summary) int { return s.Held }},
	}
	return slices.DeleteFunc(columns, func(c ownerColumn) bool { return c.seldom && c.of(all) == 0 })
}

// details are the changes of one owner, folded.
func details(g group) section {
	s := section{
		head: fmt.Sprintf("<details><summary><b>%s</b>: %s</summary>\n\n", prose(string(g.owner)), count(len(g.changes), "change")),
		foot: "</details>\n\n",
		noun: "resource",
	}
	for _, change := range g.changes {
		s.items = append(s.items, fence("diff", strings.Join(diffLines(change), "\n")))
	}
	return s
}

// diffLines are a change in the form that a diff is coloured in: the sign in the first column.
func diffLines(change changeset.Change) []string {
	sign := map[changeset.Action]string{
		changeset.Create: "+", changeset.Adopt: "+", changeset.Delete: "-", changeset.Replace: "-", changeset.Retire: "-",
	}[change.Action]
	if sign == "" {
		sign = "!"
	}
	head := fmt.Sprintf("%s %s %s", sign, change.Action, local(change.Address))
	if text := remark(change); text != "" {
		head += " (" + text + ")"
	}
	if at := change.Origin.String(); at != "" {
		head += "  " + at
	}
	lines := []string{visible(head)}
	for _, d := range change.Attributes {
		lines = append(lines, differenceLines(change, d)...)
	}
	return lines
}

func differenceLines(change changeset.Change, d changeset.Difference) []string {
	path := visible(d.Path)
	if d.Cause == changeset.Drift && change.Cause == changeset.Config && change.Want != nil && !corrected(change, d) {
		return []string{fmt.Sprintf("    %s: %s (changed in the cloud, left as it is; Git says %s)", path, visible(cut(show(d.Before), 200)), visible(cut(show(d.After), 200)))}
	}
	if short(d) {
		var lines []string
		if d.Before.IsSet() {
			lines = append(lines, "-   "+path+": "+visible(show(d.Before)))
		}
		if d.After.IsSet() {
			lines = append(lines, "+   "+path+": "+visible(show(d.After)))
		}
		return lines
	}
	lines := []string{"    " + path + ":"}
	for _, line := range linesDiff(d.Before, d.After) {
		lines = append(lines, line[:1]+"     "+cut(line[2:], 400))
	}
	return lines
}
