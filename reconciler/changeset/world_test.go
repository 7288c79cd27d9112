package changeset

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler/resource"
)

// The tests speak of a small cloud: keys and buckets hold data, roles are global, queues and
// topics are neither. Their kinds are named as in AWS where that makes reading easier.

func must(text string) resource.Value {
	v, err := resource.ParseValue([]byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

func kinds() map[string]resource.Kind {
	name := resource.Attribute{Name: "name", Immutable: true}
	tags := resource.Attribute{Name: "tags", Default: must(`{}`)}
	list := []resource.Kind{
		{Name: "key", DataBearing: true, Unrepeatable: true, Outputs: []string{"arn"}, Attributes: []resource.Attribute{
			{Name: "alias", Immutable: true}, {Name: "rotation", Default: must(`false`)}, {Name: "policy", Canonical: lower}, tags,
		}},
		{Name: "bucket", DataBearing: true, Outputs: []string{"arn", "name"}, Uses: []string{"key"}, Attributes: []resource.Attribute{
			name, {Name: "encryption", Default: must(`{"algorithm":"AES256","kmsKey":""}`)}, {Name: "versioning", Default: must(`false`)}, tags,
		}},
		{Name: "topic", Outputs: []string{"arn"}, Uses: []string{"key"}, Attributes: []resource.Attribute{
			name, {Name: "kmsKey", Default: must(`""`)}, {Name: "displayName", Default: must(`""`)}, tags,
		}},
		{Name: "queue", Outputs: []string{"arn", "url"}, Uses: []string{"key"}, Attributes: []resource.Attribute{
			name,
			{Name: "delay", Default: must(`0`)},
			{Name: "peers", Default: must(`[]`), Set: true},
			{Name: "token", Secret: true},
			{Name: "deadLetter"},
			tags,
		}},
		{Name: "role", Global: true, Outputs: []string{"arn"}, Uses: []string{"bucket", "key", "topic", "queue"}, Attributes: []resource.Attribute{
			name, {Name: "policies", Default: must(`{}`)}, {Name: "duration", Default: must(`3600`)}, tags,
		}},
	}
	out := map[string]resource.Kind{}
	for _, k := range list {
		out[k.Name] = k
	}
	return out
}

func lower(v resource.Value) resource.Value { return must(strings.ToLower(v.Reveal())) }

const account = "111111111111"

var (
	now    = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	region = resource.Scope{Account: account, Region: "eu-central-1"}
	global = resource.Scope{Account: account, Region: resource.Global}
	other  = resource.Scope{Account: "222222222222", Region: "eu-central-1"}
)

func at(text string) resource.Address {
	a, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

// want makes a desired resource; the text is its attributes as JSON, where "@key.arn" stands for a
// reference to the owner's own resource and "@cell.alerts.arn" for one of the cell eu-1.
func want(address, attributes string) resource.Desired {
	a := at(address)
	kindOf := map[string]string{
		"key": "key", "data": "bucket", "jobs": "queue", "dead": "queue", "app": "role", "events": "topic", "alerts": "topic", "master": "key",
	}
	for name, kind := range kindOf {
		for _, output := range []string{"arn", "url", "name"} {
			own := resource.Ref{Address: resource.Address{Owner: a.Owner, Kind: kind, Name: name}, Output: output}
			attributes = strings.ReplaceAll(attributes, "@"+name+"."+output, own.Placeholder())
			cell := resource.Ref{Address: resource.Address{Owner: resource.Cell("eu-1"), Kind: kind, Name: name}, Output: output}
			attributes = strings.ReplaceAll(attributes, "@cell."+name+"."+output, cell.Placeholder())
		}
	}
	d := resource.Desired{Address: a, Scope: region, Cell: "eu-1", Attributes: resource.Attributes{}, Origin: resource.Origin{File: "plans/team.cue", Line: 7}}
	if a.Kind == "role" {
		d.Scope = global
	}
	in, _ := must(attributes).Members()
	maps.Copy(d.Attributes, in)
	return d
}

// made is what the cloud has after creating exactly this, with the outputs of everything known.
func made(d resource.Desired) resource.Observed {
	return resource.Observed{
		Address: d.Address, Scope: d.Scope, ID: "id-" + d.Address.Name,
		Attributes: kinds()[d.Address.Kind].Canonical(d.Attributes.Resolve(func(r resource.Ref) (string, bool) { return output(r), true })),
		Outputs:    outputs(d.Address),
	}
}

func output(r resource.Ref) string { return r.Output + ":" + r.Address.String() }

func outputs(a resource.Address) map[string]string {
	out := map[string]string{}
	for _, name := range kinds()[a.Kind].Outputs {
		out[name] = output(resource.Ref{Address: a, Output: name})
	}
	return out
}

// acme is a tenant that is as Git wants it: a key, a bucket that uses it, a queue with a dead
// letter queue, a role that uses the bucket; and a cell with a topic.
func acme() Snapshot {
	desired := []resource.Desired{
		want("cell/eu-1/topic/alerts", `{"name":"alerts"}`),
		want("tenant/acme/key/key", `{"alias":"alias/acme"}`),
		want("tenant/acme/bucket/data", `{"name":"acme-data","encryption":{"algorithm":"aws:kms","kmsKey":"@key.arn"},"tags":{"team":"red"}}`),
		want("tenant/acme/queue/dead", `{"name":"acme-dead"}`),
		want("tenant/acme/queue/jobs", `{"name":"acme-jobs","delay":5,"peers":["b","a"],"deadLetter":{"targetArn":"@dead.arn","maxReceiveCount":3}}`),
		want("tenant/acme/role/app", `{"name":"acme-app","policies":{"main":{"Statement":[{"Resource":"@data.arn"}]}}}`),
	}
	s := Snapshot{
		Fleet: "f", Commit: "c0ffee", Kinds: kinds(), Desired: desired,
		Settled: map[resource.Owner]bool{"tenant/acme": true, "cell/eu-1": true},
		Now:     now,
	}
	for _, d := range desired {
		s.Applied = append(s.Applied, d)
		s.Observed = append(s.Observed, made(d))
	}
	return s
}

// Ways to change a snapshot.

func (s *Snapshot) git(address, attribute, value string) {
	for i := range s.Desired {
		if d := &s.Desired[i]; d.Address == at(address) {
			attributes := resource.Attributes{}
			maps.Copy(attributes, d.Attributes)
			delete(attributes, attribute)
			if value != "" {
				attributes[attribute] = want(address, `{"x":`+value+`}`).Attributes["x"]
			}
			d.Attributes = attributes
		}
	}
}

func (s *Snapshot) cloud(address, attribute, value string) {
	for i := range s.Observed {
		if o := &s.Observed[i]; o.Address == at(address) {
			delete(o.Attributes, attribute)
			if value != "" {
				o.Attributes[attribute] = must(value)
			}
		}
	}
}

func (s *Snapshot) have(address string) *resource.Observed {
	for i := range s.Observed {
		if s.Observed[i].Address == at(address) {
			return &s.Observed[i]
		}
	}
	panic(address)
}

func (s *Snapshot) gone(address string) { s.Observed = without(s.Observed, observedAt, at(address)) }

func (s *Snapshot) ungit(address string) { s.Desired = without(s.Desired, desiredAt, at(address)) }

func (s *Snapshot) unapplied(address string) { s.Applied = without(s.Applied, desiredAt, at(address)) }

func (s *Snapshot) ungitOwner(owner resource.Owner) {
	for _, d := range s.Applied {
		if d.Address.Owner == owner {
			s.ungit(d.Address.String())
		}
	}
}

func observedAt(o resource.Observed) resource.Address { return o.Address }
func desiredAt(d resource.Desired) resource.Address   { return d.Address }

func without[T any](list []T, address func(T) resource.Address, gone resource.Address) []T {
	var out []T
	for _, one := range list {
		if address(one) != gone {
			out = append(out, one)
		}
	}
	return out
}

func (s *Snapshot) add(desired ...resource.Desired) { s.Desired = append(s.Desired, desired...) }

// lines writes changes so that a table can say what it expects:
//
//	~ config tenant/acme/queue/jobs delay:5→9 held:drift needs:tenant/acme/queue/dead
func lines(c Changeset) []string {
	var out []string
	for _, change := range c.Changes {
		line := fmt.Sprintf("%s %s %s", change.Action.Symbol(), change.Cause, change.Address)
		if change.Action == None {
			line = "none" + line[1:]
		}
		if change.Action != Create {
			for _, d := range change.Attributes {
				line += fmt.Sprintf(" %s:%s→%s", d.Path, d.Before, d.After)
				if d.Cause != change.Cause {
					line += "(" + string(d.Cause) + ")"
				}
			}
		}
		if change.Hold != "" {
			line += " held:" + change.HoldKind
		}
		for _, need := range change.Needs {
			line += " needs:" + need.String()
		}
		out = append(out, line)
	}
	for _, u := range c.Unseen {
		out = append(out, fmt.Sprintf("unseen %s %s", u.Scope, u.Kind))
	}
	for _, b := range c.Broken {
		out = append(out, fmt.Sprintf("broken %s: %s", b.Owner, b.Error))
	}
	return out
}

func compute(t testing.TB, s Snapshot) Changeset {
	t.Helper()
	c, err := Compute(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
