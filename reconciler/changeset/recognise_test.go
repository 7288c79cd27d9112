package changeset

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// The world of these tests: log groups that carry a mark, filters in them that can't, and rules that lie in
// a filter and have a number that can change. Groups know nothing of filters.
var (
	filterScope = resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	filterKinds = map[string]resource.Kind{
		"group":  {Name: "group", Outputs: []string{"name"}, Attributes: []resource.Attribute{{Name: "name"}}},
		"filter": {Name: "filter", Outputs: []string{"id"}, Identity: []string{"in", "name"}, Attributes: []resource.Attribute{{Name: "in", Immutable: true}, {Name: "name", Immutable: true}, {Name: "text"}}},
		"rule":   {Name: "rule", Outputs: []string{"id"}, Identity: []string{"in", "note"}, Within: []string{"in"}, Attributes: []resource.Attribute{{Name: "in", Immutable: true}, {Name: "note"}}},
		"open": {
			Name: "open", Outputs: []string{"id"}, Identity: []string{"in", "name", "extra"}, Within: []string{"in"},
			Attributes: []resource.Attribute{{Name: "in", Immutable: true}, {Name: "name", Immutable: true}, {Name: "extra", Immutable: true}},
		},
	}
)

// wanted is a definition; pairs are attributes, and a value such as "group/logs.name" is a reference.
func wanted(address string, pairs ...string) resource.Desired {
	a, err := resource.ParseAddress(address)
	if err != nil {
		panic(err)
	}
	d := resource.Desired{Address: a, Scope: filterScope, Attributes: resource.Attributes{}}
	for i := 0; i < len(pairs); i += 2 {
		v := resource.String(pairs[i+1])
		if to, output, isRef := strings.Cut(pairs[i+1], "#"); isRef {
			target, err := resource.ParseAddress(to)
			if err != nil {
				panic(err)
			}
			v = resource.String(resource.Ref{Address: target, Output: output}.Placeholder())
		}
		d.Attributes[pairs[i]] = v
	}
	return d
}

// group is an observed log group of ours.
func group(address, name string) resource.Observed {
	d := wanted(address, "name", name)
	return resource.Observed{Address: d.Address, Scope: filterScope, Fleet: "web", ID: name, Attributes: d.Attributes, Outputs: map[string]string{"name": name}}
}

// found is an observed resource that carries no mark.
func found(kind, id string, pairs ...string) resource.Observed {
	d := wanted("fleet/x/y", pairs...)
	return resource.Observed{Address: resource.Address{Kind: kind}, Scope: filterScope, ID: id, Attributes: d.Attributes, Outputs: map[string]string{"id": id}}
}

const (
	errorsAt = "tenant/acme/filter/errors"
	inLogs   = "tenant/acme/group/logs#name"
)

