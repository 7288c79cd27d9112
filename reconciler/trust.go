package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A pull request is computed before anybody has agreed to it. What its definitions may reach is this:
//
//   - Accounts, roles and external ids are those of the watched branch. An account that is new, or
//     whose role is, is entered only once it is merged.
//   - The fleet's name, which says what in an account is ours, can't be changed at all.
//   - Limits, approvals and drift: "correct" count as they would after the merge, since that is what
//     merging does. None of them has an effect before; that they change is said in the comment.
//   - Regions may be added: they are read with the same roles.

// trusted is the fleet that people agreed on: that of the newest commit whose history was accepted,
// or, if its definitions can't be used, the one that was applied.
func (d *Daemon) trusted(ctx context.Context) (*schema.Fleet, error) {
	accepted, err := d.Reconciler.State.Get(ctx, stateAccepted)
	if err != nil {
		return nil, fmt.Errorf("recall the accepted commit: %w", err)
	}
	if accepted == "" { // nothing was ever applied: the first look accepts what is there
		newest, err := d.Source.Head(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the config repository: %w", err)
		}
		accepted = string(newest)
	}
	t, err := d.targets.open(ctx, d.Loader, d.Source, Commit(accepted))
	if err != nil || t.Fleet != nil {
		return t.Fleet, err
	}
	if t, err = d.reconciled(ctx); err != nil {
		return nil, err
	}
	return cmp.Or(t.Fleet, &schema.Fleet{}), nil
}

// strangers are the accounts of a fleet, by id, that the trusted one doesn't have with the same role
// and external id.
func strangers(fleet, trusted *schema.Fleet) map[string]bool {
	strange := map[string]bool{}
	for _, a := range fleet.Accounts {
		known := slices.ContainsFunc(trusted.Accounts, func(b schema.Account) bool {
			return a.ID == b.ID && a.RoleARN == b.RoleARN && a.ExternalID == b.ExternalID
		})
		strange[a.ID] = strange[a.ID] || !known
	}
	return strange
}

// reader is the reconciler that a pull request's plan is made with. It enters no account that the
// trusted fleet doesn't have as it is: those count as unseen.
func (d *Daemon) reader(fleet, trusted *schema.Fleet) *Reconciler {
	strange := strangers(fleet, trusted)
	known := slices.DeleteFunc(slices.Clone(fleet.Accounts), func(a schema.Account) bool { return strange[a.ID] })
	if len(known) == len(fleet.Accounts) {
		return d.Reconciler
	}
	r := *d.Reconciler
	r.Observer = NewObserver(0) // what is unseen here is seen by others
	r.Providers = func(_ *schema.Fleet, kinds []string) (providers.Set, error) {
		set, err := d.Reconciler.Providers(&schema.Fleet{Name: fleet.Name, Accounts: known, Types: fleet.Types}, kinds)
		if err != nil {
			return nil, err
		}
		apart := make(providers.Set, len(set))
		for kind, driver := range set {
			apart[kind] = outsider{driver, strange}
		}
		return apart, nil
	}
	return &r
}

// An outsider is a driver that doesn't look into some accounts.
type outsider struct {
	providers.Driver
	strange map[string]bool // by id
}

var errUnmerged = errors.New("it can't be compared before this is merged: the watched branch has no such account, or has it with another role or " +
	"external id, and a pull request doesn't decide which roles are assumed")

// Observe refuses to look where it may not.
func (o outsider) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	if o.strange[scope.Account] {
		return nil, errUnmerged
	}
	return o.Driver.Observe(ctx, scope, fleet)
}

// ObserveWithin refuses to look where it may not, as well.
func (o outsider) ObserveWithin(ctx context.Context, scope resource.Scope, fleet string, within []resource.Attributes) ([]resource.Observed, error) {
	if o.strange[scope.Account] {
		return nil, errUnmerged
	}
	insider, ok := o.Driver.(providers.Insider)
	if !ok {
		return nil, fmt.Errorf("the driver of %s can't list what lies in something", o.Kind().Name)
	}
	return insider.ObserveWithin(ctx, scope, fleet, within)
}

// refuseName says on a pull request that the fleet's name can't be changed: what has the old name in
// the cloud would be nobody's then, and what has the new one may be another fleet's.
func (d *Daemon) refuseName(ctx context.Context, pr PullRequest, from, to string) error {
	text := renamed(from, to)
	if err := d.Reviews.Comment(ctx, pr.Number, keyPlan, text); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", pr.Number, err)
	}
	return d.check(ctx, Check{Name: checkPlan, Commit: pr.Head, Conclusion: "failure", Title: "No plan: the fleet's name can't be changed", Summary: text})
}

