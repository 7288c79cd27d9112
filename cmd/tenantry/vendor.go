package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tenantry.dev/schema"
)

func (a *app) vendorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "vendor [DIR]",
		Short: "Bring a fleet's copy of the schema up to date",
		Long: `Bring a fleet's copy of the schema up to date, with the definitions of the resource types of AWS that its
plans and cells name. The copy is for the cue command line and for editors, so that they need no network; Tenantry
itself judges by its own.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fleet, findings, err := a.load(cmd.Context(), folder(args))
			if err != nil {
				return err
			}
			if fleet == nil {
				return a.refuse(findings)
			}
			changed, err := schema.Revendor(folder(args), fleet.Types...)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"format_version": formatVersion, "changed": append([]string{}, changed...)})
			}
			for _, path := range changed {
				if _, err := fmt.Fprintln(a.out, path); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(a.out, "The copy of the schema is up to date: %s.\n", count(len(changed), "file changed", "files changed"))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
