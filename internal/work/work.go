// Package work says which owner to look at next. A queue carries no payload and promises no
// order; the work finds out for itself what there is to do. Nothing is kept over a restart: Git
// and the cloud say again what is needed.
package work

import (
	"context"
	"errors"
)

// A Key names one owner ("tenant/acme") or one scan ("scan/111122223333/eu-west-1").
type Key string

// A Priority is how soon a key's turn comes.
type Priority int

// The priorities: a person or a commit waits; regular work; a look at everything.
const (
	Scan Priority = iota
	Reconcile
	Interactive
)

// A Queue brings keys to workers. All methods are safe for concurrent use.
type Queue interface {
	// Trigger asks that key be worked on after now: a run that starts after this call follows.
	// Repeats merge, and a trigger during a run causes another run. A waiting key is raised to a
	// higher priority, never lowered. ErrStopped if the queue works no more.
	Trigger(ctx context.Context, key Key, p Priority) error

	// Run calls work from so many workers, never twice at once for a key, until ctx ends. It
	// starts nothing more then, waits for the calls that run, whose context has ended too, and
	// returns nil. It may be called once.
	//
	// A key whose work fails gets another turn later: after seconds at first, after minutes if it
	// goes on failing, with some chance in it so that keys that failed together don't return together. What
	// isn't a failure, such as a change that waits for a person, must not be returned as one.
	Run(ctx context.Context, workers int, work func(context.Context, Key) error) error

	// Cancel ends the context of the key's run, if there is one, with ErrCancelled as its cause.
	// What that run returns doesn't count as a failure; a trigger that waits keeps waiting.
	Cancel(ctx context.Context, key Key) error
}

// Errors that a caller decides by.
var (
	ErrStopped   = errors.New("the work queue has stopped")
	ErrCancelled = errors.New("this run was cancelled")
)
