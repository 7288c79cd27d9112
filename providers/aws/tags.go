package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// The tags that Tenantry marks resources with. They are never part of the tags attribute.
const (
	tagFleet   = "tenantry:fleet"   // the fleet's name
	tagAddress = "tenantry:address" // the address
	tagNonce   = "tenantry:nonce"   // the create that made it, on kinds that have no unique name
	tagRetired = "tenantry:retired" // when it was taken out of service, RFC 3339
)

// A tagged is the tags of a resource, of whatever shape the service gives them.
type tagged map[string]string

// fromTags reads a service's list of tags.
func fromTags[Tag any](list []Tag, pair func(Tag) (key, value *string)) tagged {
	tags := make(tagged, len(list))
	for _, t := range list {
		key, value := pair(t)
		tags[str(key)] = str(value)
	}
	return tags
}

// toTags makes a service's list of tags, sorted by key and never nil.
func toTags[Tag any](tags tagged, tag func(key, value *string) Tag) []Tag {
	list := make([]Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		list = append(list, tag(&key, &value))
	}
	return list
}

// reserved tells whether a tag is ours or AWS's, and so not the user's to set.
func reserved(key string) bool {
	return strings.HasPrefix(key, "tenantry:") || strings.HasPrefix(key, "aws:")
}

// users returns the tags attribute: what is left without the reserved ones.
func (t tagged) users() map[string]string {
	users := make(map[string]string, len(t))
	for key, value := range t {
		if !reserved(key) {
			users[key] = value
		}
	}
	return users
}

// marked returns the tags of a new resource: the user's and our mark. nonce may be empty.
func marked(users map[string]string, fleet string, address resource.Address, nonce string) tagged {
	tags := tagged{}
	for key, value := range users {
		if !reserved(key) {
			tags[key] = value
		}
	}
	tags[tagFleet], tags[tagAddress] = fleet, address.String()
	if nonce != "" {
		tags[tagNonce] = nonce
	}
	return tags
}

// A mark is what our tags say about a resource.
type mark struct {
	fleet   string
	address resource.Address
	nonce   string
	retired string
}

// mark reads our tags. ok is false unless the fleet and a readable address are there.
func (t tagged) mark() (m mark, ok bool) {
	address, err := resource.ParseAddress(t[tagAddress])
	if err != nil || t[tagFleet] == "" {
		return mark{}, false
	}
	return mark{fleet: t[tagFleet], address: address, nonce: t[tagNonce], retired: t[tagRetired]}, true
}

// in tells whether the tags mark a resource of this kind as the fleet's, whoever owns it there.
func (t tagged) in(fleet, kind string) bool {
	m, ok := t.mark()
	return ok && m.fleet == fleet && m.address.Kind == kind
}

// require is the guard before every write: the tags, read just now, carry this fleet's mark and
// this address. Otherwise the error is providers.ErrNotOurs.
func (t tagged) require(operation, object, fleet string, address resource.Address) error {
	m, ok := t.mark()
	switch {
	case !ok:
		return notOurs(operation, object, "it has no mark")
	case m.fleet != fleet:
		return notOurs(operation, object, fmt.Sprintf("it is marked as fleet %q's", m.fleet))
	case m.address != address:
		return notOurs(operation, object, fmt.Sprintf("it is marked as %s", m.address))
	}
	return nil
}

// adoptable tells whether our mark may be put on a resource with these tags: it has no mark, or
// exactly this one already.
func (t tagged) adoptable(object, fleet string, address resource.Address) error {
	if t[tagFleet] == "" && t[tagAddress] == "" {
		return nil
	}
	return t.require("adopt", object, fleet, address)
}

