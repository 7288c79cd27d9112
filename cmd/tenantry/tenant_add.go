package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// addSettings are the flags of tenant add.
type addSettings struct {
	daemonSettings

	tenant   schema.Tenant
	contacts []string
	pull     bool
	how      edition
}

func (a *app) tenantAddCommand() *cobra.Command {
	var s addSettings
	cmd := &cobra.Command{
		Use:   "add NAME [DIR]",
		Short: "Write a new tenant's file",
		Long: "Write a new tenant's file, if the whole fleet is valid with it. On a terminal, what isn't given is asked for.\n" +
			"With --pr the file isn't written here but proposed in a pull request, which the settings of \"tenantry run\" for\n" +
			"GitHub are used for.\n\n" +
			"  tenantry tenant add acme --plan team --cell eu-1 --residency eu --display-name 'Acme Ltd' --contact technical=it@acme.example",
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s.tenant.Name = args[0]
			return a.addTenant(cmd.Context(), s, folder(args[1:]))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.tenant.DisplayName, "display-name", "", "the customer's name as people know it")
	flags.StringVar(&s.tenant.Plan, "plan", "", "what the customer buys")
	flags.StringVar(&s.tenant.Cell, "cell", "", "where the customer lives")
	flags.StringVar(&s.tenant.Residency, "residency", "", "where the customer's data must stay, such as eu")
	flags.StringArrayVar(&s.contacts, "contact", nil, "ROLE=EMAIL, as in technical=ops@example.com; may be repeated")
	flags.StringArrayVar(&s.tenant.Domains, "domain", nil, "the customer's own domain; may be repeated")
	flags.BoolVar(&s.pull, "pr", false, "open a pull request instead of writing the file")
	s.githubFlags(flags)
	s.how.flags(cmd)
	for flag, complete := range map[string]cobra.CompletionFunc{
		"plan": completeFlag("plans"), "cell": completeFlag("cells"), "residency": completeChoices("tenant.residency", ""), "contact": completeChoices("contact.role", "="),
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, complete) // it fails for a flag that isn't there
	}
	return cmd
}

// completeChoices completes a flag with the values that the schema allows for a field.
func completeChoices(path, suffix string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		all := choices(path)
		for i := range all {
			all[i] += suffix
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if suffix != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return all, directive
	}
}

// addTenant collects what a tenant needs, tries it with the whole fleet, and writes or proposes it.
func (a *app) addTenant(ctx context.Context, s addSettings, dir string) error {
	if s.pull {
		if err := a.canPropose(s.daemonSettings); err != nil {
			return err
		}
	}
	for _, text := range s.contacts {
		c, err := contact(text)
		if err != nil {
			return fmt.Errorf("--contact: %w", err)
		}
		s.tenant.Contacts = append(s.tenant.Contacts, c)
	}
	return a.draft(ctx, dir, func(d *draft) error {
		if _, err := schema.AddTenant(d.files, schema.NewTenant{Tenant: s.tenant}); err != nil {
			return err // before anything is asked for
		}
		if err := a.complete(ctx, d, &s.tenant); err != nil {
			return err
		}
		e, err := schema.AddTenant(d.files, schema.NewTenant{Tenant: s.tenant})
		if err != nil {
			return err
		}
		fleet, fresh, err := d.try(ctx, e)
		switch {
		case err != nil:
			return err
		case schema.Invalid(fresh):
			return a.refuseEdit(fresh)
		}
		a.warn(fresh)
		return a.conclude(ctx, s, d, e, offerOf(fleet, s.tenant))
	})
}

