package providers

import (
	"errors"
	"time"

	"tenantry.dev/reconciler/resource"
)

// An Event is a write that the cloud logged, by whomever.
type Event struct {
	ID      string // the same for repetitions
	Scope   resource.Scope
	Action  string   // what the service calls it, such as "s3:PutBucketPolicy"
	Kinds   []string // of what it may be about; none if it is about nothing that has a driver
	Names   []string // every id, ARN and name that the log has of what it is about
	By      string   // the ARN of who did it
	Session string   // the name of their session; empty if they have none
	From    string   // the source address, or the service that did it for somebody
	At      time.Time
	Ours    bool // this process did it
	Denied  bool // the service refused it, so that nothing changed
}

// ErrForeign means that something came where events arrive that is no event of the account, and that
// it is thrown away. It comes beside the events that are.
var ErrForeign = errors.New("something that is no event of this account was thrown away")
