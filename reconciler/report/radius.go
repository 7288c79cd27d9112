package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Surroundings are the fleet that a plan is made in, as far as its blast radius depends on it.
type Surroundings struct {
	Tenants   int            // of the whole fleet
	Residents map[string]int // the tenants of each cell, by the cell's name
	// Environments are those of the cells, by the cell's name.
	Environments map[string]Environment
}

// An Environment is what a cell is for. A kind that isn't known counts as production.
type Environment struct{ Name, Kind string }

// A Level is how far a plan can do harm.
type Level string

// The levels.
const (
	Low    Level = "low"
	Medium Level = "medium"
	High   Level = "high"
)

// A Radius is how far a plan's changes reach, and why it counts as much as it does: the receipt for the level. What is
// held counts as well, as somebody is asked to let it through; what was found in the cloud and is no part of what Git
// asks for doesn't.
type Radius struct {
	Level   Level
	Reasons []string // what makes it more than low, the gravest first

	Tenants      int // whose own resources change, or who live where something shared changes
	Fleet        int // all tenants
	Cells        []string
	Accounts     []string
	Environments []string
	Shared       int // resources of a cell or of the fleet that are changed or go
	Data         int // resources holding data that are changed or go
	Destroyed    int // resources that are deleted, replaced, or taken out of service
	Revert       string
}

// An extent is what the rules look at. A resource is counted once: by what it holds if it goes, and otherwise by whose
// it is.
type extent struct {
	tenants, fleet     int
	cells, accounts    int
	dataGone, data     int // with data: replaced or retired, changed in place
	sharedGone, shared int // without data, of a cell or the fleet: gone, changed in place
	gone               int // of a tenant, without data: destroyed or replaced
	production         bool
}

func (e extent) share() int { return e.tenants * 100 / max(e.fleet, 1) }

// radiusRules decide the level: that of the gravest rule that holds, and low if none does. Outside production it is one
// lower. The same table stands in docs/decisions/0021-blast-radius-and-cost.md.
var radiusRules = []struct {
	level Level
	holds func(extent) bool
	why   func(extent) string
}{
	{
		High, func(e extent) bool { return e.dataGone > 0 },
		func(e extent) string { return count(e.dataGone, "resource") + " with data to be replaced or retired" },
	},
	{
		High, func(e extent) bool { return e.sharedGone > 0 },
		func(e extent) string {
			return count(e.sharedGone, "resource") + " that tenants share to be destroyed, replaced or retired"
		},
	},
	{
		High, func(e extent) bool { return e.tenants >= 10 && e.share() >= 25 },
		func(e extent) string { return fmt.Sprintf("%d %% of the tenants at once", e.share()) },
	},
	{
		Medium, func(e extent) bool { return e.gone > 0 },
		func(e extent) string { return count(e.gone, "resource") + " to be destroyed or replaced" },
	},
	{
		Medium, func(e extent) bool { return e.shared > 0 },
		func(e extent) string { return count(e.shared, "resource") + " that tenants share to be changed" },
	},
	{
		Medium, func(e extent) bool { return e.data > 0 },
		func(e extent) string { return count(e.data, "resource") + " with data to be changed" },
	},
	{
		Medium, func(e extent) bool { return e.tenants >= 5 && e.share() >= 5 && (e.tenants < 10 || e.share() < 25) },
		func(e extent) string {
			return fmt.Sprintf("%d tenants at once, %d %% of them", e.tenants, e.share())
		},
	},
	{
		Medium, func(e extent) bool { return e.cells > 1 },
		func(e extent) string { return count(e.cells, "cell") + " at once" },
	},
	{
		Medium, func(e extent) bool { return e.accounts > 1 },
		func(e extent) string { return count(e.accounts, "account") + " at once" },
	},
}

// NewRadius measures a changeset; nil if there is nothing in it that Git asks for.
func NewRadius(c changeset.Changeset, s Surroundings) *Radius {
	m := measure{s: s, tenants: map[resource.Owner]string{}, cells: map[string]bool{}, reached: map[string]bool{}, accounts: map[string]bool{}, environments: map[string]bool{}}
	for _, change := range c.Changes {
		if !foreign(change) {
			m.add(change)
		}
	}
	if m.changes == 0 {
		return nil
	}
	e := m.total()
	r := &Radius{
		Level: Low, Tenants: e.tenants, Fleet: e.fleet, Shared: e.shared + e.sharedGone, Data: e.data + e.dataGone,
		Destroyed: e.gone + e.sharedGone + e.dataGone, Revert: e.revert(),
		Cells: slices.Sorted(maps.Keys(m.cells)), Accounts: slices.Sorted(maps.Keys(m.accounts)), Environments: slices.Sorted(maps.Keys(m.environments)),
	}
	for _, rule := range radiusRules {
		if !rule.holds(e) {
			continue
		}
		if r.Level == Low || rule.level == High {
			r.Level = rule.level
		}
		r.Reasons = append(r.Reasons, rule.why(e))
	}
	if !e.production && r.Level != Low {
		r.Level = map[Level]Level{High: Medium, Medium: Low}[r.Level]
		r.Reasons = append(r.Reasons, "one less, as nothing of it is in production")
	}
	return r
}

