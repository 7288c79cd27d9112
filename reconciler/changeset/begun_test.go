package changeset

import (
	"testing"

	"tenantry.dev/reconciler/resource"
)

func these(addresses ...string) map[resource.Address]bool {
	set := map[resource.Address]bool{}
	for _, a := range addresses {
		set[at(a)] = true
	}
	return set
}

func TestWhatWasBegun(t *testing.T) {
	check(t, []rule{
		{"for another commit: config, and what wasn't begun keeps its drift", func(s *Snapshot) {
			s.cloud(jobs, "delay", "9")
			s.cloud(dead, "delay", "9")
			s.Doubtful = these(jobs)
		}, []string{"~ drift " + dead + " delay:9→0 held:drift", "~ config " + jobs + " delay:9→5"}},
		{"and is missing: it is made", func(s *Snapshot) {
			s.gone(app)
			s.Doubtful = these(app)
		}, []string{"+ config " + app}},
		{"and isn't wanted any more: it goes, as Git had it", func(s *Snapshot) {
			s.ungit(app)
			s.Doubtful = these(app)
		}, []string{"- config " + app}},
		{"on what it refers to: only its references are config", func(s *Snapshot) {
			s.cloud(jobs, "delay", "9")
			s.cloud(jobs, "deadLetter", `{"targetArn":"arn:old","maxReceiveCount":3}`)
			s.Follows = these(jobs)
		}, []string{"~ config " + jobs + ` deadLetter.targetArn:arn:old→arn:` + dead + " delay:9→5(drift)"}},
		{"on what somebody else refers to: drift", func(s *Snapshot) {
			s.cloud(jobs, "deadLetter", `{"targetArn":"arn:old","maxReceiveCount":3}`)
			s.Follows = these(app)
		}, []string{"~ drift " + jobs + ` deadLetter.targetArn:arn:old→arn:` + dead + " held:drift"}},
	})
}

func TestTheMarkOfACreate(t *testing.T) {
	nonce := func(have string, known ...string) func(*Snapshot) {
		return func(s *Snapshot) {
			s.have(key).Nonce = have
			s.Nonces = map[resource.Address][]string{at(key): known}
		}
	}
	strange := []string{"none orphan " + key + " held:orphan"}
	check(t, []rule{
		{"that the log has: it is ours", nonce("n2", "n1", "n2"), nil},
		{"of another create: it may be a copy", nonce("n3", "n1", "n2"), strange},
		{"that was taken off", nonce("", "n1"), strange},
		{"that a create without one left", nonce("", ""), nil},
		{"that an address without creates has, as after the log was lost", nonce("n1"), nil},
		{"of what isn't wanted any more", func(s *Snapshot) {
			s.ungit(key)
			s.git(data, "encryption", `{"algorithm":"AES256","kmsKey":""}`)
			s.cloud(data, "encryption", `{"algorithm":"AES256","kmsKey":""}`)
			nonce("n3", "n1")(s)
		}, strange},
		{"of a kind that is known by its name", func(s *Snapshot) {
			s.Nonces = map[resource.Address][]string{at(jobs): {"n1"}}
		}, nil},
	})
}
