package aws

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"tenantry.dev/providers"
)

func TestAPaceHalvesAndRecovers(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := start.Add
	p := pace{full: 64}
	if got := p.rate(start); got != 64 {
		t.Errorf("a pace that was never cut is %v", got)
	}
	p = p.throttled(start, at(time.Second))
	if got := p.rate(at(time.Second)); got != 32 {
		t.Errorf("one refusal leaves %v, want half", got)
	}
	if again := p.throttled(start, at(2*time.Second)); again != p {
		t.Errorf("a call sent before the cut cuts again: %+v", again)
	}
	if got := p.rate(at(time.Second + recovery/4)); got != 48 {
		t.Errorf("after a quarter of the recovery it is %v, want 48", got)
	}
	if got := p.rate(at(time.Hour)); got != 64 {
		t.Errorf("it recovers to %v", got)
	}
}

func TestAPaceStaysBetweenItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := rate.Limit(rapid.Float64Range(0.5, 500).Draw(t, "full"))
		p, now := pace{full: full}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 50).Draw(t, "refusals") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(2*recovery)).Draw(t, "pause")))
			before := p.rate(now)
			p = p.throttled(now, now)
			after := p.rate(now)
			if after > before || after < full*slowest || after > full {
				t.Fatalf("of %v a refusal leaves %v, of %v at most", before, after, full)
			}
			if later := p.rate(now.Add(time.Second)); later < after {
				t.Fatalf("it slows down from %v to %v without a refusal", after, later)
			}
		}
	})
}

// A service that takes half of what we send is sent half, and everything arrives.
func TestRefusalsSlowTheCallsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := rate.NewLimiter(20, 20)
		refused, answered := 0, 0
		w := newWire(t, func(call) reply {
			if !service.Allow() {
				refused++
				return jsonError("ThrottlingException", "Rate exceeded")
			}
			answered++
			return reply{body: `{"SecretList":[]}`}
		})
		client := secretsmanager.NewFromConfig(guarded(w.base(), testScope)) // 40 a second by the table
		for range 2000 {
			if _, err := client.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if answered != 2000 || refused > answered/10 {
			t.Errorf("%d answered, %d refused", answered, refused)
		}
	})
}

// What people wait for passes a scan that has thousands of calls to make.
func TestPeopleGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(10)
		scan, stop := context.WithCancel(providers.InBackground(t.Context()))
		for range 500 {
			go func() { _ = l.wait(scan) }()
		}
		synctest.Wait()
		began := time.Now()
		for range 20 {
			if err := l.wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("20 calls took %s beside a scan, want hardly more than the 2 s that they take alone", took)
		}
		stop()
		synctest.Wait()
	})
}

// A scan comes to an end although people never stop.
func TestAScanIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(10)
		people, stop := context.WithCancel(t.Context())
		for range 50 {
			go func() {
				for l.wait(people) == nil {
				}
			}()
		}
		synctest.Wait()
		began := time.Now()
		for range 3 {
			if err := l.wait(providers.InBackground(t.Context())); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took < 3*courtesy || took > 3*courtesy+time.Minute {
			t.Errorf("3 calls took %s", took)
		}
		ended, cancel := context.WithCancel(providers.InBackground(t.Context()))
		cancel()
		if err := l.wait(ended); err == nil {
			t.Error("a call whose context has ended may be sent")
		}
		stop()
		synctest.Wait()
	})
}
