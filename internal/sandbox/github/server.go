// Package githubbox is a GitHub endpoint in one process, for the demo and the tests: the REST API,
// Git over HTTP, webhooks and a page for each pull request, on one bare repository per
// "owner/name" as the only store. Unmodified clients work against it: go-github, ghinstallation,
// the git command line. It needs no git binary.
//
// Outside rules follow https://docs.github.com/en/rest (version 2022-11-28) and
// https://docs.github.com/en/webhooks. What it doesn't have: forks, teams, merge queues, search,
// tags made through the API, renames in merges.
//
// A Server is safe for concurrent use: every request and every method takes its one lock.
package githubbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a Server. The zero value is usable.
type Options struct {
	// URL is what links in answers, webhooks and pages begin with, without a final slash. Empty
	// means DefaultURL until SetURL is called.
	URL string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// RateLimit is the number of requests an hour that each caller has; 0 is 5000, as on GitHub.
	RateLimit int
	// HookTransport carries webhooks; nil is http.DefaultTransport.
	HookTransport http.RoundTripper
	// PagePerson is the login of the person who presses the buttons of the pages. AddPerson must
	// have been called for it before somebody does. Empty makes the pages read-only.
	PagePerson string
}

// DefaultURL is where a server without a URL of its own believes to be. With Transport no
// listener is needed to reach it.
const DefaultURL = "http://github.test"

// A Server is the endpoint.
type Server struct {
	now        func() time.Time
	pagePerson string
	routes     []route
	pages      []route

	mu        sync.Mutex // guards everything below, the repositories' objects included
	url       string
	lastID    int64
	repos     map[string]*repo // by "owner/name"
	accounts  map[string]*account
	teams     map[string]*team // by "organisation/slug"
	apps      map[int64]*app
	tokens    map[string]*token
	codes     map[string]*app  // Apps made from a manifest, by the code that fetches them
	gone      map[string]*repo // by the name that it had
	limits    limits
	secondary secondary
	faults    []*Fault
	requests  []Request
	hooks     hooks
}

// New returns a server without repositories, people or Apps.
func New(o Options) *Server {
	s := &Server{
		now: o.Now, url: strings.TrimSuffix(o.URL, "/"), pagePerson: o.PagePerson,
		repos:    map[string]*repo{},
		gone:     map[string]*repo{},
		accounts: map[string]*account{},
		apps:     map[int64]*app{},
		tokens:   map[string]*token{},
		codes:    map[string]*app{},
		lastID:   1000,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.url == "" {
		s.url = DefaultURL
	}
	s.limits = newLimits(o.RateLimit)
	s.hooks = newHooks(o.HookTransport)
	s.routes = apiRoutes()
	s.pages = pageRoutes()
	return s
}

// SetURL says where the server listens, for the links that it gives out.
func (s *Server) SetURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = strings.TrimSuffix(url, "/")
}

// URL is what links begin with; pages live below it.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// APIURL is the base of the REST API, with the final slash that go-github wants. The same API
// answers at the root, as on api.github.com.
func (s *Server) APIURL() string { return s.URL() + "/api/v3/" }

// GitURL is what git clone takes for a repository "owner/name".
func (s *Server) GitURL(fullName string) string { return s.URL() + "/" + fullName + ".git" }

// PullURL is the page of a pull request.
func (s *Server) PullURL(fullName string, number int) string {
	return fmt.Sprintf("%s/%s/pull/%d", s.URL(), fullName, number)
}

// id makes a new id, unique in the server.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

// A surface is one of the three things that the server shows.
type surface int

const (
	surfacePage surface = iota
	surfaceAPI
	surfaceGit
)

// apiRoots are the first parts of paths that belong to the API when it is served at the root, so
// that no owner may have these names.
var apiRoots = map[string]bool{
	"repos": true, "repositories": true, "app": true, "apps": true, "app-manifests": true, "user": true, "users": true,
	"orgs": true, "installation": true, "rate_limit": true, "graphql": true, "meta": true, "zen": true,
}

// classify tells what a path belongs to, and the path below the surface's base.
func classify(path string) (surface, string) {
	for _, base := range []string{"/api/v3/", "/api/uploads/"} {
		if rest, ok := strings.CutPrefix(path, base); ok {
			return surfaceAPI, "/" + rest
		}
	}
	if path == "/api/graphql" {
		return surfaceAPI, "/graphql"
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); apiRoots[first] {
		return surfaceAPI, path
	}
	for _, suffix := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		if strings.HasSuffix(path, suffix) {
			return surfaceGit, path
		}
	}
	return surfacePage, path
}

// ServeHTTP answers a request of any surface.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, path := classify(r.URL.EscapedPath())
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fault := s.note(kind, r.Method, path)
	if kind == surfaceAPI {
		defer s.land()
	}
	if fault != nil && !fault.before(w, r) {
		return
	}
	a := s.answer(kind, r, path, body)
	if fault != nil && fault.LoseAnswer {
		hangUp(w)
		return
	}
	a.send(w, r.Method)
}

// land counts a request as answered.
func (s *Server) land() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secondary.flying--
}

// answer makes the answer under the lock.
func (s *Server) answer(kind surface, r *http.Request, path string, body []byte) *answer {
	a := newAnswer()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case surfaceAPI:
		s.serveAPI(a, r, path, body)
	case surfaceGit:
		s.serveGit(a, r, path, body)
	case surfacePage:
		s.servePage(a, r, path, body)
	}
	return a
}
