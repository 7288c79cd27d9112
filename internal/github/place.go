package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
)

// A place is where a repository is. One that was renamed or transferred keeps its id; GitHub answers
// requests for the old name with a redirect (301 for reads, 307 for writes) to where it is now, for as
// long as nobody else takes the name. Safe for concurrent use.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
type place struct {
	owner, repo string // as we were told
	host        string
	old         string // the path of the API that everything about it began with

	mu   sync.Mutex
	now  string // the path in its stead; empty if it never moved
	id   int64  // 0 if unknown
	name string // "owner/name" as GitHub said last; empty if it said none
}

func newPlace(base *url.URL, owner, repo string) *place {
	return &place{owner: owner, repo: repo, host: base.Host, old: path.Join(base.Path, "repos", owner, repo)}
}

// moved returns the repository's id and whether it is no longer where we were told.
func (p *place) moved() (id int64, moved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id, p.now != ""
}

// known tells whether an id is that of the repository; false while its id is unknown.
func (p *place) known(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return id != 0 && p.id == id
}

// other tells whether an id is that of another repository; false while one of the two is unknown.
func (p *place) other(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return id != 0 && p.id != 0 && p.id != id
}

// note takes what GitHub calls the repository.
func (p *place) note(id int64, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id, p.name = id, name
}

// is tells whether something that GitHub signed is about this repository: by its id if that is known,
// since the name may be another by now, or somebody else's.
func (p *place) is(id int64, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != 0 && id != 0 {
		if p.id == id {
			p.name = name
		}
		return p.id == id
	}
	if !strings.EqualFold(name, p.owner+"/"+p.repo) {
		return false
	}
	p.id, p.name = id, name
	return true
}

// direct is the request as it should be sent now.
func (p *place) direct(req *http.Request) *http.Request {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	rest, about := p.rest(req.URL)
	if now == "" || !about {
		return req
	}
	there := req.Clone(req.Context())
	there.URL.Path, there.URL.RawPath = now+rest, ""
	if raw, escaped := strings.CutPrefix(req.URL.EscapedPath(), p.old); escaped {
		there.URL.RawPath = now + raw
	}
	return there
}

// rest is the path below the repository.
func (p *place) rest(u *url.URL) (rest string, about bool) {
	rest, about = strings.CutPrefix(u.Path, p.old)
	return rest, about && u.Host == p.host && (rest == "" || rest[0] == '/')
}

// learn tells whether an answer says that the repository is elsewhere, and remembers where.
func (p *place) learn(req *http.Request, resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return false
	}
	rest, about := p.rest(req.URL)
	to, err := req.URL.Parse(resp.Header.Get("Location"))
	if err != nil || !about || to.Host != p.host || to.Scheme != req.URL.Scheme {
		return false
	}
	now, same := strings.CutSuffix(to.Path, rest)
	if !same || now == p.old {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	if id, err := strconv.ParseInt(path.Base(now), 10, 64); err == nil && path.Base(path.Dir(now)) == "repositories" {
		p.id = id
	}
	return true
}

// follow is a RoundTripper that goes after a repository that moved: with the same method and the same
// body, which an http.Client would lose.
type follow struct {
	next  http.RoundTripper
	place *place
}

func (f follow) RoundTrip(req *http.Request) (*http.Response, error) {
	const most = 3
	for n := 1; ; n++ {
		send, err := resend(req, n)
		if err != nil {
			return nil, err
		}
		resp, err := f.next.RoundTrip(f.place.direct(send))
		if err != nil {
			return nil, err
		}
		if n == most || !f.place.learn(req, resp) {
			return resp, nil
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
	}
}

// sameMethod refuses the redirects at which an http.Client would turn a write into a read.
func sameMethod(req *http.Request, via []*http.Request) error {
	if req.Method != via[0].Method {
		return fmt.Errorf("a %s is redirected to %s, and would become a %s there", via[0].Method, req.URL.Host, req.Method)
	}
	if len(via) >= 10 {
		return errors.New("it is redirected ten times")
	}
	return nil
}

// Name asks GitHub what the repository is called. That is another name than the one in Options once
// it was renamed or transferred.
func (c *Client) Name(ctx context.Context) (string, error) {
	repo, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return "", fail(fmt.Sprintf("read repository %s/%s", c.owner, c.repo), err)
	}
	c.place.note(repo.GetID(), repo.GetFullName())
	return repo.GetFullName(), nil
}

// Moved returns the name that the repository has now, if GitHub said in an answer or an event that it
// isn't the one in Options.
func (c *Client) Moved() (name string, moved bool) {
	c.place.mu.Lock()
	defer c.place.mu.Unlock()
	name = c.place.name
	return name, name != "" && !strings.EqualFold(name, c.owner+"/"+c.repo)
}
