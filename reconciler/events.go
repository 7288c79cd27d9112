package reconciler

import (
	"context"

	"tenantry.dev/providers"
)

// Events tells of changes in one account as soon as the cloud has logged them. They hasten a look at the
// cloud and decide nothing: what they are about is read again, and one that is lost, repeated, late or
// forged changes nothing but the time of that look. Safe for concurrent use.
type Events interface {
	// Receive waits a while for events and returns those that came; none is no error. Those that nobody
	// confirmed with done come again later; done may be nil if there is nothing to confirm. An error that
	// wraps providers.ErrForeign comes beside events and needs no other try.
	Receive(ctx context.Context) (events []providers.Event, done func(context.Context) error, err error)
	// String names where the events come from, for logs.
	String() string
}
