package aws

import (
	"context"
	"errors"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
)

// each reads the details of listed items, a bounded number at a time, and keeps their order. What
// vanished since it was listed (providers.ErrGone), or turns out not to be ours
// (providers.ErrNotOurs), is left out; any other error is the error of the whole.
func each[Item, Result any](ctx context.Context, items []Item, read func(context.Context, Item) (Result, error)) ([]Result, error) {
	results := make([]Result, len(items))
	ours := make([]bool, len(items))
	var taken atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(concurrency, len(items)) { // goroutines are kept: a new one would grow its stack for each call
		group.Go(func() error {
			for i := int(taken.Add(1)) - 1; i < len(items); i = int(taken.Add(1)) - 1 {
				result, err := read(ctx, items[i])
				switch {
				case errors.Is(err, providers.ErrGone), errors.Is(err, providers.ErrNotOurs):
					continue
				case err != nil:
					return err
				}
				results[i], ours[i] = result, true
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	kept := results[:0]
	for i, result := range results {
		if ours[i] {
			kept = append(kept, result)
		}
	}
	return kept, nil
}

// once returns a function that reads when it is first called, and gives every caller what came of that.
// They wait on a channel, since reading may take long.
func once[T any](read func() (T, error)) func() (T, error) {
	var value T
	var err error
	unread := make(chan bool, 1)
	unread <- true
	return func() (T, error) {
		first := <-unread
		defer func() { unread <- false }()
		if first {
			value, err = read()
		}
		return value, err
	}
}

// together makes reads of one resource that don't need one another at the same time; in a sweep one after
// the other, since there other resources are read beside it. It returns the first error.
func together(ctx context.Context, reads ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	if providers.SweepOf(ctx) != nil {
		group.SetLimit(1)
	}
	for _, read := range reads {
		group.Go(func() error { return read(ctx) })
	}
	return group.Wait()
}
