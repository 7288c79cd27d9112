package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

// Facts are what a plan comes to beside its changes. What isn't known is nil, and isn't spoken of.
type Facts struct {
	Cost   *cost.Delta
	Radius *Radius
}

// Verdict is Line with what the changes cost and how far they reach: "3 to add, 1 to change, 0 to destroy · 2 tenants ·
// +$41/mo · blast radius low". Of no changes there is neither.
func Verdict(c changeset.Changeset, f Facts) string {
	parts := []string{Line(c)}
	if f.Cost != nil && len(c.Changes) > 0 {
		parts = append(parts, perMonth(f.Cost))
	}
	if f.Radius != nil {
		parts = append(parts, "blast radius "+string(f.Radius.Level))
	}
	return strings.Join(parts, " · ")
}

// perMonth is what a change costs in a few words: "+$41/mo", "+$41/mo and 2 unpriced".
func perMonth(d *cost.Delta) string {
	text := cost.Change(d.Currency, d.Change()) + "/mo"
	if d.Unpriced > 0 {
		text += fmt.Sprintf(" and %d unpriced", d.Unpriced)
	}
	return text
}

// costLine says what the figure is of: "Cost a month: $3.10 before and $44.10 after for those concerned, not counting …".
func costLine(d *cost.Delta) string {
	text := fmt.Sprintf("Cost a month: %s before and %s after for those concerned", cost.Money(d.Currency, d.Before), cost.Money(d.Currency, d.After))
	var but []string
	if d.ByUse > 0 {
		but = append(but, count(d.ByUse, "change")+" to what is paid by use")
	}
	if d.Unpriced > 0 {
		but = append(but, count(d.Unpriced, "change")+" to what has no price here")
	}
	if len(but) > 0 {
		text += ", not counting " + strings.Join(but, " and ")
	}
	return text
}

// receipt is a line on each fact that the verdict names.
func receipt(c changeset.Changeset, f Facts) []string {
	var lines []string
	if f.Radius != nil {
		lines = append(lines, f.Radius.Line()+".")
	}
	if f.Cost != nil && len(c.Changes) > 0 {
		lines = append(lines, costLine(f.Cost)+".")
	}
	return lines
}

// costOf is what an owner costs after the change, and the difference.
func costOf(d *cost.Delta, owner resource.Owner) (cell, plan string) {
	at, found := slices.BinarySearchFunc(d.Owners, owner, func(o cost.OwnerCost, owner resource.Owner) int { return cmp.Compare(o.Owner, owner) })
	if !found {
		return "–", ""
	}
	o := d.Owners[at]
	cell = cost.Money(d.Currency, o.After)
	if o.Change() != 0 {
		sign := ""
		if o.Change() > 0 {
			sign = "+"
		}
		cell += " (" + sign + cost.Money(d.Currency, o.Change()) + ")"
	}
	if o.Used > 0 {
		cell += ", more by use"
	}
	if o.NoPrice > 0 {
		cell += fmt.Sprintf(", %d unpriced", o.NoPrice)
	}
	return cell, o.Plan
}

// costSection is what changes in cost, resource by resource, folded, with where the prices are from.
func costSection(d *cost.Delta) section {
	s := section{noun: "resource", most: 6_000}
	if d == nil {
		return s
	}
	for _, i := range d.Items {
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", code(i.Address.String()),
			prose(amount(i, d.Currency, i.Before)), prose(amount(i, d.Currency, i.After)), prose(signed(d.Currency, i.Change())), prose(costWords(i))))
	}
	if len(s.items) > 0 {
		s.head = "<details><summary><b>What it costs a month</b>: " + prose(cost.Change(d.Currency, d.Change())) + "</summary>\n\n" +
			table([]string{"Resource", "Before", "After", "Change", "What it is"}, nil)
		s.foot = "\n" + prose(sourcesText(d)) + "\n\n</details>\n\n"
	}
	return s
}

// amount is one side of a resource's cost; nothing is made up for what has no price.
func amount(i cost.ItemChange, currency string, a cost.Amount) string {
	if i.State == cost.Unknown && a == 0 {
		return "–"
	}
	return cost.Money(currency, a)
}

func signed(currency string, a cost.Amount) string {
	if a > 0 {
		return "+" + cost.Money(currency, a)
	}
	return cost.Money(currency, a)
}

func costWords(i cost.ItemChange) string {
	switch {
	case i.Kept:
		return "retired: it is kept with its data, and goes on being paid"
	case i.State == cost.Unknown:
		return "unpriced: " + cut(i.Why, 200)
	case i.State == cost.ByUse:
		return "by use: " + cut(i.Why, 200)
	}
	return cut(i.Why, 200)
}

// sourcesText says what the prices are, what they leave out, and where they are from.
func sourcesText(d *cost.Delta) string {
	text := "Months have 730 hours. Taxes, discounts, commitments, free tiers and what is paid by use are left out. "
	if d.Stated {
		text += "Some of the prices are the fleet's own, from fleet.cue. "
	}
	if len(d.Sources) == 0 {
		return strings.TrimSpace(text)
	}
	var pages []string
	for _, s := range d.Sources {
		pages = append(pages, fmt.Sprintf("%s (%s)", strings.TrimSuffix(strings.TrimPrefix(s.Page, "https://"), "/"), s.Date))
	}
	return text + "AWS's list prices: " + strings.Join(pages, ", ") + "."
}

// facts puts what a plan costs and how far it reaches before the verdict in a terminal.
func (t *terminal) facts(c changeset.Changeset, f Facts) {
	for _, line := range receipt(c, f) {
		t.line(dim, "%s", strings.TrimSuffix(line, "."))
	}
	if f.Cost == nil {
		return
	}
	const most = 20
	for _, i := range f.Cost.Items[:min(most, len(f.Cost.Items))] {
		t.line(dim, "  %s  %s  (%s)", signed(f.Cost.Currency, i.Change()), i.Address, costWords(i))
	}
	if more := len(f.Cost.Items) - most; more > 0 {
		t.line(dim, "  and %s", count(more, "more resource"))
	}
	if len(f.Cost.Items) > 0 {
		t.line(dim, "  %s", sourcesText(f.Cost))
	}
}
