package providers

import (
	"context"

	"tenantry.dev/reconciler/resource"
)

// A Purpose is what a write is for. It is for the cloud's own logs to tell, and decides nothing: what
// writes without one is done as whoever reads.
type Purpose struct {
	Commit string         // that asks for it
	Owner  resource.Owner // whose resource is written
}

type purposeKey struct{}

// WithPurpose returns a context in which writes are made for a purpose.
func WithPurpose(ctx context.Context, p Purpose) context.Context {
	return context.WithValue(ctx, purposeKey{}, p)
}

// PurposeOf is what writes with the context are for; false if nobody said.
func PurposeOf(ctx context.Context) (Purpose, bool) {
	p, ok := ctx.Value(purposeKey{}).(Purpose)
	return p, ok
}
