package changeset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// rename gives a desired resource another address, and has it say so.
func (s *Snapshot) rename(from, to string) {
	for i := range s.Desired {
		d := &s.Desired[i]
		if d.Address == at(from) {
			d.Address = at(to)
			d.Previously = append(slices.Clone(d.Previously), at(from))
		}
		d.Attributes = d.Attributes.Resolve(func(r resource.Ref) (string, bool) {
			return resource.Ref{Address: at(to), Output: r.Output}.Placeholder(), r.Address == at(from)
		})
	}
}

// renameOwner renames a tenant as a commit does that renames its file.
func (s *Snapshot) renameOwner(from, to resource.Owner) {
	for _, d := range slices.Clone(s.Desired) {
		if d.Address.Owner == from {
			now := d.Address
			now.Owner = to
			s.rename(d.Address.String(), now.String())
		}
	}
	s.Removed = map[resource.Owner]string{from: "commit 1234"}
}

const (
	store = "tenant/acme/bucket/store"
	work  = "tenant/acme/queue/work"
)

func TestMoves(t *testing.T) {
	check(t, []rule{
		{"a resource is renamed in its plan", func(s *Snapshot) { s.rename(jobs, work) }, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work",
		}},
		{"renamed, and nothing is known of what was applied", func(s *Snapshot) {
			s.rename(jobs, work)
			s.Applied, s.Settled = nil, nil
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work",
		}},
		{"what others refer to is renamed: they stay as they are", func(s *Snapshot) { s.rename(data, store) }, []string{
			"→ config tenant/acme/bucket/store address:tenant/acme/bucket/data→tenant/acme/bucket/store",
		}},
		{"renamed and changed", func(s *Snapshot) {
			s.rename(jobs, work)
			s.git(work, "delay", "9")
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work delay:5→9",
		}},
		{"renamed, and drifted: the drift is left for a person", func(s *Snapshot) {
			s.cloud(jobs, "delay", "7")
			s.rename(jobs, work)
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work delay:7→5(drift)",
		}},
		{"renamed, and its reference drifted", func(s *Snapshot) {
			s.cloud(data, "encryption", `{"algorithm":"aws:kms","kmsKey":"other"}`)
			s.rename(key, "tenant/acme/key/main")
			s.rename(data, store)
		}, []string{
			"→ config tenant/acme/key/main address:tenant/acme/key/key→tenant/acme/key/main",
			"→ config tenant/acme/bucket/store address:tenant/acme/bucket/data→tenant/acme/bucket/store " +
				"encryption.kmsKey:other→arn:tenant/acme/key/key(drift) needs:tenant/acme/key/main",
		}},
		{"moved already", func(s *Snapshot) {
			s.rename(jobs, work)
			s.have(jobs).Address = at(work)
		}, nil},
		{"moved already, and drifted since, before that could be remembered", func(s *Snapshot) {
			s.rename(jobs, work)
			s.have(jobs).Address = at(work)
			s.cloud(work, "delay", "7")
		}, []string{
			"~ drift tenant/acme/queue/work delay:7→5 held:drift",
		}},
		{"moved and settled, and somebody changed its mark back", func(s *Snapshot) {
			s.rename(jobs, work)
			s.Applied = slices.Clone(s.Desired)
		}, []string{
			"→ drift tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work held:drift",
		}},
		{"never there", func(s *Snapshot) {
			s.rename(jobs, work)
			s.gone(jobs)
			s.unapplied(jobs)
		}, []string{"+ config tenant/acme/queue/work"}},
		{"deleted in the cloud, and then renamed: somebody decides", func(s *Snapshot) {
			s.rename(jobs, work)
			s.gone(jobs)
		}, []string{"+ drift tenant/acme/queue/work held:drift"}},
		{"an earlier create under the old name may still arrive", func(s *Snapshot) {
			s.rename(key, "tenant/acme/key/main")
			s.gone(key)
			s.unapplied(key)
			s.Unsure = map[resource.Address]time.Time{at(key): now.Add(time.Minute)}
		}, []string{
			"+ config tenant/acme/key/main held:unsure",
			"~ config tenant/acme/bucket/data encryption.kmsKey:arn:tenant/acme/key/key→(known after apply: acme/main.arn) held:waits needs:tenant/acme/key/main",
		}},
		{"it may still be where it was, in the dark", func(s *Snapshot) {
			s.rename(jobs, work)
			s.gone(jobs)
			for i := range s.Applied {
				if s.Applied[i].Address == at(jobs) {
					s.Applied[i].Scope = other
				}
			}
			s.Unseen = map[Place]string{{Scope: other}: "denied"}
		}, []string{
			"+ config tenant/acme/queue/work held:unseen",
			"unseen 222222222222/eu-central-1 ",
		}},
		{"another earlier one may still be where it was, in the dark", func(s *Snapshot) {
			s.rename(jobs, "tenant/acme/queue/middle")
			s.rename("tenant/acme/queue/middle", work)
			s.gone(jobs)
			far := want("tenant/acme/queue/middle", `{"name":"far"}`)
			far.Scope = other
			s.Applied = append(s.Applied, far)
			s.Unseen = map[Place]string{{Scope: other}: "denied"}
		}, []string{
			"+ drift tenant/acme/queue/work held:unseen",
			"unseen 222222222222/eu-central-1 ",
		}},
		{"both are there", func(s *Snapshot) {
			s.rename(jobs, work)
			s.Observed = append(s.Observed, made(want(work, `{"name":"new"}`)))
		}, []string{"none config tenant/acme/queue/work held:move"}},
		{"the cloud has two earlier ones", func(s *Snapshot) {
			s.rename(jobs, "tenant/acme/queue/middle")
			s.rename("tenant/acme/queue/middle", work)
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/middle", `{"name":"new"}`)))
		}, []string{"none config tenant/acme/queue/work held:move"}},
		{"two resources carry the earlier address", func(s *Snapshot) {
			s.rename(jobs, work)
			s.Observed = append(s.Observed, *s.have(jobs))
		}, []string{"none config tenant/acme/queue/work held:move"}},
		{"renamed twice before it was applied once", func(s *Snapshot) {
			s.rename(jobs, "tenant/acme/queue/middle")
			s.rename("tenant/acme/queue/middle", work)
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work",
		}},
		{"its name would change, and it holds no data", func(s *Snapshot) {
			s.rename(jobs, work)
			s.git(work, "name", `"new"`)
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work name:acme-jobs→new held:move",
		}},
		{"its name would change, and it holds data", func(s *Snapshot) {
			s.rename(data, store)
			s.git(store, "name", `"new"`)
		}, []string{
			"→ config tenant/acme/bucket/store address:tenant/acme/bucket/data→tenant/acme/bucket/store name:acme-data→new held:move",
		}},
		{"it would go elsewhere at the same time", func(s *Snapshot) {
			s.rename(jobs, work)
			for i := range s.Desired {
				if s.Desired[i].Address == at(work) {
					s.Desired[i].Scope.Region = "eu-west-1"
				}
			}
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work " +
				"scope:111111111111/eu-central-1→111111111111/eu-west-1 held:move",
		}},
		{"the cloud is busy with it", func(s *Snapshot) {
			s.rename(jobs, work)
			s.have(jobs).Pending = "creating"
		}, []string{
			"→ config tenant/acme/queue/work address:tenant/acme/queue/jobs→tenant/acme/queue/work held:pending",
		}},
		{"it was retired: it comes back", func(s *Snapshot) {
			s.rename(data, store)
			s.have(data).Retired = "2026-01-01T00:00:00Z"
		}, []string{
			"→ config tenant/acme/bucket/store address:tenant/acme/bucket/data→tenant/acme/bucket/store retired:2026-01-01T00:00:00Z→(drift)",
		}},
		{"its place can't be read", func(s *Snapshot) {
			s.rename(jobs, work)
			s.Unseen = map[Place]string{{Scope: region, Kind: "queue"}: "denied"}
		}, []string{"unseen 111111111111/eu-central-1 queue"}},
		{"another of the same kind takes its place in the plan", func(s *Snapshot) {
			s.rename(jobs, work)
			s.add(want(jobs, `{"name":"acme-jobs"}`))
		}, []string{
			"broken tenant/acme: tenant/acme/queue/work says that it was tenant/acme/queue/jobs, which Git still describes",
		}},
		{"two say that they were one", func(s *Snapshot) {
			s.rename(jobs, work)
			twin := want("tenant/beta/queue/work", `{"name":"beta"}`)
			twin.Previously = []resource.Address{at(jobs)}
			s.add(twin)
		}, []string{
			"broken tenant/acme: both tenant/acme/queue/work and tenant/beta/queue/work say that they were tenant/acme/queue/jobs",
			"broken tenant/beta: both tenant/acme/queue/work and tenant/beta/queue/work say that they were tenant/acme/queue/jobs",
		}},
		{"a tenant is renamed", func(s *Snapshot) { s.renameOwner("tenant/acme", "tenant/apex") }, []string{
			"→ config tenant/apex/key/key address:tenant/acme/key/key→tenant/apex/key/key",
			"→ config tenant/apex/bucket/data address:tenant/acme/bucket/data→tenant/apex/bucket/data needs:tenant/apex/key/key",
			"→ config tenant/apex/queue/dead address:tenant/acme/queue/dead→tenant/apex/queue/dead",
			"→ config tenant/apex/queue/jobs address:tenant/acme/queue/jobs→tenant/apex/queue/jobs needs:tenant/apex/queue/dead",
			"→ config tenant/apex/role/app address:tenant/acme/role/app→tenant/apex/role/app needs:tenant/apex/bucket/data",
		}},
		{"a tenant is renamed, and its plan loses a resource: that one goes, after what used it", func(s *Snapshot) {
			s.renameOwner("tenant/acme", "tenant/apex")
			s.ungit("tenant/apex/key/key")
			s.git("tenant/apex/bucket/data", "encryption", "")
		}, []string{
			"→ config tenant/apex/bucket/data address:tenant/acme/bucket/data→tenant/apex/bucket/data " +
				"encryption.algorithm:aws:kms→AES256 encryption.kmsKey:arn:tenant/acme/key/key→",
			"→ config tenant/apex/queue/dead address:tenant/acme/queue/dead→tenant/apex/queue/dead",
			"→ config tenant/apex/queue/jobs address:tenant/acme/queue/jobs→tenant/apex/queue/jobs needs:tenant/apex/queue/dead",
			"→ config tenant/apex/role/app address:tenant/acme/role/app→tenant/apex/role/app needs:tenant/apex/bucket/data",
			"◌ config tenant/acme/key/key needs:tenant/apex/bucket/data",
		}},
		{"a tenant is renamed, and what it is called now is broken", func(s *Snapshot) {
			s.renameOwner("tenant/acme", "tenant/apex")
			s.git("tenant/apex/queue/jobs", "nonsense", `1`)
		}, []string{
			"broken tenant/apex: tenant/apex/queue/jobs: queue has no attribute nonsense",
		}},
		{"a tenant says that it was another, whose definitions can't be used", func(s *Snapshot) {
			s.renameOwner("tenant/acme", "tenant/apex")
			s.Desired = slices.DeleteFunc(s.Desired, func(d resource.Desired) bool { return d.Address.Kind != "topic" && d.Address.Name != "dead" })
			s.Broken = map[resource.Owner]string{"tenant/acme": "a mistake"}
		}, []string{
			"none config tenant/apex/queue/dead held:move",
			"broken tenant/acme: a mistake",
		}},
	})
}

