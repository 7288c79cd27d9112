// Package evaluate runs evaluations in worker processes, because a definition can make the evaluator
// run for ever or take all memory, and it can't be interrupted. A worker is this program, started
// again; it gets files and gives answers, and is killed when it takes too much.
package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"tenantry.dev/schema"
)

var _ schema.Evaluator = (*Pool)(nil)

// Options say how a pool works.
type Options struct {
	// Program is the path of the program that is a worker, followed by its arguments, the name that it
	// is called by first.
	Program []string
	Limits  Limits
	// Workers is how many there are at most; one per processor if zero.
	Workers int
	// Idle is for how long a worker that has nothing to do is kept; a minute if zero.
	Idle time.Duration
}

// A Pool starts workers when they are needed and ends them when they are not. It is a schema.Evaluator,
// and safe for concurrent use.
type Pool struct {
	options Options
	turns   chan struct{} // holds one for each worker that works

	mu     sync.Mutex
	idle   []*worker // the last used last
	closed bool
}

// New makes a pool; it starts nothing yet.
func New(o Options) *Pool {
	o.Workers = cmp.Or(o.Workers, runtime.GOMAXPROCS(0))
	o.Idle = cmp.Or(o.Idle, time.Minute)
	return &Pool{options: o, turns: make(chan struct{}, o.Workers)}
}

// Close ends all workers. What is under way fails.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		w.idle.Stop()
		w.stop()
	}
	return nil
}

// take returns a worker, if possible one that has the definitions already; a fresh one if it must have
// nothing behind it.
func (p *Pool) take(ctx context.Context, d schema.Definitions, fresh bool) (*worker, error) {
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	var old *worker
	if n := len(p.idle); n > 0 {
		at := max(0, slices.IndexFunc(p.idle, func(w *worker) bool { return w.loadedWith(d) }))
		if loaded := p.idle[at].loadedWith(d); loaded || fresh || n >= p.options.Workers {
			old = p.idle[at]
			p.idle = slices.Delete(p.idle, at, at+1)
			old.idle.Stop()
		}
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		<-p.turns
		return nil, errors.New("the workers were ended")
	}
	if old != nil && !fresh {
		return old, nil
	}
	if old != nil {
		old.stop()
	}
	w, err := start(ctx, p.options.Program, p.options.Limits)
	if err != nil {
		<-p.turns
		return nil, err
	}
	return w, nil
}

// give returns a worker after its work; one that failed is ended.
func (p *Pool) give(w *worker, err error) {
	defer func() { <-p.turns }()
	p.mu.Lock()
	if err != nil || p.closed {
		p.mu.Unlock()
		w.stop()
		return
	}
	w.idle = time.AfterFunc(p.options.Idle, func() { p.retire(w) })
	p.idle = append(p.idle, w)
	p.mu.Unlock()
}

// retire ends a worker that is still idle.
func (p *Pool) retire(w *worker) {
	p.mu.Lock()
	at := slices.Index(p.idle, w)
	if at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		w.stop()
	}
}

// with lends a worker that has the definitions to work.
func (p *Pool) with(ctx context.Context, d schema.Definitions, fresh bool, work func(*worker) error) (failure error) {
	w, err := p.take(ctx, d, fresh)
	if err != nil {
		return err
	}
	defer func() { p.give(w, failure) }()
	if !w.loadedWith(d) {
		if _, err := w.load(ctx, d); err != nil {
			return fmt.Errorf("load the definitions: %w", err)
		}
	}
	return work(w)
}

// load gives a worker definitions and returns what they come to.
func (w *worker) load(ctx context.Context, d schema.Definitions) (*schema.Defined, error) {
	var out *schema.Defined
	w.loaded = schema.Definitions{}
	err := w.ask(ctx, request{Load: &d}, func(r reply) { out = r.Defined })
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("a worker gave no answer")
	}
	if out.Fleet != nil {
		w.loaded = schema.Definitions{ID: d.ID, At: d.At, Killed: d.Killed}
	}
	return out, nil
}

// mostKilled is how many files may be left out before the definitions as a whole count as hostile.
const mostKilled = 5

// Define implements schema.Evaluator. A file that no worker survives is left out, with a finding.
func (p *Pool) Define(ctx context.Context, d schema.Definitions) (*schema.Defined, error) {
	for {
		w, err := p.take(ctx, schema.Definitions{}, d.Cautious)
		if err != nil {
			return nil, err
		}
		out, err := w.load(ctx, d)
		p.give(w, err)
		dead, died := errors.AsType[*death](err)
		switch {
		case err == nil:
			return out, nil
		case !died:
			return nil, err
		case !d.Cautious: // it may have been an accident
			d.Cautious = true
		case dead.step.File == "" || len(d.Killed) == mostKilled || slices.ContainsFunc(d.Killed, func(k schema.Killed) bool { return k.File == dead.step.File }):
			return hostile(dead), nil
		default:
			d.Killed = append(slices.Clip(d.Killed), schema.Killed{File: dead.step.File, Reason: advice(dead.why)})
		}
	}
}

// advice says what happened and how to go on.
func advice(why string) string {
	return fmt.Sprintf("evaluating it %s, so it was stopped and left out; look for disjunctions, comprehensions, ranges and repetitions that multiply. What needs it keeps what was applied", why)
}

// hostile is what is said of definitions of which too much has to be left out.
func hostile(dead *death) *schema.Defined {
	at := cmp.Or(dead.step.File, ".")
	return schema.Unusable(at, fmt.Sprintf("evaluating the definitions %s, in this file and in others, so that none were used; look for disjunctions, comprehensions, ranges and repetitions that multiply", dead.why))
}

// Places implements schema.Evaluator.
func (p *Pool) Places(ctx context.Context, d schema.Definitions, files []schema.File) ([]schema.Placed, error) {
	var out []schema.Placed
	err := p.with(ctx, d, false, func(w *worker) error {
		return w.ask(ctx, request{Places: files}, func(r reply) {
			if r.Placed != nil {
				out = append(out, *r.Placed)
			}
		})
	})
	if err == nil && len(out) != len(files) {
		err = errors.New("a worker gave no answer")
	}
	return out, err
}