func renamed(from, to string) string {
	return fmt.Sprintf("The fleet is called %q, and here its name is %q. The name marks everything in the cloud that belongs to the fleet: under another one, "+
		"nothing that exists would be known as ours, and all of it would be made once more. Put the name back.", from, to)
}

// sameName tells whether a commit leaves the fleet's name as it was applied. One that doesn't is noted,
// said on the commit, and not applied.
func (d *Daemon) sameName(ctx context.Context, t Target) (bool, error) {
	name, err := d.Reconciler.State.Get(ctx, stateFleet)
	if err != nil {
		return false, fmt.Errorf("recall the fleet's name: %w", err)
	}
	if name == "" || name == t.Fleet.Name {
		return true, nil
	}
	why := renamed(name, t.Fleet.Name)
	d.Log.Error("the fleet's name was changed; nothing is applied", "applied", name, "found", t.Fleet.Name)
	if err := d.note(ctx, t.Commit, why, self); err != nil {
		return false, err
	}
	return false, d.check(ctx, Check{Name: checkApply, Commit: t.Commit, Conclusion: "action_required", Title: "The fleet's name was changed; nothing is applied", Summary: why})
}

// within is where a rule holds, as words.
func within(environment string) string {
	if environment == "" {
		return ""
	}
	return " in " + environment
}

// remarks says what a pull request changes of the fleet's safety, which no change in the cloud shows.
func remarks(before, after *schema.Fleet) []string {
	if before == nil {
		return nil
	}
	var list []string
	if was, is := before.Limits.OrDefault(), after.Limits.OrDefault(); was != is {
		list = append(list, fmt.Sprintf("The limits on what one window may destroy change: %s → %s. The plan counts with the new ones.", was, is))
	}
	if before.CorrectDrift != after.CorrectDrift {
		text := "What is changed in the cloud by hand is reported from now on, for people to decide."
		if after.CorrectDrift {
			text = "What is changed in the cloud by hand is put back from now on, without asking. The plan has what drifted so far."
		}
		list = append(list, text)
	}
	for _, rule := range after.Corrections {
		if !slices.ContainsFunc(before.Corrections, rule.Same) {
			list = append(list, fmt.Sprintf("What is changed by hand of %s of %s%s is put back from now on, without asking: %s",
				rule.Attribute, rule.Kind, within(rule.Environment), rule.Reason))
		}
	}
	for _, a := range after.Approvals {
		known := slices.ContainsFunc(before.Approvals, func(b changeset.Approval) bool { return a.Digest == b.Digest && a.Expires.Equal(b.Expires) })
		if !known {
			list = append(list, fmt.Sprintf("It brings an approval by %s of %s, until %s: %s", a.By, a.Digest, a.Expires.UTC().Format(time.RFC3339), a.Reason))
		}
	}
	for _, w := range after.Waivers {
		if !slices.ContainsFunc(before.Waivers, func(b changeset.Waiver) bool { return b.Same(w) }) {
			list = append(list, fmt.Sprintf("It waives drift of %s in %s until %s, as %s asked for: %s",
				strings.Join(w.Attributes, ", "), listed(w.Addresses), w.Until.UTC().Format(time.RFC3339), w.By, w.Reason))
		}
	}
	for _, a := range after.Accounts {
		if strangers(&schema.Fleet{Accounts: []schema.Account{a}}, before)[a.ID] {
			list = append(list, fmt.Sprintf("Account %s (%s) is new, or is entered in another way: as %s. It is entered once this is merged.", a.Name, a.ID, a.RoleARN))
		}
	}
	return list
}

// listed names a few resources.
func listed(addresses []resource.Address) string {
	const most = 5
	names := make([]string, 0, most)
	for _, a := range addresses[:min(most, len(addresses))] {
		names = append(names, a.String())
	}
	if rest := len(addresses) - len(names); rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), rest)
	}
	return strings.Join(names, ", ")
}

// drifters are the owners whose drift a plan puts back.
func drifters(cs changeset.Changeset) []resource.Owner {
	var list []resource.Owner
	for _, cause := range report.Group(cs) {
		for _, change := range cause.Changes {
			if change.Cause == changeset.Drift {
				list = append(list, change.Address.Owner)
			}
		}
	}
	return list
}
