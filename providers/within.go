package providers

import (
	"context"

	"tenantry.dev/reconciler/resource"
)

// An Insider lists a kind that a cloud lists only within something else, such as the listeners of a load
// balancer: one whose Kind has Within. It has no effect, and a partial list is an error.
//
// within has the values of those attributes, one entry for each listing. Something that is not there any
// more has nothing in it, and is no error. Of kinds that can carry a mark it returns what carries the fleet's,
// as Observe does. Of kinds that can't (see Kind.Identity) it returns all there is, each without an address
// and without a fleet: whose it is follows from what the definitions ask for.
type Insider interface {
	ObserveWithin(ctx context.Context, scope resource.Scope, fleet string, within []resource.Attributes) ([]resource.Observed, error)
}
