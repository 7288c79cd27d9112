package changeset

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// A toy is a cloud in memory that does what a changeset says.
type toy struct {
	have map[resource.Address]resource.Observed
	made int
}

func (c *toy) observed() []resource.Observed {
	var list []resource.Observed
	for _, o := range c.have {
		list = append(list, o)
	}
	return list
}

// apply makes the changes that aren't held, in their order. References are resolved right before,
// from what the cloud has then; one that isn't known is a mistake in the order.
func (c *toy) apply(t *rapid.T, changes []Change) {
	for _, change := range changes {
		switch change.Action {
		case Delete:
			delete(c.have, change.Address)
		case Retire:
			o := c.have[change.Address]
			o.Retired = "2026-11-21T12:00:00Z"
			c.have[change.Address] = o
		case Create, Update, Replace, Adopt, Move:
			if change.Action == Move {
				delete(c.have, change.From)
			}
			o := resource.Observed{Address: change.Address, Scope: change.Want.Scope, ID: fmt.Sprint("id-", c.made), Outputs: map[string]string{}}
			if change.Action == Update || change.Action == Move {
				o.ID, o.Outputs = change.Have.ID, change.Have.Outputs
			} else {
				c.made++
				for _, name := range kinds()[change.Address.Kind].Outputs {
					o.Outputs[name] = fmt.Sprintf("%s-%d-of-%s", name, c.made, change.Address)
				}
			}
			resolved := change.Want.Attributes.Resolve(func(r resource.Ref) (string, bool) {
				text, ok := c.have[r.Address].Outputs[r.Output]
				return text, ok
			})
			if refs := resolved.Refs(); len(refs) > 0 {
				t.Fatalf("%s %s before %s is known", change.Action, change.Address, refs[0])
			}
			o.Attributes = kinds()[change.Address.Kind].Canonical(resolved)
			c.have[change.Address] = o
		}
	}
}

// aFleet draws what Git says: owners that each have some of ten resources, with references that go
// from later ones to earlier ones, and to the cell.
func aFleet(t *rapid.T, label string) []resource.Desired {
	owners := []string{"cell/eu-1", "tenant/a", "tenant/b", "tenant/c"}
	names := []string{"key/k0", "key/k1", "topic/t0", "topic/t1", "queue/q0", "queue/q1", "bucket/b0", "bucket/b1", "role/r0", "role/r1"}
	immutable := map[string]string{"key": "alias"}
	var list []resource.Desired
	for _, owner := range owners {
		there := rapid.SliceOfN(rapid.Bool(), len(names), len(names)).Draw(t, label+owner)
		for i, name := range names {
			if !there[i] {
				continue
			}
			address := owner + "/" + name
			kind, _, _ := strings.Cut(name, "/")
			id := "name"
			if other, ok := immutable[kind]; ok {
				id = other
			}
			d := want(address, fmt.Sprintf(`{%q:%q}`, id, "x"))
			if kind == "role" || kind == "queue" || kind == "topic" {
				d.Attributes[id] = resource.String(rapid.SampledFrom([]string{"x", "y"}).Draw(t, label+address+id))
			}
			tags := rapid.SampledFrom([]string{`{}`, `{"a":"1"}`, `{"a":"2","b":"1"}`}).Draw(t, label+address+"tags")
			d.Attributes["tags"] = must(tags)
			var targets []resource.Address
			for j := range i {
				if there[j] {
					targets = append(targets, at(owner+"/"+names[j]))
				}
			}
			for _, other := range list {
				if other.Address.Owner == "cell/eu-1" && owner != "cell/eu-1" {
					targets = append(targets, other.Address)
				}
			}
			if field := map[string]string{"topic": "kmsKey", "queue": "deadLetter", "bucket": "encryption", "role": "policies"}[kind]; field != "" && len(targets) > 0 {
				target := rapid.SampledFrom(targets).Draw(t, label+address+"target")
				ref := resource.Ref{Address: target, Output: "arn"}
				d.Attributes[field] = resource.Object(map[string]resource.Value{"kmsKey": resource.String(ref.Placeholder())})
			}
			list = append(list, d)
		}
	}
	return list
}

// settle brings a cloud to a fleet from nothing.
func settled(t *rapid.T, desired []resource.Desired) *toy {
	cloud := &toy{have: map[resource.Address]resource.Observed{}}
	converge(t, cloud, Snapshot{Kinds: kinds(), Desired: desired, Now: now})
	return cloud
}

func generous() Limits { return Limits{Window: time.Hour, Count: 1 << 30} }

