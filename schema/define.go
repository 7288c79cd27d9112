package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
	"github.com/robfig/cron/v3"

	"tenantry.dev/reconciler/resource"
)

// define reads everything but tenants. It returns nil if fleet.cue can't be used; what else can't be
// used is left out and noted in spoiled.
func (e *engine) define(f *Fleet) (*definitions, []Finding) {
	def := &definitions{
		module: e.tree.module, kinds: readKinds(e.schema), regions: readResidencies(e.schema), left: e.packages.left, spoiled: map[string]string{}, unsound: map[string]*policyDef{},
		accounts: map[string]*Account{}, cells: map[string]*cellDef{}, plans: map[string]*planDef{},
		teams: map[string]*accessDef{}, files: map[string][]string{}, at: f.At,
	}
	for folder, sources := range e.tree.sources {
		for _, src := range sources {
			def.files[folder] = append(def.files[folder], src.name())
		}
	}
	e.def = def
	found, ok := e.defineFleet(f)
	if !ok {
		return nil, found
	}
	found = append(found, e.defineFolder(plansDir, "#Plan", e.definePlan)...)
	found = append(found, e.defineFolder(cellsDir, "#Cell", e.defineCell)...)
	found = append(found, e.defineFolder(policiesDir, "#Policy", e.definePolicy)...)
	found = append(found, e.defineFolder(releasesDir, "#Release", e.defineRelease)...)
	found = append(found, e.defineFolder(accessDir, "#Access", e.defineAccess)...)
	return def, append(found, def.crossReference(f)...)
}

// crossReference checks what definitions say of each other, and completes the fleet. What it finds leaves them
// in force.
func (d *definitions) crossReference(f *Fleet) []Finding {
	d.checkParts(f)
	d.checkExceptions()
	d.checkReleases()
	d.checkAccess()
	for _, r := range d.releases {
		if r.sound {
			f.Releases = append(f.Releases, r.Release)
		}
	}
	for _, team := range sortedKeys(d.teams) {
		if t := d.teams[team]; t.sound {
			f.Access = append(f.Access, t.Access)
		}
	}
	f.Exceptions, f.Until = d.allExceptions(), d.until
	return d.found
}

// fleetFields is fleet.cue as JSON.
type fleetFields struct {
	Name     string
	Accounts map[string]struct {
		ID, Role   string
		ReadRole   string
		ExternalID string
		Regions    []string
		Quotas     map[string]int
		Events     Events
	}
	Schedules Schedules
	Limits    struct {
		Window  string
		Count   int
		Percent float64
	}
	Drift   string
	Reports struct{ OpenDrift int }

	fleetParts
}

func (e *engine) defineFleet(f *Fleet) ([]Finding, bool) {
	at := slices.IndexFunc(e.tree.sources["."], func(s *source) bool { return s.path == fleetFile })
	if at < 0 {
		return []Finding{{Origin: resource.Origin{File: fleetFile}, Severity: Error, Message: "there is no fleet.cue, so this is no fleet; \"tenantry init\" writes a new one"}}, false
	}
	src := e.tree.sources["."][at]
	if src.syntax == nil {
		return nil, false // said when it was read
	}
	v, bad := e.packages.folder(e.ctx, ".", "fleet")
	if errs := bad[fleetFile]; len(errs) > 0 {
		return fileErrors(fleetFile, errs), false
	}
	if src.syntax.PackageName() != "fleet" {
		return []Finding{{Origin: src.at(src.syntax), Severity: Error, Message: "the file must begin with \"package fleet\""}}, false
	}
	r := reporter{e: e, src: src, def: e.definition("#Fleet"), lists: true}
	raw := v
	v = v.Unify(r.def)
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return slices.Concat(r.findings(err), r.absent(raw, r.def, nil), r.strangers(raw, nil)), false
	}
	var fields fleetFields
	if err := decode(v, &fields); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}, false
	}
	found := append(e.takeFleet(f, fields, src), e.takeLost(f, v, src)...)
	return found, len(found) == 0
}

