package changeset

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// spend notes n destructions in a cell, so long ago.
func (s *Snapshot) spend(n int, cell string, ago time.Duration) {
	for range n {
		address := at(fmt.Sprintf("tenant/x%d/queue/q", len(s.Spent)))
		s.Spent = append(s.Spent, Spent{Address: address, Cell: cell, At: now.Add(-ago)})
	}
}

func TestAgain(t *testing.T) {
	for _, c := range []struct {
		says   string
		change func(*Snapshot)
		in     time.Duration // from now; zero for never
	}{
		{"nothing is held", func(*Snapshot) {}, 0},
		{"more than the limit will ever allow", func(s *Snapshot) {
			s.Limits = Limits{Count: 3}
			s.spend(1, "", time.Hour)
		}, 0},
		{"the window of the only one that is in the way", func(s *Snapshot) {
			s.Limits = Limits{Count: 4}
			s.spend(1, "", time.Hour)
		}, 23 * time.Hour},
		{"the last of those that are in the way", func(s *Snapshot) {
			s.Limits = Limits{Count: 6}
			s.spend(2, "", 20*time.Hour)
			s.spend(2, "", 10*time.Hour)
			s.spend(2, "", 2*time.Hour)
		}, 14 * time.Hour},
		{"a window of one's own", func(s *Snapshot) {
			s.Limits = Limits{Count: 4, Window: 90 * time.Minute}
			s.spend(1, "", time.Hour)
		}, 30 * time.Minute},
		{"what leaves the window and is gone doesn't count as had", func(s *Snapshot) {
			// There are 104, and 36 more there were: 4 may go once those don't count on either side.
			s.Limits = Limits{Percent: 3.99}
			s.spend(36, "", time.Hour)
		}, 23 * time.Hour},
		{"never, once it doesn't count as had", func(s *Snapshot) {
			s.Limits = Limits{Percent: 3}
			s.spend(36, "", time.Hour)
		}, 0},
		{"the first of several cells", func(s *Snapshot) {
			s.Limits = Limits{Count: 4, Percent: 0}
			s.spend(3, "eu-1", time.Hour)
			s.spend(3, "eu-2", 2*time.Hour)
		}, 22 * time.Hour},
		{"a create that may still arrive", func(s *Snapshot) {
			s.Limits = Limits{Count: 4}
			s.spend(1, "", time.Hour)
			d := want("tenant/t050/topic/more", `{"name":"more"}`)
			s.add(d)
			s.Unsure = map[resource.Address]time.Time{d.Address: now.Add(time.Minute)}
		}, time.Minute},
	} {
		t.Run(c.says, func(t *testing.T) {
			s := fleetOf(100, 4)
			c.change(&s)
			var want time.Time
			if c.in != 0 {
				want = now.Add(c.in)
			}
			got := compute(t, s)
			if !got.Again.Equal(want) {
				t.Errorf("again at %v, want %v", got.Again, want)
			}
			next := got
			for looks := 0; looks < 10 && !next.Again.IsZero() && len(next.Ready()) <= len(got.Ready()); looks++ {
				s.Now = next.Again
				next = compute(t, s)
			}
			if c.in != 0 && len(next.Ready()) <= len(got.Ready()) {
				t.Error("looking again whenever it says so never makes more possible")
			}
		})
	}
}

func TestAgainOfSomeOwners(t *testing.T) {
	s := fleetOf(100, 4)
	s.Limits = Limits{Count: 3}
	s.spend(2, "eu-1", time.Hour)
	s.spend(2, "eu-2", 2*time.Hour)
	c := compute(t, s)
	for owner, want := range map[resource.Owner]time.Duration{"tenant/t000": 23 * time.Hour, "tenant/t001": 22 * time.Hour} {
		if got := c.Only(owner).Again; !got.Equal(now.Add(want)) {
			t.Errorf("%s: again at %v, want %v", owner, got, now.Add(want))
		}
	}
	if got := c.Only("tenant/t050").Again; !got.IsZero() {
		t.Errorf("again at %v for an owner with nothing to do", got)
	}
}

// Nothing becomes possible earlier than Again says, whatever was destroyed where and when.
func TestNothingIsPossibleBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		possible := func(s Snapshot) Changeset {
			c, err := Compute(s)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		s := fleetOf(20, rapid.IntRange(1, 12).Draw(t, "leaving"))
		s.Limits = Limits{Window: time.Hour, Count: rapid.IntRange(0, 12).Draw(t, "count")}
		for range rapid.IntRange(0, 12).Draw(t, "spent") {
			ago := time.Duration(rapid.IntRange(0, 59).Draw(t, "minutes")) * time.Minute
			s.spend(1, rapid.SampledFrom([]string{"", "eu-1", "eu-2"}).Draw(t, "cell"), ago)
		}
		first := possible(s)
		for range 61 {
			s.Now = s.Now.Add(time.Minute)
			before := first.Again.IsZero() || s.Now.Before(first.Again)
			if before && len(possible(s).Ready()) > len(first.Ready()) {
				t.Fatalf("more is possible at %v, and %v was said", s.Now, first.Again)
			}
		}
	})
}
