package work

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A site runs a queue in a bubble and notes what happens.
type site struct {
	*Memory
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	starts []string // "key" in the order of their starts
	times  []time.Duration
	begun  time.Time
}

// open starts a queue. The site is stopped at the end of the test.
func open(t *testing.T, workers int, work func(context.Context, Key) error) *site {
	s := &site{Memory: NewMemory(), t: t, done: make(chan struct{}), begun: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() {
		defer close(s.done)
		if err := s.Run(ctx, workers, func(ctx context.Context, key Key) error {
			s.mu.Lock()
			s.starts = append(s.starts, string(key))
			s.times = append(s.times, time.Since(s.begun))
			s.mu.Unlock()
			return work(ctx, key)
		}); err != nil {
			t.Error(err)
		}
	}()
	return s
}

func (s *site) close() {
	s.stop()
	<-s.done
}

func (s *site) trigger(key Key, p Priority) {
	s.t.Helper()
	if err := s.Trigger(s.t.Context(), key, p); err != nil {
		s.t.Error(err)
	}
}

func (s *site) started() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts)
}

func wants(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// for a second is how long one run takes in most tests here.
func second(context.Context, Key) error {
	time.Sleep(time.Second)
	return nil
}

func TestRepeatsMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, second)
		defer s.close()
		s.trigger("busy", Reconcile)
		synctest.Wait()
		for range 5 {
			s.trigger("a", Reconcile)
		}
		time.Sleep(time.Minute)
		wants(t, "runs", s.started(), "busy", "a")
	})
}

func TestATriggerDuringARunCausesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 4, second)
		defer s.close()
		s.trigger("a", Reconcile)
		time.Sleep(time.Second / 2)
		s.trigger("a", Reconcile)
		s.trigger("a", Reconcile)
		wants(t, "during the run", s.started(), "a")
		time.Sleep(time.Minute)
		wants(t, "after it", s.started(), "a", "a")
	})
}

func TestHigherPriorityFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, second)
		defer s.close()
		s.trigger("busy", Scan)
		synctest.Wait()
		for i, key := range []Key{"s1", "r1", "i1", "s2", "r2", "i2", "up", "down"} {
			s.trigger(key, []Priority{Scan, Reconcile, Interactive, Scan, Reconcile, Interactive, Scan, Interactive}[i])
			time.Sleep(time.Millisecond)
		}
		s.trigger("up", Interactive) // raised
		s.trigger("down", Scan)      // never lowered
		s.trigger("busy", Reconcile) // a running key keeps the priority for its next run
		s.trigger("busy", Scan)
		time.Sleep(time.Minute)
		// A raised key keeps its place in the line by when it began to wait.
		wants(t, "order", s.started(), "busy", "i1", "i2", "up", "down", "r1", "r2", "busy", "s1", "s2")
	})
}

func TestARaisedKeyOvertakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, second)
		defer s.close()
		s.trigger("busy", Reconcile)
		synctest.Wait()
		for i := range 30 {
			s.trigger(Key(fmt.Sprint(i)), Scan)
			time.Sleep(time.Millisecond)
		}
		s.trigger("29", Reconcile)
		s.trigger("17", Interactive)
		time.Sleep(3500 * time.Millisecond)
		wants(t, "order", s.started(), "busy", "17", "29", "0")
	})
}

func TestWaitingKeysAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, second)
		defer s.close()
		s.trigger("busy", Interactive)
		s.trigger("scan", Scan)
		ticker := time.NewTicker(time.Second / 2) // commits come faster than they are worked on
		defer ticker.Stop()
		for i := range 6000 {
			<-ticker.C
			s.trigger(Key(fmt.Sprintf("commit%d", i)), Interactive)
		}
		at := slices.Index(s.started(), "scan")
		if at < 0 {
			t.Fatal("the scan never had its turn")
		}
		if waited := s.times[at]; waited < 2*ageing || waited > 2*2*ageing+time.Minute {
			t.Errorf("the scan waited %v", waited)
		}
	})
}

func TestFailuresComeBackLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := 12
		s := open(t, 1, func(_ context.Context, key Key) error {
			if key == "a" && fails > 0 {
				fails--
				return errors.New("not now")
			}
			return nil
		})
		defer s.close()
		s.trigger("a", Interactive)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if len(s.times) != 13 {
			t.Fatalf("%d runs, want 12 failures and a success", len(s.times))
		}
		for i, at := range s.times[1:] {
			want := min(firstRetry<<i, longestRetry)
			if wait := at - s.times[i]; wait > want || wait < want*3/4 {
				t.Errorf("try %d came %v after the last, want %v less a quarter at most", i+1, wait, want)
			}
		}
		// A success ends it: the next failure waits as briefly as the first.
		fails, s.times, s.begun = 1, nil, time.Now()
		s.trigger("a", Interactive)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(s.times) != 2 || s.times[1] > firstRetry {
			t.Errorf("after a success: %v", s.times)
		}
	})
}

