package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// tokenMargin is how long before its end a token is no longer handed out: long enough for a fetch
// to begin with it.
const tokenMargin = 5 * time.Minute

// tokens hands out access tokens. Both methods are safe for concurrent use.
type tokens interface {
	token(ctx context.Context) (string, error)
	// drop forgets a token that GitHub refused and tells whether another one can be had.
	drop(token string) bool
}

// static is the one token of a small set-up.
type static struct{ secret Secret }

func (s static) token(context.Context) (string, error) { return s.secret.text, nil }
func (s static) drop(string) bool                      { return false }

// installation makes tokens of an App's installation on one repository, each good for an hour and
// for that repository only, and keeps the newest. The installation is looked up when first needed
// and again after a refusal, since an App that is installed anew has another id.
type installation struct {
	app   *gh.Client // authenticated as the App itself
	place *place

	turn    chan struct{} // one lookup at a time; waiting for it can be cancelled
	mu      sync.Mutex    // guards what follows
	id      int64
	current string
	expires time.Time
	moved   bool // the repository had another name already when the token was made
}

func newInstallation(app *gh.Client, at *place) *installation {
	return &installation{app: app, place: at, turn: make(chan struct{}, 1)}
}

func (i *installation) token(ctx context.Context) (string, error) {
	if t, ok := i.valid(); ok {
		return t, nil
	}
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if t, ok := i.valid(); ok { // somebody else was faster
		return t, nil
	}
	_, moved := i.place.moved()
	id, err := i.find(ctx)
	if err != nil {
		return "", err
	}
	made, _, err := i.app.Apps.CreateInstallationToken(ctx, id, i.scope())
	if err != nil {
		i.forget()
		return "", fail("make an installation token", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current, i.expires, i.moved = made.GetToken(), made.GetExpiresAt().Time, moved
	return i.current, nil
}

// scope is the one repository that a token is for: by its id, which stays, once GitHub said that it has
// another name than the one that we were given.
func (i *installation) scope() *gh.InstallationTokenOptions {
	if id, moved := i.place.moved(); moved && id != 0 {
		return &gh.InstallationTokenOptions{RepositoryIDs: []int64{id}}
	}
	return &gh.InstallationTokenOptions{Repositories: []string{i.place.repo}}
}

// valid returns the token, if it can still be used. One that was made before the repository moved may be
// another owner's installation's.
func (i *installation) valid() (string, bool) {
	_, moved := i.place.moved()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.moved != moved {
		i.current, i.id, i.moved = "", 0, moved
	}
	return i.current, i.current != "" && time.Until(i.expires) > tokenMargin
}

// find returns the id of the App's installation on the repository. Its caller holds the turn.
func (i *installation) find(ctx context.Context) (int64, error) {
	i.mu.Lock()
	id := i.id
	i.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	operation := fmt.Sprintf("find the App's installation on %s/%s", i.place.owner, i.place.repo)
	req, err := i.app.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/installation", i.place.owner, i.place.repo), nil)
	if err != nil {
		return 0, fail(operation, err)
	}
	var found installed
	_, err = i.app.Do(ctx, req, &found)
	switch {
	case gone(err):
		return 0, fail(operation, ErrNotInstalled)
	case err != nil:
		return 0, fail(operation, err)
	case found.SuspendedAt != nil:
		return 0, fail(operation, fmt.Errorf("%w: it was suspended at %s", ErrNotInstalled, found.SuspendedAt.Format(time.RFC3339)))
	}
	if err := grants(found.Permissions); err != nil {
		return 0, fail(operation, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.id = found.ID
	return i.id, nil
}

func (i *installation) drop(token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == token {
		i.current, i.id = "", 0
	}
	return true
}

func (i *installation) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current, i.id = "", 0
}

// authorised is a RoundTripper that adds a token to requests to one host and to no other, so that
// a redirect can't carry it away. A refused token is dropped and the request sent once more with
// another: installation tokens can be revoked at any time.
type authorised struct {
	next   http.RoundTripper
	host   string
	tokens tokens
}

func (a *authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != a.host {
		return nil, errors.Join(fmt.Errorf("a redirect leads from %s to %s; check the address of the API", a.host, req.URL.Host), closeBody(req))
	}
	for n := 1; ; n++ {
		token, err := a.tokens.token(req.Context())
		if err != nil {
			return nil, errors.Join(err, closeBody(req))
		}
		again, err := resend(req, n)
		if err != nil {
			return nil, err
		}
		again = again.Clone(req.Context())
		again.Header.Set("Authorization", "Bearer "+token)
		resp, err := a.next.RoundTrip(again)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized || !a.tokens.drop(token) || n == 2 {
			return resp, nil
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
	}
}

// closeBody keeps a RoundTripper's promise to close the body of a request that it doesn't send.
func closeBody(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	return req.Body.Close()
}
