package changeset

import (
	"testing"

	"tenantry.dev/reconciler/resource"
)

// What can't be seen or read is left alone.

func TestUnseen(t *testing.T) {
	check(t, []rule{
		{"a place that can't be read is left alone, whatever Git says", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region}: "access denied"}
			s.git(jobs, "delay", "9")
			s.ungit(dead)
			s.add(want("tenant/acme/queue/more", `{"name":"more"}`), want("tenant/acme/queue/dead", `{"name":"new"}`))
			s.gone(data)
		}, []string{"unseen 111111111111/eu-central-1 "}},
		{"one kind can't be read: what of it is listed isn't believed", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region, Kind: "queue"}: "throttled"}
			s.ungitOwner("tenant/acme")
			s.Removed = map[resource.Owner]string{"tenant/acme": "commit 1234"}
		}, []string{
			"- config " + app, "◌ config " + data + " needs:" + app, "◌ config " + key + " needs:" + data + " needs:" + app, "unseen 111111111111/eu-central-1 queue",
		}},
		{"what is listed in a place that can't be read isn't moved out of it", func(s *Snapshot) {
			s.have(jobs).Scope = other
			s.Unseen = map[Place]string{{Scope: other}: "throttled"}
		}, []string{"unseen 222222222222/eu-central-1 "}},
		{"what needs something there, and has something to do, is held", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region, Kind: "bucket"}: "throttled"}
			s.git(app, "duration", "7200")
		}, []string{"~ config " + app + " duration:3600→7200 held:unseen", "unseen 111111111111/eu-central-1 bucket"}},
		{"what needs something there, and is to be made, is held", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region, Kind: "bucket"}: "throttled"}
			s.add(want("tenant/acme/role/more", `{"name":"more","policies":{"m":{"Statement":"@data.arn"}}}`))
		}, []string{"+ config tenant/acme/role/more held:unseen", "unseen 111111111111/eu-central-1 bucket"}},
		{"what only can't be judged is no change", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region, Kind: "bucket"}: "throttled"}
		}, []string{"unseen 111111111111/eu-central-1 bucket"}},
		{"what can't be judged and Git moved is held", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: region, Kind: "bucket"}: "throttled"}
			s.git(app, "policies", `{"main":{"Statement":"@data.name"}}`)
		}, []string{`~ config ` + app + ` policies.main:{"Statement":[{"Resource":"arn:tenant/acme/bucket/data"}]}→{"Statement":"(known after apply: acme/data.name)"} held:unseen`, "unseen 111111111111/eu-central-1 bucket"}},
		{"what is used by something that can't be read isn't taken away", func(s *Snapshot) {
			s.Unseen = map[Place]string{{Scope: global}: "denied"}
			s.ungit(app)
			s.ungit(data)
		}, []string{"◌ config " + data + " held:unseen", "unseen 111111111111/global "}},
		{"a kind that this version doesn't know is left alone, and said so", func(s *Snapshot) {
			s.Observed = append(s.Observed, resource.Observed{Address: at("tenant/acme/blimp/b"), Scope: region})
		}, []string{"unseen 111111111111/eu-central-1 blimp"}},
		{"the cloud is busy with it: held", func(s *Snapshot) {
			s.git(jobs, "delay", "9")
			s.have(jobs).Pending = "updating"
		}, []string{"~ config " + jobs + " delay:5→9 held:pending"}},
		{"the cloud is busy with what goes: held", func(s *Snapshot) {
			s.ungit(app)
			s.have(app).Pending = "deleting"
		}, []string{"- config " + app + " held:pending"}},
		{"busy, and as Git wants it: nothing", func(s *Snapshot) { s.have(jobs).Pending = "updating" }, nil},
		{"an output that the cloud doesn't tell yet: what needs it waits", func(s *Snapshot) {
			s.have(dead).Outputs = map[string]string{}
			s.git(jobs, "delay", "9")
		}, []string{"~ config " + jobs + " delay:5→9 held:pending"}},
		{"an output that the cloud doesn't tell yet: nothing else to do", func(s *Snapshot) {
			s.have(dead).Outputs = nil
		}, nil},
	})
}

