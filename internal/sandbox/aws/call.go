package awsbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A Call is one request as it arrived: what hooks, the log and the counts are told.
type Call struct {
	Number    int       `json:"number"` // of all requests, from 1
	Time      time.Time `json:"time"`
	Service   string    `json:"service"` // as in the credential scope: "s3", "iam", "monitoring" …
	Operation string    `json:"operation"`
	Account   string    `json:"account"` // "" while the caller is unknown
	Region    string    `json:"region"`
	Caller    string    `json:"caller"` // ARN
	Write     bool      `json:"write"`
	Seq       int       `json:"seq,omitempty"` // of all writes, from 1; 0 for reads
}

// Name is the operation as counts name it, such as "s3.CreateBucket".
func (c Call) Name() string { return c.Service + "." + c.Operation }

// A call is a Call while it is being answered.
type call struct {
	Call
	srv *Server
	who identity
	in  obj
	req *http.Request
	lag *Lag
	// late tells a handler that the caller has waited as long as it wanted to.
	late bool
}

// An operation is a row of a service's table. Handlers run under the server's lock, see the newest
// state if the operation writes, and either have their whole effect or return an error.
type operation struct {
	write  bool
	handle func(*call) (any, error)
}

// maxBody is more than any request of the services here may be.
const maxBody = 4 << 20

// answer is the way of every request: understand, count, hooks, effect, hooks, reply.
func (s *Server) answer(r *http.Request) response {
	s.flying.start()
	defer s.flying.end()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return response{status: http.StatusBadRequest, dropped: true}
	}
	scope := scopeOf(r)
	svc := s.services[scope.service]
	if svc == nil {
		return response{
			status: http.StatusNotFound,
			body:   fmt.Appendf(nil, "the sandbox has no service %q; requests must be signed\n", scope.service),
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p := svc.speaks(r)
	name, in, failure := p.decode(r, body)
	c := &call{
		srv: s, in: in, req: r,
		Call: Call{Service: svc.name, Operation: name, Region: scope.region},
	}
	op, known := svc.operations[name]
	c.Write = op.write
	c.who, err = s.admit(c, r, scope)
	weather := s.weather(c)
	requestID := s.requestID()
	wait(weather.Delay)

	switch {
	case failure != nil:
	case err != nil:
		failure = svc.codes.of(err, c)
	case !known:
		failure = fail(http.StatusNotImplemented, svc.codes.unknown, "The sandbox doesn't implement %s.", c.Name())
	case weather.failure != nil:
		failure = weather.failure
	}
	if failure != nil {
		s.logCall(c, nil, failure, requestID)
		return p.fail(c, failure, requestID)
	}
	if answer, stop := s.hooked(c, p, s.hooks(true), requestID); stop {
		return answer
	}
	result, err := s.perform(c, op)
	if err == nil {
		s.logCall(c, result, nil, requestID)
	} else {
		s.logCall(c, nil, asError(err), requestID)
	}
	if answer, stop := s.hooked(c, p, s.hooks(false), requestID); stop {
		return answer
	}
	if err != nil {
		return p.fail(c, asError(err), requestID)
	}
	return p.encode(c, result, requestID)
}

// perform runs the operation's handler, again while it has nothing to answer yet.
func (s *Server) perform(c *call, op operation) (any, error) {
	result, err := s.once(c, op)
	waiting, not := errors.AsType[*notYet](err)
	if !not {
		return result, err
	}
	over := time.NewTimer(waiting.patience)
	defer over.Stop()
	for not {
		s.flying.end() // who waits is no business of Calm
		c.late = !waiting.wait(c.req.Context(), over.C)
		s.flying.start()
		if gone := c.req.Context().Err(); gone != nil {
			return nil, gone // nobody is there to answer, so that nothing is taken for them
		}
		result, err = s.once(c, op)
		waiting, not = errors.AsType[*notYet](err)
	}
	return result, err
}

// once runs the operation's handler under the lock.
func (s *Server) once(c *call, op operation) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.sweep()
	if err := s.authorize(c); err != nil {
		return nil, err
	}
	if !op.write {
		c.lag = s.cond.Lag.of(c.Service)
	}
	return op.handle(c)
}

func (s *Server) requestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", len(s.journal.calls), s.journal.total)
}

// admit finds out who calls, and enters the call into the journal.
func (s *Server) admit(c *call, r *http.Request, scope scope) (identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, err := s.identify(r, scope)
	c.Account, c.Caller, c.Time = who.account, who.arn, s.opts.Now()
	s.journal.enter(&c.Call)
	return who, err
}

// wait lets time pass. It doesn't listen to the request's context: a request that the network held
// up takes effect although nobody waits for it any more.
func wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	<-timer.C
}

// What handlers do with the store. Region is where the call was sent, or global for IAM.

func (c *call) place(kind string) place { return placeOf(kind, c.Account, c.Region) }

func (c *call) get(kind, name string) *Resource { return c.srv.store.get(c.place(kind), name, c.lag) }

func (c *call) list(kind string) []*Resource { return c.srv.store.list(c.place(kind), c.lag, nil) }

func (c *call) put(r *Resource) {
	c.srv.store.put(r, cause{c.Name(), c.Caller}, c.srv.cond.Lag.of(c.Service))
}

func (c *call) remove(r *Resource) {
	c.srv.store.remove(r, cause{c.Name(), c.Caller}, c.srv.cond.Lag.of(c.Service))
}

func (c *call) now() time.Time { return c.srv.opts.Now() }

// make returns a resource that isn't in the store yet.
func (c *call) make(kind, name, arn string) *Resource {
	return &Resource{
		Kind: kind, Account: c.Account, Region: c.place(kind).region, Name: name, ID: arn,
		Tags: map[string]string{}, Attributes: map[string]string{},
	}
}

// arn is an ARN of the call's service, region and account.
func (c *call) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + c.Region + ":" + c.Account + ":" + rest
}
