package changeset

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// Recognise gives the observed resources of kinds that can't carry a mark (see resource.Kind.Identity) their
// addresses, and leaves out those that are nobody's we know. Compute takes its result.
//
//	asked for          lies in ours  made by us  what it is
//	by a definition    yes           –           that definition's
//	by a definition    no            yes         that definition's
//	for its adoption   no            never       Adoptable
//	by a definition    no            never       nobody's we know
//	by nothing         yes           –           a stray, which a person decides on
//	by nothing         no            –           nobody's we know
//
// A definition asks for a resource if all that tells it apart is equal, references filled in; what Git
// says now comes before what was applied. If nothing is equal, then one that leaves open what AWS may
// have filled in asks for the one resource that fits it and no other. What can't be told is in Unclear.
//
// It looks at the Fleet, Kinds, Desired, Applied, Observed and Made of the snapshot, and fills in
// Observed, Adoptable and Unclear. The result doesn't depend on the order of lists.
func Recognise(s Snapshot) Snapshot {
	r := newRecognition(s)
	if len(r.bare) == 0 && len(r.definitions) == 0 {
		return s
	}
	for r.round() {
		continue // what was recognised may be what others lie in
	}
	r.unclear()
	out := slices.DeleteFunc(slices.Clone(s.Observed), func(o resource.Observed) bool { return o.Address.Owner == "" })
	s.Adoptable, s.Unclear = r.adoptable, r.doubts
	for _, b := range r.bare {
		if as, ok := r.addressed(b); ok {
			out = append(out, as)
		}
	}
	slices.SortFunc(out, func(a, b resource.Observed) int {
		return cmp.Or(a.Address.Compare(b.Address), a.Scope.Compare(b.Scope), cmp.Compare(a.ID, b.ID))
	})
	s.Observed = out
	return s
}

// A recognition is the state of one Recognise.
type recognition struct {
	Snapshot
	ours        ours
	links       map[string]map[link]bool // by kind
	parents     map[parentKey]*resource.Observed
	bare        []*bare                   // sorted
	definitions []*asking                 // of kinds that can't carry a mark: those of now first, each part sorted
	taken       map[resource.Address]bool // by definitions
	before      map[resource.Address]bool // that something was applied at
	used        map[resource.Address]bool // by what was recognised
	open        map[resource.Address]bool // what Git says now, as long as it isn't known what that is
	adoptable   map[resource.Address]resource.Observed
	doubts      map[resource.Address]string
}

// A bare is an observed resource without an address.
type bare struct {
	*resource.Observed
	kind resource.Kind
	as   *asking // what asks for it, once that is known
}

// An asking is a definition of a kind that can't carry a mark.
type asking struct {
	*resource.Desired
	kind    resource.Kind
	now     bool             // it is what Git says now
	fixed   []string         // the paths of its identity that can't be changed
	values  []resource.Value // of its identity
	known   bool             // the values are, references and all
	matched bool
	twin    *asking // another one of now that asks for the same
}

// A parentKey is how what lies in something names it.
type parentKey struct{ kind, output, text string }

func newRecognition(s Snapshot) *recognition {
	r := &recognition{
		Snapshot: s, ours: newOurs(s.Desired, s.Observed), links: map[string]map[link]bool{}, parents: map[parentKey]*resource.Observed{},
		taken: map[resource.Address]bool{}, before: map[resource.Address]bool{}, used: map[resource.Address]bool{}, open: map[resource.Address]bool{}, adoptable: map[resource.Address]resource.Observed{}, doubts: map[resource.Address]string{},
	}
	for i := range s.Observed {
		if o := &s.Observed[i]; o.Address.Owner == "" {
			r.bare = append(r.bare, &bare{Observed: o, kind: s.Kinds[o.Address.Kind]})
		}
	}
	slices.SortFunc(r.bare, func(a, b *bare) int {
		return cmp.Or(cmp.Compare(a.Address.Kind, b.Address.Kind), a.Scope.Compare(b.Scope), cmp.Compare(a.ID, b.ID))
	})
	fixed := map[string][]string{}
	for name, k := range s.Kinds {
		if len(k.Identity) > 0 {
			fixed[name] = k.Fixed()
		}
	}
	for _, list := range []struct {
		of  []resource.Desired
		now bool
	}{{s.Desired, true}, {s.Applied, false}} {
		from := len(r.definitions)
		for i := range list.of {
			d := &list.of[i]
			if k := s.Kinds[d.Address.Kind]; len(k.Identity) > 0 {
				r.definitions = append(r.definitions, &asking{Desired: d, kind: k, now: list.now, fixed: fixed[k.Name]})
				r.link(k, d)
			}
			r.taken[d.Address] = true
			r.before[d.Address] = r.before[d.Address] || !list.now
		}
		slices.SortFunc(r.definitions[from:], func(a, b *asking) int { return a.Address.Compare(b.Address) })
	}
	if len(r.bare) > 0 {
		for i := range s.Observed {
			r.parent(&s.Observed[i])
		}
	}
	return r
}

