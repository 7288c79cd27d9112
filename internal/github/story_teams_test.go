package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

func withTeams(o *githubbox.AppOptions) { o.Teams = true }

// staffed has a team of ann's with one below it, one of nobody's, and one that is secret.
func staffed(s *story) {
	for _, team := range []githubbox.Team{
		{Organization: owner, Slug: "platform", Members: []string{"ann"}, Invited: []string{"carl"}},
		{Organization: owner, Slug: "platform-eu", Parent: "platform", Members: []string{"eve"}},
		{Organization: owner, Slug: "platform-eu-1", Parent: "platform-eu", Members: []string{"fay"}},
		{Organization: owner, Slug: "nobody"},
		{Organization: owner, Slug: "secret", Members: []string{"ann"}, Secret: true},
		{Organization: "elsewhere", Slug: "platform", Members: []string{"ann"}},
	} {
		s.server.SetTeam(team)
	}
}

func TestWhoIsInATeam(t *testing.T) {
	s := newStory(t, withTeams)
	staffed(s)
	for _, tt := range []struct {
		team, login string
		is          bool
		err         error
	}{
		{"acme/platform", "ann", true, nil},
		{"ACME/Platform", "Ann", true, nil},
		{"acme/platform", "eve", true, nil}, // by a team below
		{"acme/platform", "fay", true, nil},
		{"acme/platform-eu", "ann", false, nil},
		{"acme/platform", "carl", false, nil}, // invited
		{"acme/platform", "mallory", false, nil},
		{"acme/nobody", "ann", false, nil},
		{"acme/secret", "ann", false, reconciler.ErrNoTeams},
		{"acme/absent", "ann", false, reconciler.ErrNoTeams},
		{"elsewhere/platform", "ann", false, reconciler.ErrNoTeams},
	} {
		is, err := s.forge.Member(s.ctx, tt.team, tt.login)
		if is != tt.is || !errors.Is(err, tt.err) {
			t.Errorf("%s in %s: %t, error %v, want %t, %v", tt.login, tt.team, is, err, tt.is, tt.err)
		}
	}
	for _, wrong := range []string{"", "acme", "acme/", "acme/../platform", "acme/a/b", "acme/a?b"} {
		if is, err := s.forge.Member(s.ctx, wrong, "ann"); is || err == nil {
			t.Errorf("%q: %t, %v", wrong, is, err)
		}
	}
}

// What would have to be granted is said.
func TestTeamsThatCanNotBeAsked(t *testing.T) {
	s := newStory(t)
	staffed(s)
	_, err := s.forge.Member(s.ctx, "acme/platform", "ann")
	s.want(err, reconciler.ErrNoTeams)
	if !strings.Contains(err.Error(), "the organization permission members (read)") {
		t.Errorf("error %v", err)
	}
	_, err = s.withToken().Member(s.ctx, "acme/absent", "ann")
	s.want(err, reconciler.ErrNoTeams)
	if !strings.Contains(err.Error(), "the scope read:org") {
		t.Errorf("error %v", err)
	}
}

// An answer holds for a minute, and no longer.
func TestAMembershipIsAskedForOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, withTeams)
		staffed(s)
		asked := 0
		s.spy = func(r *http.Request) {
			if strings.Contains(r.URL.Path, "/memberships/") {
				asked++
			}
		}
		member := func() bool {
			is, err := s.forge.Member(s.ctx, "acme/platform", "ann")
			s.check(err)
			return is
		}
		for range 5 {
			if !member() {
				t.Error("ann is no member")
			}
		}
		s.server.SetTeam(githubbox.Team{Organization: owner, Slug: "platform"})
		if asked != 1 || !member() {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(time.Minute)
		if member() || asked != 2 {
			t.Errorf("ann left a minute ago; asked %d times", asked)
		}
	})
}

func TestTheAppMaySeeTeamsOrNot(t *testing.T) {
	s := newStory(t, withTeams)
	s.check(s.forge.Examine(s.ctx))
	newStory(t, func(o *githubbox.AppOptions) {
		o.Permissions = map[string]string{}
		for _, g := range github.Grants() {
			o.Permissions[g.Name] = g.Level
		}
		o.Permissions["members"] = "write"
	}).refuses("has more than it may: members (write)")
	for _, teams := range []bool{false, true} {
		text, _, err := github.AppRequest{Name: "x", Teams: teams}.Manifest("", "")
		s.check(err)
		var manifest struct {
			Permissions map[string]string `json:"default_permissions"`
		}
		s.check(json.Unmarshal([]byte(text), &manifest))
		if _, has := manifest.Permissions["members"]; has != teams {
			t.Errorf("with teams %t it asks for %v", teams, manifest.Permissions)
		}
	}
}

func (s *story) refuses(says string) {
	s.t.Helper()
	err := s.forge.Examine(s.ctx)
	s.want(err, github.ErrGrants)
	if !strings.Contains(err.Error(), says) {
		s.t.Errorf("error %v, want one that says %q", err, says)
	}
}

func TestFilesOfAPullRequest(t *testing.T) {
	s := newStory(t)
	_, err := s.server.CommitFiles(repoName, "topic", "ann", "Move", map[string][]byte{
		tenant: nil, "tenants/new.cue": []byte("name: \"acme\"\n"), "fleet.cue": []byte("name: \"other\"\n"),
	})
	s.check(err)
	number, err := s.server.OpenPullRequest(repoName, "ann", "topic", "main", "Move", "")
	s.check(err)
	want := func() {
		files, err := s.forge.Files(s.ctx, number)
		s.check(err)
		slices.Sort(files)
		if got := strings.Join(slices.Compact(files), " "); got != "fleet.cue tenants/ac/acme.cue tenants/new.cue" {
			t.Errorf("files: %s", got)
		}
	}
	want()
	s.must(s.server.Merge(repoName, number, "ann"))
	want()
}

func TestTooManyFiles(t *testing.T) {
	s := newStory(t)
	files := map[string][]byte{}
	for n := range 3001 {
		files["many/"+strings.Repeat("x", n%60)+time.Duration(n).String()] = []byte("x")
	}
	_, err := s.server.CommitFiles(repoName, "topic", "ann", "Many", files)
	s.check(err)
	number, err := s.server.OpenPullRequest(repoName, "ann", "topic", "main", "Many", "")
	s.check(err)
	_, err = s.forge.Files(s.ctx, number)
	s.want(err, reconciler.ErrManyFiles)
}
