package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/offers"
	"tenantry.dev/schema"
)

// plansSettings are the flags of plans.
type plansSettings struct {
	asJSON, asMarkdown bool
	out                string
}

func (a *app) plansCommand() *cobra.Command {
	var s plansSettings
	cmd := &cobra.Command{
		Use:   "plans [DIR]",
		Short: "Compare what the plans promise",
		Long: "Compare what the plans of a fleet promise: price, isolation, availability, backup, support, every limit, and\n" +
			"what a customer may choose. Tenants with mistakes aren't counted; nothing else needs to be valid but the plans.",
		Example: `  tenantry plans
  tenantry plans my-fleet --markdown --out plans.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.plans(cmd.Context(), folder(args), s)
		},
	}
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&s.asMarkdown, "markdown", false, "as Markdown")
	cmd.Flags().StringVar(&s.out, "out", "", "write it to this file")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
	return cmd
}

func (a *app) plans(ctx context.Context, dir string, s plansSettings) error {
	fleet, findings, err := a.load(ctx, dir)
	if err != nil {
		return err
	}
	if fleet == nil || len(fleet.Plans) == 0 {
		if schema.Invalid(findings) {
			return a.refuse(findings)
		}
		return fmt.Errorf("the fleet has no plans")
	}
	text, err := comparison(offers.Compare(fleet), s)
	if err != nil {
		return err
	}
	if s.out == "" {
		_, err = fmt.Fprint(a.out, text)
		return err
	}
	if err := os.WriteFile(s.out, []byte(text), 0o644); err != nil { //nolint:gosec // for others to read
		return fmt.Errorf("write the comparison: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "The comparison of %s is in %s.\n", count(len(fleet.Plans), "plan", "plans"), s.out)
	return err
}

// comparison is the text in the form that was asked for.
func comparison(c offers.Comparison, s plansSettings) (string, error) {
	const width = 34
	switch {
	case s.asMarkdown:
		return c.Markdown(), nil
	case !s.asJSON:
		return c.Text(width), nil
	}
	text, err := json.MarshalIndent(struct {
		Version string `json:"format_version"`
		offers.Comparison
	}{formatVersion, c}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the comparison: %w", err)
	}
	return string(text) + "\n", nil
}