func TestRecognise(t *testing.T) {
	mine := group("tenant/acme/group/logs", "/acme")
	for _, test := range []struct {
		name             string
		desired, applied []resource.Desired
		observed         []resource.Observed
		made             []string
		want             string // the addresses by id, adoptable ones with "adopt", unclear ones with "unclear"
	}{
		{
			"what a definition asks for, in something of ours",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "e")},
			nil, "1=" + errorsAt,
		},
		{
			"what was applied, when Git asks for it no more",
			nil,
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "e")},
			nil, "1=" + errorsAt,
		},
		{
			"Git's present word comes first, and the other is a stray",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "new")},
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "old")},
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "old"), found("filter", "2", "in", "/acme", "name", "new")},
			nil, "1=stray tenant/acme 2=" + errorsAt,
		},
		{
			"a name that Git changed",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "new")},
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "old")},
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "old")},
			nil, "1=" + errorsAt,
		},
		{
			"what nothing asks for, in something of ours",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "rogue")},
			nil, "1=stray tenant/acme",
		},
		{
			"what a definition asks for, in nothing of ours",
			[]resource.Desired{wanted(errorsAt, "in", "/other", "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/other", "name", "e")},
			nil, "",
		},
		{
			"unless we made it",
			[]resource.Desired{wanted(errorsAt, "in", "/other", "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/other", "name", "e")},
			[]string{errorsAt},
			"1=" + errorsAt,
		},
		{"or Git says to adopt it", []resource.Desired{func() resource.Desired {
			d := wanted(errorsAt, "in", "/other", "name", "e")
			d.Adopt = "1"
			return d
		}()}, nil, []resource.Observed{mine, found("filter", "1", "in", "/other", "name", "e")}, nil, "adopt " + errorsAt},
		{
			"a name that happens to be that of something of ours",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/other", "name", "/acme")},
			nil, "",
		},
		{
			"two that match one definition are both at its address",
			[]resource.Desired{wanted("tenant/acme/rule/r", "in", inLogs, "note", "n")},
			nil,
			[]resource.Observed{mine, found("rule", "1", "in", "/acme", "note", "n"), found("rule", "2", "in", "/acme", "note", "n")},
			nil, "1=tenant/acme/rule/r 2=tenant/acme/rule/r",
		},
		{
			"two definitions of one thing are unclear",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e"), wanted("tenant/acme/filter/twin", "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "e")},
			nil, "1=stray tenant/acme unclear " + errorsAt + " unclear tenant/acme/filter/twin",
		},
		{
			"what AWS fills in is no other thing",
			[]resource.Desired{wanted("tenant/acme/open/o", "in", inLogs, "name", "n")},
			nil,
			[]resource.Observed{mine, found("open", "1", "in", "/acme", "name", "n", "extra", "filled in")},
			nil, "1=tenant/acme/open/o",
		},
		{
			"but it isn't guessed which of two is meant",
			[]resource.Desired{wanted("tenant/acme/open/o", "in", inLogs, "name", "n")},
			nil,
			[]resource.Observed{mine, found("open", "1", "in", "/acme", "name", "n", "extra", "a"), found("open", "2", "in", "/acme", "name", "n", "extra", "b")},
			nil,
			"1=stray tenant/acme 2=stray tenant/acme unclear tenant/acme/open/o",
		},
		{
			"what was changed of a thing that we made",
			[]resource.Desired{wanted("tenant/acme/rule/r", "in", inLogs, "note", "ours")},
			nil,
			[]resource.Observed{mine, found("rule", "1", "in", "/acme", "note", "theirs")},
			[]string{"tenant/acme/rule/r"},
			"1=tenant/acme/rule/r",
		},
		{
			"nothing is made beside what may be it",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{mine, found("filter", "1", "in", "/acme", "name", "E")},
			[]string{errorsAt},
			"1=stray tenant/acme unclear " + errorsAt,
		},
		{
			"what lies in something that lies in something of ours",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e"), wanted("tenant/acme/rule/r", "in", errorsAt+"#id", "note", "n")},
			nil,
			[]resource.Observed{found("rule", "2", "in", "1", "note", "n"), found("rule", "3", "in", "1", "note", "rogue"), mine, found("filter", "1", "in", "/acme", "name", "e")},
			nil,
			"1=" + errorsAt + " 2=tenant/acme/rule/r 3=stray tenant/acme",
		},
		{
			"a parent that isn't there leaves nothing to be recognised",
			[]resource.Desired{wanted(errorsAt, "in", inLogs, "name", "e")},
			nil,
			[]resource.Observed{found("filter", "1", "in", "/acme", "name", "e")},
			nil, "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Fleet: "web", Kinds: filterKinds, Desired: test.desired, Applied: test.applied, Observed: test.observed, Made: map[resource.Address]bool{}}
			for _, text := range test.made {
				address, err := resource.ParseAddress(text)
				if err != nil {
					t.Fatal(err)
				}
				s.Made[address] = true
			}
			if got := told(Recognise(s)); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// told is what was recognised, in words.
func told(s Snapshot) string {
	named := map[resource.Address]bool{}
	for _, d := range slices.Concat(s.Desired, s.Applied) {
		named[d.Address] = true
	}
	var parts []string
	for _, o := range s.Observed {
		switch {
		case o.Address.Kind == "group":
		case named[o.Address]:
			parts = append(parts, o.ID+"="+o.Address.String())
		default:
			parts = append(parts, o.ID+"=stray "+string(o.Address.Owner))
		}
	}
	for address := range s.Adoptable {
		parts = append(parts, "adopt "+address.String())
	}
	var unclear []string
	for address := range s.Unclear {
		unclear = append(unclear, "unclear "+address.String())
	}
	slices.Sort(parts)
	slices.Sort(unclear)
	return strings.Join(append(parts, unclear...), " ")
}

// drawn is a world of groups of ours and of others, with filters in them and definitions of some.
func drawn(t *rapid.T) Snapshot {
	s := Snapshot{Fleet: "web", Kinds: filterKinds, Made: map[resource.Address]bool{}}
	names := []string{"/a", "/b", "/c", "/foreign"}
	for i, name := range names[:3] {
		s.Observed = append(s.Observed, group(fmt.Sprintf("tenant/t%d/group/logs", i), name))
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "definitions") {
		owner := rapid.IntRange(0, 2).Draw(t, "owner")
		in := rapid.SampledFrom([]string{fmt.Sprintf("tenant/t%d/group/logs#name", owner), "/foreign", "/a"}).Draw(t, "in")
		kind := rapid.SampledFrom([]string{"filter", "open"}).Draw(t, "kind")
		d := wanted(fmt.Sprintf("tenant/t%d/%s/f%d", owner, kind, i), "in", in, "name", rapid.SampledFrom([]string{"x", "y", "/a"}).Draw(t, "name"))
		if rapid.Bool().Draw(t, "applied") {
			s.Applied = append(s.Applied, d)
		} else {
			s.Desired = append(s.Desired, d)
		}
		s.Made[d.Address] = rapid.IntRange(0, 3).Draw(t, "made") == 0
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "resources") {
		pairs := []string{"in", rapid.SampledFrom(names).Draw(t, "lies in"), "name", rapid.SampledFrom([]string{"x", "y", "/a"}).Draw(t, "called")}
		if rapid.Bool().Draw(t, "extra") {
			pairs = append(pairs, "extra", "filled in")
		}
		s.Observed = append(s.Observed, found(rapid.SampledFrom([]string{"filter", "open"}).Draw(t, "of kind"), fmt.Sprint(i), pairs...))
	}
	return s
}

// Nothing is taken for ours that lies in nothing of ours, unless the log says that we made it; and nobody
// else's address is given to anything.
func TestRecogniseNeverTakesWhatIsNotOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		got := Recognise(s)
		for _, o := range got.Observed {
			if o.Address.Kind == "group" {
				continue
			}
			if o.Attributes["in"].Text() == "/foreign" && !s.Made[o.Address] {
				t.Fatalf("%s lies in nothing of ours, and is taken for %s", o.ID, o.Address)
			}
			if o.Fleet != "web" || o.Address.Owner == "" || o.Address.Name == "" {
				t.Fatalf("%s has no full address: %s", o.ID, o.Address)
			}
			if _, err := resource.ParseAddress(o.Address.String()); err != nil {
				t.Fatal(err)
			}
		}
		if again := Recognise(got); !reflect.DeepEqual(again.Observed, got.Observed) {
			t.Fatal("what has its address gets another one")
		}
	})
}

