package githubbox

import (
	"strings"
	"time"
)

// team is a team of an organisation.
type team struct {
	id        int64
	org, slug string
	parent    string // the slug of the team above; empty for none
	secret    bool
	members   map[string]string // by login: "active", or "pending" for who was invited
	created   time.Time
}

// A Team is a team of an organisation, with who is in it.
type Team struct {
	Organization, Slug string
	Parent             string // the slug of the team above it; empty for none
	Members            []string
	Invited            []string // who didn't accept yet
	Secret             bool     // only its members and the organisation's owners see it
}

// SetTeam makes a team as it is described, or changes it to that. Who isn't known gets an account.
func (s *Server) SetTeam(t Team) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account(t.Organization, "Organization")
	key := t.Organization + "/" + t.Slug
	made := s.teams[key]
	if made == nil {
		made = &team{id: s.id(), org: t.Organization, slug: t.Slug, created: s.now()}
		if s.teams == nil {
			s.teams = map[string]*team{}
		}
		s.teams[key] = made
	}
	made.parent, made.secret, made.members = t.Parent, t.Secret, map[string]string{}
	for _, login := range t.Members {
		made.members[s.account(login, "User").login] = "active"
	}
	for _, login := range t.Invited {
		made.members[s.account(login, "User").login] = "pending"
	}
}

// team finds the team that a call is about, if the caller sees it. An organisation's names differ by more
// than case.
func (c *call) team() (*team, error) {
	org, slug := strings.ToLower(c.vars["org"]), strings.ToLower(c.vars["slug"])
	for _, t := range c.s.teams {
		hidden := t.secret && (c.by.account == nil || t.members[c.by.account.login] == "")
		foreign := c.by.isInstallation() && c.by.app.owner != t.org
		if strings.ToLower(t.org) == org && strings.ToLower(t.slug) == slug && !hidden && !foreign {
			return t, nil
		}
	}
	return nil, notFound()
}

// membership is a person's membership of a team or of one below it: "active", "pending" or empty.
func (s *Server) membership(t *team, login string) string {
	state := ""
	for name, has := range t.members {
		if strings.EqualFold(name, login) {
			state = has
		}
	}
	for _, below := range s.teams {
		if state != "active" && below.org == t.org && below.parent == t.slug {
			if has := s.membership(below, login); has != "" {
				state = has
			}
		}
	}
	return state
}

// teamMembership answers GET /orgs/{org}/teams/{slug}/memberships/{login}. "Team members will include the members
// of child teams."
// https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user
func (c *call) teamMembership() (reply, error) {
	t, err := c.team()
	if err != nil {
		return reply{}, err
	}
	login := c.vars["login"]
	state := c.s.membership(t, login)
	if state == "" {
		return reply{}, notFound()
	}
	return ok(object{
		"state": state, "role": "member",
		"url": c.s.api("/organizations/%d/team/%d/memberships/%s", c.s.account(t.org, "Organization").id, t.id, escape(login)),
	})
}

// getTeam answers GET /orgs/{org}/teams/{slug}.
func (c *call) getTeam() (reply, error) {
	t, err := c.team()
	if err != nil {
		return reply{}, err
	}
	org := c.s.account(t.org, "Organization")
	u := c.s.api("/organizations/%d/team/%d", org.id, t.id)
	out := c.s.teamJSON(t, org, u)
	count := 0
	for login := range c.s.accounts {
		if c.s.membership(t, login) == "active" {
			count++
		}
	}
	out["members_count"], out["repos_count"] = count, 0
	out["created_at"], out["updated_at"] = stamp(t.created), stamp(t.created)
	out["organization"] = c.s.wholeOrganizationJSON(org)
	out["parent"] = nil
	if above := c.s.teams[t.org+"/"+t.parent]; above != nil {
		out["parent"] = c.s.teamJSON(above, org, c.s.api("/organizations/%d/team/%d", org.id, above.id))
	}
	return ok(out)
}

func (s *Server) teamJSON(t *team, org *account, u string) object {
	privacy := "closed"
	if t.secret {
		privacy = "secret"
	}
	return object{
		"id": t.id, "node_id": nodeID("T", t.id), "url": u, "html_url": s.pageURL("/orgs/%s/teams/%s", org.login, t.slug),
		"name": t.slug, "slug": t.slug, "description": nil, "privacy": privacy, "notification_setting": "notifications_enabled",
		"permission": "push", "members_url": u + "/members{/member}", "repositories_url": u + "/repos",
		"type": "organization", "organization_id": org.id,
	}
}

func (s *Server) wholeOrganizationJSON(org *account) object {
	u := s.api("/orgs/%s", escape(org.login))
	return object{
		"login": org.login, "id": org.id, "node_id": nodeID("O", org.id), "url": u, "repos_url": u + "/repos", "events_url": u + "/events",
		"hooks_url": u + "/hooks", "issues_url": u + "/issues", "members_url": u + "/members{/member}",
		"public_members_url": u + "/public_members{/member}", "avatar_url": s.pageURL("/avatars/%d", org.id), "description": nil,
		"has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0,
		"followers": 0, "following": 0, "html_url": s.pageURL("/%s", org.login), "type": "Organization",
		"created_at": stamp(org.created), "updated_at": stamp(org.created), "archived_at": nil,
	}
}
