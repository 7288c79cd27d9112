package changeset

import (
	"testing"

	"tenantry.dev/reconciler/resource"
)

// under has a write under way for an address.
func (s *Snapshot) under(address string, action Action) {
	s.UnderWay = map[resource.Address]UnderWay{at(address): {Scope: region, Action: action, What: "AWS is still at it"}}
}

// Nothing is sent for an address that a write is under way for, whatever Git and the cloud say; what needs
// something that is being made waits, and what needs something that is being changed doesn't.
func TestWhatIsUnderWay(t *testing.T) {
	check(t, []rule{
		{"a create that shows nothing yet: it is awaited, and so is what needs it", func(s *Snapshot) {
			s.gone(dead)
			s.gone(jobs)
			s.unapplied(jobs)
			s.under(dead, Create)
		}, []string{"+ config " + dead + " held:pending", "+ config " + jobs + " held:pending needs:" + dead}},
		{
			"a create that shows all that is wanted", func(s *Snapshot) { s.under(dead, Create) },
			[]string{"+ config " + dead + " held:pending"},
		},
		{"an update: what differs is left alone, and so are those who use it", func(s *Snapshot) {
			s.cloud(dead, "delay", "9")
			s.under(dead, Update)
		}, []string{"~ config " + dead + " held:pending"}},
		{"a deletion before it is made anew", func(s *Snapshot) {
			s.gone(dead)
			s.under(dead, Delete)
		}, []string{"- config " + dead + " held:pending"}},
		{"for what Git drops: it goes when that has ended", func(s *Snapshot) {
			s.ungit(app)
			s.under(app, Update)
		}, []string{"~ config " + app + " held:pending"}},
		{
			"for what neither Git nor the cloud has", func(s *Snapshot) { s.under("tenant/acme/queue/another", Create) },
			[]string{"+ config tenant/acme/queue/another held:pending"},
		},
		{"of an owner whose definitions can't be used: nothing is said", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"tenant/acme": "it has a mistake"}
			s.under(dead, Create)
		}, []string{"broken tenant/acme: it has a mistake"}},
		{"where nothing can be read: nothing is said", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region}: "denied"}
			s.under("tenant/acme/queue/another", Create)
		}, []string{"unseen " + region.String() + " "}},
	})
}

// A create that is under way by the name that a resource had before is awaited, and taken over then: no
// second one is made by its new name.
func TestWhatIsUnderWayByAnEarlierName(t *testing.T) {
	check(t, []rule{
		{"and shows nothing yet", func(s *Snapshot) {
			s.gone(dead)
			for i := range s.Desired {
				if d := &s.Desired[i]; d.Address == at(dead) {
					d.Previously = []resource.Address{at("tenant/acme/queue/before")}
				}
			}
			s.under("tenant/acme/queue/before", Create)
		}, []string{"+ config " + dead + " held:pending"}},
	})
}
