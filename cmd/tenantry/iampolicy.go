package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tenantry.dev/internal/iampolicy"
	"tenantry.dev/providers"
	"tenantry.dev/schema"
)

// policySettings are the flags of iam-policy.
type policySettings struct {
	account, role, out, principal, boundary string
	asJSON                                  bool
}

// policyRoles are what policies are for.
var policyRoles = []string{"reader", "writer", "trust", "boundary"}

func (a *app) iamPolicyCommand() *cobra.Command {
	var s policySettings
	cmd := &cobra.Command{
		Use:   "iam-policy [DIR]",
		Short: "Write the IAM policies that the fleet's accounts need, and no more",
		Long: "Write the IAM policies for each account of a fleet: what the role that reads and the role that writes need for the\n" +
			"kinds of resources in use, who may assume them, and the boundary that every role which the fleet makes must carry.\n" +
			"It prints what is allowed for each kind. The documents are what --json has, or what --out writes into a folder\n" +
			"for each account.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.iamPolicy(cmd.Context(), folder(args), s)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.account, "account", "", "one account, by its name or number; otherwise all")
	flags.StringVar(&s.role, "role", "", strings.Join(policyRoles, ", ")+": one of them; otherwise all")
	flags.StringVar(&s.out, "out", "", "a folder to write the documents to, as ACCOUNT/ROLE.json")
	flags.StringVar(&s.principal, "principal", "", "the ARN that Tenantry runs as, for the trust policy")
	flags.StringVar(&s.boundary, "boundary", "", "the name of the boundary, if no role of the fleet says it (FLEET-tenant)")
	flags.BoolVar(&s.asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) iamPolicy(ctx context.Context, dir string, s policySettings) error {
	if s.role != "" && !slices.Contains(policyRoles, s.role) {
		return fmt.Errorf("--role %s: want one of %s", s.role, strings.Join(policyRoles, ", "))
	}
	fleet, findings, err := a.load(ctx, dir)
	if err != nil {
		return err
	}
	if fleet == nil || schema.Invalid(findings) {
		return a.refuse(findings)
	}
	accounts, err := accountsCalled(fleet, s.account)
	if err != nil {
		return err
	}
	sets := make([]iampolicy.Set, len(accounts))
	for i, account := range accounts {
		if sets[i], err = policiesOf(fleet, account, s); err != nil {
			return err
		}
	}
	if s.out != "" {
		if err := writePolicies(s.out, accounts, sets, s.role); err != nil {
			return err
		}
	}
	if s.asJSON {
		return a.printJSON(policiesJSON(accounts, sets, s.role))
	}
	var b strings.Builder
	for i, account := range accounts {
		a.printPolicies(&b, account, sets[i], s)
	}
	_, err = fmt.Fprint(a.out, b.String())
	return err
}

// accountsCalled are the fleet's accounts, or the one that has a name or number.
func accountsCalled(fleet *schema.Fleet, called string) ([]schema.Account, error) {
	var list []schema.Account
	for _, account := range fleet.Accounts {
		if called == "" || account.Name == called || account.ID == called {
			list = append(list, account)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--account %s: the fleet has %s", called, strings.Join(names(fleet.Accounts, func(x schema.Account) string { return x.Name + " (" + x.ID + ")" }), ", "))
	}
	return list, nil
}

// permissionsOf are what the drivers of a fleet ask for, by kind. No call is made.
func permissionsOf(fleet *schema.Fleet) (map[string]providers.Permissions, error) {
	set, err := drivers(awssdk.Config{})(fleet, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[string]providers.Permissions, len(set))
	for kind, driver := range set {
		if permitted, ok := driver.(providers.Permitted); ok {
			out[kind] = permitted.Permissions()
		}
	}
	return out, nil
}

// policiesOf writes the policies of one account.
func policiesOf(fleet *schema.Fleet, account schema.Account, s policySettings) (iampolicy.Set, error) {
	kinds, err := permissionsOf(fleet)
	if err != nil {
		return iampolicy.Set{}, err
	}
	e := iampolicy.Estate{
		Fleet: fleet.Name, Kinds: kinds, Principal: s.principal, Queue: account.Events.Queue, EventRegions: account.Events.Regions,
		Account: iampolicy.Account{
			ID: account.ID, Regions: account.Regions, Role: account.RoleARN, ReadRole: account.ReadRole, ExternalID: account.ExternalID,
		},
		Boundary: partitionOf(account.RoleARN) + account.ID + ":policy/" + cmp.Or(s.boundary, fleet.Name+"-tenant"),
	}
	e.Fill(fleet.Render().Desired, slices.Concat(fleet.Natives, fleet.Types)...)
	return iampolicy.Write(e), nil
}

// partitionOf is the beginning of the ARNs of everything global that is in the same part of AWS.
func partitionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 3)
	return "arn:" + parts[1] + ":iam::"
}

// policiesFor are the documents of a set by what they are for, in the order of policyRoles.
func policiesFor(set iampolicy.Set, role string) map[string][]iampolicy.Policy {
	all := map[string][]iampolicy.Policy{"reader": set.Reader, "writer": set.Writer, "trust": {set.Trust}, "boundary": {set.Boundary}}
	for name := range all {
		if role != "" && name != role {
			delete(all, name)
		}
	}
	return all
}

func policiesJSON(accounts []schema.Account, sets []iampolicy.Set, role string) any {
	type one struct {
		Name     string                        `json:"name"`
		ID       string                        `json:"id"`
		Role     string                        `json:"role"`
		ReadRole string                        `json:"readRole,omitempty"`
		Policies map[string][]iampolicy.Policy `json:"policies"`
		Allowed  []iampolicy.Row               `json:"allowed"`
		Notes    []string                      `json:"notes"`
	}
	list := make([]one, len(accounts))
	for i, account := range accounts {
		list[i] = one{
			account.Name, account.ID, account.RoleARN, account.ReadRole, policiesFor(sets[i], role),
			rowsFor(sets[i], role), append([]string{}, sets[i].Notes...),
		}
	}
	return map[string]any{"format_version": formatVersion, "accounts": list}
}

// rowsFor are the rows that concern a role. Who writes also reads.
func rowsFor(set iampolicy.Set, role string) []iampolicy.Row {
	rows := []iampolicy.Row{}
	for _, r := range set.Rows {
		if role == "" || role == "writer" || role == "reader" && r.For == "reading" {
			rows = append(rows, r)
		}
	}
	return rows
}

// writePolicies writes each document into a file of its own: reader.json, or reader-1.json and so on if
// there are several.
func writePolicies(out string, accounts []schema.Account, sets []iampolicy.Set, role string) error {
	for i, account := range accounts {
		dir := filepath.Join(out, account.Name)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("write the policies: %w", err)
		}
		for name, list := range policiesFor(sets[i], role) {
			for n, p := range list {
				text, err := json.MarshalIndent(p.Document, "", "  ")
				if err != nil {
					return fmt.Errorf("write %s: %w", p.Name, err)
				}
				file := name
				if len(list) > 1 {
					file = fmt.Sprintf("%s-%d", name, n+1)
				}
				if err := os.WriteFile(filepath.Join(dir, file+".json"), append(text, '\n'), 0o600); err != nil {
					return fmt.Errorf("write the policies: %w", err)
				}
			}
		}
	}
	return nil
}

