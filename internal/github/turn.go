package github

import (
	"context"
	"sync"
)

// turns lets one goroutine at a time have the state of an object, such as the check of one name on
// one commit, so that two can't both miss something and then both create it. Different objects don't
// wait for each other. The zero value is ready; safe for concurrent use.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

// A turn is that of one object, for as long as somebody has it or waits for it.
type turn struct {
	token chan struct{}
	users int
}

// take waits for the turn of an object. The result gives it back.
func (t *turns) take(ctx context.Context, object string) (release func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = make(map[string]*turn)
	}
	one := t.held[object]
	if one == nil {
		one = &turn{token: make(chan struct{}, 1)}
		t.held[object] = one
	}
	one.users++
	t.mu.Unlock()
	select {
	case one.token <- struct{}{}:
		return func() {
			<-one.token
			t.done(object, one)
		}, nil
	case <-ctx.Done():
		t.done(object, one)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) done(object string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.held, object)
	}
}
