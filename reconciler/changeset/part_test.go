package changeset

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// around is a part of a snapshot with all that it takes to decide on some owners.
func around(s Snapshot, owners ...resource.Owner) Snapshot {
	in := map[resource.Owner]bool{}
	var open []resource.Owner
	add := func(owner resource.Owner) {
		if !in[owner] {
			in[owner] = true
			open = append(open, owner)
		}
	}
	for _, owner := range owners {
		add(owner)
	}
	for _, w := range s.Waivers {
		for _, address := range w.Addresses {
			add(address.Owner)
		}
	}
	for len(open) > 0 {
		owner := open[0]
		open = open[1:]
		for _, list := range [][]resource.Desired{s.Desired, s.Applied, slices.Concat(slices.Collect(maps.Values(s.Begun))...)} {
			for i, d := range list {
				if d.Address.Owner == owner {
					for other := range Leads(list[i : i+1]) {
						add(other)
					}
				}
				for _, was := range d.Previously {
					if was.Owner == owner {
						add(d.Address.Owner)
					}
				}
			}
		}
	}
	other := func(address resource.Address) bool { return !in[address.Owner] }
	s.Desired = slices.DeleteFunc(slices.Clone(s.Desired), func(d resource.Desired) bool { return other(d.Address) })
	s.Applied = slices.DeleteFunc(slices.Clone(s.Applied), func(d resource.Desired) bool { return other(d.Address) })
	s.Observed = slices.DeleteFunc(slices.Clone(s.Observed), func(o resource.Observed) bool { return other(o.Address) })
	s.Created, s.Doubtful, s.Follows = only(s.Created, in), only(s.Doubtful, in), only(s.Follows, in)
	s.UnderWay, s.Unsure, s.Nonces = only(s.UnderWay, in), only(s.Unsure, in), only(s.Nonces, in)
	s.Begun, s.Unclear, s.Adoptable = only(s.Begun, in), only(s.Unclear, in), only(s.Adoptable, in)
	s.Spent, s.Used = nil, nil
	return s
}

func only[T any](of map[resource.Address]T, in map[resource.Owner]bool) map[resource.Address]T {
	out := maps.Clone(of)
	maps.DeleteFunc(out, func(address resource.Address, _ T) bool { return !in[address.Owner] })
	return out
}

// sameOnly are the parts of two changesets about some owners, without what is to be approved.
func sameOnly(t *rapid.T, whole, part Changeset, owners []resource.Owner) {
	w, p := whole.Only(owners...), part.Only(owners...)
	w.Approval, p.Approval = "", ""
	equal := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b resource.Value) bool { return a == b })}
	if d := cmp.Diff(w, p, equal); d != "" {
		t.Fatalf("the part says something else (- whole, + part):\n%s", d)
	}
}

// TestPartSaysWhatTheWholeSays holds the plan of a part of a snapshot against that of the whole one, over fleets,
// clouds, pasts, limits and holds of all sorts.
func TestPartSaysWhatTheWholeSays(t *testing.T) {
	stood := 0
	rapid.Check(t, func(t *rapid.T) {
		s, tenants := aMess(t)
		whole, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		owners := rapid.SliceOfNDistinct(rapid.SampledFrom(tenants), 0, 2, rapid.ID[resource.Owner]).Draw(t, "about")
		part, err := Compute(around(s, owners...))
		if err != nil {
			t.Fatal(err)
		}
		if part.Stands(owners...) {
			stood++
			sameOnly(t, whole, part, owners)
		}
	})
	if stood == 0 {
		t.Error("no part ever stood, so that this proves nothing")
	}
}

// aMess draws a snapshot in which anything may be wrong, and the tenants in it.
func aMess(t *rapid.T) (Snapshot, []resource.Owner) {
	tenants := []resource.Owner{"tenant/a", "tenant/b", "tenant/c"}
	was, is := aFleet(t, "was "), aFleet(t, "is ")
	cloud := settled(t, was)
	s := Snapshot{
		Fleet: "toys", Kinds: kinds(), Desired: is, Applied: was, Observed: cloud.observed(), Now: now,
		Limits:  Limits{Window: time.Hour, Count: rapid.IntRange(0, 3).Draw(t, "count"), Percent: rapid.SampledFrom([]float64{0, 20}).Draw(t, "percent")},
		Settled: map[resource.Owner]bool{}, Created: map[resource.Address]bool{}, Doubtful: map[resource.Address]bool{},
		Follows: map[resource.Address]bool{}, Removed: map[resource.Owner]string{}, Broken: map[resource.Owner]string{},
		Begun: map[resource.Address][]resource.Desired{}, UnderWay: map[resource.Address]UnderWay{}, Unsure: map[resource.Address]time.Time{},
		Unseen: map[Place]string{}, Nonces: map[resource.Address][]string{}, Unclear: map[resource.Address]string{},
		CorrectDrift: rapid.Bool().Draw(t, "correct"),
	}
	slices.SortFunc(s.Observed, func(a, b resource.Observed) int { return a.Address.Compare(b.Address) })
	one := func(label string, in int) bool { return rapid.IntRange(1, in).Draw(t, label) == 1 }
	for _, owner := range append(slices.Clone(tenants), "cell/eu-1") {
		s.Settled[owner] = !one(fmt.Sprint(owner, " forgotten"), 4)
		switch {
		case one(fmt.Sprint(owner, " broken"), 8):
			s.Broken[owner] = "it is broken"
		case one(fmt.Sprint(owner, " absent"), 8):
			s.ungitOwner(owner)
			if rapid.Bool().Draw(t, fmt.Sprint(owner, " removed")) {
				s.Removed[owner] = "commit 1"
			}
		}
	}
	s.messUp(t, one)
	return s, tenants
}

