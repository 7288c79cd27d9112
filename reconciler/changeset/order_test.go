package changeset

import (
	"testing"
	"time"

	"tenantry.dev/reconciler/resource"
)

func TestOrder(t *testing.T) {
	fresh := func(s *Snapshot) {
		s.Observed, s.Applied, s.Settled = nil, nil, nil
	}
	check(t, []rule{
		{"what is needed comes first", fresh, []string{
			"+ config " + alerts,
			"+ config " + key,
			"+ config " + data + " needs:" + key,
			"+ config " + dead,
			"+ config " + jobs + " needs:" + dead,
			"+ config " + app + " needs:" + data,
		}},
		{"what goes comes last, after those that stop using it", func(s *Snapshot) {
			s.git(jobs, "deadLetter", "")
			s.ungit(dead)
			s.git(app, "duration", "7200")
			s.add(want("tenant/acme/queue/more", `{"name":"more"}`))
		}, []string{
			`~ config ` + jobs + ` deadLetter:{"maxReceiveCount":3,"targetArn":"arn:tenant/acme/queue/dead"}→`,
			"+ config tenant/acme/queue/more",
			"~ config " + app + " duration:3600→7200",
			"- config " + dead + " needs:" + jobs,
		}},
		{"of an owner that isn't settled, those whose kind uses it change first", func(s *Snapshot) {
			delete(s.Settled, "tenant/acme")
			s.ungit(dead)
			s.Created = map[resource.Address]bool{at(dead): true}
			s.git(jobs, "deadLetter", `{"targetArn":"@cell.alerts.arn","maxReceiveCount":3}`)
			s.git(app, "duration", "7200")
			s.unapplied(jobs)
		}, []string{
			"~ config " + jobs + " deadLetter.targetArn:arn:tenant/acme/queue/dead→arn:cell/eu-1/topic/alerts",
			"~ config " + app + " duration:3600→7200",
			"- config " + dead + " needs:" + app,
		}},
		{"what waits for a held change is held", func(s *Snapshot) {
			s.add(want("tenant/acme/key/master", `{"alias":"alias/m"}`), want("tenant/acme/topic/events", `{"name":"e","kmsKey":"@master.arn"}`))
			s.Unsure = map[resource.Address]time.Time{at("tenant/acme/key/master"): now.Add(time.Hour)}
		}, []string{
			"+ config tenant/acme/key/master held:unsure",
			"+ config tenant/acme/topic/events held:waits needs:tenant/acme/key/master",
		}},
		{"held drift of what is there keeps nobody waiting", func(s *Snapshot) {
			s.cloud(alerts, "displayName", `"odd"`)
			s.add(want("tenant/acme/queue/more", `{"name":"@cell.alerts.arn"}`))
		}, []string{"~ drift " + alerts + " displayName:odd→ held:drift", "+ config tenant/acme/queue/more"}},
		{"a stray that nobody knows keeps nothing from going", func(s *Snapshot) {
			s.ungit(app)
			s.ungit(data)
			s.Observed = append(s.Observed, made(want("tenant/acme/role/odd", `{"name":"odd"}`)))
		}, []string{"- config " + app, "◌ config " + data + " needs:" + app, "- orphan tenant/acme/role/odd held:orphan"}},
		{"a user that can't go yet keeps what it uses", func(s *Snapshot) {
			s.ungit(app)
			s.ungit(data)
			s.have(app).Pending = "deleting"
		}, []string{"- config " + app + " held:pending", "◌ config " + data + " held:pending needs:" + app}},
		{"what hangs on deleted drift didn't drift itself", func(s *Snapshot) {
			s.gone(dead)
		}, []string{"+ drift " + dead + " held:drift"}},
		{"what hangs on deleted drift is looked at again when that comes back", func(s *Snapshot) {
			s.gone(dead)
			s.CorrectDrift = true
		}, []string{
			"+ drift " + dead,
			"~ drift " + jobs + " deadLetter.targetArn:arn:tenant/acme/queue/dead→(known after apply: acme/dead.arn) needs:" + dead,
		}},
	})
}
