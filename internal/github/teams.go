package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

const (
	memberFor     = time.Minute // that an answer about a membership is taken for true
	membersKept   = 1024
	mostPullFiles = 3000 // where GitHub ends the list of a pull request's files
)

// members remembers for a moment who belongs to which team. The zero value is ready; safe for concurrent use.
type members struct {
	mu    sync.Mutex
	known map[string]membership // by team and login, lower-case
}

type membership struct {
	is    bool
	until time.Time
}

func (m *members) recall(key string, now time.Time) (is, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, known := m.known[key]
	return found.is, known && now.Before(found.until)
}

func (m *members) remember(key string, is bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= membersKept {
		m.known = map[string]membership{}
	}
	m.known[key] = membership{is, now.Add(memberFor)}
}

// teamName is an organisation and a team's slug.
var teamName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// Member implements reconciler.Teams. Members of teams below a team belong to it; who was invited and hasn't
// accepted doesn't. An answer is remembered for a minute. GitHub answers 404 for a team that it doesn't show
// us just as for somebody who isn't in it, so that the team itself is asked for then.
// https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user
func (c *Client) Member(ctx context.Context, team, login string) (bool, error) {
	operation := fmt.Sprintf("ask whether %s is in %s", login, team)
	if !teamName.MatchString(team) || login == "" {
		return false, fail(operation, errors.New("the names can't be a team's and a person's"))
	}
	key := strings.ToLower(team + " " + login)
	if is, known := c.members.recall(key, time.Now()); known {
		return is, nil
	}
	org, slug, _ := strings.Cut(team, "/")
	org, slug = url.PathEscape(org), url.PathEscape(slug)
	found, _, err := c.api.Teams.GetTeamMembershipBySlug(ctx, org, slug, url.PathEscape(login))
	is := err == nil && found.GetState() == "active"
	if gone(err) {
		_, _, err = c.api.Teams.GetTeamBySlug(ctx, org, slug)
	}
	if err = c.unasked(team, err); err != nil {
		return false, fail(operation, err)
	}
	c.members.remember(key, is, time.Now())
	return is, nil
}

// unasked says of a refusal what would have to be granted.
func (c *Client) unasked(team string, err error) error {
	switch denied := statusOf(err) == 403; {
	case gone(err) || denied && c.app == nil:
		return fmt.Errorf("%w: GitHub shows us no team %s: it doesn't exist, is secret, or %s", reconciler.ErrNoTeams, team, c.teamGrant())
	case denied:
		return fmt.Errorf("%w: %s", reconciler.ErrNoTeams, c.teamGrant())
	}
	return err
}

// teamGrant is what we lack to see teams.
func (c *Client) teamGrant() string {
	if c.app == nil {
		return "the token lacks the scope read:org"
	}
	return "the App lacks the organization permission members (read); grant it in the App's settings, and accept it where the App is installed"
}

// Files implements reconciler.Comments.
// https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
func (c *Client) Files(ctx context.Context, pull int) ([]string, error) {
	operation := fmt.Sprintf("list the files of pull request %d", pull)
	o := &gh.ListOptions{PerPage: pageSize}
	var paths []string
	for n := 0; ; {
		page, resp, err := c.api.PullRequests.ListFiles(ctx, c.owner, c.repo, pull, o)
		if err != nil {
			return nil, fail(operation, err)
		}
		for _, f := range page {
			paths = append(paths, f.GetFilename())
			if was := f.GetPreviousFilename(); was != "" {
				paths = append(paths, was)
			}
		}
		if n += len(page); n >= mostPullFiles {
			return nil, fail(operation, reconciler.ErrManyFiles)
		}
		if resp.NextPage == 0 {
			return paths, nil
		}
		o.Page = resp.NextPage
	}
}