// messUp has something happen to some resources of a snapshot.
func (s *Snapshot) messUp(t *rapid.T, one func(string, int) bool) {
	var kept []resource.Observed
	for _, o := range s.Observed {
		name := o.Address.String()
		s.Created[o.Address] = one(name+" created", 2)
		switch rapid.IntRange(0, 12).Draw(t, name+" fate") {
		case 0:
			continue // gone
		case 1:
			o.Attributes = maps.Clone(o.Attributes)
			o.Attributes["tags"] = must(`{"by":"hand"}`)
		case 2:
			o.Pending = "busy"
		case 3:
			o.Retired = "2026-11-21T12:00:00Z"
		case 4:
			twin := o
			twin.ID += "-twin"
			kept = append(kept, twin)
		case 5:
			s.Doubtful[o.Address] = true
		case 6:
			s.Follows[o.Address] = true
		case 7:
			s.UnderWay[o.Address] = UnderWay{Scope: o.Scope, Action: Update, What: "AWS is at it"}
		case 8:
			s.Waivers = append(s.Waivers, Waiver{Addresses: []resource.Address{o.Address}, Attributes: []string{"*"}, By: "dana", Until: now.Add(time.Hour)})
		case 9:
			s.Unsure[o.Address] = now.Add(time.Minute)
			continue
		case 10:
			s.Nonces[o.Address] = []string{"another"}
		}
		kept = append(kept, o)
	}
	s.Observed = kept
	for i := range s.Desired {
		d := &s.Desired[i]
		if d.Address.Owner.Class() == "tenant" && one(d.Address.String()+" renamed", 10) {
			other := d.Address
			other.Owner = resource.Owner(rapid.SampledFrom([]string{"tenant/a", "tenant/b", "tenant/c", "tenant/old"}).Draw(t, d.Address.String()+" was"))
			d.Previously = []resource.Address{other}
		}
		if one(d.Address.String()+" dangling", 40) {
			d.Attributes["tags"] = resource.Object(map[string]resource.Value{
				"to": resource.String(resource.Ref{Address: at("cell/eu-1/key/none"), Output: "arn"}.Placeholder()),
			})
		}
	}
	if one("unseen", 5) {
		s.Unseen[Place{Scope: s.somewhere(), Kind: rapid.SampledFrom([]string{"", "key", "queue"}).Draw(t, "unseen kind")}] = "AccessDenied"
	}
}

// somewhere is the place of the first resource.
func (s *Snapshot) somewhere() resource.Scope {
	for _, d := range s.Desired {
		return d.Scope
	}
	return resource.Scope{}
}

// Where what others have counts, a part says something else than the whole, and doesn't stand.
func TestWhatOthersHaveCountsWhereSomethingGoes(t *testing.T) {
	about := resource.Owner("tenant/a")
	base := func() Snapshot {
		s := Snapshot{Fleet: "toys", Kinds: kinds(), Settled: map[resource.Owner]bool{about: true, "tenant/b": true}, Now: now, Limits: Limits{Window: time.Hour, Count: 1}}
		for _, name := range []string{"a", "b"} {
			d := want("tenant/"+name+"/queue/q", `{"name":"x"}`)
			d.Cell = "eu-1"
			s.Desired, s.Applied, s.Observed = append(s.Desired, d), append(s.Applied, d), append(s.Observed, made(d))
		}
		return s
	}
	for name, spoil := range map[string]func(*Snapshot){
		"a replacement beyond a limit": func(s *Snapshot) {
			s.git("tenant/a/queue/q", "name", `"y"`)
			s.git("tenant/b/queue/q", "name", `"y"`)
		},
		"a deletion beyond a limit": func(s *Snapshot) {
			s.Removed = map[resource.Owner]string{about: "commit 1", "tenant/b": "commit 1"}
			s.Desired = nil
		},
		"a stray whose cell is that of others": func(s *Snapshot) {
			s.Desired, s.Applied, s.Settled = s.Desired[1:], s.Applied[1:], map[resource.Owner]bool{"tenant/b": true}
			s.Observed = append(s.Observed, s.Observed[0])
			s.Observed[2].ID = "another"
		},
	} {
		s := base()
		spoil(&s)
		whole, part := compute(t, s), compute(t, around(s, about))
		w, p := whole.Only(about), part.Only(about)
		if fmt.Sprint(lines(w), w.Changes[0].Cell) == fmt.Sprint(lines(p), p.Changes[0].Cell) {
			t.Errorf("%s: both say %v", name, lines(w))
		}
		if part.Stands(about) {
			t.Errorf("%s: the part stands", name)
		}
	}
}