// converge applies until nothing is left to do and returns the number of passes.
func converge(t *rapid.T, cloud *toy, s Snapshot) Changeset {
	s.Limits = generous()
	for range 4 {
		s.Observed = cloud.observed()
		c, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Ready()) == 0 {
			return c
		}
		cloud.apply(t, c.Ready())
	}
	t.Fatal("four passes weren't enough")
	return Changeset{}
}

// aSnapshot draws a snapshot between two states of a fleet, with drift, strays and holds.
func aSnapshot(t *rapid.T) Snapshot {
	before := aFleet(t, "before ")
	s := Snapshot{
		Fleet: "f", Kinds: kinds(), Desired: aFleet(t, "after "), Applied: before, Settled: map[resource.Owner]bool{}, Now: now,
		CorrectDrift: rapid.Bool().Draw(t, "correct"), Broken: map[resource.Owner]string{}, Removed: map[resource.Owner]string{},
		Unseen: map[Place]string{}, Created: map[resource.Address]bool{}, Unsure: map[resource.Address]time.Time{},
		Limits: rapid.SampledFrom([]Limits{{}, {Count: 1}, generous()}).Draw(t, "limits"),
	}
	s.Observed = settled(t, before).observed()
	slices.SortFunc(s.Observed, func(a, b resource.Observed) int { return a.Address.Compare(b.Address) })
	for i := range s.Observed {
		o := &s.Observed[i]
		switch rapid.IntRange(0, 12).Draw(t, "fate of "+o.Address.String()) {
		case 0:
			o.Attributes["tags"] = must(`{"a":"by hand"}`)
		case 1:
			o.Pending = "busy"
		case 2:
			o.Retired = "2026-01-01T00:00:00Z"
		case 3:
			o.Address.Name += "-moved"
		case 4:
			o.Scope = other
		case 5:
			s.Observed = append(s.Observed, *o)
		}
	}
	for _, owner := range []resource.Owner{"cell/eu-1", "tenant/a", "tenant/b", "tenant/c"} {
		switch rapid.IntRange(0, 6).Draw(t, "fate of "+string(owner)) {
		case 0:
			s.Broken[owner] = "a reason"
		case 1:
			s.Desired = slices.DeleteFunc(s.Desired, func(d resource.Desired) bool { return d.Address.Owner == owner })
		case 2:
			s.Desired = slices.DeleteFunc(s.Desired, func(d resource.Desired) bool { return d.Address.Owner == owner })
			s.Removed[owner] = "commit 1234"
		}
		s.Settled[owner] = rapid.Bool().Draw(t, "settled "+string(owner))
	}
	if rapid.IntRange(0, 3).Draw(t, "unseen") == 0 {
		s.Unseen[Place{
			Scope: rapid.SampledFrom([]resource.Scope{region, global, other}).Draw(t, "scope"),
			Kind:  rapid.SampledFrom([]string{"", "key", "queue"}).Draw(t, "kind"),
		}] = "denied"
	}
	for i := range s.Observed {
		if rapid.IntRange(0, 3).Draw(t, "created") == 0 {
			s.Created[s.Observed[i].Address] = true
		}
	}
	return s
}

func TestOrderOfInputDoesntMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSnapshot(t)
		first, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		shuffle := func(n int, swap func(i, j int)) { random.Shuffle(n, swap) }
		s.Desired, s.Applied, s.Observed = slices.Clone(s.Desired), slices.Clone(s.Applied), slices.Clone(s.Observed)
		shuffle(len(s.Desired), func(i, j int) { s.Desired[i], s.Desired[j] = s.Desired[j], s.Desired[i] })
		shuffle(len(s.Applied), func(i, j int) { s.Applied[i], s.Applied[j] = s.Applied[j], s.Applied[i] })
		shuffle(len(s.Observed), func(i, j int) { s.Observed[i], s.Observed[j] = s.Observed[j], s.Observed[i] })
		again, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("another order, another changeset:\n%s", diff)
		}
	})
}

// From any settled state, through any drift, the cloud comes to what Git wants, and then nothing
// is left.
func TestApplyingConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := aFleet(t, "before "), aFleet(t, "after ")
		cloud := settled(t, before)
		s := Snapshot{Fleet: "f", Kinds: kinds(), Desired: after, Applied: before, Settled: map[resource.Owner]bool{}, Removed: map[resource.Owner]string{}, CorrectDrift: true, Now: now}
		for _, d := range slices.Concat(before, after) {
			s.Settled[d.Address.Owner] = true
			s.Removed[d.Address.Owner] = "commit 1234" // counts only if nothing is desired
		}
		for address, o := range cloud.have {
			if rapid.IntRange(0, 5).Draw(t, "lost") == 0 {
				delete(cloud.have, address)
			} else if rapid.IntRange(0, 3).Draw(t, "drifted") == 0 {
				o.Attributes = o.Attributes.Resolve(func(resource.Ref) (string, bool) { return "", false })
				o.Attributes["tags"] = must(`{"by":"hand"}`)
				cloud.have[address] = o
			}
		}
		last := converge(t, cloud, s)
		if !last.Empty() {
			t.Fatalf("left over:\n%s", strings.Join(lines(last), "\n"))
		}
		for _, d := range after {
			if o, there := cloud.have[d.Address]; !there || o.Retired != "" {
				t.Fatalf("%s isn't there", d.Address)
			}
		}
		for address, o := range cloud.have {
			wanted := slices.ContainsFunc(after, func(d resource.Desired) bool { return d.Address == address })
			if !wanted && o.Retired == "" {
				t.Fatalf("%s is still there", address)
			}
		}
	})
}

