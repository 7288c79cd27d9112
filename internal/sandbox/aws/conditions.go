package awsbox

import (
	"slices"
	"time"
)

// Conditions are the weather: how the cloud treats everybody. The zero value is a fine day.
type Conditions struct {
	// PageSize cuts every list after so many entries, whatever the caller asks for; 0 leaves the
	// services' own limits.
	PageSize int `json:"pageSize,omitempty"`
	// TokenLife is how long a paging token is good; 0 is for ever.
	TokenLife time.Duration `json:"tokenLife,omitempty"`
	// Lag makes reads see an earlier state; nil sees the newest.
	Lag *Lag `json:"lag,omitempty"`
	// IndexLag is how long the tagging API doesn't know of a change, whatever the services themselves show.
	IndexLag time.Duration `json:"indexLag,omitempty"`
	// Throttle refuses calls, each with its service's code for it.
	Throttle Throttle `json:"throttle,omitzero"`
	// Deny refuses the calls that match any of these for lack of permission.
	Deny []Match `json:"deny,omitempty"`
	// ConfirmAtOnce has somebody click the link in every mail that asks to confirm a subscription.
	ConfirmAtOnce bool `json:"confirmAtOnce,omitempty"`
	// Events is how events get from who made them to the queues of rules.
	Events EventWeather `json:"events,omitzero"`
	// Takes is how long Cloud Control is at each write of a resource type, such as AWS::RDS::DBInstance.
	Takes map[string]time.Duration `json:"takes,omitempty"`
	// Latency is how long each call takes before it takes effect.
	Latency time.Duration `json:"latency,omitempty"`
}

// A Throttle refuses calls. Both rules may be set.
type Throttle struct {
	Every     int     `json:"every,omitempty"`     // every n-th call of all
	PerSecond float64 `json:"perSecond,omitempty"` // calls per second of an account and service, with as many at once
	// Services to which it applies, by their name in Call; empty means all.
	Services []string `json:"services,omitempty"`
}

// A Match selects calls; an empty field matches everything.
type Match struct {
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
}

func (m Match) matches(c Call) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(m.Account, c.Account) && is(m.Region, c.Region) && is(m.Service, c.Service) && is(m.Operation, c.Operation)
}

// Conditions returns the weather.
func (s *Server) Conditions() Conditions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cond
}

// SetConditions changes the weather from the next call on.
func (s *Server) SetConditions(c Conditions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond = c
	s.store.remember = c.IndexLag
	s.limiter = limiter{}
}

// weather is what the conditions do to one call.
type weather struct {
	Delay   time.Duration
	failure *apiError
}

func (s *Server) weather(c *call) weather {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := weather{Delay: s.cond.Latency}
	k := s.services[c.Service].codes
	switch {
	case slices.ContainsFunc(s.cond.Deny, func(m Match) bool { return m.matches(c.Call) }):
		w.failure = k.deny(c)
	case s.limiter.refuses(s.cond.Throttle, c.Call):
		w.failure = k.throttle()
	}
	return w
}

// A limiter is what a Throttle has to remember.
type limiter struct {
	calls   int
	buckets map[string]allowance
}

// An allowance holds the calls that are allowed at once, and refills with time.
type allowance struct {
	left float64
	at   time.Time
}

func (l *limiter) refuses(t Throttle, c Call) bool {
	if len(t.Services) > 0 && !slices.Contains(t.Services, c.Service) {
		return false
	}
	l.calls++
	if t.Every > 0 && l.calls%t.Every == 0 {
		return true
	}
	if t.PerSecond <= 0 {
		return false
	}
	if l.buckets == nil {
		l.buckets = map[string]allowance{}
	}
	size := max(1, t.PerSecond)
	key := c.Account + "/" + c.Service
	b, ok := l.buckets[key]
	if !ok {
		b = allowance{left: size, at: c.Time}
	}
	b.left = min(size, b.left+t.PerSecond*c.Time.Sub(b.at).Seconds())
	b.at = c.Time
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	l.buckets[key] = b
	return !allowed
}
