package providers

import (
	"context"

	"tenantry.dev/reconciler/resource"
)

// An Awaiter looks at writes that the cloud takes its time for. A driver whose writes may take longer
// than a few seconds waits that long in place, and then returns an UnderWay instead of waiting on.
type Awaiter interface {
	// Await tells, with one look, what became of a write: nil if it ended well, an UnderWay while the
	// cloud is still at it, ErrGone if the cloud doesn't remember the ticket. An error that is Ended says
	// that it failed, and any other that nothing could be found out. It has no effect.
	Await(ctx context.Context, scope resource.Scope, ticket string) error
}

// UnderWay is the error of a write that the cloud accepted and wasn't done with. Nothing else may be
// sent for the same resource before it has ended. It is ErrPending.
type UnderWay struct {
	What   string // in a person's words: "AWS is still creating it"
	Ticket string // by which the driver's Await finds it, also after a restart; never empty
}

func (e *UnderWay) Error() string { return e.What }

// Is makes it ErrPending.
func (e *UnderWay) Is(target error) bool { return target == ErrPending }

// Ended is the error of a write that was under way and failed.
type Ended struct{ Err error }

func (e *Ended) Error() string { return e.Err.Error() }

// Unwrap returns why it failed.
func (e *Ended) Unwrap() error { return e.Err }