func TestAMoveSaysWhereItComesFrom(t *testing.T) {
	s := acme()
	s.rename(data, store)
	c := compute(t, s).Changes[0]
	if c.From != at(data) || c.Have.Address != at(data) || c.Want.Address != at(store) || !c.HoldsData {
		t.Errorf("%+v", c)
	}
	if text := compute(t, s).Digest; text == compute(t, acme()).Digest {
		t.Error("the digest doesn't cover the move")
	}
	twice := acme()
	twice.rename(data, "tenant/acme/bucket/middle")
	twice.rename("tenant/acme/bucket/middle", store)
	from := compute(t, twice).Digest
	twice.have(data).Address = at("tenant/acme/bucket/middle")
	if compute(t, twice).Digest == from {
		t.Error("the digest doesn't cover where it comes from")
	}
}

func TestWhyNothingIsMoved(t *testing.T) {
	s := acme()
	s.rename(jobs, work)
	s.Observed = append(s.Observed, made(want(work, `{"name":"new"}`)))
	want := "Git says that it was called otherwise before, and the cloud has 2 of it: tenant/acme/queue/jobs (id-jobs), tenant/acme/queue/work (id-work). " +
		"Nothing is done to any of them; take the earlier name out of Git to keep both apart, or remove the tag tenantry:address from the one that is not to be kept"
	if got := compute(t, s).Changes[0].Hold; got != want {
		t.Errorf("the hold says\n%s\nwant\n%s", got, want)
	}
}

