package changeset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// carryOut does what a changeset allows for some of its changes, and notes what the log would say.
func (s *Snapshot) carryOut(c Changeset, at time.Time, which func(i int) bool) {
	if s.Used == nil {
		s.Used = map[string]map[resource.Address]bool{}
	}
	for i, change := range c.Ready() {
		if !which(i) {
			continue
		}
		if change.Action == Retire {
			s.have(change.Address.String()).Retired = at.Format(time.RFC3339)
		} else {
			s.gone(change.Address.String())
		}
		s.Spent = append(s.Spent, Spent{Address: change.Address, Cell: change.Cell, At: at, Retired: change.Action == Retire})
		if digest := change.Approved.Digest; digest != "" {
			if s.Used[digest] == nil {
				s.Used[digest] = map[resource.Address]bool{}
			}
			s.Used[digest][change.Address] = true
		}
	}
}

func (s *Snapshot) approve(digests ...string) {
	for i, digest := range digests {
		s.Approvals = append(s.Approvals, Approval{
			Digest: digest, By: "ada", Expires: now.Add(1000 * time.Hour),
			Origin: resource.Origin{File: "approvals/eu-1.cue", Line: 3 + len(s.Approvals) + i},
		})
	}
}

func always(int) bool { return true }

func TestAnApprovalIsGoodForOneTime(t *testing.T) {
	for says, digest := range map[string]func(Changeset) string{
		"of what is to be destroyed": func(c Changeset) string { return c.Approval },
		"of the whole changeset":     func(c Changeset) string { return c.Digest },
	} {
		for _, later := range []time.Duration{time.Minute, 100 * time.Hour} {
			t.Run(fmt.Sprintf("%s, again after %s", says, later), func(t *testing.T) {
				s := fleetOf(100, 30)
				first := compute(t, s)
				s.approve(digest(first))
				c := compute(t, s)
				if len(c.Ready()) != 30 {
					t.Fatalf("%d of 30 are let through", len(c.Ready()))
				}
				for _, change := range c.Ready() {
					if want := (Approved{digest(first), "ada", resource.Origin{File: "approvals/eu-1.cue", Line: 3}}); change.Approved != want {
						t.Fatalf("%s goes under %+v, want %+v", change.Address, change.Approved, want)
					}
				}
				s.carryOut(c, now, always)

				// All of it comes back, and is to go once more.
				s.Observed = fleetOf(100, 30).Observed
				s.Now = now.Add(later)
				again := compute(t, s)
				if len(again.Ready()) != 0 {
					t.Fatalf("the approval lets %d through once more", len(again.Ready()))
				}
				if again.Approval == first.Approval && digest(first) == first.Approval {
					t.Fatal("what is asked for is the approval that is used up")
				}
				if !strings.Contains(again.Changes[0].Hold, again.Approval) {
					t.Errorf("the hold doesn't name the digest: %s", again.Changes[0].Hold)
				}
				s.approve(again.Approval)
				if got := compute(t, s); len(got.Ready()) != 30 {
					t.Errorf("a second approval lets %d of 30 through", len(got.Ready()))
				}
			})
		}
	}
}

func TestNoApprovalIsNamedWhereNoneWasNeeded(t *testing.T) {
	s := fleetOf(100, 10)
	s.approve(compute(t, s).Approval)
	for _, change := range compute(t, s).Changes {
		if change.Approved != (Approved{}) {
			t.Errorf("%s: %+v", change.Address, change.Approved)
		}
	}
}

func TestAnApprovalOfRetirements(t *testing.T) {
	s := fleetOf(20, 0)
	s.leftBuckets(20, 0)
	want := "retires 10 of 10 resources that hold data (100.0 %) in cell eu-1, of tenant/t000,"
	s.Limits = Limits{Count: 9}
	c := compute(t, s)
	if !strings.HasPrefix(c.Changes[0].Hold, want) {
		t.Errorf("the hold says %s", c.Changes[0].Hold)
	}
	s.approve(c.Approval)
	if c = compute(t, s); len(c.Ready()) != 20 {
		t.Errorf("%d of 20 are let through", len(c.Ready()))
	}
}

// An approval to retire something is none to delete it.
func TestAnApprovalIsOfWhatBecomesOfIt(t *testing.T) {
	s := fleetOf(20, 0)
	s.leftBuckets(20, 0)
	retiring := compute(t, s).Approval
	bucket := s.Kinds["bucket"]
	bucket.DataBearing = false
	s.Kinds["bucket"] = bucket
	if compute(t, s).Approval == retiring {
		t.Error("the same digest lets it be deleted")
	}
}

// However often a run dies, what was approved is finished under the same approval; and whatever comes
// back, nothing goes twice under one.
func TestApprovedDestructionIsFinishedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		possible := func(s Snapshot) Changeset {
			c, err := Compute(s)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		s := fleetOf(30, rapid.IntRange(11, 20).Draw(t, "leaving"))
		s.leftBuckets(rapid.SampledFrom([]int{0, 5, 15}).Draw(t, "buckets"), 0)
		s.approve(possible(s).Approval)
		under := s.Approvals[0].Digest
		for range 40 {
			c := possible(s)
			if c.Empty() {
				break
			}
			if c.Approval != under || len(c.Ready()) != len(c.Changes) {
				t.Fatalf("%d of %d go on, under %s of %s", len(c.Ready()), len(c.Changes), c.Approval, under)
			}
			s.Now = s.Now.Add(time.Minute)
			s.carryOut(c, s.Now, func(i int) bool { return i == 0 || rapid.Bool().Draw(t, "done") })
		}
		before := fleetOf(30, 0)
		before.leftBuckets(15, 0)
		for _, o := range before.Observed {
			if s.Used[under][o.Address] && rapid.Bool().Draw(t, "back "+o.Address.String()) {
				s.gone(o.Address.String())
				s.Observed = append(s.Observed, o)
			}
		}
		for _, change := range possible(s).Ready() {
			if change.Approved.Digest == under && change.Action.limited() {
				t.Fatalf("%s goes twice under %s", change.Address, under)
			}
		}
	})
}
