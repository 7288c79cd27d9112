package githubbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenLife is how long an installation's token works.
const tokenLife = time.Hour

// AppOptions describe an App that is made and installed at once.
type AppOptions struct {
	Slug  string // its bot is Slug + "[bot]"
	Owner string // the account that it is installed on; it sees that account's repositories
	// Repositories limits the installation to some names; nil is all, later ones too.
	Repositories []string
	// Permissions such as {"contents": "write"}; nil is what Tenantry's App asks for, with Teams what it asks
	// for where CODEOWNERS names teams.
	Permissions map[string]string
	Teams       bool
	// Events are the webhooks it gets; nil is what Tenantry's App asks for.
	Events []string
	// Key is its key; nil makes one, which takes a moment.
	Key *rsa.PrivateKey
}

// An App is what its owner is told about it.
type App struct {
	ID, InstallationID int64
	Slug, Login        string // Login is the bot's
	KeyPEM             []byte // PKCS #1, as GitHub hands it out
}

// app is a GitHub App with its one installation.
type app struct {
	id, installation int64
	slug, name       string
	owner            string
	repos            map[string]bool // names; nil for all
	grants           map[string]string
	events           []string
	key              *rsa.PrivateKey
	secret           string // of webhooks, if made from a manifest
	bot              *account
	created          time.Time
}

// AddApp makes an App and installs it.
func (s *Server) AddApp(o AppOptions) (App, error) {
	if o.Key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return App{}, fmt.Errorf("make key of App %s: %w", o.Slug, err)
		}
		o.Key = key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.addApp(o)
	return App{ID: a.id, InstallationID: a.installation, Slug: a.slug, Login: a.bot.login, KeyPEM: a.keyPEM()}, nil
}

func (s *Server) addApp(o AppOptions) *app {
	a := &app{
		id: s.id(), installation: s.id(), slug: o.Slug, name: o.Slug, owner: o.Owner, key: o.Key,
		grants: maps.Clone(o.Permissions), events: slices.Clone(o.Events), created: s.now(),
	}
	if a.grants == nil {
		a.grants = map[string]string{
			"contents": "write", "pull_requests": "write", "checks": "write", "issues": "read", "deployments": "write",
		}
	}
	a.grants["metadata"] = "read"
	if o.Teams {
		a.grants["members"] = "read"
	}
	if a.events == nil {
		a.events = []string{
			"push", "pull_request", "pull_request_review", "issue_comment", "check_run", "check_suite",
		}
	}
	for _, name := range o.Repositories {
		if a.repos == nil {
			a.repos = map[string]bool{}
		}
		a.repos[name] = true
	}
	s.account(o.Owner, "Organization")
	a.bot = s.account(o.Slug+"[bot]", "Bot")
	s.apps[a.id] = a
	return a
}

func (a *app) keyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.key)})
}

// installedOn tells whether the App's installation covers a repository.
func (a *app) installedOn(r *repo) bool {
	return a.owner == r.owner && (a.repos == nil || a.repos[r.name])
}

// appFor returns the App that is installed on a repository, or nil.
func (s *Server) appFor(r *repo) *app {
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		if s.apps[id].installedOn(r) {
			return s.apps[id]
		}
	}
	return nil
}

func (c *call) getApp() (reply, error) { return ok(c.s.appJSON(c.by.app)) }

func (c *call) getAppBySlug() (reply, error) {
	for _, a := range c.s.apps {
		if a.slug == c.vars["slug"] {
			return ok(c.s.appJSON(a))
		}
	}
	return reply{}, notFound()
}

func (s *Server) appJSON(a *app) object {
	if a == nil {
		return nil
	}
	return object{
		"id": a.id, "slug": a.slug, "node_id": nodeID("A", a.id), "client_id": fmt.Sprintf("Iv1.%016x", a.id),
		"name": a.name, "owner": s.userJSON(s.account(a.owner, "Organization")), "description": nil,
		"external_url": s.pageURL("/apps/%s", a.slug), "html_url": s.pageURL("/apps/%s", a.slug),
		"created_at": stamp(a.created), "updated_at": stamp(a.created),
		"permissions": a.grants, "events": a.events, "installations_count": 1,
	}
}

