// Package github answers on GitHub: proposals as pull requests, checks and comments on the pull
// requests of people, and webhooks as hints that something happened. It implements
// reconciler.Forge and reconciler.Reviews.
//
// Everything that it sets is an end, so repeating is harmless, and nothing that it reads is
// remembered as truth: GitHub is asked again each time, mostly with conditional requests.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// DefaultAPIURL is GitHub's own address. GitHub Enterprise Server has https://HOST/api/v3.
const DefaultAPIURL = "https://api.github.com"

// Options say which repository, as whom, and how.
type Options struct {
	APIURL string // with or without a final slash; empty is DefaultAPIURL
	Repo   string // "owner/name"
	Branch string // the watched branch; empty is the repository's default branch, asked for once

	// As an App, which is the way to checks and to commits that GitHub signs. AppID 0 is none.
	AppID      int64
	PrivateKey Secret // the App's key, PEM

	// Token is a person's or machine user's token, for small set-ups. Not used if AppID is set.
	// Then commit statuses stand in for checks, and commits are not signed.
	Token Secret

	UserAgent string            // empty is "tenantry"
	HTTP      http.RoundTripper // empty is the standard transport with time limits

	// WriteInterval is the pause between writes. Zero is one second, which GitHub asks for;
	// negative is none.
	WriteInterval time.Duration
	// Traffic is what is shared with other clients, so that they keep GitHub's limits together; may be nil.
	Traffic *Traffic
	// MaxWait is how long a call may wait for GitHub's limits before it fails with ErrLimited.
	// Zero is 90 seconds.
	MaxWait time.Duration
}

// A Client works on one repository. It is safe for concurrent use; what it writes goes out one
// request at a time. Make one Client per repository and keep it.
type Client struct {
	owner, repo string
	api         *gh.Client
	app         *gh.Client // authenticated as the App; nil with a token
	appID       int64
	tokens      tokens
	limits      *limits
	members     members // who was said to be in which team a moment ago
	gate        *gate
	place       *place
	turns       turns
	runs        runs
	// deploying is the same for deployments, which nothing waits for: they take several writes.
	deploying chan struct{}

	mu            sync.Mutex // guards what follows
	who           Identity
	branch        string
	noChecks      bool             // the App has no permission for checks
	noDeployments bool             // nor we for deployments
	comments      map[string]int64 // ids of our comments by number and key
	listed        openPulls
}

var (
	_ reconciler.Forge       = (*Client)(nil)
	_ reconciler.Comments    = (*Client)(nil)
	_ reconciler.Deployments = (*Client)(nil)
	_ reconciler.Reviews     = (*Client)(nil)
	_ reconciler.Teams       = (*Client)(nil)
)

// Identity is who GitHub takes us for.
type Identity struct {
	Login string // "tenantry[bot]" for an App
	App   bool
}

// New makes a client. It sends nothing: wrong credentials show in the first call, as
// ErrCredentials or ErrNotInstalled.
func New(o Options) (*Client, error) {
	owner, repo, ok := strings.Cut(o.Repo, "/")
	if !ok || owner == "" || repo == "" || strings.Contains(repo, "/") {
		return nil, fmt.Errorf("GitHub repository %q: want owner/name", o.Repo)
	}
	base, err := githubURL(o.APIURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		owner: owner, repo: repo, branch: o.Branch,
		deploying: make(chan struct{}, 1),
		comments:  map[string]int64{},
	}
	wire := attempt{orTransport(o.HTTP)}
	c.place = newPlace(base, owner, repo)
	patience, interval := orDuration(o.MaxWait, 90*time.Second), orDuration(o.WriteInterval, time.Second)
	whose := payer{api: base.String(), token: o.Token}
	if o.AppID != 0 {
		whose = payer{api: base.String(), app: o.AppID, owner: owner}
	}
	lane := o.Traffic.lane(whose, interval)
	c.gate = &lane.gate
	switch {
	case o.AppID != 0 && !o.PrivateKey.IsSet():
		return nil, errors.New("the GitHub App has no private key")
	case o.AppID != 0:
		signer, err := ghinstallation.NewAppsTransport(wire, o.AppID, []byte(o.PrivateKey.text))
		if err != nil {
			return nil, fmt.Errorf("the GitHub App's private key: %s", redact(err.Error()))
		}
		c.appID = o.AppID
		itself := o.Traffic.lane(payer{api: base.String(), app: o.AppID}, interval)
		c.app = client(base, o.UserAgent, follow{paced{&limits{gauge: &itself.gauge, next: signer, maxWait: patience}, c.gate}, c.place})
		c.tokens = newInstallation(c.app, c.place)
	case o.Token.IsSet():
		c.tokens = static{o.Token}
	default:
		return nil, errors.New("no GitHub credentials: give an App's id and key, or a token")
	}
	c.limits = &limits{gauge: &lane.gauge, next: &authorised{next: wire, host: base.Host, tokens: c.tokens}, maxWait: patience}
	c.api = client(base, o.UserAgent, newCache(follow{&content{tally: &lane.tally, next: paced{c.limits, c.gate}, maxWait: patience}, c.place}))
	return c, nil
}

