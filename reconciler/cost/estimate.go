package cost

import (
	"cmp"
	"fmt"

	"tenantry.dev/reconciler/resource"
)

// A State says how far a resource's cost is known.
type State string

// The states of a resource's cost.
const (
	Priced  State = "priced"
	Free    State = "free"    // it costs nothing by itself
	ByUse   State = "by-use"  // it is paid by what is used, and has no price by the month
	Unknown State = "unknown" // nobody said what it costs
)

// An Item is what one resource costs.
type Item struct {
	Address  resource.Address
	State    State
	PerMonth Amount
	// Why says what it is made of, what it is paid by, or why nothing is known.
	Why string
	// Sources are the pages that the prices are from; empty if the fleet states the price.
	Sources []Source
}

// Of is what a resource costs. Lookup returns what else Git asks for by its address, for what is priced together, such
// as a service and the definition of its tasks; it may be nil.
func (b Book) Of(d *resource.Desired, lookup func(resource.Address) (*resource.Desired, bool)) Item {
	out := Item{Address: d.Address}
	if p, stated := b.own(d); stated {
		out.State, out.PerMonth, out.Why = Priced, p.PerMonth, "stated in "+p.Origin.String()
		return out
	}
	l := aws()
	rule, ruled := rules[d.Address.Kind]
	if ruled && b.Listed() {
		m := &meter{list: l, region: d.Scope.Region, lookup: lookup}
		rule(m, d)
		return m.item(d.Address)
	}
	stands, known := l.kinds[d.Address.Kind]
	if check, checked := conditions[d.Address.Kind]; checked {
		if why := check(d); why != "" {
			known, out.Why = false, why
		}
	}
	switch {
	case known:
		out.State, out.Why = stands.state, stands.why
	case ruled:
		out.State, out.Why = Unknown, fmt.Sprintf("AWS's list is in %s and is not converted; the fleet's prices are in %s", Dollars, b.In())
	default:
		out.State, out.Why = Unknown, cmp.Or(out.Why, "AWS's list here has no price for this kind")
	}
	return out
}

// A meter adds up what one resource costs by AWS's list.
type meter struct {
	list   list
	region string
	lookup func(resource.Address) (*resource.Desired, bool)

	total   Amount
	why     string
	sources []Source
	missing string // the first thing that has no price
}

// add adds an item of the list n/d times: so many a month, or so many all the time.
func (m *meter) add(name, what string, n, d uint64) {
	i, known := m.list.items[name]
	rate, priced := i.in(m.region)
	if !known || !priced {
		m.lack("AWS's list here has no price for it in %s", m.region)
		return
	}
	if i.unit == "hour" {
		n *= hours
	}
	amount, ok := rate.times(n, d)
	if !ok {
		m.lack("there is too much of it to count")
		return
	}
	m.total += amount
	m.sources = append(m.sources, i.source)
	if what != "" {
		if m.why != "" {
			m.why += ", "
		}
		m.why += what
	}
}

// lack says why there is no price.
func (m *meter) lack(format string, args ...any) {
	if m.missing == "" {
		m.missing = fmt.Sprintf(format, args...)
	}
}

func (m *meter) item(address resource.Address) Item {
	if m.missing != "" {
		return Item{Address: address, State: Unknown, Why: m.missing}
	}
	state := Priced
	if len(m.sources) == 0 {
		state = Free
	}
	return Item{Address: address, State: state, PerMonth: m.total, Why: m.why, Sources: m.sources}
}
