package changeset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// Some kinds are listed only within something else. What to list them within follows from definitions:
// each gives the values, as text or by a reference to what was observed before. Where any definition
// refers to an output of a kind, everything of ours of that kind is looked into, so that what somebody
// put there shows although nothing is declared in it.

// Rounds are the kinds that are listed within something, in the order in which to list them: what lies
// in something of another kind comes after that. Kinds that lie in one another share a round.
func Rounds(kinds map[string]resource.Kind, definitions ...[]resource.Desired) [][]string {
	uses := map[string]map[string]bool{}
	for name, k := range kinds {
		if len(k.Within) > 0 {
			uses[name] = map[string]bool{}
		}
	}
	if len(uses) == 0 {
		return nil
	}
	for _, list := range definitions {
		for i := range list {
			d := &list[i]
			for _, name := range kinds[d.Address.Kind].Within {
				for _, ref := range d.Attributes[name].Refs() {
					uses[d.Address.Kind][ref.Address.Kind] = true
				}
			}
		}
	}
	var rounds [][]string
	for len(uses) > 0 {
		var round []string
		for name, used := range uses {
			waits := false
			for other := range used {
				_, open := uses[other]
				waits = waits || open && other != name
			}
			if !waits {
				round = append(round, name)
			}
		}
		if len(round) == 0 { // they go round in a circle
			round = slices.Collect(maps.Keys(uses))
		}
		slices.Sort(round)
		rounds = append(rounds, round)
		for _, name := range round {
			delete(uses, name)
		}
	}
	return rounds
}

// Inside tells, by scope, what to list a kind within: the values of its Within attributes, each
// combination once, sorted. Blind has the scopes in which that can't be told because something that it
// depends on is unseen, with the reason. It looks at the Kinds, Desired, Applied, Observed and Unseen
// of the snapshot; what is observed must carry its address.
func Inside(s Snapshot, kind string) (within map[resource.Scope][]resource.Attributes, blind map[resource.Scope]string) {
	in := inside{Snapshot: s, kind: s.Kinds[kind], ours: newOurs(s.Desired, s.Observed), found: map[resource.Scope]map[string]resource.Attributes{}, blind: map[resource.Scope]string{}}
	scopes := map[resource.Address]resource.Scope{}
	for _, list := range [][]resource.Desired{s.Applied, s.Desired} { // Git's present word counts last
		for i := range list {
			scopes[list[i].Address] = list[i].Scope
		}
	}
	links := map[link]map[resource.Scope]bool{}
	for _, list := range [][]resource.Desired{s.Desired, s.Applied} {
		for i := range list {
			if d := &list[i]; d.Address.Kind == kind {
				in.definition(d, scopes, links)
			}
		}
	}
	in.everywhere(links)
	out := make(map[resource.Scope][]resource.Attributes, len(in.found))
	for scope, found := range in.found {
		for _, key := range slices.Sorted(maps.Keys(found)) {
			out[scope] = append(out[scope], found[key])
		}
	}
	return out, in.blind
}

// A link leads from an attribute of a kind to an output of another kind.
type link struct{ path, kind, output string }

// linkOf is where a value leads that is one reference and nothing else.
func linkOf(path string, v resource.Value) (link, bool) {
	refs := v.Refs()
	if len(refs) != 1 || v != resource.String(refs[0].Placeholder()) {
		return link{}, false
	}
	return link{path, refs[0].Address.Kind, refs[0].Output}, true
}

type inside struct {
	Snapshot
	kind  resource.Kind
	ours  ours
	found map[resource.Scope]map[string]resource.Attributes
	blind map[resource.Scope]string
}

// definition adds where one definition looks, and where its references lead.
func (in *inside) definition(d *resource.Desired, scopes map[resource.Address]resource.Scope, links map[link]map[resource.Scope]bool) {
	values := resource.Attributes{}
	for _, name := range in.kind.Within {
		v := d.Attributes[name]
		for _, ref := range v.Refs() {
			if at, known := scopes[ref.Address]; known {
				in.dark(d.Scope, at, ref.Address.Kind)
			}
		}
		if l, ok := linkOf(name, v); ok {
			if links[l] == nil {
				links[l] = map[resource.Scope]bool{}
			}
			links[l][d.Scope] = true
		}
		values[name] = in.normal(name, v.Resolve(in.ours.output))
	}
	in.add(d.Scope, values)
}

