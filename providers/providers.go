// Package providers says what a driver for one kind of resource must do. The drivers live in the
// folders below; the suite that each of them passes is providertest.
package providers

import (
	"context"
	"errors"
	"fmt"

	"tenantry.dev/reconciler/resource"
)

// A Driver reads and writes one kind of resource. All methods are safe for concurrent use. They
// honour ctx while they wait; a call that was sent is seen through to its answer. Each attempt at a
// request that may change something passes the gate of ctx first; see Pass.
//
// A driver marks what it creates with the fleet's name and the address, in the same call wherever
// the service allows it, and never touches what doesn't carry that mark.
type Driver interface {
	Kind() resource.Kind

	// Observe returns everything of this kind in the scope that carries the fleet's mark, whoever
	// its owner is, in canonical form, with as few calls as the service allows. It has no effect.
	// A partial list is an error.
	Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error)

	// Create makes the resource with everything that want says. All references in want are
	// resolved. Creating what exists with our mark and this address finishes it instead, so that
	// a repeated create is harmless, but for kinds that are Unrepeatable: those must be called
	// only when an observation after any earlier attempt shows that there is none. If the name is
	// taken by something without our mark, the error is ErrNotOurs; if the answer was lost and
	// the resource may or may not exist, ErrUnsure. If it fails after an Unrepeatable resource was
	// made, what it returns beside the error has the resource's ID: without one, nothing was made.
	Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error)

	// Update brings have to want, attribute by attribute where the service allows it, and takes a
	// retired resource back into service. It is idempotent. ErrGone if it no longer exists.
	Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error)

	// Delete removes the resource. Deleting what is gone is no error. The driver of a data-bearing
	// kind refuses with ErrHoldsData.
	Delete(ctx context.Context, have resource.Observed) error
}

// A Refresher reads one resource again, for the check right before a write and for the proof
// after it. ErrGone if it no longer exists, ErrNotOurs if its mark is gone.
type Refresher interface {
	Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error)
}

// A Retirer takes a resource out of service and keeps its data: the resource stays, carries the
// time of its retirement, and costs as little as the service allows. It is idempotent.
type Retirer interface {
	Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error)
}

// An Adopter puts the fleet's mark on an existing resource that carries none, so that it is ours
// from then on. Its settings are left for a following Update. It is idempotent. ErrGone if id
// doesn't exist, ErrNotOurs if it carries another mark.
type Adopter interface {
	Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error)
}

// A Mover gives a resource of ours another address: its mark changes from have.Address to the other
// one, and nothing else does, neither its name nor its settings. It is idempotent: what carries the
// other address already is returned as it is. ErrGone if it no longer exists, ErrNotOurs if it
// carries any other mark, or none.
type Mover interface {
	Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error)
}

// Errors that a caller decides by. Drivers wrap them with the operation and the object.
var (
	// ErrGone: the resource no longer exists.
	ErrGone = errors.New("it no longer exists")
	// ErrNotOurs: what is there doesn't carry our mark; it is never touched.
	ErrNotOurs = errors.New("it exists and doesn't carry this fleet's mark")
	// ErrUnsure: the request was sent and its answer lost; it may have had its effect.
	ErrUnsure = errors.New("the answer was lost, the request may have taken effect")
	// ErrPending: the cloud isn't ready for this yet; the same call will work later. Nothing is under
	// way, but for an UnderWay, which is ErrPending too.
	ErrPending = errors.New("the cloud is not ready for it yet")
	// ErrHoldsData: deleting would destroy data.
	ErrHoldsData = errors.New("it holds data and is never deleted")
	// ErrDenied: the account's role lacks the permission, or can't be assumed.
	ErrDenied = errors.New("access denied")
)

// A Set is the drivers of a cloud by the name of their kind.
type Set map[string]Driver

// NewSet makes a set of drivers and refuses two of one kind and cycles between kinds.
func NewSet(drivers ...Driver) (Set, error) {
	set := make(Set, len(drivers))
	for _, d := range drivers {
		name := d.Kind().Name
		if _, twice := set[name]; twice {
			return nil, fmt.Errorf("two drivers for %s", name)
		}
		set[name] = d
	}
	return set, nil
}

// Kinds describes the set to the comparison.
func (s Set) Kinds() map[string]resource.Kind {
	kinds := make(map[string]resource.Kind, len(s))
	for name, d := range s {
		kinds[name] = d.Kind()
	}
	return kinds
}
