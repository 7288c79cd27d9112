package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// line has writers of these classes come at these times, lets all pass, and returns their order.
func line(t interface{ Errorf(string, ...any) }, interval time.Duration, classes []class, after []time.Duration) (order []int) {
	g := &gate{interval: interval}
	var all sync.WaitGroup
	var mu sync.Mutex
	var last time.Time
	for i, c := range classes {
		all.Go(func() {
			time.Sleep(after[i]) // the bubble's clock
			if err := g.enter(withClass(context.Background(), c)); err != nil {
				t.Errorf("%v", err)
				return
			}
			mu.Lock()
			if !last.IsZero() && time.Since(last) < interval {
				t.Errorf("a write %v after the one before", time.Since(last))
			}
			order = append(order, i)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			last = time.Now()
			mu.Unlock()
			g.leave(true)
		})
	}
	all.Wait()
	return order
}

func TestWhatPeopleWaitForGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ms := time.Millisecond
		got := line(t, time.Second,
			[]class{classReport, classReport, classAside, classAnswer, classSign, classAnswer},
			[]time.Duration{0, ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms})
		if want := []int{0, 4, 3, 5, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// However many signs come, a report has its turn.
func TestNoWriteWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		classes, after := []class{classReport}, []time.Duration{time.Millisecond}
		for i := range 600 {
			classes, after = append(classes, classSign), append(after, time.Duration(i)*time.Second)
		}
		at := slices.Index(line(t, time.Second, classes, after), 0)
		if at < 100 || at > 300 {
			t.Errorf("the report was number %d", at)
		}
	})
}

func TestEachWriteHasItsTurnOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(r, "n")
		classes, after := make([]class, n), make([]time.Duration, n)
		for i := range n {
			classes[i] = class(rapid.IntRange(0, 3).Draw(r, "class"))
			after[i] = time.Duration(rapid.IntRange(0, 20_000).Draw(r, "after")) * time.Millisecond
		}
		synctest.Test(t, func(*testing.T) {
			order := line(r, time.Second, classes, after)
			slices.Sort(order)
			for i, got := range order {
				if got != i || len(order) != n {
					r.Errorf("%d turns: %v", n, order)
				}
			}
		})
	})
}

// A write that is given up while it waits, or right when its turn comes, keeps nobody from theirs.
func TestAWriteThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{interval: time.Second}
		for range 50 {
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if err := g.enter(ctx); err == nil {
						g.leave(true)
					} else if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			stop()
		}
		if g.busy || len(g.waiting) != 0 {
			t.Errorf("busy %t, %d wait", g.busy, len(g.waiting))
		}
	})
}

// Comments stay below GitHub's limits for content; a check passes meanwhile.
func TestContentKeepsBelowItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []time.Time
		next := roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/comments") {
				made = append(made, time.Now())
			}
			return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})
		c := &content{tally: &tally{}, next: next, maxWait: 90 * time.Second}
		send := func(path string) error {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/"+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.RoundTrip(r)
			return err
		}
		start := time.Now()
		for i := range contentPerHour {
			if err := send("issues/1/comments"); err != nil {
				t.Fatalf("comment %d: %v", i, err)
			}
		}
		for i := contentPerMinute; i < len(made); i++ {
			if gap := made[i].Sub(made[i-contentPerMinute]); gap < time.Minute {
				t.Fatalf("comment %d came %v after the eightieth before it", i, gap)
			}
		}
		var limited *LimitedError
		if err := send("issues/1/comments"); !errors.As(err, &limited) || !limited.Until.Equal(start.Add(time.Hour)) {
			t.Errorf("one too many: %v", err)
		}
		if err := send("check-runs"); err != nil {
			t.Errorf("a check: %v", err)
		}
		time.Sleep(time.Hour - time.Since(start))
		if err := send("issues/1/comments"); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns turns
		var all sync.WaitGroup
		busy := map[string]bool{}
		var mu sync.Mutex
		start := time.Now()
		for i := range 12 {
			all.Go(func() {
				object := fmt.Sprint(i % 3)
				release, err := turns.take(t.Context(), object)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if busy[object] {
					t.Errorf("two have object %s", object)
				}
				busy[object] = true
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				busy[object] = false
				mu.Unlock()
				release()
			})
		}
		all.Wait()
		if took := time.Since(start); took != 4*time.Second || len(turns.held) != 0 {
			t.Errorf("it took %v; %d are held", took, len(turns.held))
		}
	})
}