// normal is a value in the form that is compared.
func (in *inside) normal(name string, v resource.Value) resource.Value {
	a, known := in.kind.Attribute(name)
	if !known {
		return v
	}
	return a.Normal(v)
}

// dark notes that a scope can't be listed if what it would be listed within couldn't be read.
func (in *inside) dark(scope, at resource.Scope, kind string) {
	why, unseen := in.Unseen[Place{Scope: at}]
	if !unseen {
		why, unseen = in.Unseen[Place{Scope: at, Kind: kind}]
	}
	text := fmt.Sprintf("%s lies in %s, which couldn't be read in %s: %s", in.kind.Name, kind, at, why)
	if first, already := in.blind[scope]; unseen && (!already || text < first) {
		in.blind[scope] = text
	}
}

// add notes values to list by, if all are known.
func (in *inside) add(scope resource.Scope, values resource.Attributes) {
	var key strings.Builder
	for _, name := range in.kind.Within {
		v := values[name]
		if !v.IsSet() || !v.Known() {
			return // what it lies in isn't there, and so neither is what lies in it
		}
		key.WriteString(v.Reveal() + "\n")
	}
	if in.found[scope] == nil {
		in.found[scope] = map[string]resource.Attributes{}
	}
	in.found[scope][key.String()] = values
}

// everywhere adds everything of ours that definitions refer to the kind of. Kinds that need several
// values to be listed are listed by what definitions say alone.
func (in *inside) everywhere(links map[link]map[resource.Scope]bool) {
	if len(in.kind.Within) != 1 {
		return
	}
	for l, scopes := range links {
		for scope := range scopes {
			in.dark(scope, scope, l.kind)
			in.dark(scope, resource.Scope{Account: scope.Account, Region: resource.Global}, l.kind)
		}
		for i := range in.Observed {
			o := &in.Observed[i]
			text := o.Outputs[l.output]
			if o.Address.Kind != l.kind || o.Address.Owner == "" || o.Retired != "" || text == "" {
				continue
			}
			for scope := range scopes {
				if reaches(o.Scope, scope) {
					in.add(scope, resource.Attributes{l.path: in.normal(l.path, resource.String(text))})
				}
			}
		}
	}
}

// reaches tells whether something in a scope can have others lie in it in another one: in the same, or
// if it has no region, in each of its account.
func reaches(at, other resource.Scope) bool {
	return at == other || at.Account == other.Account && at.Region == resource.Global
}

// ours are the observed resources by their address, for references to lead to.
type ours struct {
	at   map[resource.Address]*resource.Observed // nil where several are
	then map[resource.Address][]resource.Address // the addresses that one had before
}

func newOurs(desired []resource.Desired, observed []resource.Observed) ours {
	out := ours{map[resource.Address]*resource.Observed{}, map[resource.Address][]resource.Address{}}
	for i := range desired {
		if d := &desired[i]; len(d.Previously) > 0 {
			out.then[d.Address] = d.Previously
		}
	}
	for i := range observed {
		out.add(&observed[i])
	}
	return out
}

// add adds what has an address.
func (o ours) add(one *resource.Observed) {
	if one.Address.Owner == "" {
		return
	}
	if _, several := o.at[one.Address]; several {
		o.at[one.Address] = nil
		return
	}
	o.at[one.Address] = one
}

// output is what a reference leads to, under the address of now or one before.
func (o ours) output(ref resource.Ref) (string, bool) {
	for _, address := range append([]resource.Address{ref.Address}, o.then[ref.Address]...) {
		if one := o.at[address]; one != nil {
			text, ok := one.Outputs[ref.Output]
			return text, ok
		}
	}
	return "", false
}
