package reconciler

import (
	"strings"
	"testing"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// asks is a target in which owners ask for resources, "owner/kind/name".
func asks(fleet schema.Fleet, addresses ...string) Target {
	t := Target{Fleet: &fleet}
	for _, text := range addresses {
		a, err := resource.ParseAddress(text)
		if err != nil {
			panic(err)
		}
		t.Rendering.Desired = append(t.Rendering.Desired, resource.Desired{Address: a, Scope: resource.Scope{Account: "1", Region: "us-east-1"}})
	}
	return t
}

func does(action changeset.Action, address string, there bool) changeset.Change {
	a, err := resource.ParseAddress(address)
	if err != nil {
		panic(err)
	}
	c := changeset.Change{Address: a, Action: action, Cause: changeset.Config, Scope: resource.Scope{Account: "1", Region: "us-east-1"}}
	if there {
		c.Have = &resource.Observed{Address: a}
	}
	return c
}

func TestWhatAMergeComesTo(t *testing.T) {
	team := schema.Plan{Name: "team", Price: schema.Price{Amount: 39000, Currency: "EUR"}}
	pool := schema.Plan{Name: "pool", Price: schema.Price{Amount: 4990, Currency: "EUR"}}
	fleet := func(tenants ...schema.Tenant) schema.Fleet {
		return schema.Fleet{
			Plans: []schema.Plan{team, pool}, Tenants: tenants, Cells: []schema.Cell{{Name: "eu-1", Environment: "live"}},
			Environments: []schema.Environment{{Name: "live", Kind: "production"}},
		}
	}
	acme := schema.Tenant{Name: "acme", Plan: "pool", Cell: "eu-1"}
	upgraded := schema.Tenant{Name: "acme", Plan: "team", Cell: "eu-1"}
	const key, login = "tenant/acme/aws.kms.key/key", "tenant/acme/aws.secretsmanager.secret/login"
	broken := fleet(acme)
	broken.Broken = map[resource.Owner]string{"tenant/acme": "no"}
	for _, r := range []struct {
		says         string
		base, merged Target
		changes      []changeset.Change
		change       string // of the cost
		plan         string // what the tenant pays
	}{
		{"an upgrade", asks(fleet(acme), login), asks(fleet(upgraded), login, key), []changeset.Change{does(changeset.Create, key, false)}, "+$1.00", "49.90 EUR → 390 EUR"},
		{"an onboarding", asks(fleet()), asks(fleet(acme), login), []changeset.Change{does(changeset.Create, login, false)}, "+$0.40", "49.90 EUR"},
		{"an offboarding keeps the key", asks(fleet(acme), key, login), asks(fleet()), []changeset.Change{does(changeset.Retire, key, true), does(changeset.Delete, login, true)}, "-$0.40", "49.90 EUR → nothing"},
		{"what was retired comes back", asks(fleet()), asks(fleet(acme), key, login), []changeset.Change{does(changeset.Update, key, true), does(changeset.Create, login, false)}, "+$0.40", "49.90 EUR"},
		{"what is taken over is paid already", asks(fleet(acme)), asks(fleet(acme), key), []changeset.Change{does(changeset.Adopt, key, true)}, "±$0", ""},
		{"what is left alone has no price", asks(fleet(acme), key), asks(broken), nil, "±$0", ""},
		{"so has what was", asks(broken), asks(fleet(acme), key), []changeset.Change{does(changeset.Create, key, false)}, "±$0", ""},
		{"the first commit", Target{}, asks(fleet(acme), key), []changeset.Change{does(changeset.Create, key, false)}, "+$1.00", "49.90 EUR"},
	} {
		cs := changeset.Changeset{Changes: r.changes}
		got := facts(r.base, r.merged, cs, []resource.Owner{"tenant/acme"})
		plan := ""
		for _, o := range got.Cost.Owners {
			plan = o.Plan
		}
		if c := cost.Change(got.Cost.Currency, got.Cost.Change()); c != r.change || plan != r.plan {
			t.Errorf("%s: %s, pays %q; want %s, %q", r.says, c, plan, r.change, r.plan)
		}
		if len(r.changes) > 0 && (got.Radius.Fleet != 1 || !strings.Contains(got.Radius.Line(), "1 of 1 tenant")) {
			t.Errorf("%s: %s", r.says, got.Radius.Line())
		}
	}
}

// Nobody is priced whom the pull request doesn't touch, and a fleet's own prices are those after the merge.
func TestOnlyThoseTouchedArePriced(t *testing.T) {
	merged := schema.Fleet{Prices: cost.Book{Currency: "EUR", Own: []cost.Price{{Kind: "aws.kms.key", PerMonth: 2_000_000}}}}
	all := []string{"tenant/acme/aws.kms.key/key", "tenant/b/aws.kms.key/key", "cell/eu-1/aws.kms.key/key"}
	got := facts(asks(schema.Fleet{}), asks(merged, all...), changeset.Changeset{}, []resource.Owner{"tenant/b"})
	if d := got.Cost; len(d.Owners) != 1 || d.Owners[0].Owner != "tenant/b" || d.Currency != "EUR" || d.Change() != 2_000_000 || !d.Stated {
		t.Errorf("%+v", d)
	}
	if got.Radius != nil {
		t.Errorf("nothing changes, and that reaches %+v", got.Radius)
	}
	check := planCheck("c0ffee", changeset.Changeset{Changes: []changeset.Change{does(changeset.Create, all[0], false)}}, report.Facts{Cost: got.Cost}, "text")
	if check.Title != "Plan: 1 to add, 0 to change, 0 to destroy · 1 tenant · +€2.00/mo" {
		t.Errorf("the check says %q", check.Title)
	}
}