// foreign tells whether a change is no part of what Git asks for: it was only found, and stays as it is.
func foreign(c changeset.Change) bool {
	switch c.HoldKind {
	case changeset.HoldDrift, changeset.HoldOrphan, changeset.HoldNotInGit:
		return true
	}
	return c.Action == changeset.None
}

// A measure gathers an extent.
type measure struct {
	s            Surroundings
	changes      int
	extent       extent
	tenants      map[resource.Owner]string // whose own resources change, with their cells
	cells        map[string]bool
	reached      map[string]bool // cells of which something shared changes or goes
	everybody    bool            // something of the fleet's own changes or goes
	accounts     map[string]bool
	environments map[string]bool
}

func (m *measure) add(c changeset.Change) {
	m.changes++
	m.accounts[c.Scope.Account] = true
	owner, cell := c.Address.Owner, c.Cell
	switch owner.Class() {
	case "cell":
		cell = owner.Name()
	case "tenant":
		m.tenants[owner] = cell
	}
	if cell != "" {
		m.cells[cell] = true
	}
	at, known := m.s.Environments[cell]
	if known {
		m.environments[at.Name] = true
	}
	m.extent.production = m.extent.production || !known || at.Kind == "" || at.Kind == "production"
	if c.Action != changeset.Create && c.Action != changeset.Adopt { // what is new harms nobody who is there
		m.weigh(c, cell)
	}
}

// weigh counts a change of something that is there.
func (m *measure) weigh(c changeset.Change, cell string) {
	shared := c.Address.Owner.Class() != "tenant"
	if shared {
		m.reached[cell] = true
		m.everybody = m.everybody || c.Address.Owner == resource.Fleet
	}
	goes := c.Action.Destructive() || c.Action == changeset.Retire
	e := &m.extent
	switch {
	case goes && c.HoldsData:
		e.dataGone++
	case goes && shared:
		e.sharedGone++
	case goes:
		e.gone++
	case shared:
		e.shared++
	case c.HoldsData:
		e.data++
	}
}

// total is the extent of everything that was added.
func (m *measure) total() extent {
	e := m.extent
	e.fleet, e.cells, e.accounts = m.s.Tenants, len(m.cells), len(m.accounts)
	for cell := range m.reached {
		e.tenants += m.s.Residents[cell]
	}
	for _, cell := range m.tenants {
		if !m.reached[cell] {
			e.tenants++
		}
	}
	if m.everybody {
		e.tenants = max(e.tenants, e.fleet)
	}
	e.fleet = max(e.fleet, e.tenants)
	return e
}

// revert says whether a revert of the commit undoes the changes.
func (e extent) revert() string {
	switch lost := e.gone + e.sharedGone; {
	case e.dataGone > 0:
		return "a revert takes back into service what was retired, and brings back nothing that was replaced"
	case lost > 0:
		return "a revert makes " + count(lost, "resource") + " anew, without what was in them"
	}
	return "a revert undoes it"
}

// Line is the receipt in one line.
func (r *Radius) Line() string {
	reach := fmt.Sprintf("%d of %s", r.Tenants, count(r.Fleet, "tenant"))
	if r.Fleet > 0 {
		reach += fmt.Sprintf(" (%d %%)", r.Tenants*100/r.Fleet)
	}
	parts := []string{reach}
	for _, list := range []struct {
		names []string
		noun  string
	}{{r.Cells, "cell"}, {r.Accounts, "account"}, {r.Environments, "environment"}} {
		switch {
		case len(list.names) == 1:
			parts = append(parts, list.noun+" "+list.names[0])
		case len(list.names) > 1:
			parts = append(parts, count(len(list.names), list.noun))
		}
	}
	why := "nothing is destroyed, and nothing that tenants share or that holds data is changed"
	if len(r.Reasons) > 0 {
		why = strings.Join(r.Reasons, ", ")
	}
	return fmt.Sprintf("Blast radius %s: %s; %s; %s", r.Level, why, strings.Join(parts, ", "), r.Revert)
}
