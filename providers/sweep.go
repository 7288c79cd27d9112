package providers

import (
	"context"
	"sync"
)

// A Sweep is one look at many kinds of resources. What a driver reads in it once may serve all of them,
// and is forgotten with it, so that the next sweep sees the cloud as it is then. Safe for concurrent use.
type Sweep struct {
	mu   sync.Mutex
	read map[any]*reading
}

// A reading is something that is read, or was.
type reading struct {
	done    chan struct{} // closed when it is over
	given   bool          // its reader gave up; somebody else must read
	value   any
	failure error
}

type sweepKey struct{}

// InSweep returns a context for a new sweep.
func InSweep(ctx context.Context) context.Context {
	return context.WithValue(ctx, sweepKey{}, &Sweep{read: map[any]*reading{}})
}

// SweepOf returns the sweep of a context, and nil if there is none.
func SweepOf(ctx context.Context) *Sweep {
	sweep, _ := ctx.Value(sweepKey{}).(*Sweep)
	return sweep
}

// Shared returns what read returned to the first who asked for the key in the sweep, its error included;
// the others wait for that. Whoever waits, or reads, gives up when its own ctx ends; if that is the reader,
// the next one reads. All who use a key must mean the same type.
func Shared[T any](ctx context.Context, s *Sweep, key any, read func() (T, error)) (T, error) {
	for {
		r, first := s.reading(key)
		if first {
			value, err := read()
			s.finish(key, r, value, err, ctx.Err() != nil)
			return value, err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if !r.given {
			value, _ := r.value.(T)
			return value, r.failure
		}
	}
}

func (s *Sweep) reading(key any) (r *reading, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, begun := s.read[key]
	if !begun {
		r = &reading{done: make(chan struct{})}
		s.read[key] = r
	}
	return r, !begun
}

func (s *Sweep) finish(key any, r *reading, value any, err error, given bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.value, r.failure, r.given = value, err, given && err != nil; r.given {
		delete(s.read, key)
	}
	close(r.done)
}

type sourceKey struct{}

// AtSource returns a context in which nothing is taken from an index, or from what was read before: all is
// asked of the service that it belongs to.
func AtSource(ctx context.Context) context.Context {
	return context.WithValue(ctx, sourceKey{}, true)
}

// IsAtSource tells whether everything is to be asked of its service.
func IsAtSource(ctx context.Context) bool {
	is, _ := ctx.Value(sourceKey{}).(bool)
	return is
}