// The order of lists says nothing.
func TestRecogniseIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		first := Recognise(s)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mixed := s
		mixed.Desired, mixed.Applied, mixed.Observed = slices.Clone(s.Desired), slices.Clone(s.Applied), slices.Clone(s.Observed)
		r.Shuffle(len(mixed.Desired), func(i, j int) { mixed.Desired[i], mixed.Desired[j] = mixed.Desired[j], mixed.Desired[i] })
		r.Shuffle(len(mixed.Applied), func(i, j int) { mixed.Applied[i], mixed.Applied[j] = mixed.Applied[j], mixed.Applied[i] })
		r.Shuffle(len(mixed.Observed), func(i, j int) {
			mixed.Observed[i], mixed.Observed[j] = mixed.Observed[j], mixed.Observed[i]
		})
		second := Recognise(mixed)
		if !reflect.DeepEqual(first.Observed, second.Observed) || !maps.Equal(first.Unclear, second.Unclear) {
			t.Fatalf("in another order it is something else:\n%s %v\n%s %v", told(first), first.Unclear, told(second), second.Unclear)
		}
	})
}

// What is listed within something is listed in what definitions say, and in everything of that kind of
// ours; not where that can't be told.
func TestInside(t *testing.T) {
	s := Snapshot{
		Fleet: "web", Kinds: filterKinds,
		Desired:  []resource.Desired{wanted("tenant/acme/rule/r", "in", inLogs, "note", "n"), wanted("tenant/acme/rule/literal", "in", "/elsewhere", "note", "n"), wanted("tenant/acme/rule/new", "in", "tenant/acme/group/new#name", "note", "n")},
		Observed: []resource.Observed{group("tenant/acme/group/logs", "/acme"), group("tenant/zoe/group/logs", "/zoe")},
	}
	within, blind := Inside(s, "rule")
	var got []string
	for _, one := range within[filterScope] {
		got = append(got, one["in"].Text())
	}
	if want := []string{"/acme", "/elsewhere", "/zoe"}; !slices.Equal(got, want) || len(blind) > 0 {
		t.Errorf("it is listed within %q, blind %v", got, blind)
	}
	s.Unseen = map[Place]string{{Scope: filterScope, Kind: "group"}: "denied"}
	if _, blind := Inside(s, "rule"); !strings.Contains(blind[filterScope], "denied") {
		t.Errorf("what it lies in couldn't be read, and that is said as %v", blind)
	}
	s.Desired = append(s.Desired, wanted("tenant/acme/open/o", "in", "tenant/acme/rule/r#id", "name", "n"))
	if rounds := Rounds(s.Kinds, s.Desired); !reflect.DeepEqual(rounds, [][]string{{"rule"}, {"open"}}) {
		t.Errorf("the rounds are %v", rounds)
	}
	s.Desired = append(s.Desired, wanted("tenant/acme/rule/circle", "in", "tenant/acme/open/o#id", "note", "n"))
	if rounds := Rounds(s.Kinds, s.Desired); !reflect.DeepEqual(rounds, [][]string{{"open", "rule"}}) {
		t.Errorf("the rounds of a circle are %v", rounds)
	}
}

