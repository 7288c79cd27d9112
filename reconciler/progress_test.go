package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A noticeBoard is where checks go, of which those in progress take their time.
type noticeBoard struct {
	Reviews

	takes time.Duration
	fails error

	mu   sync.Mutex
	list []Check
}

func (b *noticeBoard) Check(ctx context.Context, c Check) error {
	if c.Conclusion == "" {
		select {
		case <-time.After(b.takes):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, c)
	return b.fails
}

func (b *noticeBoard) titles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, c := range b.list {
		list = append(list, c.Title)
	}
	return list
}

// applying is a plan of so many changes.
func applying(n int) changeset.Changeset {
	cs := changeset.Changeset{Digest: "sha256:d"}
	for i := range n {
		cs.Changes = append(cs.Changes, changeset.Change{Address: numbered(i), Action: changeset.Create})
	}
	return cs
}

func numbered(i int) resource.Address {
	return resource.Address{Owner: resource.Tenant(fmt.Sprintf("t%d", i/10)), Kind: "aws.sqs.queue", Name: fmt.Sprintf("q%d", i)}
}

// A run of many changes is told of a few times, the longer it goes on the more rarely, and not at all when
// nothing has changed.
func TestAnApplicationIsToldOfRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &noticeBoard{}
		d := &Daemon{Reviews: board, Log: slog.New(slog.DiscardHandler)}
		n := d.narrate(t.Context())
		n.begin(&result{commit: "0123456789"}, applying(1000))
		for i := range 1000 { // 50 minutes
			time.Sleep(3 * time.Second)
			n.hear(changeset.Outcome{Address: numbered(i), Action: changeset.Create, Result: changeset.Applied})
		}
		time.Sleep(time.Hour)
		n.stop()
		titles := board.titles()
		if len(titles) < 20 || len(titles) > 50 {
			t.Errorf("%d words", len(titles))
		}
		if first, last := titles[0], titles[len(titles)-1]; first != "Applying: 4 of 1000 done" && first != "Applying: 5 of 1000 done" || last != "Applying: 1000 of 1000 done" {
			t.Errorf("from %q to %q", first, last)
		}
	})
}

// Most applications are over before anybody wants to know how far they are.
func TestAShortApplicationIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &noticeBoard{}
		d := &Daemon{Reviews: board, Log: slog.New(slog.DiscardHandler)}
		n := d.narrate(t.Context())
		n.begin(&result{}, applying(10))
		for i := range 10 {
			time.Sleep(time.Second)
			n.hear(changeset.Outcome{Address: numbered(i), Result: changeset.Applied})
		}
		n.stop()
		if titles := board.titles(); len(titles) > 0 {
			t.Errorf("told %q", titles)
		}
	})
}

// Whatever is said after stop is the last word, however long the one before took.
func TestNoProgressAfterTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &noticeBoard{takes: 5 * time.Second}
		d := &Daemon{Reviews: board, Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		n := d.narrate(ctx)
		n.begin(&result{}, applying(10))
		n.hear(changeset.Outcome{Address: numbered(0), Result: changeset.Applied})
		time.Sleep(firstWord + time.Second) // a word is being written
		cancel()
		n.stop()
		if err := d.check(context.WithoutCancel(ctx), Check{Title: "the result", Conclusion: "success"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := strings.Join(board.titles(), "; "); got != "Applying: 1 of 10 done; the result" {
			t.Errorf("said %q", got)
		}
	})
}

// A forge that refuses, or that never answers, holds nothing up for long, and is said once.
func TestProgressThatCannotBeTold(t *testing.T) {
	for name, board := range map[string]*noticeBoard{
		"refused": {fails: errors.New("403 Forbidden")}, "no answer": {takes: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				d := &Daemon{Reviews: board, Log: slog.New(slog.NewTextHandler(&log, nil))}
				n := d.narrate(t.Context())
				n.begin(&result{}, applying(100))
				for i := range 100 {
					time.Sleep(3 * time.Second)
					n.hear(changeset.Outcome{Address: numbered(i), Result: changeset.Applied})
				}
				began := time.Now()
				n.stop()
				if took := time.Since(began); took > wordTimeout {
					t.Errorf("it held the result up for %s", took)
				}
				if said := strings.Count(log.String(), "level=WARN"); said != 1 {
					t.Errorf("%d warnings:\n%s", said, log.String())
				}
			})
		})
	}
}