func TestLostAccounts(t *testing.T) {
	lost := func(s *Snapshot) {
		s.Lost = map[string]string{other.Account: "closed by mistake (dana)"}
		gone := want("tenant/acme/queue/far", `{"name":"far"}`)
		gone.Scope = other
		s.Applied = append(s.Applied, gone)
	}
	check(t, []rule{
		{"what was applied there is abandoned", lost, nil},
		{"it is wanted elsewhere: it is made there", func(s *Snapshot) {
			lost(s)
			s.add(want("tenant/acme/queue/far", `{"name":"far"}`))
		}, []string{"+ config tenant/acme/queue/far"}},
		{"it is wanted there: nothing is done", func(s *Snapshot) {
			lost(s)
			s.add(s.Applied[len(s.Applied)-1])
		}, nil},
		{"something shows there after all: it isn't touched", func(s *Snapshot) {
			lost(s)
			s.Observed = append(s.Observed, made(s.Applied[len(s.Applied)-1]))
		}, nil},
		{"it used something here, which may go", func(s *Snapshot) {
			lost(s)
			s.Applied[len(s.Applied)-1].Attributes["deadLetter"] = want(jobs, `{"x":"@dead.arn"}`).Attributes["x"]
			s.ungit("tenant/acme/queue/dead")
			s.git(jobs, "deadLetter", "")
		}, []string{
			`~ config tenant/acme/queue/jobs deadLetter:{"maxReceiveCount":3,"targetArn":"arn:tenant/acme/queue/dead"}→`,
			"- config tenant/acme/queue/dead needs:tenant/acme/queue/jobs",
		}},
	})
	s := acme()
	lost(&s)
	c := compute(t, s)
	wanted := []Abandoned{{Address: at("tenant/acme/queue/far"), Scope: other, Why: "closed by mistake (dana)"}}
	if diff := cmp.Diff(wanted, c.Abandoned); diff != "" || c.Empty() {
		t.Errorf("empty: %t, abandoned:\n%s", c.Empty(), diff)
	}
	if got := c.Only("tenant/beta"); len(got.Abandoned) != 0 {
		t.Errorf("of another owner: %v", got.Abandoned)
	}
}