func (s *Server) installationJSON(a *app) object {
	selection := "all"
	if a.repos != nil {
		selection = "selected"
	}
	owner := s.account(a.owner, "Organization")
	return object{
		"id": a.installation, "account": s.userJSON(owner), "repository_selection": selection,
		"access_tokens_url": s.api("/app/installations/%d/access_tokens", a.installation),
		"repositories_url":  s.api("/installation/repositories"),
		"html_url":          s.pageURL("/organizations/%s/settings/installations/%d", a.owner, a.installation),
		"app_id":            a.id, "app_slug": a.slug, "target_id": owner.id, "target_type": owner.kind,
		"permissions": a.grants, "events": a.events, "created_at": stamp(a.created), "updated_at": stamp(a.created),
		"single_file_name": nil, "has_multiple_single_files": false, "single_file_paths": []string{},
		"suspended_by": nil, "suspended_at": nil,
	}
}

func (c *call) listInstallations() (reply, error) {
	return ok(page(c, []object{c.s.installationJSON(c.by.app)}))
}

func (c *call) getInstallation() (reply, error) {
	a := c.by.app
	matches := c.number("id") == a.installation
	if login, ok := c.vars["login"]; ok {
		matches = login == a.owner
	}
	if name, ok := c.vars["name"]; ok {
		fullName := c.vars["owner"] + "/" + name
		r := c.s.repos[fullName]
		if r == nil && c.s.gone[fullName] != nil {
			return c.elsewhere(fullName, "/repos/"+fullName+"/installation")
		}
		matches = r != nil && a.installedOn(r)
	}
	if !matches {
		return reply{}, notFound()
	}
	return ok(c.s.installationJSON(a))
}

// createToken makes an installation's token, narrowed to repositories and permissions if asked.
func (c *call) createToken() (reply, error) {
	a := c.by.app
	if c.number("id") != a.installation {
		return reply{}, notFound()
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	t := &token{account: a.bot, app: a, grants: maps.Clone(a.grants), expires: c.s.now().Add(tokenLife).Truncate(time.Second)}
	if len(in.Permissions) > 0 {
		t.grants = map[string]string{"metadata": "read"}
		for name, level := range in.Permissions {
			if rank(a.grants[name]) < rank(level) {
				return reply{}, fail(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
			}
			t.grants[name] = level
		}
	}
	repos, err := c.narrow(in.Repositories, in.RepositoryIDs)
	if err != nil {
		return reply{}, err
	}
	out := object{"permissions": t.grants, "expires_at": stamp(t.expires), "repository_selection": "all"}
	if repos != nil {
		t.repos = map[string]bool{}
		for _, r := range repos {
			t.repos[r.fullName()] = true
		}
		out["repositories"] = collect(repos, c.s.repoJSON)
		out["repository_selection"] = "selected"
	}
	// Long and of varying length, as real ones have been since 2026: nobody may rely on it.
	value := fmt.Sprintf("ghs_%d_%s", a.id, randomHex(230+int(c.s.id()%30)))
	c.s.tokens[value] = t
	out["token"] = value
	return created(out)
}

// narrow finds the repositories that a token is asked for; nil if it is asked for all.
func (c *call) narrow(names []string, ids []int64) ([]*repo, error) {
	if len(names)+len(ids) == 0 {
		return nil, nil
	}
	var out []*repo
	for _, r := range c.s.repoList() {
		if !slices.Contains(names, r.name) && !slices.Contains(ids, r.id) {
			continue
		}
		if c.by.app.installedOn(r) {
			out = append(out, r)
		}
	}
	if len(out) < len(names)+len(ids) {
		return nil, fail(http.StatusUnprocessableEntity,
			"There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	return out, nil
}

func (c *call) revokeToken() (reply, error) {
	for value, t := range c.s.tokens {
		if t == c.by.token {
			delete(c.s.tokens, value)
		}
	}
	return noContent()
}

func (c *call) installationRepositories() (reply, error) {
	var visible []*repo
	for _, r := range c.s.repoList() {
		if c.by.sees(r) && c.by.app.installedOn(r) {
			visible = append(visible, r)
		}
	}
	return ok(object{"total_count": len(visible), "repository_selection": "all", "repositories": collect(page(c, visible), c.s.repoJSON)})
}

// convertManifest ends the manifest flow: the code is exchanged for the new App's secrets, once.
func (c *call) convertManifest() (reply, error) {
	a := c.s.codes[c.vars["code"]]
	if a == nil {
		return reply{}, notFound()
	}
	delete(c.s.codes, c.vars["code"])
	out := c.s.appJSON(a)
	out["client_secret"] = randomHex(20)
	out["webhook_secret"] = a.secret
	out["pem"] = strings.TrimSpace(string(a.keyPEM())) + "\n"
	return created(out)
}