// takeFleet checks what CUE can't and fills the fleet.
func (e *engine) takeFleet(f *Fleet, in fleetFields, src *source) []Finding {
	var found []Finding
	say := func(path []string, format string, args ...any) {
		found = append(found, Finding{Origin: src.at(locate(src.syntax, path).label), Severity: Error, Message: fmt.Sprintf(format, args...)})
	}
	f.Name, f.CorrectDrift, f.OpenDrift = in.Name, in.Drift == "correct", in.Reports.OpenDrift
	f.Limits.Count, f.Limits.Percent = in.Limits.Count, in.Limits.Percent
	window, err := time.ParseDuration(in.Limits.Window)
	if err != nil || window <= 0 {
		say([]string{"limits", "window"}, "limits.window: %q is not a duration such as \"24h\" or \"90m\"", in.Limits.Window)
	}
	f.Limits.Window = window
	takeSchedules(f, in.Schedules, say)
	ids := map[string]string{}
	for _, name := range sortedKeys(in.Accounts) {
		a := in.Accounts[name]
		path := []string{"accounts", name}
		if other, twice := ids[a.ID]; twice {
			say(append(path, "id"), "accounts.%s.id: %s is the account %s already", name, a.ID, other)
		}
		ids[a.ID] = name
		if parts := strings.Split(a.Role, ":"); len(parts) < 5 || parts[4] != a.ID {
			say(append(path, "role"), "accounts.%s.role: the role is not in the account %s", name, a.ID)
		}
		if parts := strings.Split(a.ReadRole, ":"); a.ReadRole != "" && (len(parts) < 5 || parts[4] != a.ID) {
			say(append(path, "readRole"), "accounts.%s.readRole: the role is not in the account %s", name, a.ID)
		}
		for _, kind := range sortedKeys(a.Quotas) {
			if _, known := e.def.kinds[kind]; !known && !IsType(kind) {
				n := sheet{src: src}
				n.sayAt(n.at("accounts", name, "quotas", kind), Error, "accounts.%s.quotas: %s", name, unknownKind(kind, sortedKeys(e.def.kinds)))
				e.def.found = append(e.def.found, n.found...)
			}
		}
		f.Accounts = append(f.Accounts, Account{
			Name: name, ID: a.ID, RoleARN: a.Role, ReadRole: a.ReadRole, ExternalID: a.ExternalID, Regions: a.Regions, Quotas: a.Quotas,
			Events: eventsOf(a.Events, a.Regions),
			Origin: src.at(locate(src.syntax, path).label),
		})
	}
	if len(in.Accounts) == 0 {
		say([]string{"accounts"}, "accounts: a fleet has at least one account")
	}
	for i := range f.Accounts {
		e.def.accounts[f.Accounts[i].Name] = &f.Accounts[i]
	}
	e.def.fleet = fleetDef{name: in.Name, environments: sortedKeys(in.Environments), source: src}
	e.def.takeParts(f, in.fleetParts, src)
	return found
}

// takeSchedules fills in when the daemon acts by itself.
func takeSchedules(f *Fleet, in Schedules, say func(path []string, format string, args ...any)) {
	f.Schedules = in
	if in.Weekly == "never" {
		f.Schedules.Weekly, in.Weekly = "", "0 6 * * MON"
	}
	for name, expression := range map[string]string{"drift": in.Drift, "audit": in.Audit, "weekly": in.Weekly} {
		if _, err := cron.ParseStandard(expression); err != nil {
			say([]string{"schedules", name}, "schedules.%s: %q is not a cron expression of five fields, such as \"0 6 * * 1-5\": %v", name, expression, err)
		}
	}
}

// eventsOf fills in where events arrive if the fleet doesn't say: in the account's regions, and where AWS logs
// the calls to services without a region.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events
func eventsOf(e Events, regions []string) Events {
	if e.Queue == "" {
		return Events{}
	}
	if len(e.Regions) == 0 {
		home := map[string]string{"cn": "cn-north-1", "us-gov": "us-gov-west-1"}
		e.Regions = slices.Clone(regions)
		for _, region := range regions {
			place, _, _ := strings.Cut(region, "-")
			if strings.HasPrefix(region, "us-gov-") {
				place = "us-gov"
			}
			e.Regions = append(e.Regions, cmp.Or(home[place], "us-east-1"))
		}
	}
	slices.Sort(e.Regions)
	e.Regions = slices.Compact(e.Regions)
	return e
}

