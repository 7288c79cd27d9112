package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

// importSettings are the flags of import.
type importSettings struct {
	tenant, plan, cell, asPlan string
	displayName, residency     string
	selects, matches, contacts []string
	ignore                     []string
	dryRun, asJSON, unmanaged  bool
}

func (a *app) importCommand() *cobra.Command {
	var s importSettings
	cmd := &cobra.Command{
		Use:   "import [DIR] [ID…]",
		Short: "Write what exists in the cloud as definitions of a tenant",
		Long: "Write what exists in the cloud as definitions of a tenant: a file that adopts it, with the overrides that\n" +
			"keep it as it is. The cloud isn't touched, and nothing is written that doesn't validate with the fleet.\n\n" +
			"Say what belongs to the tenant by tags, names or ids. With no selection, what nobody owns is listed, with a\n" +
			"proposal for whom it belongs to. Without --plan the plan that fits best is taken; with --as-plan, a new one is\n" +
			"made of what exists, which other tenants of the same shape then fit.\n\n" +
			"  tenantry import fleet\n" +
			"  tenantry import fleet --tenant acme --select tag:customer=acme --plan team\n" +
			"  tenantry import fleet --tenant acme --select 'name:acme-*' --as-plan standard",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importTenant(cmd.Context(), s, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.tenant, "tenant", "", "the tenant's name; its file must not exist yet")
	flags.StringArrayVar(&s.selects, "select", nil, "tag:KEY=VALUE or name:PATTERN, where * is any text; may be repeated")
	flags.StringVar(&s.plan, "plan", "", "the plan; the one that fits best if empty")
	flags.StringVar(&s.cell, "cell", "", "the cell; the one in which everything is if empty")
	flags.StringVar(&s.asPlan, "as-plan", "", "make a new plan of this name of what exists")
	flags.StringArrayVar(&s.matches, "match", nil, "RESOURCE=NAME: what becomes a resource of the plan; RESOURCE=- for nothing; may be repeated")
	flags.StringVar(&s.displayName, "display-name", "", "the customer's name as people know it")
	flags.StringVar(&s.residency, "residency", "", "where the customer's data must stay, such as eu; the part of the world that the cell is in if empty")
	flags.StringArrayVar(&s.contacts, "contact", nil, "ROLE:EMAIL, as in technical:ops@example.com; may be repeated")
	flags.BoolVar(&s.dryRun, "dry-run", false, "write nothing; print the files")
	flags.BoolVar(&s.asJSON, "json", false, "as JSON")
	flags.BoolVar(&s.unmanaged, "unmanaged", false, "only list what nobody owns, as tenantry unmanaged does")
	flags.StringArrayVar(&s.ignore, "ignore", nil, "KIND:PATTERN to leave out of the list; may be repeated")
	return cmd
}

// importTenant surveys, proposes, and writes.
func (a *app) importTenant(ctx context.Context, s importSettings, args []string) (failure error) {
	dir := folder(args)
	if s.unmanaged {
		return a.unmanaged(ctx, dir, unmanagedSettings{ignore: s.ignore, asJSON: s.asJSON})
	}
	selectors, err := parseSelectors(s.selects)
	if err != nil {
		return err
	}
	ids := args[min(1, len(args)):]
	i, done, err := a.importing(ctx, s, dir)
	defer func() { failure = errors.Join(failure, done()) }()
	if err != nil {
		return err
	}
	if len(selectors) == 0 && len(ids) == 0 {
		rules, err := rulesOf(i.fleet, nil)
		if err != nil {
			return err
		}
		return a.printStock(i.stock, i.claimed, rules, s.asJSON, dir)
	}
	if err := i.tenantIsNew(); err != nil {
		return err
	}
	picked, err := pick(i.stock.Found, selectors, ids)
	if err != nil {
		return err
	}
	if err := i.choose(picked); err != nil {
		return err
	}
	t, err := i.propose()
	if err != nil {
		return err
	}
	return i.conclude(t)
}

func parseSelectors(texts []string) ([]takeover.Selector, error) {
	var list []takeover.Selector
	for _, text := range texts {
		s, err := takeover.ParseSelector(text)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// pick returns the ids of what is selected. An id or a name that nothing has is an error.
func pick(found []providers.Found, selectors []takeover.Selector, ids []string) (map[string]bool, error) {
	picked := map[string]bool{}
	for _, f := range found {
		if slices.ContainsFunc(selectors, func(s takeover.Selector) bool { return s.Picks(f) }) {
			picked[f.ID] = true
		}
	}
	for _, id := range ids {
		at := slices.IndexFunc(found, func(f providers.Found) bool { return f.Is(id) })
		if at < 0 {
			return nil, fmt.Errorf("nothing called %q was found", id)
		}
		picked[found[at].ID] = true
	}
	if len(picked) == 0 {
		return nil, errors.New("nothing is selected: no tag, name or id of what was found fits; tenantry import without a selection lists what there is")
	}
	return picked, nil
}

// An importing is one import under way.
type importing struct {
	*app
	importSettings
	dir     string
	files   fs.FS
	load    func(fs.FS) (*schema.Fleet, []schema.Finding, error)
	fleet   *schema.Fleet
	kinds   map[string]resource.Kind
	stock   reconciler.Stock
	claimed map[string]string
	order   takeover.Order
	outside []takeover.Left // selected, and not in the cell
}

// importing reads the fleet and takes stock. The returned function, which is never nil, ends it.
func (a *app) importing(ctx context.Context, s importSettings, dir string) (i *importing, done func() error, failure error) {
	done = func() error { return nil }
	if err := isFolder(dir); err != nil {
		return nil, done, err
	}
	opened, err := gitrepo.Dir(dir)
	if err != nil {
		return nil, done, err
	}
	done = opened.Close
	loader, end, err := a.loader(ctx, a.pack(dir))
	if err != nil {
		return nil, done, err
	}
	done = func() error { return errors.Join(end(), opened.Close()) }
	i = &importing{app: a, importSettings: s, dir: dir, files: opened.Files()}
	i.load = func(files fs.FS) (*schema.Fleet, []schema.Finding, error) {
		return loader.Load(ctx, files, time.Now().UTC())
	}
	fleet, findings, err := i.load(i.files)
	if err != nil {
		return nil, done, err
	}
	if fleet == nil || schema.Invalid(findings) {
		return nil, done, a.refuse(findings)
	}
	i.fleet = fleet
	return i, done, i.takeStock(ctx)
}

// takeStock surveys the cells' places. A place that can't be read is an error: what is there could
// be the tenant's.
func (i *importing) takeStock(ctx context.Context) error {
	scopes, err := i.scopes()
	if err != nil {
		return err
	}
	base, err := awsSettings(ctx)
	if err != nil {
		return fmt.Errorf("AWS settings: %w", err)
	}
	set, err := drivers(base)(i.fleet, nil)
	if err != nil {
		return err
	}
	i.kinds = set.Kinds()
	if i.stock, err = reconciler.Survey(ctx, set, scopes); err != nil {
		return err
	}
	i.claimed = claims(i.fleet, i.stock.Found)
	return whole(i.stock)
}

// scopes are the places to survey: the cell's, or those of all cells.
func (i *importing) scopes() ([]resource.Scope, error) {
	var scopes []resource.Scope
	for _, c := range i.fleet.Cells {
		if i.cell == "" || i.cell == c.Name {
			at := i.scopeOf(c)
			scopes = append(scopes, at, resource.Scope{Account: at.Account, Region: resource.Global})
		}
	}
	if len(scopes) == 0 {
		return nil, fmt.Errorf("there is no cell %q; there are %s", i.cell, strings.Join(names(i.fleet.Cells, func(c schema.Cell) string { return c.Name }), ", "))
	}
	slices.SortFunc(scopes, resource.Scope.Compare)
	return slices.Compact(scopes), nil
}

func (i *importing) scopeOf(c schema.Cell) resource.Scope {
	at := slices.IndexFunc(i.fleet.Accounts, func(account schema.Account) bool { return account.Name == c.Account })
	return resource.Scope{Account: i.fleet.Accounts[at].ID, Region: c.Region}
}

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, element := range list {
		out[i] = name(element)
	}
	return out
}

// claims has, by id, what the definitions adopt already.
func claims(fleet *schema.Fleet, found []providers.Found) map[string]string {
	claimed := map[string]string{}
	for _, d := range fleet.Render().Desired {
		for _, f := range found {
			if d.Address.Kind == f.Kind && d.Scope == f.Scope && f.Is(d.Adopt) {
				claimed[f.ID] = fmt.Sprintf("%s adopts it", d.Address)
			}
		}
	}
	return claimed
}

// choose settles whose and where, and begins the order.
func (i *importing) choose(picked map[string]bool) error {
	cell, err := i.cellOf(picked)
	if err != nil {
		return err
	}
	scope := i.scopeOf(cell)
	spared := map[string]string{}
	for _, account := range i.fleet.Accounts {
		spared[account.RoleARN] = "Tenantry itself works with this role"
	}
	i.order = takeover.Order{
		Fleet: i.fleet.Name, Kinds: i.kinds, Scope: scope, Picked: picked, Claimed: i.claimed, Spared: spared,
		Path: i.tenantPath(), Decided: map[string]string{}, Try: i.try,
		Tenant: takeover.Tenant{
			Name: i.tenant, DisplayName: or(i.displayName, takeover.Titled(i.tenant)), Plan: i.plan, Cell: cell.Name,
			Residency: or(i.residency, residencyOf(cell.Region)),
		},
	}
	for _, f := range i.stock.Found {
		if f.Scope.Account == scope.Account && (f.Scope.Region == scope.Region || f.Scope.Region == resource.Global) {
			i.order.Found = append(i.order.Found, f)
		} else if picked[f.ID] {
			i.outside = append(i.outside, takeover.Left{Found: f, Why: fmt.Sprintf("it is in %s, and the cell %s is in %s", f.Scope, cell.Name, scope)})
		}
	}
	for _, m := range i.matches {
		name, what, ok := strings.Cut(m, "=")
		if !ok || name == "" || what == "" {
			return fmt.Errorf("--match %s: write RESOURCE=NAME, as in data=acme-bucket-1", m)
		}
		i.order.Decided[name] = what
	}
	return i.askContacts()
}

// cellOf is the cell that was named, or the only one in which all that is picked can be.
func (i *importing) cellOf(picked map[string]bool) (schema.Cell, error) {
	var fit []schema.Cell
	for _, c := range i.fleet.Cells {
		at := i.scopeOf(c)
		inside := func(f providers.Found) bool {
			return f.Scope.Account == at.Account && (f.Scope.Region == at.Region || f.Scope.Region == resource.Global)
		}
		if c.Name == i.cell || i.cell == "" && !slices.ContainsFunc(i.stock.Found, func(f providers.Found) bool { return picked[f.ID] && !inside(f) }) {
			fit = append(fit, c)
		}
	}
	switch len(fit) {
	case 0:
		return schema.Cell{}, errors.New("what is selected is in several places, and no cell is in all of them: give --cell, or select less")
	case 1:
		return fit[0], nil
	}
	return schema.Cell{}, fmt.Errorf("what is selected could be in %s: give --cell", strings.Join(names(fit, func(c schema.Cell) string { return c.Name }), " or "))
}

// residencyOf is the part of the world that a region is in.
func residencyOf(region string) string {
	switch region {
	case "eu-west-2":
		return "uk"
	case "eu-central-2":
		return "ch"
	}
	world, _, _ := strings.Cut(region, "-")
	return world
}

// tenantPath is where the fleet keeps its tenants: in a folder, or in folders by their first letters.
func (i *importing) tenantPath() string {
	for _, t := range i.fleet.Tenants {
		if strings.Count(t.Origin.File, "/") == 2 && len(i.tenant) >= 2 {
			return "tenants/" + i.tenant[:2] + "/" + i.tenant + ".cue"
		}
	}
	return "tenants/" + i.tenant + ".cue"
}

// tenantIsNew refuses a tenant that the fleet has, wherever its file is.
func (i *importing) tenantIsNew() error {
	if i.tenant == "" {
		return errors.New("whose is it? Give --tenant NAME")
	}
	if i.plan != "" && i.asPlan != "" {
		return errors.New("--plan is for a plan that there is, --as-plan for a new one; give one of them")
	}
	if i.asPlan != "" && len(i.matches) > 0 {
		return errors.New("--match is for a plan that there is; with --as-plan everything that is selected becomes part of the plan")
	}
	if name := "plans/" + i.asPlan + ".cue"; i.asPlan != "" && i.exists(name) {
		return fmt.Errorf("%s exists: to import onto it, give --plan %s", name, i.asPlan)
	}
	if !i.exists("tenants") {
		return nil
	}
	return fs.WalkDir(i.files, "tenants", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && path.Base(name) == i.tenant+".cue" {
			return fmt.Errorf("%s exists: import writes new tenants only; to take more over for this one, add to adopt there", name)
		}
		return err
	})
}

func (i *importing) exists(name string) bool {
	_, err := fs.Stat(i.files, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// askContacts completes the tenant's contacts: nobody can be made up.
func (i *importing) askContacts() error {
	for _, text := range i.contacts {
		role, email, ok := strings.Cut(text, ":")
		if !ok {
			return fmt.Errorf("--contact %s: write ROLE:EMAIL, as in technical:ops@example.com", text)
		}
		i.order.Tenant.Contacts = append(i.order.Tenant.Contacts, takeover.Contact{Role: role, Email: email})
	}
	if len(i.order.Tenant.Contacts) > 0 {
		return nil
	}
	email := i.ask("Whom can one reach at the customer's? E-mail of a technical contact: ")
	if email == "" {
		return errors.New("a tenant has a contact: give --contact technical:ops@example.com")
	}
	i.order.Tenant.Contacts = []takeover.Contact{{Role: "technical", Email: email}}
	return nil
}

// ask asks a person, and returns "" if there is none.
func (i *importing) ask(question string) string {
	if !isTerminal(i.in) || !isTerminal(i.out) {
		return ""
	}
	_, _ = fmt.Fprint(i.out, question)
	answer, err := bufio.NewReader(i.in).ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(answer)
}

// try evaluates the fleet with files in it, and of its tenants only the one that is imported.
func (i *importing) try(files map[string][]byte) (takeover.Tried, error) {
	fleet, findings, err := i.load(takeover.Overlay{Base: i.files, Files: files, Hide: func(name string) bool {
		return strings.HasPrefix(name, "tenants/") && strings.HasSuffix(name, ".cue")
	}})
	tried := takeover.Tried{Objections: objections(findings)}
	if fleet != nil {
		tried.Desired = fleet.RenderOwners(resource.Tenant(i.tenant), resource.Cell(i.order.Tenant.Cell)).Desired
	}
	return tried, err
}

func objections(findings []schema.Finding) []takeover.Objection {
	list := make([]takeover.Objection, len(findings))
	for n, f := range findings {
		list[n] = takeover.Objection{
			Origin: f.Origin, Message: f.Message, Policy: f.Policy, Fatal: f.Severity == schema.Error || f.Severity == schema.Deny,
		}
	}
	return list
}
