package cost

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed prices.txt
var published string

// A Source is a page that says what something costs, and the day of the prices on it.
type Source struct {
	Page string `json:"page"`
	Date string `json:"date"` // such as "2025-06-05"
}

// A list is a price list in US dollars.
type list struct {
	items map[string]item
	kinds map[string]standing // what has no price by nature
}

// An item is something that has a price, by region.
type item struct {
	unit   string // month, hour or run
	source Source
	by     map[string]Amount
}

// A standing is why a kind has no price of its own.
type standing struct {
	state  State
	why    string
	source Source
}

// aws is AWS's list. What it is read from is part of the program, so that a mistake in it is one of ours, which
// TestListIsSound finds; nothing would then have a price.
var aws = sync.OnceValue(func() list {
	l, err := parseList(published)
	if err != nil {
		return list{}
	}
	return l
})

// everywhere stands for the regions that the list's prices are for unless it says more.
const everywhere = "*"

// in returns an item's price in a region.
func (i item) in(region string) (Amount, bool) {
	if a, known := i.by[region]; known {
		return a, true
	}
	a, known := i.by[everywhere]
	return a, known && !strings.HasPrefix(region, "cn-") && !strings.HasPrefix(region, "us-gov-") && !strings.HasPrefix(region, "us-iso")
}

// parseList reads the form that prices.txt describes.
func parseList(text string) (list, error) {
	l := list{items: map[string]item{}, kinds: map[string]standing{}}
	sources := map[string]Source{}
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := l.take(fields, sources); err != nil {
			return list{}, fmt.Errorf("price list, line %d: %w", number, err)
		}
	}
	return l, nil
}

func (l list) take(fields []string, sources map[string]Source) error {
	if len(fields) < 4 {
		return fmt.Errorf("%q is too short", strings.Join(fields, " "))
	}
	name := fields[1]
	switch word := fields[0]; word {
	case "source":
		sources[name] = Source{Page: fields[2], Date: fields[3]}
		return nil
	case "price":
		return l.takePrice(name, fields[2], fields[3], fields[4:], sources)
	case "usage", "free":
		source, known := sources[fields[2]]
		if _, twice := l.kinds[name]; twice || !known {
			return fmt.Errorf("%s: it is there twice, or there is no source %q", name, fields[2])
		}
		state := ByUse
		if word == "free" {
			state = Free
		}
		l.kinds[name] = standing{state, strings.Join(fields[3:], " "), source}
		return nil
	default:
		return fmt.Errorf("%q is not source, price, usage or free", word)
	}
}

func (l list) takePrice(name, unit, from string, regions []string, sources map[string]Source) error {
	source, known := sources[from]
	if _, twice := l.items[name]; twice || !known || len(regions) == 0 {
		return fmt.Errorf("%s: it is there twice, has no region, or there is no source %q", name, from)
	}
	if unit != "month" && unit != "hour" && unit != "run" {
		return fmt.Errorf("%s: %q is not month, hour or run", name, unit)
	}
	i := item{unit: unit, source: source, by: map[string]Amount{}}
	for _, r := range regions {
		region, text, _ := strings.Cut(r, "=")
		a, err := ParseAmount(text)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", name, region, err)
		}
		i.by[region] = a
	}
	l.items[name] = i
	return nil
}