// decode goes through JSON, whose numbers and names have no surprises.
func decode(v cue.Value, into any) error {
	text, err := v.MarshalJSON()
	if err != nil {
		return fmt.Errorf("read %s: %w", v.Path(), err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", v.Path(), err)
	}
	return nil
}

// defineFolder reads the definitions of one folder, one per file and named as the file is.
func (e *engine) defineFolder(folder, definition string, take func(src *source, v cue.Value) []Finding) []Finding {
	var found []Finding
	v, bad := e.packages.folder(e.ctx, folder, folder)
	for _, src := range e.tree.sources[folder] {
		key := folder + "/" + src.name()
		e.step(Step{File: src.path})
		mistakes := e.defineFile(src, v, bad[src.path], folder, definition)
		if len(mistakes) == 0 && src.syntax != nil {
			mistakes = take(src, v.LookupPath(cue.MakePath(cue.Str(src.name()))))
		}
		found = append(found, mistakes...)
		if Invalid(mistakes) || src.syntax == nil {
			e.def.spoiled[key] = reasonOf(append(mistakes, e.tree.found...), src.path)
		}
	}
	return found
}

// reasonOf is the first finding about a file, as a reason not to use it.
func reasonOf(found []Finding, file string) string {
	for _, f := range found {
		if f.File == file && (f.Severity == Error || f.Severity == Deny) {
			return f.String()
		}
	}
	return file + " can't be used"
}

// defineFile checks a definition's file up to what the schema says of it.
func (e *engine) defineFile(src *source, v cue.Value, bad []errors.Error, folder, definition string) []Finding {
	if src.syntax == nil {
		return nil // said when it was read
	}
	if len(bad) > 0 {
		return fileErrors(src.path, bad)
	}
	say := func(at ast.Node, format string, args ...any) []Finding {
		return []Finding{{Origin: src.at(at), Severity: Error, Message: fmt.Sprintf(format, args...)}}
	}
	if src.syntax.PackageName() != folder {
		return say(src.syntax, "the file must begin with \"package %s\"", folder)
	}
	for _, a := range src.syntax.Decls {
		if a, ok := a.(*ast.Attribute); ok && !strings.HasPrefix(a.Text, "@experiment(") {
			return say(a, "the attribute %s is not supported here", a.Text)
		}
	}
	at := locate(src.syntax, []string{src.name()})
	if at.depth == 0 {
		return say(nil, "%s must define %q, as the file is called so", src.path, src.name())
	}
	for _, d := range src.syntax.Decls {
		if name, ok := plainLabel(d); ok && name != src.name() {
			return say(d, "%s is about %q; move %q to %s/%s.cue", src.path, src.name(), name, folder, name)
		}
	}
	for _, f := range keys(at.value) {
		name, _, _ := ast.LabelName(f.Label)
		if f.Constraint != token.OPTION && slices.Contains(late[folder], name) {
			return say(f.Label, "write \"%s?:\", because it only comes to be when a tenant is filled in", name)
		}
	}
	r := reporter{e: e, src: src, root: []string{src.name()}, def: e.definition(definition), lists: true}
	raw := v.LookupPath(cue.MakePath(cue.Str(src.name())))
	if err := raw.Unify(r.def).Validate(cue.Concrete(true)); err != nil {
		bare, _ := e.bare.folder(e.ctx, folder, folder) // without the schema, whose objections hide each other
		written := bare.LookupPath(cue.MakePath(cue.Str(src.name())))
		return slices.Concat(r.findings(err), r.absent(written, r.def, nil), r.strangers(written, nil))
	}
	return append(r.strangers(raw, nil), e.checkInputs(src)...)
}

// late has the fields that are templates, by folder. They are optional, so that the cue command
// line doesn't ask them to be concrete, and open, so that others can add to them.
var late = map[string][]string{
	plansDir:    {"resources"},
	cellsDir:    {"resources"},
	policiesDir: {"tenant", "cell", "resource", "resources"},
}

// plainLabel is the name of a declaration that is an ordinary field; others may help several files.
func plainLabel(d ast.Decl) (string, bool) {
	f, ok := d.(*ast.Field)
	if !ok {
		return "", false
	}
	name, _, err := ast.LabelName(f.Label)
	return name, err == nil && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, "#")
}
