package reconciler_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// suspended has somebody take the versioning off the buckets of all tenants, and returns them with the branch
// of the one proposal about that.
func (o *office) suspended(t *testing.T) (buckets []resource.Address, branch string) {
	t.Helper()
	live, _ := o.cloud.byAddress()
	for address, r := range live {
		if address.Kind == "aws.s3.bucket" && address.Owner.Class() == "tenant" && r.Attributes["versioning"] == resource.Bool(true) {
			buckets = append(buckets, address)
		}
	}
	slices.SortFunc(buckets, resource.Address.Compare)
	if len(buckets) < 2 {
		t.Fatalf("buckets: %v", buckets)
	}
	for _, bucket := range buckets {
		o.cloud.change(bucket, "versioning", resource.Bool(false))
	}
	o.wait(2 * time.Hour)
	open := o.board.open()
	if len(open) != 1 {
		t.Fatalf("open proposals: %v, want one", open)
	}
	return buckets, open[0]
}

// A decision to put back several things holds for all of them, whatever becomes of the first try: nobody
// is asked about the rest.
func TestADecisionHoldsForTheRestOfARestoration(t *testing.T) {
	for name, test := range map[string]struct {
		failure   error
		restarted bool
		comment   bool // it is asked for in a comment rather than by closing
	}{
		"fails":                    {errors.New("throttled"), true, false},
		"isn't ready":              {providers.ErrPending, false, false},
		"fails after a comment":    {errors.New("throttled"), true, true},
		"isn't ready on a comment": {providers.ErrPending, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				buckets, branch := o.suspended(t)
				until := time.Now().Add(90 * time.Minute)
				o.cloud.before = func(call string) error {
					if strings.Contains(call, buckets[0].String()) && time.Now().Before(until) {
						return test.failure
					}
					return nil
				}
				proposed := o.board.proposed
				if test.comment {
					o.wish("dana", "revert", "")
					o.wait(time.Minute)
				} else {
					o.decide(t, branch, "dana")
				}
				live, _ := o.cloud.byAddress()
				if live[buckets[0]].Attributes["versioning"] == resource.Bool(true) || live[buckets[1]].Attributes["versioning"] != resource.Bool(true) {
					t.Fatalf("%v and %v", live[buckets[0]].Attributes["versioning"], live[buckets[1]].Attributes["versioning"])
				}
				if test.restarted {
					o.restart()
				}
				o.wait(4 * time.Hour)
				live, _ = o.cloud.byAddress()
				for _, bucket := range buckets {
					if live[bucket].Attributes["versioning"] != resource.Bool(true) {
						t.Errorf("%s isn't versioned", bucket)
					}
				}
				if o.board.proposed != proposed {
					t.Errorf("%d more proposals: %v", o.board.proposed-proposed, o.board.open())
				}
				if open := o.board.open(); len(open) != 0 {
					t.Errorf("still open: %v", open)
				}
				// It is over with that: the same once more is news.
				o.cloud.change(buckets[0], "versioning", resource.Bool(false))
				o.wait(2 * time.Hour)
				if open := o.board.open(); len(open) != 1 {
					t.Errorf("open proposals: %v, want one", open)
				}
			})
		})
	}
}

// It holds for what the person saw, and for nothing else: what somebody changes meanwhile is asked about.
func TestADecisionHoldsForNothingElse(t *testing.T) {
	inOffice(t, func(o *office) {
		buckets, branch := o.suspended(t)
		extra := buckets[len(buckets)-1]
		until := time.Now().Add(90 * time.Minute)
		o.cloud.before = func(call string) error {
			if strings.Contains(call, buckets[0].String()) && time.Now().Before(until) {
				return errors.New("throttled")
			}
			return nil
		}
		o.decide(t, branch, "dana")
		o.cloud.change(extra, "versioning", resource.Bool(false)) // it was put back, and is changed again
		o.wait(4 * time.Hour)
		live, _ := o.cloud.byAddress()
		if live[buckets[0]].Attributes["versioning"] != resource.Bool(true) {
			t.Errorf("%s isn't versioned", buckets[0])
		}
		if open := o.board.open(); len(open) != 1 || live[extra].Attributes["versioning"] == resource.Bool(true) {
			t.Errorf("open proposals: %v; %s has %v", open, extra, live[extra].Attributes["versioning"])
		}
	})
}
