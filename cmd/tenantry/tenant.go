package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

func (a *app) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tenant", Short: "List tenants, add one, suspend, resume and offboard"}
	cmd.AddCommand(
		a.tenantListCommand(), a.tenantAddCommand(),
		a.lifecycleCommand("suspend", "suspended", "Mark a tenant as suspended: it keeps its resources",
			"Commit this; nothing in the cloud changes by it."),
		a.lifecycleCommand("resume", "active", "Make a suspended or offboarding tenant active again",
			"Commit this; \"tenantry plan\" shows what it brings back."),
		a.lifecycleCommand("offboard", "offboarding", "Let a tenant leave: what holds no data is removed, what holds data is retired",
			"Commit this; \"tenantry plan\" shows what it removes and what it retires. Leave the file until that is done."),
	)
	return cmd
}

// lifecycleCommand is a command that sets a tenant's lifecycle.
func (a *app) lifecycleCommand(verb, lifecycle, short, then string) *cobra.Command {
	var how edition
	cmd := &cobra.Command{
		Use:               verb + " NAME [DIR]",
		Short:             short,
		Long:              short + ".\n\nOne field of the tenant's file is edited; everything else in it stays as it is. Commit it to make it so.",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeNames("tenants"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.draft(cmd.Context(), folder(args[1:]), func(d *draft) error {
				e, err := schema.SetLifecycle(d.files, args[0], lifecycle)
				if err != nil {
					return err
				}
				return a.make(cmd.Context(), d, e, how, then)
			})
		},
	}
	how.flags(cmd)
	return cmd
}

// flags adds the flags that all edits have.
func (how *edition) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "write nothing; show what would be changed")
	cmd.Flags().BoolVar(&how.asJSON, "json", false, "as JSON")
}

// completeNames completes the first argument with the names of the files in a folder of the fleet.
func completeNames(in string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return filesIn(".", in), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag completes a flag with the names of the files in a folder of the fleet, which is the second argument.
func completeFlag(in string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return filesIn(folder(args[min(1, len(args)):]), in), cobra.ShellCompDirectiveNoFileComp
	}
}

// filesIn lists the names of the definitions in a folder of a fleet. Nothing is evaluated: completion is quick.
func filesIn(dir, in string) []string {
	var found []string
	files := os.DirFS(dir)
	for _, pattern := range []string{in + "/*.cue", in + "/*/*.cue"} {
		list, _ := fs.Glob(files, pattern) // the patterns are well formed
		for _, file := range list {
			found = append(found, strings.TrimSuffix(path.Base(file), ".cue"))
		}
	}
	slices.Sort(found)
	return found
}

// listed is a tenant in the list.
type listed struct {
	Name      string `json:"name"`
	Display   string `json:"display_name,omitempty"`
	Plan      string `json:"plan,omitempty"`
	Cell      string `json:"cell,omitempty"`
	Lifecycle string `json:"lifecycle,omitempty"`
	Residency string `json:"residency,omitempty"`
	Price     *price `json:"price,omitempty"`
	Resources int    `json:"resources"`
	Broken    string `json:"broken,omitempty"` // why nothing else is known
}

// price is what a plan costs per month.
type price struct {
	Amount   string `json:"amount"` // in the currency's unit, with two decimals
	Currency string `json:"currency"`
}

func priceOf(p schema.Price) *price {
	return &price{fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100), p.Currency}
}

func (p *price) String() string {
	if p == nil {
		return ""
	}
	return p.Amount + " " + p.Currency
}

func (a *app) tenantListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the tenants of a fleet",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listTenants(cmd.Context(), folder(args), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) listTenants(ctx context.Context, dir string, asJSON bool) error {
	fleet, findings, err := a.load(ctx, dir)
	if err != nil {
		return err
	}
	if fleet == nil {
		return a.refuse(findings)
	}
	list := tenantsOf(fleet)
	if asJSON {
		return a.printJSON(map[string]any{"format_version": formatVersion, "fleet": fleet.Name, "tenants": list})
	}
	_, err = fmt.Fprint(a.out, tenantTable(list, isTerminal(a.out)))
	return err
}

// tenantsOf lists the tenants by name, broken ones too.
func tenantsOf(fleet *schema.Fleet) []listed {
	resources := map[resource.Owner]int{}
	for _, d := range fleet.Render().Desired {
		resources[d.Address.Owner]++
	}
	prices := map[string]*price{}
	for _, p := range fleet.Plans {
		prices[p.Name] = priceOf(p.Price)
	}
	list := []listed{}
	for _, t := range fleet.Tenants {
		if _, broken := fleet.Broken[resource.Tenant(t.Name)]; broken {
			continue
		}
		list = append(list, listed{
			Name: t.Name, Display: t.DisplayName, Plan: t.Plan, Cell: t.Cell, Lifecycle: t.Lifecycle, Residency: t.Residency,
			Price: prices[t.Plan], Resources: resources[resource.Tenant(t.Name)],
		})
	}
	for owner, why := range fleet.Broken {
		if owner.Class() == "tenant" {
			list = append(list, listed{Name: owner.Name(), Broken: why})
		}
	}
	slices.SortFunc(list, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// tenantTable is the list for people: a table on a terminal, else lines with tabs between their fields.
func tenantTable(list []listed, terminal bool) string {
	if len(list) == 0 {
		return "There is no tenant yet. Add one: tenantry tenant add NAME\n"
	}
	t := table.NewWriter()
	t.AppendHeader(table.Row{"Tenant", "Plan", "Cell", "Lifecycle", "Residency", "Price", "Resources"})
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 6, Align: text.AlignRight}, {Number: 7, Align: text.AlignRight}})
	var lines strings.Builder
	for _, x := range list {
		if x.Broken != "" {
			t.AppendRow(table.Row{x.Name, "broken: " + wrap(x.Broken, 60)})
			fmt.Fprintf(&lines, "%s\tbroken: %s\n", x.Name, x.Broken)
			continue
		}
		t.AppendRow(table.Row{x.Name, x.Plan, x.Cell, x.Lifecycle, x.Residency, x.Price.String(), x.Resources})
		lines.WriteString(strings.Join([]string{x.Name, x.Plan, x.Cell, x.Lifecycle, x.Residency, x.Price.String(), strconv.Itoa(x.Resources)}, "\t") + "\n")
	}
	if !terminal {
		return lines.String()
	}
	t.SetStyle(table.StyleLight)
	return t.Render() + "\n"
}

// inRepository is a folder's path as a person would type it before a file's.
func inRepository(dir, file string) string { return filepath.ToSlash(filepath.Join(dir, file)) }
