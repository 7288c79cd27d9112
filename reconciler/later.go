package reconciler

import (
	"context"
	"time"
)

// later asks for a turn of a key at a time, in place of the time that was asked for before; the zero
// time asks for none. Nothing is kept over a restart: the first look then asks again.
func (d *Daemon) later(key string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at.IsZero() {
		delete(d.due, key)
		return
	}
	if d.due == nil {
		d.due = map[string]time.Time{}
	}
	d.due[key] = at
	select {
	case d.sooner <- struct{}{}:
	default: // the wait is to be looked at anew already
	}
}

// noLater asks for a turn of a key at a time, unless one is asked for before that.
func (d *Daemon) noLater(key string, at time.Time) {
	d.mu.Lock()
	before, asked := d.due[key]
	d.mu.Unlock()
	if !asked || at.Before(before) {
		d.later(key, at)
	}
}

// next is the key whose time comes first; empty if none is waited for.
func (d *Daemon) next() (key string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, t := range d.due {
		if key == "" || t.Before(at) {
			key, at = k, t
		}
	}
	return key, at
}

// keepPromises gives every key its turn at the time that later was told.
func (d *Daemon) keepPromises(ctx context.Context) {
	for {
		key, at := d.next()
		var due <-chan time.Time // never delivers while nothing is waited for
		if key != "" {
			due = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-d.sooner:
		case <-due:
			// The time may have been changed just now; then the turn is one too many, and harmless.
			d.later(key, time.Time{})
			d.trigger(ctx, key, false)
		}
	}
}