func client(base *url.URL, agent string, transport http.RoundTripper) *gh.Client {
	c := gh.NewClient(&http.Client{Transport: transport, CheckRedirect: sameMethod})
	c.BaseURL, c.UploadURL = base, base
	c.UserAgent = agent
	if agent == "" {
		c.UserAgent = "tenantry"
	}
	return c
}

// githubURL parses the address of the API and gives it the final slash that go-github needs.
func githubURL(text string) (*url.URL, error) {
	if text == "" {
		text = DefaultAPIURL
	}
	u, err := url.Parse(strings.TrimRight(text, "/") + "/")
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("GitHub API address %q: want https://HOST or https://HOST/api/v3", redact(text))
	}
	return u, nil
}

func orTransport(t http.RoundTripper) http.RoundTripper {
	if t != nil {
		return t
	}
	standard := http.DefaultTransport.(*http.Transport).Clone()
	standard.ResponseHeaderTimeout = attemptTimeout
	return standard
}

func orDuration(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// GitAuth returns what git over HTTPS signs in with. The token may end within the hour, so ask
// before every fetch.
func (c *Client) GitAuth(ctx context.Context) (user, token string, err error) {
	token, err = c.tokens.token(ctx)
	if err != nil {
		return "", "", fail("sign in for git", err)
	}
	return "x-access-token", token, nil
}

// Refused says that GitHub doesn't take a token of GitAuth, although its time isn't over. The next one is
// another, if there can be one.
func (c *Client) Refused(token string) (another bool) { return c.tokens.drop(token) }

// Limits returns what GitHub last said about the hourly limit.
func (c *Client) Limits() Limits { return c.limits.last() }

// Identity returns who we are to GitHub. The first success is remembered.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	c.mu.Lock()
	who := c.who
	c.mu.Unlock()
	if who.Login != "" {
		return who, nil
	}
	who, err := c.askIdentity(ctx)
	if err != nil {
		return Identity{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = who
	return who, nil
}

func (c *Client) askIdentity(ctx context.Context) (Identity, error) {
	if c.app != nil {
		app, _, err := c.app.Apps.Get(ctx, "")
		if err != nil {
			return Identity{}, fail("ask GitHub who the App is", err)
		}
		return Identity{Login: app.GetSlug() + "[bot]", App: true}, nil
	}
	user, _, err := c.api.Users.Get(ctx, "")
	if err != nil {
		return Identity{}, fail("ask GitHub whose token it is", err)
	}
	return Identity{Login: user.GetLogin()}, nil
}

// sameLogin compares logins as GitHub does.
func sameLogin(a, b string) bool { return strings.EqualFold(a, b) }

// watched returns the name of the watched branch.
func (c *Client) watched(ctx context.Context) (string, error) {
	c.mu.Lock()
	branch := c.branch
	c.mu.Unlock()
	if branch != "" {
		return branch, nil
	}
	repo, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return "", fail(fmt.Sprintf("read repository %s/%s", c.owner, c.repo), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.branch = repo.GetDefaultBranch()
	return c.branch, nil
}

// hold takes the turn that all proposals have together, for one reading and setting. The result gives
// it back.
func (c *Client) hold(ctx context.Context) (release func(), err error) {
	return c.turns.take(ctx, "proposals")
}
