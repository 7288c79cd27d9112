package providers

import "context"

type gateKey struct{}

// WithGate returns a context in which gate is asked before every request that may change something.
// It is asked once for each attempt, by several goroutines at once if a driver has several, and must
// be quick. Its error keeps the attempt from being sent.
func WithGate(ctx context.Context, gate func() error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// Pass asks the gate of the context; one that has none allows everything. A driver has it asked for
// each attempt at a request that may change something, when nothing is left to be waited for (rates,
// credentials, the time between attempts) and nothing was sent. If it returns an error, the attempt
// is given up, no other is made, and the error is returned, wrapped.
func Pass(ctx context.Context) error {
	if gate, ok := ctx.Value(gateKey{}).(func() error); ok {
		return gate()
	}
	return nil
}
