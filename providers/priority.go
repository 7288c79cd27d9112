package providers

import "context"

type backgroundKey struct{}

// InBackground returns a context for work that nobody waits for, such as a scheduled scan. Where calls
// have to wait for a rate that a cloud allows, those of other contexts go first.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// Background tells whether nobody waits for the work of the context.
func Background(ctx context.Context) bool {
	background, _ := ctx.Value(backgroundKey{}).(bool)
	return background
}