// printPolicies says what is allowed in an account, and which documents say so.
func (a *app) printPolicies(b *strings.Builder, account schema.Account, set iampolicy.Set, s policySettings) {
	fmt.Fprintf(b, "%s (%s)\n", account.Name, account.ID)
	if rows := rowsFor(set, s.role); s.role == "" || s.role == "reader" || s.role == "writer" {
		b.WriteString(policyTable(rows, isTerminal(a.out)))
	}
	for _, name := range policyRoles {
		for _, p := range policiesFor(set, s.role)[name] {
			fmt.Fprintf(b, "%-9s %s  %s\n", name, p.Name, count(p.Size, "character", "characters"))
		}
	}
	for _, note := range set.Notes {
		fmt.Fprintf(b, "note      %s\n", oneLine(note))
	}
	if s.out == "" {
		b.WriteString("The documents: --json, or --out FOLDER.\n")
	}
	b.WriteByte('\n')
}

// policyTable is what is allowed: a table on a terminal, lines anywhere else.
func policyTable(rows []iampolicy.Row, terminal bool) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"KIND", "FOR", "MAY", "ON", "IF"})
	var b strings.Builder
	for _, r := range rows {
		if terminal {
			t.AppendRow(table.Row{r.Kind, r.For, wrap(strings.Join(r.Actions, " "), 60), wrap(strings.Join(r.On, " "), 50), wrap(r.If, 30)})
			continue
		}
		line := fmt.Sprintf("%s  %s  %s  on %s", r.Kind, r.For, strings.Join(r.Actions, " "), strings.Join(r.On, " "))
		if r.If != "" {
			line += "  if " + r.If
		}
		b.WriteString(line + "\n")
	}
	if terminal {
		return t.Render() + "\n"
	}
	return b.String()
}