// Whatever is renamed, and whatever else changes: what is renamed is never deleted, retired, replaced
// or created, and applying it leaves nothing to do.
func TestRenamedIsNeverMadeAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := aFleet(t, "before ")
		cloud := settled(t, before)
		ids := map[resource.Address]string{}
		for address, o := range cloud.have {
			ids[address] = o.ID
		}
		s := Snapshot{Fleet: "f", Kinds: kinds(), Desired: slices.Clone(before), Applied: before, Settled: map[resource.Owner]bool{}, CorrectDrift: true, Now: now}
		if rapid.Bool().Draw(t, "tenant") {
			s.renameOwner("tenant/a", "tenant/z")
		}
		renamed := map[resource.Address]resource.Address{}
		for _, d := range slices.Clone(s.Desired) {
			if rapid.IntRange(0, 2).Draw(t, "renamed "+d.Address.String()) == 0 {
				s.rename(d.Address.String(), d.Address.String()+"-now")
			}
		}
		for i := range s.Desired {
			d := &s.Desired[i]
			if len(d.Previously) > 0 {
				renamed[d.Previously[0]] = d.Address
			}
			if rapid.IntRange(0, 3).Draw(t, "tags of "+d.Address.String()) == 0 {
				d.Attributes = d.Attributes.Resolve(func(resource.Ref) (string, bool) { return "", false })
				d.Attributes["tags"] = must(`{"by":"Git"}`)
			}
		}
		for _, d := range before {
			s.Settled[d.Address.Owner] = rapid.Bool().Draw(t, "settled "+string(d.Address.Owner))
		}
		s.Limits, s.Observed = generous(), cloud.observed()
		first, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range first.Changes {
			if change.Action != Move && change.Action != Update || change.Hold != "" {
				t.Fatalf("a fleet that is only renamed:\n%s", strings.Join(lines(first), "\n"))
			}
		}
		if last := converge(t, cloud, s); !last.Empty() {
			t.Fatalf("left over:\n%s", strings.Join(lines(last), "\n"))
		}
		for was, address := range renamed {
			if cloud.have[address].ID != ids[was] {
				t.Fatalf("%s is %q, and %s was %q", address, cloud.have[address].ID, was, ids[was])
			}
		}
		if len(cloud.have) != len(ids) {
			t.Fatalf("there were %d, and are %d", len(ids), len(cloud.have))
		}
	})
}

