package githubbox

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"time"
)

// A Person is somebody with an account. Role is "read", "write", "maintain" or "admin" and holds
// for every repository; empty is "write".
type Person struct {
	Login, Name, Email string
	Token              string // a personal access token; empty for none
	Role               string
}

// account is a person, an organisation or the bot of an App.
type account struct {
	id                 int64
	login, name, email string
	kind               string // "User", "Organization" or "Bot"
	role               string
	created            time.Time
}

// noreply is the address that GitHub gives to commits of an account.
func (a *account) noreply() string {
	if a.email != "" {
		return a.email
	}
	return fmt.Sprintf("%d+%s@users.noreply.github.com", a.id, a.login)
}

func (a *account) displayName() string {
	if a.name != "" {
		return a.name
	}
	return a.login
}

// AddPerson makes an account, or changes it. The person's token, if any, works at once.
func (s *Server) AddPerson(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(p.Login, "User")
	a.name, a.email, a.role = p.Name, p.Email, p.Role
	if a.role == "" {
		a.role = "write"
	}
	if p.Token != "" {
		s.tokens[p.Token] = &token{account: a}
	}
}

// Knows tells whether there is an account with this login.
func (s *Server) Knows(login string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[login] != nil
}

// account finds an account or makes it.
func (s *Server) account(login, kind string) *account {
	a := s.accounts[login]
	if a == nil {
		a = &account{id: s.id(), login: login, kind: kind, role: "read", created: s.now()}
		s.accounts[login] = a
	}
	return a
}

// person finds an account for the Go API.
func (s *Server) person(login string) (*account, error) {
	a := s.accounts[login]
	if a == nil {
		return nil, fmt.Errorf("person %q: no such account", login)
	}
	return a, nil
}

// token is a person's or an installation's.
type token struct {
	account *account
	app     *app              // nil for a person's
	grants  map[string]string // an installation's permissions
	repos   map[string]bool   // "owner/name"; nil for all of the installation
	expires time.Time         // zero for never
}

// RevokeTokens ends all installation tokens at once, as happens when an App's secret leaks.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, t := range s.tokens {
		if t.app != nil {
			delete(s.tokens, value)
		}
	}
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}

func (s *Server) userJSON(a *account) object {
	if a == nil {
		return nil
	}
	u := s.api("/users/%s", escape(a.login))
	return object{
		"login": a.login, "id": a.id, "node_id": nodeID("U", a.id), "type": a.kind, "site_admin": false,
		"avatar_url":          s.pageURL("/avatars/%d", a.id),
		"gravatar_id":         "",
		"url":                 u,
		"html_url":            s.pageURL("/%s", a.login),
		"followers_url":       u + "/followers",
		"following_url":       u + "/following{/other_user}",
		"gists_url":           u + "/gists{/gist_id}",
		"starred_url":         u + "/starred{/owner}{/repo}",
		"subscriptions_url":   u + "/subscriptions",
		"organizations_url":   u + "/orgs",
		"repos_url":           u + "/repos",
		"events_url":          u + "/events{/privacy}",
		"received_events_url": u + "/received_events",
	}
}

// nodeID is an id of the GraphQL API: opaque to clients.
func nodeID(kind string, id int64) string { return fmt.Sprintf("%s_%012d", kind, id) }

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stampText(t)
}

func stampText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (c *call) getUser() (reply, error) {
	a := c.by.account
	if login := c.vars["login"]; login != "" {
		a = c.s.accounts[login]
	}
	if a == nil {
		return reply{}, notFound()
	}
	u := c.s.userJSON(a)
	maps.Copy(u, object{
		"user_view_type": "public", "name": orNull(a.name), "email": orNull(a.email), "company": nil, "blog": "", "location": nil,
		"hireable": nil, "bio": nil, "public_repos": 0, "public_gists": 0, "followers": 0,
		"following": 0, "created_at": stamp(a.created), "updated_at": stamp(a.created),
	})
	return ok(u)
}

func (c *call) collaboratorPermission() (reply, error) {
	a := c.s.accounts[c.vars["login"]]
	if a == nil {
		return reply{}, notFound()
	}
	role := a.role
	level := map[string]string{"admin": "admin", "maintain": "write", "write": "write", "read": "read"}[role]
	u := c.s.userJSON(a)
	u["permissions"] = permissionFlags(role)
	u["role_name"] = role
	return ok(object{"permission": level, "role_name": role, "user": u})
}

func permissionFlags(role string) object {
	at := map[string]int{"read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}[role]
	return object{"pull": at >= 1, "triage": at >= 2, "push": at >= 3, "maintain": at >= 4, "admin": at >= 5}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
