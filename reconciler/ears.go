package reconciler

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	// mostWaiting is how many events wait for a look at most. More are a storm, and what each of them is
	// about doesn't matter any more.
	mostWaiting = 1000
	// mostKnown is how many ids of events are remembered, to know those that come again.
	mostKnown = 20_000
	// placeRest is how long a place that was listed for an event isn't listed for another one. Services write
	// things of their own all day long, and what they write is often nobody's.
	placeRest = time.Minute
	// lookShare is how much longer than a look the rest after it is, and longestLookRest the longest: looks
	// for events take a fifth of the time at most.
	lookShare       = 4
	longestLookRest = time.Minute
	// deedLife, mostDeeds and mostDoers bound what is remembered of who wrote what.
	deedLife  = 48 * time.Hour
	mostDeeds = 3
	mostDoers = 5_000
)

// The ears keep what was heard until it is acted on, and remember of it who wrote what. Nothing in them
// outlives the process: an event that is lost is an event that never came. Safe for concurrent use.
type ears struct {
	mu      sync.Mutex
	waiting map[string]providers.Event // by id
	dones   []func(context.Context) error
	storm   bool // more came than is kept
	known   map[string]bool
	order   []string // of known, the oldest first
	deeds   map[resource.Address][]report.Deed
	listed  map[changeset.Place]time.Time // when a place was last listed for an event
	due     map[changeset.Place]bool      // places that are to be listed once they rested
	rest    time.Time                     // until when no other look is made
}

func newEars() *ears {
	return &ears{
		waiting: map[string]providers.Event{}, known: map[string]bool{}, deeds: map[resource.Address][]report.Deed{},
		listed: map[changeset.Place]time.Time{}, due: map[changeset.Place]bool{},
	}
}

// A hearing is what a look is to act on.
type hearing struct {
	events []providers.Event // sorted by time and id
	dones  []func(context.Context) error
	storm  bool
}

// take keeps the events that a look is needed for. It tells whether they are the first ones to wait, and
// whether done is kept to be called after that look.
func (e *ears) take(events []providers.Event, done func(context.Context) error) (first, kept bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	empty := len(e.waiting) == 0
	for _, event := range events {
		_, waits := e.waiting[event.ID]
		switch {
		case waits:
			kept = true
		case event.Ours, event.Denied, len(event.Kinds) == 0, e.known[event.ID]:
		case len(e.waiting) == mostWaiting:
			e.storm = true
		default:
			e.waiting[event.ID], kept = event, true
		}
	}
	if kept && done != nil {
		e.dones = append(e.dones, done)
	}
	return empty && len(e.waiting) > 0, kept
}

// hear takes what waits.
func (e *ears) hear() hearing {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := hearing{dones: e.dones, storm: e.storm}
	for _, event := range e.waiting {
		h.events = append(h.events, event)
	}
	slices.SortFunc(h.events, func(a, b providers.Event) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return cmp.Compare(a.ID, b.ID)
	})
	e.waiting, e.dones, e.storm = map[string]providers.Event{}, nil, false
	return h
}

// again has what was heard wait for another look, because the one that it was heard for failed.
func (e *ears) again(h hearing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range h.events {
		e.waiting[event.ID] = event
	}
	e.dones, e.storm = append(h.dones, e.dones...), e.storm || h.storm
}

// settle remembers events as done with, so that they have no effect when they come again.
func (e *ears) settle(events []providers.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range events {
		if !e.known[event.ID] {
			e.known[event.ID] = true
			e.order = append(e.order, event.ID)
		}
	}
	for len(e.order) > mostKnown {
		delete(e.known, e.order[0])
		e.order = e.order[1:]
	}
}

// remember notes that an event was about a resource.
func (e *ears) remember(address resource.Address, event providers.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.deeds) >= mostDoers && e.deeds[address] == nil {
		return // a storm; the first ones tell enough
	}
	deed := report.Deed{Action: event.Action, By: event.By, Session: event.Session, From: event.From, At: event.At.UTC().Truncate(time.Second)}
	e.deeds[address] = newest(append(e.deeds[address], deed))
}

// of returns who wrote to a resource lately.
func (e *ears) of(address resource.Address) []report.Deed {
	e.mu.Lock()
	defer e.mu.Unlock()
	for other, list := range e.deeds {
		if len(list) == 0 || time.Since(list[0].At) > deedLife {
			delete(e.deeds, other)
		}
	}
	return slices.Clone(e.deeds[address])
}

// newest sorts deeds, takes out those that are there twice, and leaves out the oldest of too many.
func newest(list []report.Deed) []report.Deed {
	slices.SortStableFunc(list, func(a, b report.Deed) int { return b.At.Compare(a.At) })
	list = slices.CompactFunc(list, func(a, b report.Deed) bool {
		return a.At.Equal(b.At) && a.Action == b.Action && a.By == b.By && a.From == b.From && a.Session == b.Session
	})
	return list[:min(len(list), mostDeeds)]
}

// places returns, of places that are to be listed, those that have rested, and when the next of the others
// will have; the zero time if there are none. Those it returns begin to rest.
func (e *ears) places(wanted map[changeset.Place]bool, now time.Time) (list []changeset.Place, next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range wanted {
		e.due[p] = true
	}
	for p := range e.due {
		rested := e.listed[p].Add(placeRest)
		if now.Before(rested) {
			if next.IsZero() || rested.Before(next) {
				next = rested
			}
			continue
		}
		list = append(list, p)
		e.listed[p] = now
		delete(e.due, p)
	}
	return list, next
}

// rested tells whether another look may be made, and if not, when.
func (e *ears) rested(now time.Time) (bool, time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !now.Before(e.rest), e.rest
}

// looked has the next look rest, as long as this one took or longer.
func (e *ears) looked(took time.Duration, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rest = now.Add(min(lookShare*took, longestLookRest))
}
