package githubbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object in an answer or a webhook.
type object = map[string]any

// A call is one API request with all that its handler needs. The server's lock is held.
type call struct {
	s      *Server
	r      *http.Request
	body   []byte
	vars   map[string]string
	by     caller
	repo   *repo // of routes below /repos/{owner}/{repo}
	header http.Header
}

// A reply is what a handler returns. A nil body sends none; []byte is sent as it is.
type reply struct {
	status int
	body   any
}

func ok(body any) (reply, error)      { return reply{http.StatusOK, body}, nil }
func created(body any) (reply, error) { return reply{http.StatusCreated, body}, nil }
func noContent() (reply, error)       { return reply{http.StatusNoContent, nil}, nil }

// apiError is an error as GitHub's API words it.
type apiError struct {
	status  int
	message string
	errors  []object
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.status, e.message) }

func fail(status int, format string, args ...any) error {
	return &apiError{status: status, message: fmt.Sprintf(format, args...)}
}

// notFound is also what GitHub says about what a caller may not see.
func notFound() error { return fail(http.StatusNotFound, "Not Found") }

// invalid is the 422 about a field. Code is one of GitHub's, such as "missing_field" or "custom";
// a custom one has a message.
func invalid(resource, field, code, message string) error {
	e := object{"resource": resource, "field": field, "code": code}
	if message != "" {
		e["message"] = message
	}
	return &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", errors: []object{e}}
}

// serveAPI answers a request of the REST API; path is escaped and below the API's base.
func (s *Server) serveAPI(a *answer, r *http.Request, path string, body []byte) {
	c := &call{s: s, r: r, body: body, header: a.header}
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	a.header.Set("X-GitHub-Request-Id", fmt.Sprintf("%08X", s.id()))
	a.header.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	path = s.byID(path)
	rep, err := c.serve(path)
	if err != nil {
		rep = errorReply(err)
	}
	if err := encode(a, rep); err != nil {
		a.textf(http.StatusInternalServerError, "%v", err)
		return
	}
	c.conditional(a)
	s.limits.finish(a, c.by.key(), s.now(), path != "/rate_limit")
}

func (c *call) serve(path string) (reply, error) {
	var err error
	if c.by, err = c.s.authenticate(c.r); err != nil {
		return reply{}, err
	}
	if err := c.s.limits.check(c.by.key(), c.s.now(), path != "/rate_limit", c.header); err != nil {
		return reply{}, err
	}
	if err := c.s.secondary.check(c.by.key(), c.r.Method, path, c.s.now(), c.header); err != nil {
		return reply{}, err
	}
	defer func() { c.s.secondary.wrote(c.by.key(), c.r.Method, path, c.s.now()) }()
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, vars, found := find(c.s.routes, method, path)
	if !found {
		return reply{}, notFound()
	}
	c.vars = vars
	if name, below := vars["repo"]; below {
		c.repo = c.s.repos[vars["owner"]+"/"+name]
		if c.repo == nil {
			return c.elsewhere(vars["owner"]+"/"+name, path)
		}
		if !c.by.sees(c.repo) {
			return reply{}, notFound()
		}
	}
	if err := c.by.allowed(rt.needs); err != nil {
		return reply{}, err
	}
	return rt.handle(c)
}

func errorReply(err error) reply {
	var e *apiError
	if !errors.As(err, &e) {
		return reply{http.StatusInternalServerError, object{"message": err.Error()}}
	}
	body := object{"message": e.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(e.status)}
	if strings.Contains(e.message, "secondary rate limit") {
		body["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	}
	if len(e.errors) > 0 {
		body["errors"] = e.errors
	}
	return reply{e.status, body}
}

func encode(a *answer, rep reply) error {
	a.status = rep.status
	switch body := rep.body.(type) {
	case nil:
		return nil
	case []byte:
		a.body.Write(body)
		return nil
	}
	e := json.NewEncoder(&a.body)
	e.SetEscapeHTML(false)
	if err := e.Encode(rep.body); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return nil
}

// conditional gives successful reads an ETag, and answers 304 if the client has that version.
func (c *call) conditional(a *answer) {
	if a.status != http.StatusOK || (c.r.Method != http.MethodGet && c.r.Method != http.MethodHead) {
		return
	}
	sum := sha256.Sum256(a.body.Bytes())
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	a.header.Set("ETag", "W/"+tag)
	a.header.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	for have := range strings.SplitSeq(c.r.Header.Get("If-None-Match"), ",") {
		have = strings.TrimSpace(have)
		if strings.TrimPrefix(have, "W/") == tag || have == "*" {
			a.status = http.StatusNotModified
			a.body.Reset()
			return
		}
	}
}

// decode reads the request's JSON. No body reads as an empty object.
func (c *call) decode(into any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fail(http.StatusUnprocessableEntity, "Invalid request.\n\nFor '%s', %s is not a %s.", wrong.Field, wrong.Value, wrong.Type)
		}
		return fail(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// number reads a wildcard that holds a number; 0 if it doesn't, which nothing has.
func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.vars[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// page cuts a list to the page that was asked for, and links to the others.
func page[T any](c *call, list []T) []T {
	size := bounded(c.query("per_page"), 30, 1, 100)
	at := bounded(c.query("page"), 1, 1, 1<<30)
	last := max(1, (len(list)+size-1)/size)
	var links []string
	link := func(n int, rel string) {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.s.url, c.r.URL.EscapedPath(), q.Encode(), rel))
	}
	if at > 1 {
		link(min(at-1, last), "prev")
		link(1, "first")
	}
	if at < last {
		link(at+1, "next")
		link(last, "last")
	}
	if len(links) > 0 {
		c.header.Set("Link", strings.Join(links, ", "))
	}
	from := min((at-1)*size, len(list))
	return slices.Clone(list[from:min(from+size, len(list))])
}

func bounded(text string, unset, low, high int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		n = unset
	}
	return min(max(n, low), high)
}

// collect renders a list; an empty one is [] in JSON, never null.
func collect[T any](list []T, render func(T) object) []object {
	out := make([]object, 0, len(list))
	for _, x := range list {
		out = append(out, render(x))
	}
	return out
}

// api is the URL of an API path, and pageURL that of a page.
func (s *Server) api(format string, args ...any) string {
	return s.url + "/api/v3" + fmt.Sprintf(format, args...)
}

func (s *Server) pageURL(format string, args ...any) string {
	return s.url + fmt.Sprintf(format, args...)
}

func escape(s string) string { return url.PathEscape(s) }
