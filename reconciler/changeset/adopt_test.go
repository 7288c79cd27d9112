package changeset

import (
	"testing"

	"tenantry.dev/reconciler/resource"
)

// adoptable adds resources that Git wants to adopt and that exist as given, without a mark.
func (s *Snapshot) adoptable(exists resource.Attributes, list ...resource.Desired) {
	s.Adoptable = map[resource.Address]resource.Observed{}
	for _, d := range list {
		d.Adopt = d.Address.Name
		s.add(d)
		have := made(d)
		have.Address = resource.Address{}
		for name, value := range exists {
			if _, ok := have.Attributes[name]; ok {
				have.Attributes[name] = value
			}
		}
		s.Adoptable[d.Address] = have
	}
}

func TestAdoptingSaysWhatItChanges(t *testing.T) {
	const more = "tenant/acme/queue/more"
	queue := func() resource.Desired { return want(more, `{"name":"more","delay":9}`) }
	check(t, []rule{
		{"it is as Git wants it: adopted and nothing else", func(s *Snapshot) {
			s.adoptable(nil, queue())
		}, []string{"← config " + more}},
		{"it differs: the difference, and nothing that is the same", func(s *Snapshot) {
			s.adoptable(resource.Attributes{"delay": must(`3`)}, queue())
		}, []string{"← config " + more + " delay:3→9"}},
		{"it is called otherwise, and would be replaced: held", func(s *Snapshot) {
			s.adoptable(resource.Attributes{"name": must(`"other"`)}, queue())
		}, []string{"← config " + more + " name:other→more held:not-ours"}},
		{"it carries another fleet's mark: held", func(s *Snapshot) {
			s.adoptable(nil, queue())
			o := s.Adoptable[at(more)]
			o.Fleet, o.Address = "rival", at("tenant/x/queue/q")
			s.Adoptable[at(more)] = o
		}, []string{"← config " + more + " held:not-ours"}},
		{"it carries this fleet's, for another address: held", func(s *Snapshot) {
			s.adoptable(nil, queue())
			o := s.Adoptable[at(more)]
			o.Fleet, o.Address = s.Fleet, at("tenant/globex/queue/more")
			s.Adoptable[at(more)] = o
		}, []string{"← config " + more + " held:not-ours"}},
		{"it was adopted a moment ago, and the list doesn't show it yet", func(s *Snapshot) {
			s.adoptable(nil, queue())
			o := s.Adoptable[at(more)]
			o.Fleet, o.Address = s.Fleet, at(more)
			s.Adoptable[at(more)] = o
		}, []string{"← config " + more}},
		{"what it refers to is adopted with it, and known", func(s *Snapshot) {
			s.adoptable(nil, want("tenant/acme/key/master", `{"alias":"alias/m"}`), want("tenant/acme/topic/events", `{"name":"e","kmsKey":"@master.arn"}`))
		}, []string{"← config tenant/acme/key/master", "← config tenant/acme/topic/events needs:tenant/acme/key/master"}},
		{"what it refers to is held, and so it waits", func(s *Snapshot) {
			s.adoptable(resource.Attributes{"alias": must(`"alias/other"`)}, want("tenant/acme/key/master", `{"alias":"alias/m"}`), want("tenant/acme/topic/events", `{"name":"e","kmsKey":"@master.arn"}`))
		}, []string{
			"← config tenant/acme/key/master alias:alias/other→alias/m held:not-ours",
			"← config tenant/acme/topic/events kmsKey:arn:tenant/acme/key/master→(known after apply: acme/master.arn) held:waits needs:tenant/acme/key/master",
		}},
	})
}
