package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A cloud is a provider in memory: a real one, with state, that a test can look into and disturb.
type cloud struct {
	mu        sync.Mutex
	resources map[string]resource.Observed // by id
	made      int                          // resources ever created
	writes    []string                     // every effect, in order
	deny      map[resource.Scope]bool
	looks     int // at a kind in a place
	// before is asked before every effect, after after it; an error is what the caller gets.
	before, after func(call string) error
	// slow is what a write's last request waits for before it is sent; twice gives writes a request
	// before that, which changes nothing yet.
	slow  func(call string)
	twice bool
	// takes is how long the cloud is at a write after it accepted it; nil for no time. jobs are those
	// writes, by ticket.
	takes func(call string) time.Duration
	jobs  map[string]*job
	asked int   // looks at them
	blind error // what a look is answered with, if set
}

// A job is a write that the cloud accepted and takes its time for.
type job struct {
	call   string
	until  time.Time
	change func() error
	done   bool
	err    error
}

// begin has a write done later. A call that is under way already isn't begun a second time.
func (c *cloud) begin(call string, takes time.Duration, change func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ticket := "job-of-" + call
	if j := c.jobs[ticket]; j == nil || j.done {
		if c.jobs == nil {
			c.jobs = map[string]*job{}
		}
		c.jobs[ticket] = &job{call: call, until: time.Now().Add(takes), change: change}
		c.writes = append(c.writes, call)
	}
	return fmt.Errorf("%s: %w", call, &providers.UnderWay{What: "the cloud is still at it", Ticket: ticket})
}

// arrive lets the effects of what has ended show; the lock is held.
func (c *cloud) arrive() {
	for _, j := range c.jobs {
		if !j.done && !time.Now().Before(j.until) {
			j.done, j.err = true, j.change()
		}
	}
}

func (m *memory) Await(_ context.Context, _ resource.Scope, ticket string) error {
	m.cloud.mu.Lock()
	defer m.cloud.mu.Unlock()
	m.cloud.arrive()
	m.cloud.asked++
	switch j := m.cloud.jobs[ticket]; {
	case m.cloud.blind != nil:
		return m.cloud.blind
	case j == nil:
		return providers.ErrGone
	case !j.done:
		return &providers.UnderWay{What: "the cloud is still at it", Ticket: ticket}
	case j.err != nil:
		return &providers.Ended{Err: j.err}
	}
	return nil
}

func newCloud() *cloud {
	return &cloud{resources: map[string]resource.Observed{}, deny: map[resource.Scope]bool{}}
}

// set has a driver for each kind.
func (c *cloud) set(kinds map[string]resource.Kind) (providers.Set, error) {
	var drivers []providers.Driver
	for _, kind := range kinds {
		drivers = append(drivers, &memory{cloud: c, kind: kind})
	}
	return providers.NewSet(drivers...)
}

// byAddress returns the live resources, and an error where an address has two.
func (c *cloud) byAddress() (map[resource.Address]resource.Observed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[resource.Address]resource.Observed{}
	for _, o := range c.resources {
		if _, twice := out[o.Address]; twice {
			return nil, fmt.Errorf("two resources carry %s", o.Address)
		}
		out[o.Address] = o
	}
	return out, nil
}

// change sets an attribute by hand, as somebody at the console would.
func (c *cloud) change(address resource.Address, attribute string, value resource.Value) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, o := range c.resources {
		if o.Address == address {
			o.Attributes = maps.Clone(o.Attributes)
			o.Attributes[attribute] = value
			c.resources[id] = o
		}
	}
}

// lose deletes a resource by hand.
func (c *cloud) lose(address resource.Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.resources, func(_ string, o resource.Observed) bool { return o.Address == address })
}

