package awsbox

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The kinds of things that exist in the sandbox. Those that Tenantry knows have the same name there.
const (
	kindBucket       = "aws.s3.bucket"
	kindRole         = "aws.iam.role"
	kindPolicy       = "aws.iam.policy"
	kindKey          = "aws.kms.key"
	kindAlias        = "aws.kms.alias"
	kindLogGroup     = "aws.logs.group"
	kindAlarm        = "aws.cloudwatch.alarm"
	kindTopic        = "aws.sns.topic"
	kindSubscription = "aws.sns.subscription"
	kindQueue        = "aws.sqs.queue"
	kindSecret       = "aws.secretsmanager.secret"
)

// global is the region of what has none.
const global = "global"

// A Resource is one thing that exists in the sandbox, as plain text throughout, so that any of it
// can be shown, compared and changed by hand.
type Resource struct {
	Kind    string            `json:"kind"`
	Account string            `json:"account"`
	Region  string            `json:"region"` // "global" for IAM
	Name    string            `json:"name"`
	ID      string            `json:"id"` // the ARN
	Created time.Time         `json:"created"`
	Tags    map[string]string `json:"tags"`
	// Attributes are the service's own settings by its own names, an absent one being unset. What
	// is a set in the service has one entry per member, such as "inline/read" of a role.
	Attributes map[string]string `json:"attributes"`

	value   string    // of a secret; shown to GetSecretValue alone
	gone    time.Time // when a scheduled deletion takes effect; zero if none is
	managed bool      // AWS's own, such as alias/aws/s3; no business of the checkers
}

func (r *Resource) clone() *Resource {
	c := *r
	c.Tags, c.Attributes = maps.Clone(r.Tags), maps.Clone(r.Attributes)
	return &c
}

// with returns the names of the attributes that begin with prefix, without it, sorted.
func (r *Resource) with(prefix string) []string {
	var names []string
	for name := range r.Attributes {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			names = append(names, name[len(prefix):])
		}
	}
	slices.Sort(names)
	return names
}

// set gives an attribute a value; an empty one removes it.
func (r *Resource) set(name, value string) {
	if value == "" {
		delete(r.Attributes, name)
		return
	}
	r.Attributes[name] = value
}

// A place is where names are unique: a kind's account and region. Names of buckets are unique over
// all accounts, so that their place has neither.
type place struct{ kind, account, region string }

func placeOf(kind, account, region string) place {
	switch kind {
	case kindBucket:
		return place{kind: kind}
	case kindRole, kindPolicy:
		return place{kind, account, global}
	}
	return place{kind, account, region}
}

// A store keeps everything that exists, and of each thing as many earlier versions as a reader that
// lags behind can still see. It isn't safe for concurrent use.
type store struct {
	now     func() time.Time
	places  map[place]map[string]*entry
	dying   map[*entry]bool // with a scheduled deletion
	history []Event
	seq     int

	remember time.Duration // how long every earlier version is kept, for those who lag behind the services
}

type entry struct{ versions []version } // oldest first, never empty

type version struct {
	resource *Resource // nil: it doesn't exist
	at       time.Time
	hidden   int // lagging reads that still don't see it
}

func newStore(now func() time.Time) *store {
	return &store{now: now, places: map[place]map[string]*entry{}, dying: map[*entry]bool{}}
}

// A Lag makes reads see an earlier state. Writes always see the newest.
type Lag struct {
	// Delay is how long a change stays unseen, Reads how many reads of the thing don't see it.
	Delay time.Duration `json:"delay,omitempty"`
	Reads int           `json:"reads,omitempty"`
	// Services that lag, by their name in Call; empty means all.
	Services []string `json:"services,omitempty"`
}

func (l *Lag) of(service string) *Lag {
	if l == nil || (len(l.Services) > 0 && !slices.Contains(l.Services, service)) {
		return nil
	}
	return l
}

func (e *entry) newest() *version { return &e.versions[len(e.versions)-1] }