// conclude writes or proposes a tenant's file, and says what it gets.
func (a *app) conclude(ctx context.Context, s addSettings, d *draft, e schema.Edit, o offer) (err error) {
	var url string
	switch {
	case s.how.dryRun:
	case s.pull:
		if url, err = a.propose(ctx, s.daemonSettings, e, o); err != nil {
			return err
		}
	default:
		if err := writeFile(inRepository(d.dir, e.Path), e.After); err != nil {
			return err
		}
	}
	if s.how.asJSON {
		return a.printJSON(map[string]any{
			"format_version": formatVersion, "tenant": s.tenant.Name, "path": e.Path, "content": string(e.After), "written": !s.how.dryRun && !s.pull,
			"pull_request": url, "plan": o.plan.Name, "price": o.price, "resources": o.addresses(),
		})
	}
	var text strings.Builder
	switch {
	case s.how.dryRun:
		fmt.Fprintf(&text, "%s\n%s\nNothing was written.\n", e.After, o)
	case s.pull:
		fmt.Fprintf(&text, "%s\n%s\n", o, url)
	default:
		fmt.Fprintf(&text, "Wrote %s.\n%s\nCommit it and open a pull request to onboard %s; \"tenantry plan\" shows what that makes.\n", inRepository(d.dir, e.Path), o, o.tenant.DisplayName)
	}
	_, err = fmt.Fprint(a.out, text.String())
	return err
}

// An offer is what a new tenant gets.
type offer struct {
	tenant    schema.Tenant
	plan      schema.Plan
	cell      schema.Cell
	price     *price
	resources []resource.Desired
}

func offerOf(fleet *schema.Fleet, t schema.Tenant) offer {
	o := offer{tenant: t, resources: fleet.RenderOwners(resource.Tenant(t.Name)).Desired}
	for _, p := range fleet.Plans {
		if p.Name == t.Plan {
			o.plan, o.price = p, priceOf(p.Price)
		}
	}
	for _, c := range fleet.Cells {
		if c.Name == t.Cell {
			o.cell = c
		}
	}
	return o
}

func (o offer) String() string {
	return fmt.Sprintf("%s gets the plan %s at %s a month, in cell %s (%s): %s.", o.tenant.DisplayName, or(o.plan.DisplayName, o.plan.Name), o.price,
		o.cell.Name, o.cell.Region, count(len(o.resources), "resource", "resources"))
}

func (o offer) addresses() []string {
	list := []string{}
	for _, d := range o.resources {
		list = append(list, d.Address.String())
	}
	return list
}

// complete asks for what is missing, or says all of it if there is nobody to ask.
func (a *app) complete(ctx context.Context, d *draft, t *schema.Tenant) error {
	var missing []string
	for _, need := range []struct {
		flag string
		here bool
	}{
		{"--display-name", t.DisplayName != ""},
		{"--plan", t.Plan != ""},
		{"--residency", t.Residency != ""},
		{"--cell", t.Cell != ""},
		{"--contact", len(t.Contacts) > 0},
	} {
		if !need.here {
			missing = append(missing, need.flag)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case !isTerminal(a.in):
		return fmt.Errorf("nothing was written: there is no terminal to ask at; give %s, as \"tenantry tenant add --help\" shows", sentence(missing))
	}
	q := newQuestioner(a.in, a.err)
	err := q.tenant(ctx, d.fleet, t)
	if errors.Is(err, errNoAnswer) {
		return errors.New("nothing was written")
	}
	return err
}

// sentence is words for a sentence: "a, b and c".
func sentence(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// isAddress is what the schema has for an e-mail address, so that a slip is asked for again at once.
var isAddress = regexp.MustCompile(`^[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// contact reads ROLE=EMAIL, or ROLE:EMAIL.
func contact(text string) (schema.Contact, error) {
	at := strings.IndexAny(text, "=:")
	roles := choices("contact.role")
	if at < 0 {
		return schema.Contact{}, fmt.Errorf("%q: want ROLE=EMAIL, as in technical=ops@example.com", text)
	}
	role, address := strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
	if !slices.Contains(roles, role) {
		return schema.Contact{}, fmt.Errorf("%q is no role of a contact; there are %s", role, sentence(roles))
	}
	if !isAddress.MatchString(address) {
		return schema.Contact{}, fmt.Errorf("%q is not an e-mail address", address)
	}
	return schema.Contact{Role: role, Email: address}, nil
}

// choices are the values that the schema allows for a field.
func choices(path string) []string {
	manual, err := schema.NewManual(nil, nil)
	if err != nil {
		return nil
	}
	doc, err := manual.Explain(path, false)
	if err != nil {
		return nil
	}
	var list []string
	for _, choice := range doc.Choices {
		list = append(list, strings.Trim(choice, `"`))
	}
	return list
}