// change returns what to set and what to remove so that the user's tags become want and the
// resource is in service. Tags of AWS and our mark stay.
func (t tagged) change(want map[string]string) (set tagged, remove []string) {
	set = tagged{}
	for key, value := range want {
		if have, there := t[key]; !reserved(key) && (!there || have != value) {
			set[key] = value
		}
	}
	for key := range t {
		if _, wanted := want[key]; key == tagRetired || (!reserved(key) && !wanted) {
			remove = append(remove, key)
		}
	}
	slices.Sort(remove)
	return set, remove
}

// with returns the tags with a change made, for services that replace all tags at once.
func (t tagged) with(set tagged, remove []string) tagged {
	out := maps.Clone(t)
	maps.Copy(out, set)
	for _, key := range remove {
		delete(out, key)
	}
	return out
}

// seen is an Observed under construction: what every driver knows about what it read.
type seen struct {
	kind       resource.Kind
	scope      resource.Scope
	id         string
	tags       tagged
	attributes any // the driver's struct of attributes
	outputs    map[string]string
	pending    string
}

// observed makes the resource in canonical form. ErrNotOurs if its tags don't carry a mark.
func (s seen) observed() (resource.Observed, error) {
	m, ok := s.tags.mark()
	if !ok {
		return resource.Observed{}, notOurs("read", s.id, "it has no mark")
	}
	attributes, err := resource.AttributesOf(s.attributes)
	if err != nil {
		return resource.Observed{}, fmt.Errorf("read %s: %w", s.id, err)
	}
	return resource.Observed{
		Address:    m.address,
		Scope:      s.scope,
		Fleet:      m.fleet,
		ID:         s.id,
		Attributes: s.kind.Canonical(attributes),
		Outputs:    s.outputs,
		Retired:    m.retired,
		Nonce:      m.nonce,
		Pending:    s.pending,
	}, nil
}

// A wish is what Git wants of a resource next to what the cloud has, both canonical.
type wish[Attributes any] struct {
	have, want resource.Attributes
	to         Attributes // want, in the driver's struct
}

func wishFor[Attributes any](kind resource.Kind, have resource.Attributes, want resource.Desired, to Attributes) wish[Attributes] {
	return wish[Attributes]{have: kind.Canonical(have), want: kind.Canonical(want.Attributes), to: to}
}

// differs tells whether one of the attributes has to be written.
func (w wish[Attributes]) differs(names ...string) bool {
	for _, name := range names {
		if !w.have[name].Equal(w.want[name]) {
			return true
		}
	}
	return false
}

// met returns have with everything that was wanted, in service: what an update leaves behind.
func (w wish[Attributes]) met(have resource.Observed) resource.Observed {
	have.Attributes = w.want
	have.Retired, have.Pending = "", ""
	return have
}

// holdsData is what data-bearing kinds answer to a deletion.
func holdsData(have resource.Observed) error {
	return fmt.Errorf("delete %s: %w", have.ID, providers.ErrHoldsData)
}

// decode fills a driver's struct with what is wanted, defaults included.
func decode(kind resource.Kind, want resource.Desired, into any) error {
	if err := kind.Canonical(want.Attributes).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", want.Address, err)
	}
	return nil
}

// literal makes the value of an attribute's default. What it is given can always be encoded.
func literal(v any) resource.Value {
	value, _ := resource.Of(v)
	return value
}

// tidied makes an attribute's Canonical of a function that brings the parts of a value, as the driver's
// structs have them, into their order. It leaves what it can't read as it is.
func tidied[Parts any](tidy func(*Parts)) func(resource.Value) resource.Value {
	return func(v resource.Value) resource.Value {
		var parts Parts
		from := json.NewDecoder(strings.NewReader(v.Reveal()))
		from.DisallowUnknownFields()
		if !v.IsSet() || from.Decode(&parts) != nil {
			return v
		}
		tidy(&parts)
		out := literal(parts)
		if v.IsSecret() {
			return out.AsSecret()
		}
		return out
	}
}

// Defaults that many kinds have.
var (
	emptyMap  = literal(map[string]string{})
	emptyList = literal([]string{})
)
