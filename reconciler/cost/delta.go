package cost

import (
	"cmp"
	"maps"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// A Delta is what a change of definitions does to the cost of the owners that it touches.
type Delta struct {
	Currency      string
	Before, After Amount // by the month, of what has a price
	// Unpriced are the resources that come, go or change and of which nobody says what they cost; ByUse are
	// those that are paid by what is used.
	Unpriced, ByUse int
	Owners          []OwnerCost // sorted by owner
	Items           []ItemChange
	Sources         []Source // of the prices used for Items, sorted by page
	Stated          bool     // whether some of them are the fleet's own
}

// Change is what there is to pay more, or less.
func (d Delta) Change() Amount { return d.After - d.Before }

// An OwnerCost is the part of one owner.
type OwnerCost struct {
	Owner           resource.Owner
	Before, After   Amount
	Unpriced, ByUse int
	// NoPrice and Used are all resources of the owner after the change, changed or not, that nobody says the price of,
	// and that are paid by use.
	NoPrice, Used int
	// Plan says what the owner pays for its plan, and what it paid before, if it is a tenant and that changes:
	// "390 EUR/mo", "390 → 2400 EUR/mo".
	Plan string
}

// Change is what there is to pay more, or less, for the owner.
func (o OwnerCost) Change() Amount { return o.After - o.Before }

// An ItemChange is a resource whose cost changes, or that changes and has no price.
type ItemChange struct {
	Address       resource.Address
	Before, After Amount
	State         State // as it is after the change; before it, for what goes
	Why           string
	Kept          bool // it is out of service, and goes on being paid
}

// Change is what there is to pay more, or less, for the resource.
func (i ItemChange) Change() Amount { return i.After - i.Before }

// Compare prices what the same owners ask for before and after a change. What is kept is out of Git, but stays where it
// is with its data, so that it goes on costing what it costs. Items are sorted with the largest change first.
func Compare(b Book, before, after []resource.Desired, kept map[resource.Address]bool) Delta {
	d := Delta{Currency: b.In()}
	was, is := newPage(b, before), newPage(b, after)
	owners := map[resource.Owner]*OwnerCost{}
	sources := map[Source]bool{}
	for _, address := range addresses(was, is) {
		o := owners[address.Owner]
		if o == nil {
			o = &OwnerCost{Owner: address.Owner}
			owners[address.Owner] = o
		}
		i := o.take(was, is, address, kept[address])
		if !i.tells {
			continue
		}
		d.Items = append(d.Items, i.ItemChange)
		for _, s := range i.sources {
			sources[s] = true
		}
		d.Stated = d.Stated || i.stated
	}
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		o := owners[owner]
		d.Owners = append(d.Owners, *o)
		d.Before, d.After = d.Before+o.Before, d.After+o.After
		d.Unpriced, d.ByUse = d.Unpriced+o.Unpriced, d.ByUse+o.ByUse
	}
	slices.SortStableFunc(d.Items, func(a, b ItemChange) int { return cmp.Compare(magnitude(b.Change()), magnitude(a.Change())) })
	d.Sources = slices.SortedFunc(maps.Keys(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Page, b.Page), cmp.Compare(a.Date, b.Date))
	})
	return d
}

// A page is one side of a comparison.
type page struct {
	book Book
	at   map[resource.Address]*resource.Desired
}

func newPage(b Book, list []resource.Desired) page {
	p := page{book: b, at: make(map[resource.Address]*resource.Desired, len(list))}
	for i := range list {
		p.at[list[i].Address] = &list[i]
	}
	return p
}

func (p page) find(a resource.Address) (*resource.Desired, bool) {
	d, found := p.at[a]
	return d, found
}

// item is what a resource costs; false if there is none.
func (p page) item(a resource.Address) (Item, bool) {
	d, found := p.at[a]
	if !found {
		return Item{}, false
	}
	return p.book.Of(d, p.find), true
}

func addresses(pages ...page) []resource.Address {
	seen := map[resource.Address]bool{}
	for _, p := range pages {
		for a := range p.at {
			seen[a] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), resource.Address.Compare)
}

type compared struct {
	ItemChange
	tells, stated bool
	sources       []Source
}

// take counts one resource for its owner.
func (o *OwnerCost) take(was, is page, a resource.Address, kept bool) compared {
	old, had := was.item(a)
	now, has := is.item(a)
	if had && !has && kept {
		now, has = old, true
	} else {
		kept = false
	}
	o.Before, o.After = o.Before+old.PerMonth, o.After+now.PerMonth
	switch {
	case has && now.State == Unknown:
		o.NoPrice++
	case has && now.State == ByUse:
		o.Used++
	}
	i := compared{ItemChange: ItemChange{Address: a, Before: old.PerMonth, After: now.PerMonth, State: now.State, Why: now.Why, Kept: kept}}
	if !has {
		i.State, i.Why = old.State, old.Why
	}
	i.sources = append(slices.Clip(old.Sources), now.Sources...)
	i.stated = old.State == Priced && len(old.Sources) == 0 || now.State == Priced && len(now.Sources) == 0
	if kept || had && has && same(was.at[a], is.at[a]) && old.PerMonth == now.PerMonth {
		i.tells = kept && now.State == Priced
		return i
	}
	switch {
	case old.State == Unknown || now.State == Unknown:
		o.Unpriced++
		i.tells, i.State = true, Unknown
	case old.State == ByUse || now.State == ByUse:
		o.ByUse++
		i.tells = i.Before != i.After
	default:
		i.tells = i.Before != i.After
	}
	return i
}

// same tells whether Git asks for the same thing in the same place.
func same(a, b *resource.Desired) bool {
	return a.Scope == b.Scope && maps.EqualFunc(a.Attributes, b.Attributes, resource.Value.Equal)
}

func magnitude(a Amount) Amount { return max(a, -a) }
