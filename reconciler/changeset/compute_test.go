package changeset

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

const (
	jobs   = "tenant/acme/queue/jobs"
	dead   = "tenant/acme/queue/dead"
	data   = "tenant/acme/bucket/data"
	key    = "tenant/acme/key/key"
	app    = "tenant/acme/role/app"
	alerts = "cell/eu-1/topic/alerts"
)

// A rule is one line of what the comparison promises.
type rule struct {
	says   string
	change func(*Snapshot)
	want   []string
}

func check(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.says, func(t *testing.T) {
			s := acme()
			if r.change != nil {
				r.change(&s)
			}
			if diff := cmp.Diff(r.want, lines(compute(t, s))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestThreeWay(t *testing.T) {
	check(t, []rule{
		{"as Git wants it: nothing", nil, nil},
		{"only Git moved: config", func(s *Snapshot) {
			s.git(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:5→9"}},
		{"only the cloud moved: drift, held", func(s *Snapshot) {
			s.cloud(jobs, "delay", "9")
		}, []string{"~ drift " + jobs + " delay:9→5 held:drift"}},
		{"only the cloud moved, and drift is corrected", func(s *Snapshot) {
			s.cloud(jobs, "delay", "9")
			s.CorrectDrift = true
		}, []string{"~ drift " + jobs + " delay:9→5"}},
		{"both moved: config", func(s *Snapshot) {
			s.git(jobs, "delay", "8")
			s.cloud(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:9→8"}},
		{"both moved to the same: nothing", func(s *Snapshot) {
			s.git(jobs, "delay", "9")
			s.cloud(jobs, "delay", "9")
		}, nil},
		{"both moved at different places of one object", func(s *Snapshot) {
			s.git(data, "tags", `{"team":"blue"}`)
			s.cloud(data, "tags", `{"team":"red","by":"hand"}`)
		}, []string{"~ config " + data + " tags.by:hand→(drift) tags.team:red→blue"}},
		{"both moved at different attributes", func(s *Snapshot) {
			s.git(jobs, "delay", "9")
			s.cloud(jobs, "peers", `["z"]`)
		}, []string{`~ config ` + jobs + ` delay:5→9 peers:["z"]→["a","b"](drift)`}},
		{"the owner was never settled: all is config", func(s *Snapshot) {
			s.cloud(jobs, "delay", "9")
			delete(s.Settled, "tenant/acme")
		}, []string{"~ config " + jobs + " delay:9→5"}},
		{"the owner was never settled, and Git is silent: config", func(s *Snapshot) {
			s.cloud(dead, "delay", "9")
			delete(s.Settled, "tenant/acme")
		}, []string{"~ config " + dead + " delay:9→0"}},
		{"new in Git, there already: config", func(s *Snapshot) {
			s.unapplied(jobs)
			s.cloud(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:9→5"}},
		{"Git turns a reference round", func(s *Snapshot) {
			s.git(jobs, "deadLetter", "")
			s.git(dead, "deadLetter", `{"targetArn":"@jobs.arn","maxReceiveCount":3}`)
		}, []string{
			"~ config " + jobs + ` deadLetter:{"maxReceiveCount":3,"targetArn":"arn:` + dead + `"}→`,
			"~ config " + dead + ` deadLetter:→{"maxReceiveCount":3,"targetArn":"arn:` + jobs + `"} needs:` + jobs,
		}},
		{"Git leaves an attribute out: its default is wanted", func(s *Snapshot) {
			s.git(jobs, "delay", "")
		}, []string{"~ config " + jobs + " delay:5→0"}},
		{"somebody set what Git never mentioned: drift", func(s *Snapshot) {
			s.cloud(jobs, "token", `"x"`)
			s.Observed[4].Attributes["token"] = s.Observed[4].Attributes["token"].AsSecret()
		}, []string{"~ drift " + jobs + " token:(secret)→ held:drift"}},
		{"sets are equal in any order", func(s *Snapshot) {
			s.cloud(jobs, "peers", `["b","a","b"]`)
			s.git(jobs, "peers", `["a","b"]`)
		}, nil},
		{"documents are equal in their canonical form", func(s *Snapshot) {
			s.git(key, "policy", `{"Statement":"ALLOW"}`)
			s.cloud(key, "policy", `{"statement":"allow"}`)
		}, nil},
		{"documents are compared as a whole, also inside objects", func(s *Snapshot) {
			s.cloud(app, "policies", `{"main":{"Statement":[]},"more":{"Statement":1}}`)
		}, []string{`~ drift ` + app + ` policies.main:{"Statement":[]}→{"Statement":[{"Resource":"arn:tenant/acme/bucket/data"}]} policies.more:{"Statement":1}→ held:drift`}},
		{"objects are compared at their members", func(s *Snapshot) {
			s.cloud(data, "encryption", `{"algorithm":"AES256","kmsKey":""}`)
		}, []string{"~ drift " + data + " encryption.algorithm:AES256→aws:kms encryption.kmsKey:→arn:" + key + " held:drift"}},
		{"an object that is there on one side alone is compared as a whole", func(s *Snapshot) {
			s.cloud(jobs, "deadLetter", "")
		}, []string{`~ drift ` + jobs + ` deadLetter:→{"maxReceiveCount":3,"targetArn":"arn:tenant/acme/queue/dead"} held:drift`}},
		{"what the kind doesn't know and the cloud has shows a broken driver", func(s *Snapshot) {
			s.cloud(jobs, "surprise", "1")
		}, []string{"~ config " + jobs + " surprise:1→"}},
		{"a reference that became the literal it stands for is no change", func(s *Snapshot) {
			s.git(jobs, "deadLetter", `{"targetArn":"arn:tenant/acme/queue/dead","maxReceiveCount":3}`)
		}, nil},
	})
}

func TestSecrets(t *testing.T) {
	secret := func(s *Snapshot, applied, desired, observed string) {
		for _, list := range []*[]resource.Desired{&s.Applied, &s.Desired} {
			text := desired
			if list == &s.Applied {
				text = applied
			}
			d := want(jobs, `{"name":"acme-jobs","delay":5,"peers":["b","a"],"deadLetter":{"targetArn":"@dead.arn","maxReceiveCount":3}}`)
			d.Attributes["token"] = resource.String(text)
			(*list)[4] = d
		}
		s.Applied[4].Attributes["token"] = s.Applied[4].Attributes["token"].AsSecret().Seal()
		s.have(jobs).Attributes["token"] = resource.String(observed).AsSecret()
	}
	check(t, []rule{
		{"equal to its seal: nothing", func(s *Snapshot) { secret(s, "one", "one", "one") }, nil},
		{"the cloud moved", func(s *Snapshot) { secret(s, "one", "one", "two") }, []string{"~ drift " + jobs + " token:(secret)→(secret) held:drift"}},
		{"Git moved", func(s *Snapshot) { secret(s, "one", "two", "one") }, []string{"~ config " + jobs + " token:(secret)→(secret)"}},
		{"a reference in a secret is judged by what Git says", func(s *Snapshot) {
			secret(s, "x", "x", "moved")
			s.git(jobs, "token", `"@dead.arn"`)
			s.Applied[4].Attributes["token"] = s.Desired[4].Attributes["token"].AsSecret().Seal()
		}, []string{"~ drift " + jobs + " token:(secret)→(secret) held:drift"}},
	})
}

// A secret is compared as a whole: what a member is called may be telling.
func TestSecretObject(t *testing.T) {
	s := acme()
	for i, text := range []string{`{"one":"a"}`, `{"two":"b"}`} {
		v := must(text).AsSecret()
		if i == 0 {
			s.Desired[4].Attributes = resource.Kind{}.Canonical(s.Desired[4].Attributes)
			s.Desired[4].Attributes["token"] = v
		} else {
			s.have(jobs).Attributes["token"] = v
		}
	}
	if diff := cmp.Diff([]string{"~ config " + jobs + " token:(secret)→(secret)"}, lines(compute(t, s))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMissing(t *testing.T) {
	check(t, []rule{
		{"new in Git: create", func(s *Snapshot) {
			s.add(want("tenant/acme/queue/more", `{"name":"more"}`))
		}, []string{"+ config tenant/acme/queue/more"}},
		{"was there as Git wants it, and is gone: drift, held", func(s *Snapshot) {
			s.gone(dead)
			s.git(jobs, "deadLetter", `{"targetArn":"elsewhere","maxReceiveCount":3}`)
			s.cloud(jobs, "deadLetter", `{"targetArn":"elsewhere","maxReceiveCount":3}`)
		}, []string{"+ drift " + dead + " held:drift"}},
		{"the same, corrected", func(s *Snapshot) {
			s.gone(app)
			s.CorrectDrift = true
		}, []string{"+ drift " + app}},
		{"is gone, and Git moved too: config", func(s *Snapshot) {
			s.gone(app)
			s.git(app, "duration", "7200")
		}, []string{"+ config " + app}},
		{"is gone, and the owner was never settled: config", func(s *Snapshot) {
			s.gone(app)
			delete(s.Settled, "tenant/acme")
		}, []string{"+ config " + app}},
		{"Git allows to take over what exists: adopt", func(s *Snapshot) {
			d := want("tenant/acme/queue/more", `{"name":"more"}`)
			d.Adopt = "more"
			s.add(d)
		}, []string{"← config tenant/acme/queue/more name:→more"}},
		{"an adopted one that is there is compared like any other", func(s *Snapshot) {
			s.Desired[4].Adopt = "acme-jobs"
			s.git(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:5→9"}},
		{"an earlier create may still arrive: held until then", func(s *Snapshot) {
			s.add(want("tenant/acme/key/master", `{"alias":"alias/m"}`))
			s.Unsure = map[resource.Address]time.Time{at("tenant/acme/key/master"): now.Add(time.Second)}
		}, []string{"+ config tenant/acme/key/master held:unsure"}},
		{"its time is over: the create may be sent again", func(s *Snapshot) {
			s.add(want("tenant/acme/key/master", `{"alias":"alias/m"}`))
			s.Unsure = map[resource.Address]time.Time{at("tenant/acme/key/master"): now}
		}, []string{"+ config tenant/acme/key/master"}},
		{"it arrived: nothing to wait for", func(s *Snapshot) {
			s.Unsure = map[resource.Address]time.Time{at(key): now.Add(time.Hour)}
		}, nil},
		{"it moved from a place that can't be read: it may be there still", func(s *Snapshot) {
			s.gone(jobs)
			s.Applied[4].Scope = other
			s.Unseen = map[Place]string{{Scope: other, Kind: "queue"}: "access denied"}
		}, []string{"+ config " + jobs + " held:unseen", "unseen 222222222222/eu-central-1 queue"}},
	})
}

func TestReplace(t *testing.T) {
	check(t, []rule{
		{"an immutable attribute moved in Git: replace", func(s *Snapshot) {
			s.git(app, "name", `"new"`)
		}, []string{"-/+ config " + app + " name:acme-app→new"}},
		{"it moved in the cloud: replace, cause drift, held", func(s *Snapshot) {
			s.cloud(app, "name", `"odd"`)
		}, []string{"-/+ drift " + app + " name:odd→acme-app held:drift"}},
		{"it moved in the cloud, corrected", func(s *Snapshot) {
			s.cloud(app, "name", `"odd"`)
			s.CorrectDrift = true
		}, []string{"-/+ drift " + app + " name:odd→acme-app"}},
		{"it moved in the cloud, and Git moved elsewhere: only what Git moved is written", func(s *Snapshot) {
			s.cloud(app, "name", `"odd"`)
			s.git(app, "duration", "7200")
		}, []string{"~ config " + app + " duration:3600→7200 name:odd→acme-app(drift)"}},
		{"what holds data is never replaced", func(s *Snapshot) {
			s.git(data, "name", `"new"`)
		}, []string{"-/+ config " + data + " name:acme-data→new held:data"}},
		{"not even to correct drift", func(s *Snapshot) {
			s.cloud(data, "name", `"odd"`)
			s.CorrectDrift = true
		}, []string{"-/+ drift " + data + " name:odd→acme-data held:data"}},
		{"another place is a replacement", func(s *Snapshot) {
			s.Desired[4].Scope = other
		}, []string{"-/+ config " + jobs + " scope:111111111111/eu-central-1→222222222222/eu-central-1"}},
		{"another place for what holds data is held", func(s *Snapshot) {
			s.Desired[2].Scope = other
		}, []string{"-/+ config " + data + " scope:111111111111/eu-central-1→222222222222/eu-central-1 held:data"}},
		{"found elsewhere than it was put: drift", func(s *Snapshot) {
			s.have(jobs).Scope = other
		}, []string{"-/+ drift " + jobs + " scope:222222222222/eu-central-1→111111111111/eu-central-1 held:drift"}},
		{"found elsewhere, and Git moved too: it stays where it is", func(s *Snapshot) {
			s.have(jobs).Scope = other
			s.git(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:5→9 scope:222222222222/eu-central-1→111111111111/eu-central-1(drift)"}},
		{"users of what is replaced follow it", func(s *Snapshot) {
			s.git(dead, "name", `"new"`)
		}, []string{
			"-/+ config " + dead + " name:acme-dead→new",
			"~ config " + jobs + " deadLetter.targetArn:arn:tenant/acme/queue/dead→(known after apply: acme/dead.arn) needs:" + dead,
		}},
		{"users of what is held stay with what there is", func(s *Snapshot) {
			s.git(key, "alias", `"alias/new"`)
		}, []string{"-/+ config " + key + " alias:alias/acme→alias/new held:data"}},
	})
}

func TestUndesired(t *testing.T) {
	check(t, []rule{
		{"the plan changed: delete", func(s *Snapshot) { s.ungit(app) }, []string{"- config " + app}},
		{"the plan changed: what holds data is retired", func(s *Snapshot) {
			s.ungit(app)
			s.ungit(data)
		}, []string{"- config " + app, "◌ config " + data + " needs:" + app}},
		{"already retired: nothing", func(s *Snapshot) {
			s.ungit(app)
			s.gone(app)
			s.ungit(data)
			s.have(data).Retired = "2026-01-01T00:00:00Z"
		}, nil},
		{"retired and wanted again: reinstated by an update", func(s *Snapshot) {
			s.have(data).Retired = "2026-01-01T00:00:00Z"
			s.unapplied(data)
		}, []string{"~ config " + data + " retired:2026-01-01T00:00:00Z→"}},
		{"taken out of service by somebody else: drift", func(s *Snapshot) {
			s.have(data).Retired = "2026-01-01T00:00:00Z"
		}, []string{"~ drift " + data + " retired:2026-01-01T00:00:00Z→ held:drift"}},
		{"a commit removed the owner: all of it goes, users first", func(s *Snapshot) {
			s.ungitOwner("tenant/acme")
			s.Removed = map[resource.Owner]string{"tenant/acme": "commit 1234"}
		}, []string{
			"- config " + app,
			"◌ config " + data + " needs:" + app,
			"- config " + jobs + " needs:" + app,
			"- config " + dead + " needs:" + jobs + " needs:" + app,
			"◌ config " + key + " needs:" + data + " needs:" + dead + " needs:" + jobs + " needs:" + app,
		}},
		{"the owner is absent, and no commit removed it: nothing goes", func(s *Snapshot) {
			s.ungitOwner("tenant/acme")
		}, []string{
			"- orphan " + app + " held:not-in-git",
			"◌ orphan " + data + " held:not-in-git needs:" + app,
			"◌ orphan " + key + " held:not-in-git needs:" + data,
			"- orphan " + jobs + " held:not-in-git",
			"- orphan " + dead + " held:not-in-git needs:" + jobs,
		}},
		{"not even what we made and applied", func(s *Snapshot) {
			s.Desired, s.Created = nil, map[resource.Address]bool{at(alerts): true}
			s.Observed = s.Observed[:1]
		}, []string{"- orphan " + alerts + " held:not-in-git"}},
		{"Git has nothing at all: nothing goes", func(s *Snapshot) {
			s.Desired = nil
			s.Observed = s.Observed[4:5]
		}, []string{"- orphan " + jobs + " held:not-in-git"}},
		{"our mark, and nothing says that we made it: orphan, held", func(s *Snapshot) {
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)))
		}, []string{"- orphan tenant/acme/queue/odd held:orphan"}},
		{"the log says that we made it: an interrupted run left it", func(s *Snapshot) {
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)))
			s.Created = map[resource.Address]bool{at("tenant/acme/queue/odd"): true}
		}, []string{"- config tenant/acme/queue/odd"}},
		{"applied by an owner that isn't settled proves nothing", func(s *Snapshot) {
			s.ungit(app)
			delete(s.Settled, "tenant/acme")
		}, []string{"- orphan " + app + " held:orphan"}},
		{"an owner that a commit removed once and that is back is judged as present", func(s *Snapshot) {
			s.Removed = map[resource.Owner]string{"tenant/acme": "commit 1234"}
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)))
		}, []string{"- orphan tenant/acme/queue/odd held:orphan"}},
	})
}

func TestDoubles(t *testing.T) {
	twin := func(s *Snapshot, address string) {
		copied := *s.have(address)
		copied.ID, copied.Scope = "the-other", other
		s.Observed = append(s.Observed, copied)
	}
	check(t, []rule{
		{"two carry one address: nothing is done to either", func(s *Snapshot) {
			s.git(dead, "delay", "9")
			twin(s, dead)
		}, []string{"none orphan " + dead + " held:duplicate"}},
		{"nor if it isn't wanted any more", func(s *Snapshot) {
			s.ungit(app)
			twin(s, app)
		}, []string{"none orphan " + app + " held:duplicate"}},
		{"nor if one of them is retired", func(s *Snapshot) {
			s.ungit(app)
			s.ungit(data)
			s.gone(app)
			twin(s, data)
			s.have(data).Retired = "2026-01-01T00:00:00Z"
		}, []string{"none orphan " + data + " held:duplicate"}},
		{"what needs it waits", func(s *Snapshot) {
			twin(s, dead)
			s.git(jobs, "delay", "9")
		}, []string{"none orphan " + dead + " held:duplicate", "~ config " + jobs + " delay:5→9 held:duplicate"}},
	})
	s := acme()
	twin(&s, dead)
	hold := compute(t, s).Changes[0].Hold
	for _, name := range []string{"id-dead", "the-other", "111111111111/eu-central-1", "222222222222/eu-central-1"} {
		if !strings.Contains(hold, name) {
			t.Errorf("the hold doesn't name %s: %s", name, hold)
		}
	}
}

func TestWhat(t *testing.T) {
	t.Run("an update leaves what only the cloud changed", func(t *testing.T) {
		s := acme()
		s.git(data, "tags", `{"team":"blue"}`)
		s.cloud(data, "tags", `{"team":"red","by":"hand"}`)
		s.cloud(data, "versioning", "true")
		got := compute(t, s).Changes[0].Want.Attributes
		wanted := kinds()["bucket"].Canonical(want(data, `{"name":"acme-data","encryption":{"algorithm":"aws:kms","kmsKey":"arn:`+key+`"},"tags":{"team":"blue","by":"hand"},"versioning":true}`).Attributes)
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.CorrectDrift = true
		got = compute(t, s).Changes[0].Want.Attributes
		if got["tags"] != must(`{"team":"blue"}`) || got["versioning"] != must("false") {
			t.Errorf("corrected: %v", got)
		}
	})
	t.Run("a tag that only the cloud lost stays lost", func(t *testing.T) {
		s := acme()
		s.git(data, "versioning", "true")
		s.cloud(data, "tags", `{}`)
		if got := compute(t, s).Changes[0].Want.Attributes; got["tags"] != must(`{}`) || got["versioning"] != must("true") {
			t.Errorf("wants %v", got)
		}
	})
	t.Run("what only the cloud moved stays where it is", func(t *testing.T) {
		s := acme()
		s.git(jobs, "delay", "9")
		s.have(jobs).Scope = other
		if got := compute(t, s).Changes[0]; got.Scope != other || got.Want.Scope != other || got.Action != Update {
			t.Errorf("%s in %s, wanted in %s", got.Action, got.Scope, got.Want.Scope)
		}
	})
	t.Run("text from the cloud is never resolved", func(t *testing.T) {
		s := acme()
		s.git(data, "versioning", "true")
		s.cloud(data, "tags", `{"team":"${tenant/acme/key/key#arn}"}`)
		if got := compute(t, s).Changes[0]; got.HoldKind != HoldDrift || got.Want.Attributes["tags"].Known() == false && got.Hold == "" {
			t.Errorf("%v, held for %q", got.Want.Attributes, got.Hold)
		}
	})
	t.Run("a create sends the canonical form", func(t *testing.T) {
		s := acme()
		s.add(want("tenant/acme/queue/more", `{"name":"more","peers":["z","y","z"],"deadLetter":{"targetArn":"@dead.arn"}}`))
		change := compute(t, s).Changes[0]
		if diff := cmp.Diff(kinds()["queue"].Canonical(want("tenant/acme/queue/more", `{"name":"more","peers":["y","z"],"deadLetter":{"targetArn":"arn:`+dead+`"}}`).Attributes), change.Want.Attributes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if change.Have != nil || change.Cell != "eu-1" || change.Origin.Line != 7 || len(change.Attributes) != 3 {
			t.Errorf("%+v", change)
		}
	})
	t.Run("a deletion knows its cell and its line", func(t *testing.T) {
		s := acme()
		s.ungit(app)
		change := compute(t, s).Changes[0]
		if change.Cell != "eu-1" || change.Origin.Line != 7 || change.Have.ID != "id-app" || change.Scope != global {
			t.Errorf("%+v", change)
		}
	})
	t.Run("an override's line is the difference's", func(t *testing.T) {
		s := acme()
		s.git(jobs, "delay", "9")
		s.Desired[4].Origins = map[string]resource.Origin{"delay": {File: "tenants/acme.cue", Line: 4}}
		if got := compute(t, s).Changes[0].Attributes[0].Origin.String(); got != "tenants/acme.cue:4" {
			t.Errorf("origin %s", got)
		}
	})
	t.Run("counts", func(t *testing.T) {
		s := acme()
		s.git(jobs, "delay", "9")
		s.cloud(dead, "delay", "9")
		c := compute(t, s)
		if diff := cmp.Diff(Summary{Update: 2, Held: 1, Owners: 1}, c.Summary()); diff != "" || c.Unchanged != 4 || c.Empty() || len(c.Ready()) != 1 {
			t.Errorf("unchanged %d, ready %d, summary:\n%s", c.Unchanged, len(c.Ready()), diff)
		}
	})
}

func TestMeaningless(t *testing.T) {
	for _, c := range []struct {
		says   string
		change func(*Snapshot)
		want   string
	}{
		{"two desired with one address", func(s *Snapshot) { s.add(s.Desired[4]) }, jobs + " is desired twice"},
		{"two applied with one address", func(s *Snapshot) { s.Applied = append(s.Applied, s.Applied[4]) }, jobs + " is applied twice"},
		{"kinds in a circle", func(s *Snapshot) {
			k := s.Kinds["key"]
			k.Uses = []string{"role"}
			s.Kinds["key"] = k
		}, "kinds use one another in a circle: bucket → key → role → bucket"},
	} {
		s := acme()
		c.change(&s)
		if _, err := Compute(s); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.says, err, c.want)
		}
	}
}
