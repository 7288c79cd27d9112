package aws

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A search says which of the resources that a listing has are read: those of one fleet, or all.
type search struct {
	kind  string
	fleet string // whose mark they must carry; empty for a survey, which reads whatever there is
}

// A sighting is a resource as a search read it.
type sighting struct {
	resource.Observed
	tags   tagged // all of them, ours and AWS's included
	unread string // why it couldn't be read
}

// sight reads one listed resource: first its tags and then, if they are what is searched for, the
// rest. A survey notes what it isn't allowed to read.
func (s search) sight(id string, tags func() (tagged, error), read func(tagged) (resource.Observed, error)) (sighting, error) {
	have, err := tags()
	if err != nil {
		return s.denied(id, err)
	}
	as, wanted := s.wants(have)
	if !wanted {
		return sighting{}, notOurs("read", id, "another fleet's, or nobody's")
	}
	o, err := read(as)
	if err != nil {
		return s.denied(id, err)
	}
	return sighting{Observed: o, tags: have}, nil
}

// indexed is sight for what the tag index may know: if it may be believed, the tags aren't read.
func (s search) indexed(index indexLookup, arn, id string, tags func() (tagged, error), read func(tagged) (resource.Observed, error)) (sighting, error) {
	says := index(arn, s)
	if !says.believed {
		return s.sight(id, tags, read)
	}
	found, err := s.sight(id, func() (tagged, error) { return says.tags, nil }, read)
	found.Hearsay = says.hearsay
	return found, err
}

// wants tells whether what has these tags is to be read, and returns the tags to read it with: what
// nobody has marked is given a stand-in, which goes no further than this.
func (s search) wants(tags tagged) (tagged, bool) {
	if s.fleet != "" {
		return tags, tags.in(s.fleet, s.kind)
	}
	if _, marked := tags.mark(); marked {
		return tags, true
	}
	return tags.with(tagged{tagFleet: "?", tagAddress: "fleet/" + s.kind + "/unmarked"}, nil), true
}

func (s search) denied(id string, err error) (sighting, error) {
	if s.fleet == "" && errors.Is(err, providers.ErrDenied) {
		return sighting{Observed: resource.Observed{ID: id}, unread: err.Error()}, nil
	}
	return sighting{}, err
}

// A scanner goes through everything of a kind in a scope with one listing, and reads what is
// searched for.
type scanner func(ctx context.Context, scope resource.Scope, s search) ([]sighting, error)

// ours is what Observe returns: the fleet's.
func (scan scanner) ours(ctx context.Context, scope resource.Scope, kind resource.Kind, fleet string) ([]resource.Observed, error) {
	sightings, err := scan(ctx, scope, search{kind: kind.Name, fleet: fleet})
	if err != nil || len(sightings) == 0 {
		return nil, err
	}
	list := make([]resource.Observed, len(sightings))
	for i, s := range sightings {
		list[i] = s.Observed
	}
	return list, nil
}

// everything is what Survey returns.
func (scan scanner) everything(ctx context.Context, scope resource.Scope, kind resource.Kind) ([]providers.Found, error) {
	sightings, err := scan(ctx, scope, search{kind: kind.Name})
	if err != nil {
		return nil, err
	}
	list := make([]providers.Found, len(sightings))
	for i, s := range sightings {
		list[i] = s.found(kind, scope)
	}
	slices.SortFunc(list, func(a, b providers.Found) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// found is a sighting as a survey tells of it, with nothing of a stand-in mark.
func (s sighting) found(kind resource.Kind, scope resource.Scope) providers.Found {
	f := providers.Found{
		Kind: kind.Name, Scope: scope, ID: s.ID, Name: cmp.Or(s.Attributes["alias"].Text(), s.Outputs["name"], s.ID),
		Tags: s.tags.users(), Stack: s.tags.stack(), Attributes: s.Attributes, Outputs: s.Outputs,
		Retired: s.Retired, Pending: s.Pending, Unread: s.unread,
	}
	if m, ok := s.tags.mark(); ok {
		f.Fleet, f.Address = m.fleet, m.address
	} else if s.tags[tagFleet]+s.tags[tagAddress] != "" {
		f.Fleet = "?"
	}
	return f
}

// stack names the tool that AWS's own tags, or a tool's well-known ones, say manages a resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func (t tagged) stack() string {
	if name := t["aws:cloudformation:stack-name"]; name != "" {
		return "the CloudFormation stack " + name
	}
	return ""
}
