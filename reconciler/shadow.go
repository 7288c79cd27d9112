package reconciler

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// shadow says what a pull request does to everybody, if it changes something that tenants share; nil
// if it doesn't. Kinds may be nil.
func (d *Daemon) shadow(ctx context.Context, pr PullRequest, merged Target, kinds map[string]resource.Kind) (*report.Shadow, error) {
	base, err := d.baseOf(ctx, pr, merged)
	if err != nil {
		return nil, err
	}
	changed, err := d.Source.Changed(ctx, base.Commit, merged.Commit)
	if err != nil {
		return nil, fmt.Errorf("what pull request %d changes: %w", pr.Number, err)
	}
	paths := make([]string, len(changed))
	for i, c := range changed {
		paths[i] = c.Path
	}
	return Shadow(base, merged, paths, "the watched branch", kinds), nil
}

// Shadow compares what two commits say of every tenant that a change of these files may concern; nil
// if none of them is shared, or if either commit can't be used at all. Against names the first commit
// in a person's words.
func Shadow(before, after Target, changed []string, against string, kinds map[string]resource.Kind) *report.Shadow {
	if before.Fleet == nil || after.Fleet == nil {
		return nil
	}
	o := report.ShadowOptions{Against: against, Edited: map[resource.Owner]bool{}, Kinds: kinds}
	for _, file := range changed {
		if owner, ok := ownerOf(file); ok && owner.Class() == "tenant" {
			o.Edited[owner] = true
		}
		if isShared(file) {
			o.Files = append(o.Files, file)
		}
	}
	if len(o.Files) == 0 {
		return nil
	}
	slices.Sort(o.Files)
	defining := map[string]bool{}
	for _, t := range []Target{before, after} {
		for _, file := range definedIn(t.Fleet) {
			defining[file] = true
		}
	}
	for owner, at := range residents(before, after) {
		if affects(o.Files, at, defining) {
			o.Tenants = append(o.Tenants, owner)
		}
	}
	s := report.NewShadow(side(before), side(after), o)
	return &s
}

// Shadow is Shadow of the plan's target against another commit.
func (p Plan) Shadow(before Target, changed []string, against string) *report.Shadow {
	return Shadow(before, p.Target, changed, against, p.set.Kinds())
}

// ShadowOfApplied compares the plan's target with what is remembered as applied, instead of with a
// commit. Tenants that nothing was applied to are left out; nil if that is everybody.
func (p Plan) ShadowOfApplied() *report.Shadow {
	now := side(p.Target)
	was := report.Side{Desired: map[resource.Owner][]resource.Desired{}, Own: now.Own}
	o := report.ShadowOptions{Against: "what was applied last", Kinds: p.set.Kinds()}
	for owner, state := range p.known {
		if owner.Class() == "tenant" && state.Commit != "" {
			was.Desired[owner] = state.Applied
			o.Tenants = append(o.Tenants, owner)
		}
	}
	s := report.NewShadow(was, now, o)
	if s.Tenants == 0 {
		return nil
	}
	return &s
}

// isShared tells whether a file says something of more than one tenant.
func isShared(file string) bool {
	folder, _, _ := strings.Cut(file, "/")
	switch folder {
	case "tenants", "approvals", "reports", "cue.mod":
		return false
	}
	return path.Ext(file) == ".cue"
}

// residents are the tenants of both commits, with the files that their plan and cell are defined in:
// in either commit.
func residents(sides ...Target) map[resource.Owner][]string {
	at := map[resource.Owner][]string{}
	for _, t := range sides {
		files := definedIn(t.Fleet)
		for _, tenant := range t.Fleet.Tenants {
			owner := resource.Tenant(tenant.Name)
			at[owner] = append(at[owner], files["plan "+tenant.Plan], files["cell "+tenant.Cell])
		}
	}
	return at
}

func definedIn(fleet *schema.Fleet) map[string]string {
	files := map[string]string{}
	for _, plan := range fleet.Plans {
		files["plan "+plan.Name] = plan.Origin.File
	}
	for _, cell := range fleet.Cells {
		files["cell "+cell.Name] = cell.Origin.File
	}
	return files
}

// affects tells whether a change of shared files may concern a tenant whose plan and cell are in
// these. A file that defines nothing but other plans or cells doesn't; any other file may.
func affects(shared, at []string, defining map[string]bool) bool {
	return slices.ContainsFunc(shared, func(file string) bool { return !defining[file] || slices.Contains(at, file) })
}

// side is what a commit says of its tenants.
func side(t Target) report.Side {
	s := report.Side{Desired: t.Desired(), Broken: broken(t), Own: map[resource.Owner]map[string]string{}}
	accounts, cells := map[string]string{}, map[string]schema.Cell{}
	for _, a := range t.Fleet.Accounts {
		accounts[a.Name] = a.ID
	}
	for _, c := range t.Fleet.Cells {
		cells[c.Name] = c
	}
	for _, tenant := range t.Fleet.Tenants {
		cell := cells[tenant.Cell]
		s.Own[resource.Tenant(tenant.Name)] = map[string]string{
			tenant.Name: "‹tenant›", tenant.DisplayName: "‹displayName›", tenant.Cell: "‹cell›",
			accounts[cell.Account]: "‹account›", cell.Region: "‹region›",
		}
	}
	return s
}