// What somebody put into something of ours is never deleted without a person's word, whatever became of
// its owner.
func TestAStrayWaitsForAPerson(t *testing.T) {
	for name, removed := range map[string]map[resource.Owner]string{"its owner is in Git": nil, "its owner was removed": {"tenant/acme": "abc"}} {
		s := Snapshot{
			Fleet: "web", Commit: "abc", Kinds: filterKinds, CorrectDrift: true, Removed: removed, Limits: Limits{Count: 100},
			Applied: []resource.Desired{wanted("tenant/acme/group/logs", "name", "/acme"), wanted(errorsAt, "in", inLogs, "name", "e")}, Settled: map[resource.Owner]bool{"tenant/acme": true},
			Observed: []resource.Observed{group("tenant/acme/group/logs", "/acme"), found("filter", "1", "in", "/acme", "name", "rogue"), found("filter", "2", "in", "/acme", "name", "e")},
		}
		if removed == nil {
			s.Desired = []resource.Desired{s.Applied[0]}
		}
		cs, err := Compute(Recognise(s))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cs.Changes {
			if c.Have.ID == "1" && (c.HoldKind != HoldOrphan || c.Cause != Orphan) || c.Have.ID == "2" && (c.Action != Delete || c.Hold != "") {
				t.Errorf("%s: %s of %s (%s): %q", name, c.Action, c.Address, c.Have.ID, c.Hold)
			}
		}
		if len(cs.Changes) < 2 {
			t.Errorf("%s: only %d changes", name, len(cs.Changes))
		}
	}
}
