package awsbox

import (
	"maps"
	"strings"
	"time"
)

// What happened to a resource.
const (
	Created = "created"
	Changed = "changed"
	Deleted = "deleted"
)

// An Event is one change of one resource, in the order in which they took effect. Tags are those
// after the event, or at deletion the last ones.
type Event struct {
	Seq       int               `json:"seq"`
	Time      time.Time         `json:"time"`
	What      string            `json:"what"`
	Kind      string            `json:"kind"`
	Account   string            `json:"account"`
	Region    string            `json:"region"`
	Name      string            `json:"name"`
	ID        string            `json:"id"`
	Tags      map[string]string `json:"tags"`
	Operation string            `json:"operation"` // "s3.CreateBucket", or "by hand"
	By        string            `json:"by"`        // the ARN of who did it
}

// cause is who did it, and how.
type cause struct{ operation, by string }

func (s *store) note(what string, r *Resource, by cause) {
	if r.managed {
		return
	}
	s.seq++
	s.history = append(s.history, Event{
		Seq: s.seq, Time: s.now(), What: what, Kind: r.Kind, Account: r.Account, Region: r.Region,
		Name: r.Name, ID: r.ID, Tags: maps.Clone(r.Tags), Operation: by.operation, By: by.by,
	})
}

// Live returns everything that exists now, sorted by account, region, kind and name.
func (s *Server) Live() []Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.sweep()
	var out []Resource
	for _, r := range s.store.all() {
		out = append(out, *r)
	}
	return out
}

// Load puts resources into the store as they are, as if somebody had made them by hand.
func (s *Server) Load(list []Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		s.store.put(&list[i], cause{"loaded", human(list[i].Account, "")}, nil)
	}
}

// History returns every change that ever took effect, oldest first.
func (s *Server) History() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.sweep()
	return append([]Event(nil), s.store.history...)
}

// A Twin is a moment at which two live resources carried the same values of the tags asked for.
type Twin struct {
	At     Event  // the event that made it so
	Values string // the tags' values, joined by a blank
	IDs    [2]string
}

// Twins replays the history and returns every moment at which two live resources had equal values
// for all of the tags. It is how a checker proves that nothing was ever made twice.
func Twins(history []Event, tags ...string) []Twin {
	var twins []Twin
	carriers := map[string]map[string]bool{} // values → ids
	carried := map[string]string{}           // id → values
	for _, e := range history {
		if old, ok := carried[e.ID]; ok {
			delete(carriers[old], e.ID)
			delete(carried, e.ID)
		}
		values, ok := valuesOf(e.Tags, tags)
		if e.What == Deleted || !ok {
			continue
		}
		if carriers[values] == nil {
			carriers[values] = map[string]bool{}
		}
		for other := range carriers[values] {
			twins = append(twins, Twin{At: e, Values: values, IDs: [2]string{other, e.ID}})
		}
		carriers[values][e.ID] = true
		carried[e.ID] = values
	}
	return twins
}

func valuesOf(all map[string]string, names []string) (string, bool) {
	values := make([]string, len(names))
	for i, name := range names {
		value, ok := all[name]
		if !ok {
			return "", false
		}
		values[i] = value
	}
	return strings.Join(values, " "), true
}
