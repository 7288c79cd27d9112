package reconciler

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
	"tenantry.dev/schema"
)

const (
	// firstRest and longestRest bound the time until a queue that failed is tried again.
	firstRest   = time.Second
	longestRest = 5 * time.Minute
	// instant is less than any receive takes that waits for events.
	instant = time.Second
	// gathering is how long events are waited for that belong together, such as the ten calls of one click.
	gathering = 250 * time.Millisecond
)

// listen receives events of the fleet's accounts until ctx ends, and has those acted on that mean
// something. What it receives from changes with the fleet.
func (d *Daemon) listen(ctx context.Context) {
	if d.Events == nil {
		return
	}
	for ctx.Err() == nil {
		d.mu.Lock()
		fleet, retuned := d.tuned, d.retuned
		d.mu.Unlock()
		here, stop := context.WithCancel(ctx)
		var parts sync.WaitGroup
		for _, queue := range d.queues(here, fleet) {
			parts.Go(func() { d.attend(here, queue) })
		}
		select {
		case <-ctx.Done():
		case <-retuned:
		}
		stop()
		parts.Wait()
	}
}

// tune has events received for a fleet. One whose accounts, and what may be in them, are those of the fleet
// before changes nothing.
func (d *Daemon) tune(fleet *schema.Fleet) {
	if fleet == nil || d.Events == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tuned != nil && station(d.tuned) == station(fleet) {
		return
	}
	d.tuned = fleet
	if d.retuned != nil {
		close(d.retuned)
	}
	d.retuned = make(chan struct{})
}

// station is what of a fleet decides where its events come from and what they are about.
func station(fleet *schema.Fleet) string {
	accounts := slices.Clone(fleet.Accounts)
	for i := range accounts {
		accounts[i].Origin, accounts[i].Quotas = resource.Origin{}, nil
	}
	return fmt.Sprint(fleet.Name, accounts, fleet.Types)
}

// queues opens what events come from. That it can't be opened is said, and is no reason not to go on.
func (d *Daemon) queues(ctx context.Context, fleet *schema.Fleet) []Events {
	if fleet == nil || !slices.ContainsFunc(fleet.Accounts, func(a schema.Account) bool { return a.Events.Queue != "" }) {
		return nil
	}
	kinds, err := d.Reconciler.kinds(ctx, fleet)
	if err == nil {
		var queues []Events
		if queues, err = d.Events(fleet, slices.Sorted(maps.Keys(kinds))); err == nil {
			d.Log.Info("events are received", "queues", len(queues))
			return queues
		}
	}
	if ctx.Err() == nil {
		d.Log.Warn("no events are received; drift is found on schedule", "error", err)
	}
	return nil
}

// attend receives from one queue until ctx ends. One that is gone, or that denies, is said once, tried again
// and again with pauses between, and keeps no other from being heard.
func (d *Daemon) attend(ctx context.Context, queue Events) {
	rest, last := firstRest, ""
	for ctx.Err() == nil {
		began := time.Now()
		events, done, err := queue.Receive(ctx)
		if ctx.Err() != nil {
			return
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != last && text != "" {
			d.Log.Warn("events", "queue", queue.String(), "error", text)
		}
		if last != "" && text == "" {
			d.Log.Info("events arrive again", "queue", queue.String())
		}
		last = text
		if err != nil && !errors.Is(err, providers.ErrForeign) {
			pause(ctx, rest)
			rest = min(2*rest, longestRest)
			continue
		}
		rest = firstRest
		d.take(ctx, events, done)
		if len(events) == 0 && done == nil && time.Since(began) < instant {
			pause(ctx, instant) // nothing that waits for events answers like this
		}
	}
}

// take keeps events until the next look, and confirms at once what needs none.
func (d *Daemon) take(ctx context.Context, events []providers.Event, done func(context.Context) error) {
	first, kept := d.ears.take(events, done)
	if first {
		d.later(keyEvents, time.Now().Add(gathering))
	}
	if !kept && done != nil {
		d.confirm(ctx, []func(context.Context) error{done})
	}
}

// confirm says of events that they are done with. Those of which that can't be said come again, and are
// known then.
func (d *Daemon) confirm(ctx context.Context, dones []func(context.Context) error) {
	for _, done := range dones {
		if err := done(ctx); err != nil && ctx.Err() == nil {
			d.Log.Debug("events will come again", "error", err)
		}
	}
}

// pause lets time pass, or ctx end.
func pause(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
