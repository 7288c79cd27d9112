package cost

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// Dollars is the currency of AWS's list.
const Dollars = "USD"

// A Price is what a fleet says that resources of a kind cost.
type Price struct {
	Kind string
	// Where has the values that attributes must have, by their path, such as DBInstanceClass; empty for
	// every resource of the kind.
	Where    map[string]string
	Region   string // empty for every region
	PerMonth Amount
	Origin   resource.Origin
}

// A Book is the prices that an estimate uses: those of the fleet first, and AWS's list for the rest if that is in
// the same currency. The zero value is AWS's list. It is safe for concurrent use as long as nobody changes it.
type Book struct {
	// Currency is that of the fleet's prices, such as "EUR"; empty for that of AWS's list.
	Currency string
	Own      []Price
}

// In is the currency of what the book says.
func (b Book) In() string {
	if b.Currency == "" {
		return Dollars
	}
	return b.Currency
}

// Listed tells whether AWS's list is used for what the fleet doesn't state.
func (b Book) Listed() bool { return b.In() == Dollars }

// own is the fleet's price for a resource: of several that fit the most precise one, and of those the first.
func (b Book) own(d *resource.Desired) (Price, bool) {
	best := -1
	for i, p := range b.Own {
		if p.Kind == d.Address.Kind && p.fits(d) && (best < 0 || p.precision() > b.Own[best].precision()) {
			best = i
		}
	}
	if best < 0 {
		return Price{}, false
	}
	return b.Own[best], true
}

func (p Price) fits(d *resource.Desired) bool {
	if p.Region != "" && p.Region != d.Scope.Region {
		return false
	}
	for path, want := range p.Where {
		if d.Attributes.At(path).Text() != want { // of a secret, that says only that it is one
			return false
		}
	}
	return true
}

func (p Price) precision() int {
	n := 2 * len(p.Where)
	if p.Region != "" {
		n++
	}
	return n
}

// Same tells whether two prices are for the same resources, so that one of them says nothing.
func (p Price) Same(other Price) bool {
	if p.Kind != other.Kind || p.Region != other.Region || len(p.Where) != len(other.Where) {
		return false
	}
	for path, value := range p.Where {
		if other.Where[path] != value {
			return false
		}
	}
	return true
}

// Sorted returns prices in the order of the places that state them.
func Sorted(list []Price) []Price {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Price) int { return a.Origin.Line - b.Origin.Line })
	return out
}
