package reconciler

import (
	"context"
	"time"

	"tenantry.dev/reconciler/resource"
)

// Events tells of changes as soon as the cloud has logged them. They hasten a look at the cloud and decide
// nothing: what they are about is read again, and one that is lost, repeated, late or forged changes
// nothing but the time of that look. Safe for concurrent use.
type Events interface {
	// Receive waits until there are events and returns them. Those that nobody confirmed with done come
	// again later. Its error is about one account at most, and another call goes on with the others.
	Receive(ctx context.Context) (events []Event, done func(context.Context) error, err error)
}

// An Event is a write that the cloud logged, by whomever.
type Event struct {
	ID      string // the same for repetitions
	Scope   resource.Scope
	Action  string   // what the service calls it, such as "s3:PutBucketPolicy"
	Kinds   []string // of what it may be about
	Names   []string // every id, ARN and name that the log has of what it is about
	By      string   // the ARN of who did it
	Session string   // the name of their session; empty if they have none
	From    string   // the source address, or the service that did it for somebody
	At      time.Time
	Ours    bool // one of our own sessions did it
	Denied  bool // the service refused it, so that nothing changed
}