// read returns what a reader sees; nil lag sees the newest.
func (e *entry) read(now time.Time, lag *Lag) *Resource {
	for i := len(e.versions) - 1; i > 0 && lag != nil; i-- {
		v := &e.versions[i]
		switch {
		case v.hidden > 0:
			v.hidden--
		case now.Sub(v.at) >= lag.Delay:
			return v.resource
		}
		if i == 1 {
			return e.versions[0].resource
		}
	}
	return e.newest().resource
}

// get returns a copy of what is there, or nil.
func (s *store) get(p place, name string, lag *Lag) *Resource {
	e := s.places[p][name]
	if e == nil {
		return nil
	}
	if r := e.read(s.now(), lag); r != nil {
		return r.clone()
	}
	return nil
}

// list returns everything in the place that is to be kept, sorted by name; nil keeps all. It is not
// to be changed.
func (s *store) list(p place, lag *Lag, keep func(*Resource) bool) []*Resource {
	var out []*Resource
	now := s.now()
	for _, e := range s.places[p] {
		if r := e.read(now, lag); r != nil && (keep == nil || keep(r)) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Resource) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// deleted returns when the name was last freed; false if it exists or never did.
func (s *store) deleted(p place, name string) (time.Time, bool) {
	e := s.places[p][name]
	if e == nil || e.newest().resource != nil || e.newest().at.IsZero() {
		return time.Time{}, false
	}
	return e.newest().at, true
}

// put makes r the newest version of what has its name, and remembers who did it.
func (s *store) put(r *Resource, by cause, lag *Lag) {
	e := s.entry(placeOf(r.Kind, r.Account, r.Region), r.Name)
	what := Changed
	if e.newest().resource == nil {
		what = Created
		r.Created = s.now()
	}
	s.push(e, r.clone(), lag)
	if r.gone.IsZero() {
		delete(s.dying, e)
	} else {
		s.dying[e] = true
	}
	s.note(what, r, by)
}

// remove makes r be gone.
func (s *store) remove(r *Resource, by cause, lag *Lag) {
	e := s.entry(placeOf(r.Kind, r.Account, r.Region), r.Name)
	if e.newest().resource == nil {
		return
	}
	s.push(e, nil, lag)
	delete(s.dying, e)
	s.note(Deleted, r, by)
}

func (s *store) entry(p place, name string) *entry {
	if s.places[p] == nil {
		s.places[p] = map[string]*entry{}
	}
	if s.places[p][name] == nil {
		s.places[p][name] = &entry{versions: []version{{}}}
	}
	return s.places[p][name]
}

// push adds a version and forgets those that no reader can see any more.
func (s *store) push(e *entry, r *Resource, lag *Lag) {
	v, keep := version{resource: r, at: s.now()}, s.remember
	if lag == nil && keep == 0 {
		e.versions = append(e.versions[:0], v)
		return
	}
	if lag != nil {
		v.hidden, keep = lag.Reads, max(keep, lag.Delay)
	}
	e.versions = append(e.versions, v)
	for len(e.versions) > 2 && e.versions[1].hidden == 0 && v.at.Sub(e.versions[1].at) >= keep {
		e.versions = e.versions[1:]
	}
}

// sweep carries out the scheduled deletions whose time has come.
func (s *store) sweep() {
	now := s.now()
	for e := range s.dying {
		if r := e.newest().resource; r != nil && !now.Before(r.gone) {
			by := cause{operation: "scheduled deletion", by: "AWS"}
			s.remove(r, by, nil)
			s.dropAliases(r, by)
		}
	}
}

// all returns copies of everything that exists now, in a stable order.
func (s *store) all() []*Resource {
	var out []*Resource
	for _, names := range s.places {
		for _, e := range names {
			if r := e.newest().resource; r != nil && !r.managed {
				out = append(out, r.clone())
			}
		}
	}
	slices.SortFunc(out, func(a, b *Resource) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out
}
