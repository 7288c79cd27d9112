package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

// unmanagedSettings are the flags of unmanaged.
type unmanagedSettings struct {
	ignore           []string
	asJSON, detailed bool
}

func (a *app) unmanagedCommand() *cobra.Command {
	var s unmanagedSettings
	cmd := &cobra.Command{
		Use:   "unmanaged [DIR]",
		Short: "List what is in the fleet's accounts without an owner",
		Long: "List what is in the fleet's accounts and regions, is of a kind that Tenantry knows, and carries nobody's mark.\n" +
			"What AWS keeps for itself isn't listed, nor what the definitions adopt. What fleet.cue ignores under unmanaged\n" +
			"is counted, by each of its rules. tenantry import takes the rest over.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.unmanaged(cmd.Context(), folder(args), s)
		},
	}
	cmd.Flags().StringArrayVar(&s.ignore, "ignore", nil, "KIND:PATTERN to leave out, as in aws.logs.group:/aws/*; * is any text or kind; may be repeated")
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&s.detailed, "detailed-exitcode", false, "exit 2 if there is anything")
	return cmd
}

func (a *app) unmanaged(ctx context.Context, dir string, s unmanagedSettings) error {
	if _, err := parseRules(s.ignore); err != nil {
		return err
	}
	fleet, findings, err := a.load(ctx, dir)
	if err != nil {
		return err
	}
	if fleet == nil || schema.Invalid(findings) {
		return a.refuse(findings)
	}
	rules, err := rulesOf(fleet, s.ignore)
	if err != nil {
		return err
	}
	base, err := awsSettings(ctx)
	if err != nil {
		return fmt.Errorf("AWS settings: %w", err)
	}
	set, err := drivers(base)(fleet, nil)
	if err != nil {
		return err
	}
	stock, err := reconciler.Survey(ctx, set, fleet.Scopes())
	if err != nil {
		return err
	}
	claimed := claims(fleet, stock.Found)
	if err := a.printStock(stock, claimed, rules, s.asJSON, dir); err != nil {
		return err
	}
	unowned, _ := rules.unowned(stock.Found, claimed)
	switch err := whole(stock); {
	case err != nil:
		return err
	case s.detailed && len(unowned) > 0:
		return exit(codeChanges, "")
	}
	return nil
}

// whole refuses a stock of which a place couldn't be read: what isn't in it may still be there.
func whole(stock reconciler.Stock) error {
	var errs []error
	for _, p := range slices.SortedFunc(maps.Keys(stock.Unseen), comparePlaces) {
		errs = append(errs, fmt.Errorf("%s couldn't be read: %s", strings.TrimSpace(p.Kind+" "+p.Scope.String()), stock.Unseen[p]))
	}
	return errors.Join(errs...)
}

func comparePlaces(a, b changeset.Place) int {
	if d := a.Scope.Compare(b.Scope); d != 0 {
		return d
	}
	return strings.Compare(a.Kind, b.Kind)
}

// printStock prints what nobody owns, and whom it may belong to.
func (a *app) printStock(stock reconciler.Stock, claimed map[string]string, rules ruleSet, asJSON bool, dir string) error {
	list, ignored := rules.unowned(stock.Found, claimed)
	groups := takeover.Groups(list)
	if asJSON {
		return a.printJSON(stockJSON(stock, list, groups, rules, ignored))
	}
	var b strings.Builder
	if isTerminal(a.out) && len(list) > 0 {
		b.WriteString(stockTable(list) + "\n")
	} else {
		for _, f := range list {
			fmt.Fprintln(&b, oneLine(fmt.Sprintf("%s  %s  %s%s", f.Kind, f.Scope, described(f), remarkOn(f))))
		}
	}
	b.WriteString(kindCounts(list, total(ignored)) + rules.ignoredBy(ignored))
	if len(stock.Blind) > 0 {
		fmt.Fprintf(&b, "Of these kinds only what is the fleet's can be listed: %s.\n", strings.Join(stock.Blind, ", "))
	}
	if len(groups) > 0 {
		b.WriteString("\nThese seem to belong together:\n")
	}
	for _, g := range groups {
		fmt.Fprintln(&b, oneLine(fmt.Sprintf("  %s: tenantry import %s --tenant %s --select %s",
			count(len(g.Found), "resource", "resources"), quotedIfNeeded(dir), or(g.Name, "NAME"), quotedIfNeeded(g.Selector))))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func remarkOn(f providers.Found) string {
	switch {
	case f.Unread != "":
		return "  (can't be read)"
	case f.Stack != "":
		return "  (" + f.Stack + ")"
	}
	return ""
}

func stockTable(list []providers.Found) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"KIND", "PLACE", "NAME", "TAGS"})
	for _, f := range list {
		t.AppendRow(table.Row{f.Kind, f.Scope.String(), oneLine(f.Name + remarkOn(f)), oneLine(strings.Join(tagList(f), " "))})
	}
	return t.Render()
}

// kindCounts is the number of each kind, on a line.
func kindCounts(list []providers.Found, ignored int) string {
	counts := map[string]int{}
	for _, f := range list {
		counts[f.Kind]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	text := "Nothing is without an owner"
	if len(parts) > 0 {
		text = fmt.Sprintf("%s without an owner: %s", count(len(list), "resource", "resources"), strings.Join(parts, ", "))
	}
	if unread := len(slices.DeleteFunc(slices.Clone(list), func(f providers.Found) bool { return f.Unread == "" })); unread > 0 {
		text += fmt.Sprintf("; %d of them can't be read, and may be somebody's", unread)
	}
	if ignored > 0 {
		text += fmt.Sprintf(" (%d ignored)", ignored)
	}
	return text + ".\n"
}

func stockJSON(stock reconciler.Stock, list []providers.Found, groups []takeover.Group, rules ruleSet, ignored []int) any {
	type thing struct {
		Kind   string            `json:"kind"`
		Scope  resource.Scope    `json:"scope"`
		ID     string            `json:"id"`
		Name   string            `json:"name"`
		Tags   map[string]string `json:"tags"`
		Stack  string            `json:"stack,omitempty"`
		Unread string            `json:"unread,omitempty"`
	}
	type group struct {
		Tenant string   `json:"tenant"`
		Select string   `json:"select"`
		IDs    []string `json:"ids"`
	}
	things, proposals, counts := []thing{}, []group{}, map[string]int{}
	for _, f := range list {
		things = append(things, thing{f.Kind, f.Scope, f.ID, f.Name, f.Tags, f.Stack, f.Unread})
		counts[f.Kind]++
	}
	for _, g := range groups {
		proposals = append(proposals, group{g.Name, g.Selector, names(g.Found, func(f providers.Found) string { return f.ID })})
	}
	unseen := []map[string]any{}
	for _, p := range slices.SortedFunc(maps.Keys(stock.Unseen), comparePlaces) {
		unseen = append(unseen, map[string]any{"scope": p.Scope, "kind": p.Kind, "error": stock.Unseen[p]})
	}
	return map[string]any{
		"format_version": formatVersion, "counts": counts, "ignored": total(ignored), "rules": rules.ignoredJSON(ignored), "resources": things, "groups": proposals, "unseen": unseen,
		"not_surveyed": append([]string{}, stock.Blind...),
	}
}
