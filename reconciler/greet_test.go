package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
)

// A cable is what lies between the daemon and the forge with its repository. It counts, and can be cut.
type cable struct {
	reconciler.Reviews
	reconciler.Source
	mu       sync.Mutex
	asked    int
	said     []string
	down     error
	onChecks atomic.Pointer[func(reconciler.Check)]
}

func (w *cable) call(said string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return w.down
	}
	w.asked++
	if said != "" {
		w.said = append(w.said, said)
	}
	return nil
}

// take returns what was asked and said since the last time.
func (w *cable) take() (asked int, said []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, said = w.asked, w.said
	w.asked, w.said = 0, nil
	return asked, said
}

func (w *cable) cut(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = err
}

func (w *cable) PullRequests(ctx context.Context) ([]reconciler.PullRequest, error) {
	if err := w.call(""); err != nil {
		return nil, err
	}
	return w.Reviews.PullRequests(ctx)
}

func (w *cable) PullRequest(ctx context.Context, number int) (reconciler.PullRequest, bool, error) {
	if err := w.call(""); err != nil {
		return reconciler.PullRequest{}, false, err
	}
	return w.Reviews.PullRequest(ctx, number)
}

func (w *cable) Check(ctx context.Context, c reconciler.Check) error {
	if err := w.call(strings.TrimSpace(c.Name + " " + c.Commit.Short() + " " + c.Conclusion)); err != nil {
		return err
	}
	err := w.Reviews.Check(ctx, c)
	if then := w.onChecks.Load(); then != nil {
		(*then)(c)
	}
	return err
}

func (w *cable) Comment(ctx context.Context, number int, key, body string) error {
	if err := w.call(fmt.Sprint("comment ", number, " ", key)); err != nil {
		return err
	}
	return w.Reviews.Comment(ctx, number, key, body)
}

func (w *cable) Head(ctx context.Context) (reconciler.Commit, error) {
	if err := w.call(""); err != nil {
		return "", err
	}
	return w.Source.Head(ctx)
}

func (w *cable) Fetch(ctx context.Context, ref string) (reconciler.Commit, error) {
	if err := w.call(""); err != nil {
		return "", err
	}
	return w.Source.Fetch(ctx, ref)
}

// onCable puts a cable in, once the office is calm.
func onCable(t *testing.T, story func(o *office, w *cable)) {
	inOffice(t, func(o *office) {
		w := &cable{Reviews: o.board, Source: o.git}
		o.Daemon.Reviews, o.Daemon.Source = w, w
		o.restart()
		w.take()
		story(o, w)
	})
}

func noted(text string) func(fstest.MapFS) {
	return edit("tenants/delta-freight.cue", `displayName: "`, `displayName: "`+text+" ")
}

// open has a pull request with another head, and tells nobody.
func (o *office) open(number int, text string) reconciler.PullRequest {
	head := o.git.commit(fmt.Sprintf("refs/pull/%d/head", number), o.first, noted(text))
	pr := reconciler.PullRequest{Number: number, Author: "dana", Head: head, Base: o.first}
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	o.board.pulls = append([]reconciler.PullRequest(nil), pr)
	return pr
}

func hintOf(pr reconciler.PullRequest) reconciler.Hint {
	return reconciler.Hint{Pull: pr.Number, Head: pr.Head, Base: pr.Base}
}

// An answer takes five writes, and a hint about what is answered none, nor a question.
func TestAHintAboutWhatIsAnsweredCostsNothing(t *testing.T) {
	onCable(t, func(o *office, w *cable) {
		pr := o.open(7, "one")
		o.Notice(t.Context(), hintOf(pr))
		o.wait(time.Second)
		if _, said := w.take(); len(said) != 5 || said[0] != "tenantry/plan "+pr.Head.Short() {
			t.Errorf("%q", said)
		}
		for range 100 {
			o.Notice(t.Context(), hintOf(pr))
			o.wait(10 * time.Millisecond)
		}
		if asked, said := w.take(); asked != 0 || len(said) != 0 {
			t.Errorf("asked %d, said %q", asked, said)
		}
		o.Notice(t.Context(), reconciler.Hint{Pull: 7, Head: "something old", Base: pr.Base})
		o.wait(time.Second)
		if asked, said := w.take(); asked != 1 || len(said) != 0 {
			t.Errorf("one that is late: asked %d, said %q", asked, said)
		}
		o.restart()
		_, _ = w.take()
		o.Notice(t.Context(), hintOf(pr))
		o.wait(time.Second)
		if _, said := w.take(); len(said) != 0 {
			t.Errorf("after a restart: said %q", said)
		}
	})
}

// The button runs all checks again, once for each press, also if the webhook comes again after a restart.
func TestTheButtonRunsChecksAgain(t *testing.T) {
	onCable(t, func(o *office, w *cable) {
		pr := o.open(7, "one")
		o.wait(2 * time.Minute)
		w.take()
		press := reconciler.Hint{Pull: 7, Again: true, Delivery: "d1"}
		for i, want := range []int{7, 0, 7} {
			if i == 2 {
				press.Delivery = "d2"
			}
			o.Notice(t.Context(), press)
			o.wait(time.Second)
			if _, said := w.take(); len(said) != want {
				t.Errorf("press %d: %q", i, said)
			}
			o.restart()
			w.take()
		}
		if c := o.board.check("tenantry/plan", pr.Head); c.Conclusion != "success" {
			t.Errorf("%+v", c)
		}
	})
}