// Between any two states, with drift, strays and holds: an address that is claimed loses nothing.
func TestWhatIsClaimedIsNeverTakenAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSnapshot(t)
		s.Limits = generous()
		claimed := map[resource.Address]bool{}
		for i := range s.Desired {
			d := &s.Desired[i]
			if rapid.Bool().Draw(t, "claims "+d.Address.String()) {
				was := d.Address
				was.Owner = resource.Owner(rapid.SampledFrom([]string{"tenant/a", "tenant/b", "tenant/left"}).Draw(t, "owner"))
				was.Name = rapid.SampledFrom([]string{"k0", "t1", "q0", "b1", "old"}).Draw(t, "name")
				d.Previously = []resource.Address{was}
				claimed[was] = true
			}
		}
		desired := map[resource.Address]bool{}
		for _, d := range s.Desired {
			desired[d.Address] = true
		}
		c, err := Compute(s)
		if err != nil {
			t.Fatal(err)
		}
		taken := map[string]resource.Address{}
		for _, change := range c.Changes {
			if claimed[change.Address] && !desired[change.Address] {
				t.Fatalf("%s %s, which is claimed", change.Action, change.Address)
			}
			if change.Action != Move || change.Hold != "" {
				continue
			}
			id := fmt.Sprint(change.Have.Scope, change.Have.ID)
			if by, twice := taken[id]; twice {
				t.Fatalf("%s and %s both take %s over", by, change.Address, change.From)
			}
			taken[id] = change.Address
			for _, o := range s.Observed {
				if o.Address == change.Address {
					t.Fatalf("%s is moved to where there is one", change.From)
				}
			}
		}
	})
}
