package awsbox

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options configure a Server. Everything but Accounts has a default.
type Options struct {
	// Accounts exist from the start. The base credentials belong to the first of them.
	Accounts []Account
	// AccessKey and SecretKey are the base credentials, from which roles are assumed. Signatures
	// aren't verified, so that any secret works. Default "AKIASANDBOX" and "sandbox".
	AccessKey, SecretKey string
	// Seed goes into every id that the sandbox makes up: same seed, same calls, same ids.
	Seed string
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Conditions are the weather at the start; see SetConditions.
	Conditions Conditions
}

// An Account is an AWS account with one role that the base credentials may assume.
type Account struct {
	ID         string // twelve digits
	RoleARN    string
	ReaderARN  string // another role that may be assumed, such as one that only reads; may be empty
	ExternalID string // AssumeRole without it is refused; empty asks for none
	// Policies are names of customer-managed IAM policies that exist in the account, such as a
	// permissions boundary.
	Policies []string
}

// A Server is the whole sandbox. All methods are safe for concurrent use.
type Server struct {
	opts     Options
	services map[string]*service
	admin    http.Handler

	flying flying // the requests that are under way

	mu       sync.Mutex // guards everything below; never held while waiting
	store    *store
	ids      ids
	sessions map[string]identity // by access key
	cond     Conditions
	limiter  limiter
	journal  journal
	before   []Hook
	after    []Hook
	access   access

	mailboxes map[string]*mailbox // by the queue's ARN
	trail     trail
}

// New makes a sandbox with nothing in it but the accounts.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.AccessKey == "" {
		opts.AccessKey, opts.SecretKey = "AKIASANDBOX", "sandbox"
	}
	s := &Server{
		opts:     opts,
		services: allServices(),
		store:    newStore(opts.Now),
		ids:      ids{seed: opts.Seed},
		sessions: map[string]identity{},
		cond:     opts.Conditions,
		limiter:  limiter{},
		journal:  newJournal(),

		mailboxes: map[string]*mailbox{},
		trail:     trail{ids: ids{seed: opts.Seed + "/trail"}},
	}
	s.store.remember = opts.Conditions.IndexLag
	s.admin = s.adminPages()
	if len(opts.Accounts) > 0 {
		home := opts.Accounts[0].ID
		s.sessions[opts.AccessKey] = identity{
			account: home, arn: "arn:aws:iam::" + home + ":user/tenantry", id: "AIDASANDBOXTENANTRY00",
		}
	}
	for _, a := range opts.Accounts {
		seedIAM(s.store, a)
	}
	return s
}

// ServeHTTP answers the AWS protocols and, under /_sandbox/, people.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isAdmin(r) {
		s.admin.ServeHTTP(w, r)
		return
	}
	answer := s.answer(r)
	if answer.dropped {
		drop(w)
		return
	}
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.body) // the client is gone: nobody to tell
	}
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway) // not a connection that can be cut
		return
	}
	_ = conn.Close()
}

// Calm waits until no request is under way: until what the network held up has had its effect, even if
// nobody waits for its answer any more.
func (s *Server) Calm() { s.flying.none() }

// flying counts the requests that are under way.
type flying struct {
	mu     sync.Mutex
	count  int
	landed chan struct{} // closed when there are none; nil while there are none
}

func (f *flying) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		f.landed = make(chan struct{})
	}
	f.count++
}

func (f *flying) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count--; f.count == 0 {
		close(f.landed)
		f.landed = nil
	}
}

func (f *flying) none() {
	f.mu.Lock()
	landed := f.landed
	f.mu.Unlock()
	if landed != nil {
		<-landed
	}
}

// A Running sandbox listens on a loopback port.
type Running struct {
	URL    string // for AWS_ENDPOINT_URL
	server *http.Server
	done   chan struct{}
}

// Start serves the sandbox on a free port of 127.0.0.1. The caller closes it.
func (s *Server) Start() (*Running, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sandbox for AWS: %w", err)
	}
	running := &Running{
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second},
		done:   make(chan struct{}),
	}
	go func() {
		defer close(running.done)
		_ = running.server.Serve(listener) // ends with ErrServerClosed
	}()
	return running, nil
}

// Close stops listening, cuts open connections and waits for the listener to end. Closing twice is
// harmless.
func (r *Running) Close() error {
	err := r.server.Close()
	<-r.done
	return err
}