// A head that is pushed over while it is evaluated gets no answer, whether a webhook says so or not, and
// what was begun on it is ended. The same goes for a pull request that is closed.
func TestAnAnswerThatIsOvertaken(t *testing.T) {
	for _, told := range []bool{true, false} {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("told %t, closed %t", told, closed), func(t *testing.T) {
				onCable(t, func(o *office, w *cable) {
					old := o.open(7, "one")
					now := old
					onChecks := func(c reconciler.Check) {
						if c.Name != "tenantry/plan" || c.Commit != old.Head || now != old {
							return
						}
						if closed {
							now = reconciler.PullRequest{Number: 7}
							o.board.mu.Lock()
							o.board.pulls = nil
							o.board.mu.Unlock()
						} else {
							now = o.open(7, "two")
						}
						if told {
							h := hintOf(now)
							h.Closed = closed
							o.Notice(t.Context(), h)
						}
					}
					w.onChecks.Store(&onChecks)
					o.wait(2 * time.Minute)
					if c := o.board.check("tenantry/plan", old.Head); c.Conclusion != "cancelled" {
						t.Errorf("the old head: %+v", c)
					}
					_, said := w.take()
					comments := 0
					for _, s := range said {
						if strings.HasPrefix(s, "comment 7 plan") {
							comments++
						}
					}
					switch c := o.board.check("tenantry/plan", now.Head); {
					case closed && comments != 0:
						t.Errorf("closed, and said %q", said)
					case !closed && (c.Conclusion != "success" || comments != 1):
						t.Errorf("the new head: %+v, said %q", c, said)
					}
					w.take()
					o.wait(10 * time.Minute)
					if _, said := w.take(); len(said) != 0 {
						t.Errorf("later: %q", said)
					}
				})
			})
		}
	}
}

// What was begun before the daemon died is ended if the pull request was closed meanwhile.
func TestAPullRequestClosedWhileNobodyLooked(t *testing.T) {
	onCable(t, func(o *office, w *cable) {
		pr := o.open(7, "one")
		onChecks := func(c reconciler.Check) {
			if c.Name == "tenantry/plan" && c.Conclusion == "" {
				w.cut(errors.New("the power is cut"))
			}
		}
		w.onChecks.Store(&onChecks)
		o.wait(2 * time.Minute)
		o.board.mu.Lock()
		o.board.pulls = nil
		o.board.mu.Unlock()
		w.onChecks.Store(nil)
		o.stop()
		w.cut(nil)
		o.restart()
		o.wait(2 * time.Minute)
		if c := o.board.check("tenantry/plan", pr.Head); c.Conclusion != "cancelled" {
			t.Errorf("%+v", c)
		}
	})
}

// An hour without any webhook ends as an hour with them does, and so does one in which the forge and the
// repository could not be reached; nothing is written to the cloud while they can't.
func TestAnHourWithoutWebhooks(t *testing.T) {
	type end struct {
		checks   map[string]string
		comments map[string]string
		cloud    int
	}
	hour := func(t *testing.T, hints, down bool) (e end) {
		onCable(t, func(o *office, w *cable) {
			before := o.cloud.writeCount()
			if down {
				w.cut(errors.New("connection refused"))
			}
			tell := func(h reconciler.Hint) {
				if hints {
					o.Notice(t.Context(), h)
				}
				o.wait(5 * time.Minute)
			}
			tell(hintOf(o.open(7, "one")))
			pr := o.open(7, "two")
			tell(hintOf(pr))
			o.board.mu.Lock()
			o.board.pulls = nil
			o.board.mu.Unlock()
			o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
			tell(reconciler.Hint{Pushed: true, Pull: 7, Closed: true})
			o.wait(40 * time.Minute)
			if down {
				if now := o.cloud.writeCount(); now != before {
					t.Errorf("%d writes while nothing could be read", now-before)
				}
				w.cut(nil)
				o.wait(30 * time.Minute)
			}
			e.checks, e.comments, e.cloud = map[string]string{}, maps.Clone(o.board.comments), o.cloud.writeCount()-before
			for name, c := range o.board.checks {
				e.checks[name] = c.Conclusion
			}
		})
		return e
	}
	with, without, after := hour(t, true, false), hour(t, false, false), hour(t, false, true)
	if fmt.Sprint(with) != fmt.Sprint(without) {
		t.Errorf("with webhooks:\n%v\nwithout:\n%v", with, without)
	}
	if with.cloud == 0 || after.cloud != with.cloud {
		t.Errorf("%d writes to the cloud after the outage, %d without", after.cloud, with.cloud)
	}
	for name, conclusion := range after.checks {
		if with.checks[name] != conclusion {
			t.Errorf("after the outage %s is %q, else %q", name, conclusion, with.checks[name])
		}
	}
}