func TestAFailedKeyIsWorkedOnAtOnceWhenTriggered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := false
		s := open(t, 1, func(context.Context, Key) error {
			if !failed {
				failed = true
				return errors.New("not now")
			}
			return nil
		})
		defer s.close()
		s.trigger("a", Reconcile)
		synctest.Wait()
		s.trigger("a", Reconcile)
		wants(t, "before the retry is due", s.started(), "a", "a")
	})
}

func TestARetryKeepsItsPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := false
		s := open(t, 1, func(_ context.Context, key Key) error {
			if key == "a" && !failed {
				failed = true
				return errors.New("not now")
			}
			time.Sleep(10 * time.Second)
			return nil
		})
		defer s.close()
		s.trigger("a", Interactive)
		synctest.Wait()
		for _, key := range []Key{"busy", "b", "c"} {
			s.trigger(key, Reconcile)
		}
		time.Sleep(time.Minute)
		wants(t, "order", s.started(), "a", "busy", "a", "b", "c")
	})
}

func TestCancelEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		s := open(t, 1, func(ctx context.Context, key Key) error {
			if key != "a" {
				return nil
			}
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		defer s.close()
		if err := s.Cancel(t.Context(), "a"); err != nil { // nothing runs: no error
			t.Error(err)
		}
		s.trigger("a", Reconcile)
		wants(t, "before", s.started(), "a")
		if err := s.Cancel(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if cause != nil {
			t.Error("another key's run was cancelled")
		}
		if err := s.Cancel(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		wants(t, "a cancelled run is no failure", s.started(), "a")
		if !errors.Is(cause, ErrCancelled) {
			t.Errorf("the run's cause is %v", cause)
		}
		s.trigger("a", Reconcile)
		wants(t, "the next trigger", s.started(), "a", "a")
	})
}

func TestStopWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Int32
		s := open(t, 2, func(ctx context.Context, _ Key) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second) // a write that has begun is seen through
			finished.Add(1)
			time.Sleep(time.Second)
			return nil
		})
		for _, key := range []Key{"a", "b", "c", "d"} {
			s.trigger(key, Reconcile)
		}
		wants(t, "before", s.started(), "a", "b")
		begun := time.Now()
		s.close()
		if took := time.Since(begun); took != 6*time.Second || finished.Load() != 2 {
			t.Errorf("it took %v, and %d runs were finished", took, finished.Load())
		}
		wants(t, "after", s.started(), "a", "b") // nothing was started any more
		if err := s.Trigger(t.Context(), "e", Reconcile); !errors.Is(err, ErrStopped) {
			t.Errorf("a trigger after the end: %v", err)
		}
	})
}

func TestTriggersBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		for _, key := range []Key{"a", "b"} {
			if err := m.Trigger(t.Context(), key, Reconcile); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ran := 0
		if err := m.Run(ctx, 1, func(context.Context, Key) error { ran++; return nil }); err != nil || ran != 2 {
			t.Errorf("%d runs, %v", ran, err)
		}
	})
}

// TestNeverLostNeverTwice triggers at random and checks the contract's core: the last trigger of
// each key is followed by a run that starts after it, and no two runs of a key overlap.
func TestNeverLostNeverTwice(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, seed))
			var mu sync.Mutex
			busy, lastStart, lastTrigger := map[Key]bool{}, map[Key]time.Time{}, map[Key]time.Time{}
			during, started := 0, 0
			s := open(t, 4, func(ctx context.Context, key Key) error {
				mu.Lock()
				if busy[key] {
					t.Errorf("%s runs twice at once", key)
				}
				busy[key], lastStart[key] = true, time.Now()
				started++
				wait, fails := time.Duration(random.IntN(200))*time.Millisecond, random.IntN(5) == 0
				mu.Unlock()
				select {
				case <-time.After(wait + time.Nanosecond):
				case <-ctx.Done():
				}
				mu.Lock()
				defer mu.Unlock()
				busy[key] = false
				if fails {
					return errors.New("by chance")
				}
				return nil
			})
			for range 400 {
				mu.Lock()
				key := Key(fmt.Sprint(random.IntN(12)))
				if busy[key] {
					during++
				}
				lastTrigger[key] = time.Now()
				p, wait, cancel := Priority(random.IntN(3)), time.Duration(random.IntN(30))*time.Millisecond, random.IntN(20) == 0
				mu.Unlock()
				s.trigger(key, p)
				if cancel {
					if err := s.Cancel(t.Context(), key); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(wait)
			}
			time.Sleep(time.Hour)
			s.close()
			for key, at := range lastTrigger {
				if lastStart[key].Before(at) {
					t.Errorf("seed %d: the last trigger of %s is lost", seed, key)
				}
			}
			if during == 0 || started < 50 {
				t.Errorf("seed %d: %d triggers during a run, %d runs: the test proves nothing", seed, during, started)
			}
			if len(s.waiting.offers)+len(s.waiting.runs)+s.waiting.Len() > 0 {
				t.Errorf("seed %d: left over: %v, %v, %d", seed, s.waiting.offers, s.waiting.runs, s.waiting.Len())
			}
		})
	}
}
