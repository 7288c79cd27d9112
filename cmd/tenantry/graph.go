package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/draw"
	"tenantry.dev/schema"
)

func (a *app) graphCommand() *cobra.Command {
	var asSVG, asJSON bool
	var tenant string
	cmd := &cobra.Command{
		Use:   "graph [DIR]",
		Short: "Draw what depends on what",
		Long: `Draw what depends on what: accounts, cells, tenants, plans and policies; with --tenant, the resources of
one tenant and the references between them. Prints Mermaid, which GitHub shows in a file or a comment
between ` + "```mermaid and ```" + `. Many tenants are grouped by plan and cell.`,
		Example: "  tenantry graph --svg > fleet.svg\n  tenantry graph --tenant acme my-fleet",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := folder(args)
			fleet, findings, err := a.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if fleet == nil {
				return a.refuse(findings)
			}
			g := fleet.Graph(os.DirFS(dir))
			if tenant != "" {
				if g, err = fleet.TenantGraph(os.DirFS(dir), tenant); err != nil {
					return err
				}
			}
			return a.printGraph(g, asSVG, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asSVG, "svg", false, "as SVG, to look at in a browser")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.MarkFlagsMutuallyExclusive("svg", "json")
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant, with its resources")
	return cmd
}

func (a *app) printGraph(g schema.Graph, asSVG, asJSON bool) error {
	if asJSON {
		return a.printJSON(struct {
			Version string `json:"format_version"`
			schema.Graph
		}{formatVersion, g})
	}
	text := draw.Mermaid(g)
	if asSVG {
		text = draw.SVG(g)
	}
	_, err := fmt.Fprint(a.out, text)
	return err
}
