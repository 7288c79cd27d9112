package report

import (
	"encoding/json"

	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

type costJSON struct {
	Currency  string             `json:"currency"`
	Before    json.Number        `json:"before"` // by the month, as are all amounts
	After     json.Number        `json:"after"`
	Change    json.Number        `json:"change"`
	Unpriced  int                `json:"unpriced"`
	ByUse     int                `json:"by_use"`
	Owners    []ownerCostJSON    `json:"owners"`
	Resources []resourceCostJSON `json:"resources"`
	Sources   []cost.Source      `json:"sources"`
}

type ownerCostJSON struct {
	Owner    resource.Owner `json:"owner"`
	Before   json.Number    `json:"before"`
	After    json.Number    `json:"after"`
	Change   json.Number    `json:"change"`
	Unpriced int            `json:"unpriced"`
	ByUse    int            `json:"by_use"`
	Plan     string         `json:"plan_price,omitempty"`
}

type resourceCostJSON struct {
	Address resource.Address `json:"address"`
	Before  json.Number      `json:"before"`
	After   json.Number      `json:"after"`
	State   cost.State       `json:"state"`
	Why     string           `json:"why"`
	Kept    bool             `json:"kept,omitempty"`
}

type radiusJSON struct {
	Level        Level    `json:"level"`
	Reasons      []string `json:"reasons"`
	Tenants      int      `json:"tenants"`
	Fleet        int      `json:"fleet_tenants"`
	Cells        []string `json:"cells"`
	Accounts     []string `json:"accounts"`
	Environments []string `json:"environments"`
	Shared       int      `json:"shared"`
	Data         int      `json:"data_bearing"`
	Destroyed    int      `json:"destroyed"`
	Revert       string   `json:"revert"`
}

func newCostJSON(d *cost.Delta) *costJSON {
	if d == nil {
		return nil
	}
	out := &costJSON{
		Currency: d.Currency, Before: decimal(d.Before), After: decimal(d.After), Change: decimal(d.Change()), Unpriced: d.Unpriced, ByUse: d.ByUse,
		Owners: []ownerCostJSON{}, Resources: []resourceCostJSON{}, Sources: append([]cost.Source{}, d.Sources...),
	}
	for _, o := range d.Owners {
		out.Owners = append(out.Owners, ownerCostJSON{o.Owner, decimal(o.Before), decimal(o.After), decimal(o.Change()), o.Unpriced, o.ByUse, o.Plan})
	}
	for _, i := range d.Items {
		out.Resources = append(out.Resources, resourceCostJSON{i.Address, decimal(i.Before), decimal(i.After), i.State, i.Why, i.Kept})
	}
	return out
}

func decimal(a cost.Amount) json.Number { return json.Number(a.Decimal()) }

func newRadiusJSON(r *Radius) *radiusJSON {
	if r == nil {
		return nil
	}
	some := func(list []string) []string { return append([]string{}, list...) }
	return &radiusJSON{
		r.Level, some(r.Reasons), r.Tenants, r.Fleet, some(r.Cells), some(r.Accounts), some(r.Environments), r.Shared, r.Data, r.Destroyed, r.Revert,
	}
}