// link notes what the attributes of a kind lead to, as far as definitions say.
func (r *recognition) link(k resource.Kind, d *resource.Desired) {
	for _, path := range parentPaths(k) {
		if l, ok := linkOf(path, d.Attributes.At(path)); ok {
			if r.links[k.Name] == nil {
				r.links[k.Name] = map[link]bool{}
			}
			r.links[k.Name][l] = true
		}
	}
}

// parentPaths are what may lead to what a resource of the kind lies in.
func parentPaths(k resource.Kind) []string {
	if len(k.Within) > 0 {
		return k.Within
	}
	return k.Identity
}

// parent notes how what lies in a resource of ours names it.
func (r *recognition) parent(o *resource.Observed) {
	if o.Address.Owner == "" {
		return
	}
	for output, text := range o.Outputs {
		key := parentKey{o.Address.Kind, output, text}
		if first := r.parents[key]; text != "" && (first == nil || o.Address.Compare(first.Address) < 0) {
			r.parents[key] = o
		}
	}
}

// liesIn is the resource of ours that one lies in; nil if it lies in none. Wherever definitions of the kind
// lead to something, this one must lead to something of ours: a subscription of somebody's topic lies in
// nothing of ours, though it leads to our queue.
func (r *recognition) liesIn(b *bare) *resource.Observed {
	var in *resource.Observed
	for _, path := range parentPaths(b.kind) {
		linked, text := false, b.Attributes.At(path).Text()
		var here *resource.Observed
		for l := range r.links[b.kind.Name] {
			if l.path != path {
				continue
			}
			linked = true
			p := r.parents[parentKey{l.kind, l.output, text}]
			if p != nil && reaches(p.Scope, b.Scope) && (here == nil || p.Address.Compare(here.Address) < 0) {
				here = p
			}
		}
		if linked && here == nil && text != "" {
			return nil
		}
		if in == nil {
			in = here
		}
	}
	return in
}

// round matches what can be matched with what is known so far; false if that is nothing new. Equal ones
// come before those that only fit, and what Git says now before what was applied.
func (r *recognition) round() bool {
	for _, d := range r.definitions {
		if !d.known {
			r.resolve(d)
			r.open[d.Address] = d.now && !d.known || !d.now && r.open[d.Address]
		}
	}
	return r.equal(true) || r.equal(false) || r.fitting(true) || r.fitting(false) || r.renamed()
}

// resolve fills in what tells apart what a definition asks for, if it can be known.
func (r *recognition) resolve(d *asking) {
	d.values = d.values[:0]
	for _, path := range d.kind.Identity {
		name, _, _ := strings.Cut(path, ".")
		v := d.Attributes[name].Resolve(r.ours.output)
		if a, ok := d.kind.Attribute(name); ok {
			v = a.Normal(v)
		}
		v = resource.Attributes{name: v}.At(path)
		if !v.Known() {
			return
		}
		d.values = append(d.values, v)
	}
	d.known = true
}

