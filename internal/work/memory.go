package work

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// How long a key waits that keeps failing: doubled each time, up to the longest, less up to a quarter by chance.
const (
	firstRetry   = 2 * time.Second
	longestRetry = 10 * time.Minute
)

var _ Queue = (*Memory)(nil)

// A Memory is a Queue within one process.
type Memory struct {
	waiting *waiting
	queue   *workqueue.Typed[Key]

	mu      sync.Mutex
	running map[Key]context.CancelCauseFunc
}

// NewMemory makes an empty queue. It takes triggers at once and works on them in Run.
func NewMemory() *Memory {
	w := newWaiting()
	return &Memory{
		waiting: w,
		queue:   workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[Key]{Queue: w}),
		running: map[Key]context.CancelCauseFunc{},
	}
}

// Trigger implements Queue.
func (m *Memory) Trigger(_ context.Context, key Key, p Priority) error {
	if m.queue.ShuttingDown() {
		return fmt.Errorf("trigger %s: %w", key, ErrStopped)
	}
	m.waiting.offer(key, p)
	m.queue.Add(key)
	return nil
}

// Cancel implements Queue.
func (m *Memory) Cancel(_ context.Context, key Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cancel, ok := m.running[key]; ok {
		cancel(ErrCancelled)
	}
	return nil
}

// Run implements Queue.
func (m *Memory) Run(ctx context.Context, workers int, work func(context.Context, Key) error) error {
	retries := workqueue.NewTypedRateLimitingQueueWithConfig[Key](
		jittered{workqueue.NewTypedItemExponentialFailureRateLimiter[Key](firstRetry, longestRetry)},
		workqueue.TypedRateLimitingQueueConfig[Key]{
			DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[Key]{Queue: m.queue}),
		})
	var group sync.WaitGroup
	for range max(workers, 1) {
		group.Go(func() {
			for m.next(ctx, retries, work) {
			}
		})
	}
	<-ctx.Done()
	retries.ShutDown()
	group.Wait()
	return nil
}

// next works on one key and tells whether to go on.
func (m *Memory) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[Key], work func(context.Context, Key) error) bool {
	key, stopped := queue.Get()
	if stopped {
		return false
	}
	defer queue.Done(key) // without it the key is never worked on again
	p := m.waiting.taken(key)
	if ctx.Err() != nil {
		return true // what still waits is dropped
	}
	err := m.run(ctx, key, work)
	switch {
	case err == nil:
		queue.Forget(key)
	case !errors.Is(err, ErrCancelled):
		m.waiting.offer(key, p)
		queue.AddRateLimited(key)
	}
	return true
}

// run calls work with a context that Cancel can end. The error is ErrCancelled if it did.
func (m *Memory) run(ctx context.Context, key Key, work func(context.Context, Key) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	m.running[key] = cancel
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.running, key)
		m.mu.Unlock()
		cancel(nil)
	}()
	err := work(ctx, key)
	if err != nil && errors.Is(context.Cause(ctx), ErrCancelled) {
		return fmt.Errorf("%w: %w", ErrCancelled, err)
	}
	return err
}

// jittered takes up to a quarter off each delay by chance.
type jittered struct {
	workqueue.TypedRateLimiter[Key]
}

func (j jittered) When(key Key) time.Duration {
	d := j.TypedRateLimiter.When(key)
	return d - rand.N(d/4+1)
}