func (c *cloud) effect(ctx context.Context, call string, change func() error) error {
	requests := 1
	if c.twice {
		requests = 2
	}
	for i := range requests {
		if c.slow != nil && i == requests-1 {
			c.slow(call)
		}
		if err := providers.Pass(ctx); err != nil {
			return fmt.Errorf("%s: not sent: %w", call, err)
		}
	}
	if c.before != nil {
		if err := c.before(call); err != nil {
			return err
		}
	}
	if c.takes != nil {
		if takes := c.takes(call); takes > 0 {
			return c.begin(call, takes, change)
		}
	}
	c.mu.Lock()
	err := change()
	if err == nil {
		c.writes = append(c.writes, call)
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if c.after != nil {
		return c.after(call)
	}
	return nil
}

func (c *cloud) writeCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.writes)
}

// memory is the driver of one kind.
type memory struct {
	cloud *cloud
	kind  resource.Kind
}

func (m *memory) Kind() resource.Kind { return m.kind }

func (m *memory) Observe(_ context.Context, scope resource.Scope, _ string) ([]resource.Observed, error) {
	m.cloud.mu.Lock()
	defer m.cloud.mu.Unlock()
	m.cloud.looks++
	m.cloud.arrive()
	if m.cloud.deny[scope] {
		return nil, fmt.Errorf("enter account %s: %w", scope.Account, providers.ErrDenied)
	}
	var list []resource.Observed
	for _, id := range slices.Sorted(maps.Keys(m.cloud.resources)) {
		if o := m.cloud.resources[id]; o.Address.Kind == m.kind.Name && o.Scope == scope {
			list = append(list, o)
		}
	}
	return list, nil
}

func (m *memory) Create(ctx context.Context, want resource.Desired, _ string) (resource.Observed, error) {
	var made resource.Observed
	err := m.cloud.effect(ctx, "create "+want.Address.String(), func() error {
		id := want.Address.String()
		if m.kind.Unrepeatable {
			id = fmt.Sprintf("%s-%d", id, m.cloud.made)
		}
		outputs := map[string]string{}
		for _, name := range m.kind.Outputs {
			outputs[name] = name + ":" + id
		}
		made = resource.Observed{Address: want.Address, Scope: want.Scope, ID: id, Nonce: want.Nonce, Attributes: m.kind.Canonical(want.Attributes), Outputs: outputs}
		m.cloud.resources[id] = made
		m.cloud.made++
		return nil
	})
	return made, err
}

func (m *memory) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	err := m.cloud.effect(ctx, "update "+want.Address.String(), func() error {
		if _, ok := m.cloud.resources[have.ID]; !ok {
			return providers.ErrGone
		}
		have.Attributes, have.Retired = m.kind.Canonical(want.Attributes), ""
		m.cloud.resources[have.ID] = have
		return nil
	})
	return have, err
}

func (m *memory) Delete(ctx context.Context, have resource.Observed) error {
	if m.kind.DataBearing {
		return providers.ErrHoldsData
	}
	return m.cloud.effect(ctx, "delete "+have.Address.String(), func() error {
		delete(m.cloud.resources, have.ID)
		return nil
	})
}

func (m *memory) Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error) {
	err := m.cloud.effect(ctx, "retire "+have.Address.String(), func() error {
		have.Retired = at
		m.cloud.resources[have.ID] = have
		return nil
	})
	return have, err
}

func (m *memory) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	err := m.cloud.effect(ctx, "move "+have.Address.String()+" to "+to.String(), func() error {
		have.Address = to
		m.cloud.resources[have.ID] = have
		return nil
	})
	return have, err
}

func (m *memory) Refresh(_ context.Context, have resource.Observed) (resource.Observed, error) {
	m.cloud.mu.Lock()
	defer m.cloud.mu.Unlock()
	if m.cloud.deny[have.Scope] {
		return have, fmt.Errorf("enter account %s: %w", have.Scope.Account, providers.ErrDenied)
	}
	m.cloud.arrive()
	o, ok := m.cloud.resources[have.ID]
	if !ok {
		return have, providers.ErrGone
	}
	return o, nil
}

var errKilled = errors.New("killed")