// sameness tells resources of all kinds and scopes apart.
func sameness(kind resource.Kind, scope resource.Scope, values []resource.Value) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", kind.Name, scope)
	for _, v := range values {
		b.WriteString(v.Sealed() + "\n")
	}
	return b.String()
}

func (b *bare) values() []resource.Value {
	out := make([]resource.Value, len(b.kind.Identity))
	for i, path := range b.kind.Identity {
		out[i] = b.Attributes.At(path)
	}
	return out
}

// equal matches definitions and resources that are told apart by the same.
func (r *recognition) equal(now bool) bool {
	asked := map[string]*asking{}
	several := map[string]bool{}
	for _, d := range r.definitions {
		if d.now != now || !r.free(d) {
			continue
		}
		k := sameness(d.kind, d.Scope, d.values)
		if first := asked[k]; first != nil {
			several[k] = true
			if now {
				first.twin, d.twin = d, first
			}
			continue
		}
		asked[k] = d
	}
	found := false
	for _, b := range r.bare {
		k := sameness(b.kind, b.Scope, b.values())
		if d := asked[k]; b.as == nil && d != nil && !several[k] && r.match(b, d) {
			found = true
		}
	}
	return found
}

// free tells whether a definition may still be asking for something. What was applied isn't as long as what
// Git says now at that address may be.
func (r *recognition) free(d *asking) bool {
	return d.known && !d.matched && (d.now || !r.used[d.Address] && !r.open[d.Address])
}

// match lets a resource be what a definition asks for, if it is ours.
func (r *recognition) match(b *bare, d *asking) bool {
	if r.liesIn(b) == nil && !r.made(d) {
		if d.now && (d.Adopt == b.ID) {
			r.adoptable[d.Address] = *b.Observed
		}
		return false
	}
	b.as, d.matched, r.used[d.Address] = d, true, true
	as, _ := r.addressed(b)
	r.ours.add(&as)
	r.parent(&as)
	return true
}

// made tells whether the log says that we made what a definition asks for, under its address of now or
// one before.
func (r *recognition) made(d *asking) bool {
	return r.Made[d.Address] || slices.ContainsFunc(d.Previously, func(was resource.Address) bool { return r.Made[was] })
}

// fitting matches what is left: a definition and a resource that fit each other and nothing else.
func (r *recognition) fitting(now bool) bool {
	fit := map[*bare][]*asking{}
	of := map[*asking][]*bare{}
	if now {
		clear(r.doubts)
	}
	for _, d := range r.definitions {
		if d.now != now || d.twin != nil || !r.free(d) {
			continue
		}
		for _, b := range r.bare {
			if b.as == nil && d.fits(b) && (r.made(d) || r.liesIn(b) != nil) {
				fit[b] = append(fit[b], d)
				of[d] = append(of[d], b)
			}
		}
	}
	found := false
	for _, b := range r.bare {
		if list := fit[b]; len(list) == 1 && len(of[list[0]]) == 1 && r.match(b, list[0]) {
			found = true
		}
	}
	for d, list := range of {
		if now && !found && !d.matched {
			r.doubts[d.Address] = fmt.Sprintf("it can't be told which resource is meant: %s fits what Git asks for, and so does another one, "+
				"or it fits another definition as well. Say more of what tells them apart", list[0].ID)
		}
	}
	return found
}

// renamed matches what we made with the one resource that has all of it that can't be changed: somebody
// changed in the cloud what else tells it apart.
func (r *recognition) renamed() bool {
	fit := map[*bare][]*asking{}
	of := map[*asking][]*bare{}
	for _, d := range r.definitions {
		if !d.now || d.twin != nil || !r.free(d) || !r.made(d) && !r.before[d.Address] {
			continue
		}
		for _, b := range r.bare {
			if b.as == nil && d.was(b) && (r.made(d) || r.liesIn(b) != nil) {
				fit[b] = append(fit[b], d)
				of[d] = append(of[d], b)
			}
		}
	}
	found := false
	for _, b := range r.bare {
		if list := fit[b]; len(list) == 1 && len(of[list[0]]) == 1 && r.match(b, list[0]) {
			delete(r.doubts, list[0].Address)
			found = true
		}
	}
	return found
}

