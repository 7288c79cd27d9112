package reconciler

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However events come, what is read for them stays within the share per its time, and looks at everything
// within their rate.
func TestRation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ration
		start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		now := start
		fleet := rapid.IntRange(0, 10_000).Draw(t, "fleet")
		most := float64(max(leastRation, fleet/rationShare))
		read, looks := 0, 0
		var promised time.Time
		for range rapid.IntRange(1, 300).Draw(t, "turns") {
			now = now.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
			if !promised.IsZero() && !now.Before(promised) {
				r.looked(now)
				promised, looks = time.Time{}, looks+1
			}
			cost := rapid.IntRange(1, 100).Draw(t, "cost")
			if r.allows(cost, fleet, now) {
				if !promised.IsZero() {
					t.Fatal("read although everything is looked at soon")
				}
				read += cost
				continue
			}
			at, fresh := r.exceeded(now)
			if fresh != promised.IsZero() || at.Before(now) || at.After(now.Add(calm)) {
				t.Fatalf("promised %s after %s, fresh: %t", at.Sub(now), now.Sub(start), fresh)
			}
			promised = at
		}
		passed := now.Sub(start)
		// Each look at everything makes up for what was read before.
		if allowed := most * (passed.Seconds()/rationTime.Seconds() + float64(looks) + 1); float64(read) > allowed {
			t.Fatalf("read %d in %s with %d looks, of %f", read, passed, looks, allowed)
		}
		if float64(looks) > passed.Minutes()/calm.Minutes()+2 {
			t.Fatalf("%d looks at everything in %s", looks, passed)
		}
	})
}