func TestDestructionNeedsIntent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSnapshot(t)
		s.Limits = generous()
		c, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		present := map[resource.Owner]bool{}
		for _, d := range s.Desired {
			present[d.Address.Owner] = true
		}
		broken := map[resource.Owner]bool{}
		for _, b := range c.Broken {
			broken[b.Owner] = true
		}
		seen := map[resource.Address]int{}
		for _, o := range s.Observed {
			seen[o.Address]++
		}
		for _, change := range c.Changes {
			owner, kind := change.Address.Owner, s.Kinds[change.Address.Kind]
			if broken[owner] {
				t.Fatalf("%s: a change for an owner that is broken", change.Address)
			}
			if _, removed := s.Removed[owner]; change.Hold == "" && !removed && !present[owner] {
				t.Fatalf("%s: something is done to an owner that is only absent", change.Address)
			}
			if change.Hold == "" && change.Action.Destructive() && kind.DataBearing {
				t.Fatalf("%s: data is destroyed", change.Address)
			}
			for place := range s.Unseen {
				scopes := []resource.Scope{change.Scope}
				if change.Have != nil {
					scopes = append(scopes, change.Have.Scope)
				}
				if slices.Contains(scopes, place.Scope) && (place.Kind == "" || place.Kind == change.Address.Kind) && change.Hold == "" {
					t.Fatalf("%s: something is done where nothing could be seen", change.Address)
				}
			}
			if seen[change.Address] > 1 && change.Hold == "" {
				t.Fatalf("%s: something is done to one of two", change.Address)
			}
			if !s.CorrectDrift && change.Cause == Drift && change.Hold == "" {
				t.Fatalf("%s: drift is corrected unasked", change.Address)
			}
		}
	})
}

func TestHoldsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSnapshot(t)
		first, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		s.Approvals = []Approval{
			{Digest: "sha256:" + strings.Repeat("0", 64), Expires: now.Add(time.Hour)},
			{Digest: first.Digest, Expires: now},
			{Digest: first.Approval, Expires: now.Add(-time.Hour)},
		}
		again, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("approvals of something else changed:\n%s", diff)
		}
		s.Approvals = []Approval{{Digest: first.Approval, Expires: now.Add(time.Hour)}}
		if again, err = Compute(s); err != nil {
			t.Fatal(err)
		}
		for i, change := range again.Changes {
			before := first.Changes[i]
			if before.HoldKind != change.HoldKind && before.HoldKind != HoldLimit && before.HoldKind != HoldWaits {
				t.Fatalf("%s: an approval lifted %s", change.Address, before.HoldKind)
			}
		}
	})
}

func TestNeedsComeFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := Compute(aSnapshot(t))
		if err != nil {
			t.Fatal(err)
		}
		held, done := map[resource.Address]bool{}, map[resource.Address]bool{}
		for _, change := range c.Changes {
			if done[change.Address] {
				t.Fatalf("%s comes twice", change.Address)
			}
			for _, need := range change.Needs {
				if !done[need] {
					t.Fatalf("%s comes before %s, which it needs", change.Address, need)
				}
				if held[need] && change.Hold == "" {
					t.Fatalf("%s goes on though %s is held", change.Address, need)
				}
			}
			done[change.Address], held[change.Address] = true, change.Hold != ""
			if (change.Hold == "") != (change.HoldKind == "") {
				t.Fatalf("%s is held for %q, of kind %q", change.Address, change.Hold, change.HoldKind)
			}
			if !slices.IsSortedFunc(change.Attributes, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) }) {
				t.Fatalf("%s: differences aren't sorted", change.Address)
			}
		}
	})
}

// Compute leaves what it is given as it was.
func TestInputIsntChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSnapshot(t)
		before := fmt.Sprintf("%+v", s)
		if _, err := Compute(s); err != nil {
			t.Fatal(err)
		}
		if after := fmt.Sprintf("%+v", s); after != before {
			t.Fatal("the snapshot was changed")
		}
	})
}