// was tells whether a resource has all that a definition asks for and that nobody can change.
func (d *asking) was(b *bare) bool {
	if d.kind.Name != b.kind.Name || d.Scope != b.Scope || len(d.fixed) == 0 || len(d.fixed) == len(d.kind.Identity) {
		return false
	}
	values := b.values()
	for i, path := range d.kind.Identity {
		if slices.Contains(d.fixed, path) && !resource.Alike(d.values[i], values[i]) {
			return false
		}
	}
	return true
}

// fits tells whether a resource may be what a definition asks for, where that leaves something open.
func (d *asking) fits(b *bare) bool {
	if d.kind.Name != b.kind.Name || d.Scope != b.Scope {
		return false
	}
	said := false
	for i, v := range b.values() {
		if d.values[i].IsSet() && !resource.Alike(d.values[i], v) {
			return false
		}
		said = said || d.values[i].IsSet()
	}
	return said
}

// unclear notes the definitions for which nothing may be made: something may well be there already.
func (r *recognition) unclear() {
	for _, d := range r.definitions {
		switch {
		case !d.now || d.matched || r.doubts[d.Address] != "":
		case d.twin != nil:
			r.doubts[d.Address] = fmt.Sprintf("%s asks for the same, and %s can't be told apart: describe it once", d.twin.Address, d.kind.Name)
		case r.made(d) && d.known:
			if like := r.like(d); like != nil {
				r.doubts[d.Address] = fmt.Sprintf("the log says that it was made, and what is there differs in what tells it apart: %s may be it. "+
					"Say in Git what that is, or remove it", like.ID)
			}
		}
	}
}

// like is a resource that nothing asks for and that has something in common with what a definition asks
// for; nil if there is none.
func (r *recognition) like(d *asking) *bare {
	for _, b := range r.bare {
		if b.as != nil || b.kind.Name != d.kind.Name || b.Scope != d.Scope {
			continue
		}
		if r.liesIn(b) != nil {
			return b
		}
		for i, v := range b.values() {
			if v.IsSet() && resource.Alike(d.values[i], v) {
				return b
			}
		}
	}
	return nil
}

// addressed is a resource with its address; false for what is nobody's we know. What nothing asks for
// and that lies in something of ours belongs to whoever that does.
func (r *recognition) addressed(b *bare) (resource.Observed, bool) {
	out := *b.Observed
	out.Fleet = r.Fleet
	if b.as != nil {
		out.Address = b.as.Address
		return out, true
	}
	in := r.liesIn(b)
	if in == nil || in.Retired != "" || r.waiting(b) || b.kind.Usual != nil && b.kind.Usual(b.Attributes) {
		return out, false
	}
	out.Address = resource.Address{Owner: in.Address.Owner, Kind: b.kind.Name, Name: r.strayName(b)}
	return out, true
}

// waiting tells whether somebody's definition is about to adopt a resource.
func (r *recognition) waiting(b *bare) bool {
	for _, o := range r.adoptable {
		if o.ID == b.ID && o.Scope == b.Scope && o.Address.Kind == b.Address.Kind {
			return true
		}
	}
	return false
}

// strayName is the name of what nothing asks for: what tells it apart, and a hash that keeps it from
// being anybody else's name.
func (r *recognition) strayName(b *bare) string {
	var words []string
	for _, v := range b.values() {
		if text := plainName(v.Text()); text != "" {
			words = append(words, text)
		}
	}
	name := strings.Join(words, "-")
	if len(name) > 48 {
		name = name[len(name)-48:]
	}
	for salt := ""; ; salt += "+" {
		sum := sha256.Sum256([]byte(b.Scope.String() + "\n" + b.ID + salt))
		full := strings.Trim(name, "-") + "-" + hex.EncodeToString(sum[:4])
		if !r.taken[resource.Address{Owner: r.liesIn(b).Address.Owner, Kind: b.kind.Name, Name: full}] {
			return full
		}
	}
}

// plainName leaves of a text what a name in an address may have.
func plainName(text string) string {
	return strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, text), "-")
}