func TestBroken(t *testing.T) {
	check(t, []rule{
		{"an owner whose definitions can't be used is left alone", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"tenant/acme": "line 3"}
			s.ungitOwner("tenant/acme")
			s.Removed = map[resource.Owner]string{"tenant/acme": "commit 1234"}
		}, []string{"broken tenant/acme: line 3"}},
		{"also what was rendered of it", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"tenant/acme": "line 3"}
			s.git(jobs, "delay", "9")
			s.ungit(app)
			s.gone(data)
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)))
		}, []string{"broken tenant/acme: line 3"}},
		{"its resources still serve those that refer to them", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"cell/eu-1": "line 3"}
			s.ungit(alerts)
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"+ config tenant/acme/queue/more", "broken cell/eu-1: line 3"}},
		{"but not if two of them carry one address", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"cell/eu-1": "line 3"}
			s.ungit(alerts)
			s.Observed = append(s.Observed, *s.have(alerts))
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"+ config tenant/acme/queue/more held:duplicate", "broken cell/eu-1: line 3"}},
		{"nor if their place can't be read", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"cell/eu-1": "line 3"}
			s.ungit(alerts)
			s.Unseen = map[Place]string{{Scope: region, Kind: "topic"}: "throttled"}
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"+ config tenant/acme/queue/more held:unseen", "unseen 111111111111/eu-central-1 topic", "broken cell/eu-1: line 3"}},
		{"what it doesn't have is waited for", func(s *Snapshot) {
			s.Broken = map[resource.Owner]string{"cell/eu-1": "line 3"}
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.events.arn"}`))
		}, []string{"+ config tenant/acme/queue/more held:unseen", "broken cell/eu-1: line 3"}},
		{"what it uses isn't taken away", func(s *Snapshot) {
			s.add(want("tenant/beta/queue/q", `{"name":"q"}`))
			d := want("tenant/beta/queue/q", `{"name":"@cell.alerts.arn"}`)
			s.Applied, s.Observed = append(s.Applied, d), append(s.Observed, made(d))
			s.Broken = map[resource.Owner]string{"tenant/beta": "line 3"}
			s.ungit(alerts)
			s.add(want("cell/eu-1/topic/other", `{"name":"other"}`))
			s.Observed = append(s.Observed, made(want("cell/eu-1/topic/other", `{"name":"other"}`)))
		}, []string{"- config " + alerts + " held:unseen", "broken tenant/beta: line 3"}},
		{"what an owner uses that is only absent isn't taken away", func(s *Snapshot) {
			d := want("tenant/beta/queue/q", `{"name":"@cell.alerts.arn"}`)
			s.Applied, s.Observed = append(s.Applied, d), append(s.Observed, made(d))
			s.ungit(alerts)
			s.Removed = map[resource.Owner]string{"cell/eu-1": "commit 1234"}
		}, []string{"- orphan tenant/beta/queue/q held:not-in-git", "- config " + alerts + " held:unseen needs:tenant/beta/queue/q"}},
		{"a reference to nothing breaks its owner alone", func(s *Snapshot) {
			s.git(jobs, "deadLetter", `"@events.arn"`)
			s.git(alerts, "displayName", `"x"`)
		}, []string{"~ config " + alerts + " displayName:→x", "broken tenant/acme: " + jobs + " refers to tenant/acme/topic/events, which doesn't exist"}},
		{"a reference to what goes breaks its owner", func(s *Snapshot) {
			s.ungit(dead)
		}, []string{"broken tenant/acme: " + jobs + " refers to " + dead + ", which Git doesn't ask for any more"}},
		{"a reference to an owner that is absent without intent holds", func(s *Snapshot) {
			s.ungit(alerts)
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"+ config tenant/acme/queue/more", "- orphan " + alerts + " held:not-in-git"}},
		{"a reference to an owner that a commit removed doesn't", func(s *Snapshot) {
			s.ungit(alerts)
			s.Removed = map[resource.Owner]string{"cell/eu-1": "commit 1234"}
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"- config " + alerts, "broken tenant/acme: tenant/acme/queue/more refers to " + alerts + ", which Git doesn't ask for any more"}},
		{"an output that the kind doesn't have breaks the owner", func(s *Snapshot) {
			s.git(jobs, "deadLetter", `"@dead.name"`)
		}, []string{"broken tenant/acme: " + jobs + " refers to name of " + dead + ", and queue has no such output"}},
		{"a reference to another tenant breaks the owner", func(s *Snapshot) {
			d := want("tenant/beta/queue/q", `{"name":"q"}`)
			d.Attributes["deadLetter"] = resource.String(resource.Ref{Address: at(dead), Output: "arn"}.Placeholder())
			s.add(d)
		}, []string{"broken tenant/beta: tenant/beta/queue/q refers to " + dead + ", which belongs to somebody else"}},
		{"an unknown kind breaks the owner", func(s *Snapshot) {
			s.add(want("tenant/beta/blimp/b", `{}`))
		}, []string{"broken tenant/beta: tenant/beta/blimp/b: this version knows no kind blimp"}},
		{"an unknown attribute breaks the owner", func(s *Snapshot) {
			s.add(want("tenant/beta/queue/q", `{"name":"q","dealy":1,"dalay":1}`))
		}, []string{"broken tenant/beta: tenant/beta/queue/q: queue has no attribute dalay"}},
		{"a circle of references breaks its owners", func(s *Snapshot) {
			s.git(dead, "deadLetter", `"@jobs.arn"`)
			s.git(alerts, "displayName", `"x"`)
		}, []string{"~ config " + alerts + " displayName:→x", "broken tenant/acme: references go round in a circle: " + dead + " → " + jobs + " → " + dead}},
		{"a circle through several owners breaks all of them", func(s *Snapshot) {
			d := want("fleet/topic/events", `{"name":"@cell.alerts.arn"}`)
			s.add(d)
			s.Desired[0].Attributes = resource.Attributes{"name": resource.String(resource.Ref{Address: d.Address, Output: "arn"}.Placeholder())}
		}, []string{
			"broken cell/eu-1: references go round in a circle: " + alerts + " → fleet/topic/events → " + alerts,
			"broken fleet: references go round in a circle: " + alerts + " → fleet/topic/events → " + alerts,
		}},
		{"a resource that refers to itself is a circle", func(s *Snapshot) {
			s.git(dead, "deadLetter", `"@dead.arn"`)
		}, []string{"broken tenant/acme: references go round in a circle: " + dead + " → " + dead}},
	})
}
