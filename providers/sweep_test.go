package providers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/providers"
)

func TestASweepReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := providers.InSweep(t.Context())
		reads, refusal := 0, errors.New("denied")
		ask := func(key string) (int, error) {
			return providers.Shared(ctx, providers.SweepOf(ctx), key, func() (int, error) {
				reads++
				time.Sleep(time.Second)
				return reads, map[string]error{"shut": refusal}[key]
			})
		}
		for range 5 {
			go func() {
				if got, err := ask("one"); got != 1 || err != nil {
					t.Errorf("%d, %v", got, err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		for range 2 {
			if got, err := ask("shut"); got != 2 || !errors.Is(err, refusal) {
				t.Errorf("%d, %v", got, err)
			}
		}
		next := providers.InSweep(ctx)
		if providers.SweepOf(next) == providers.SweepOf(ctx) || providers.SweepOf(t.Context()) != nil {
			t.Error("sweeps aren't told apart")
		}
	})
}

// Whoever gives up spoils nothing for the others.
func TestAReaderThatGivesUpIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sweep := providers.SweepOf(providers.InSweep(t.Context()))
		impatient, cancel := context.WithCancel(t.Context())
		read := func(ctx context.Context) func() (string, error) {
			return func() (string, error) {
				select {
				case <-ctx.Done():
					return "", ctx.Err()
				case <-time.After(time.Minute):
					return "read", nil
				}
			}
		}
		go func() {
			if _, err := providers.Shared(impatient, sweep, "key", read(impatient)); err == nil {
				t.Error("the reader was cut short and says nothing")
			}
		}()
		synctest.Wait()
		go func() {
			if _, err := providers.Shared(impatient, sweep, "key", read(impatient)); err == nil {
				t.Error("who waits was cut short and says nothing")
			}
		}()
		time.AfterFunc(time.Second, cancel)
		time.Sleep(time.Millisecond)
		if got, err := providers.Shared(t.Context(), sweep, "key", read(t.Context())); got != "read" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
