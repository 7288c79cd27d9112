package github

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Grant is a permission of a GitHub App, with what it is for.
// https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
type Grant struct {
	Name  string // "pull_requests"
	Level string // "read" or "write"
	For   string
	// Optional tells that without it something is left out that nothing else depends on.
	Optional bool
	// Teams tells that it is for fleets whose CODEOWNERS names teams, and isn't asked for otherwise.
	Teams bool
}

// Grants returns the permissions that Tenantry's App may have: all that it needs, and no others.
func Grants() []Grant {
	return []Grant{
		{Name: "checks", Level: "write", For: "to answer on commits and on their lines"},
		{Name: "contents", Level: "write", For: "to read the definitions, and to commit reports to branches of its own"},
		{Name: "deployments", Level: "write", For: "to show by environment which commit is in service", Optional: true},
		{Name: "issues", Level: "read", For: "to be told of commands in comments, as GitHub counts comments among issues"},
		{Name: "members", Level: "read", For: "to ask who is in the teams that CODEOWNERS names, with --teams; of the organization", Optional: true, Teams: true},
		{Name: "metadata", Level: "read", For: "to see the repository, and who may write to it"},
		{Name: "pull_requests", Level: "write", For: "to propose, to comment, to label and to close what it proposed"},
	}
}

// Events returns the webhooks that the App is sent.
func Events() []string {
	return []string{"check_run", "check_suite", "issue_comment", "pull_request", "push"}
}

// grants compares what an installation was granted with what it needs. Less makes it fail half-way, unless
// it is optional, and more than it needs is what somebody gains who steals the key.
func grants(have map[string]string) error {
	var missing, excess []string
	need := map[string]string{}
	for _, g := range Grants() {
		need[g.Name] = g.Level
		if !g.Optional && level(have[g.Name]) < level(g.Level) {
			missing = append(missing, g.Name+" ("+g.Level+")")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if level(have[name]) > level(need[name]) {
			excess = append(excess, name+" ("+have[name]+")")
		}
	}
	var says []string
	if len(missing) > 0 {
		says = append(says, "lacks "+strings.Join(missing, ", "))
	}
	if len(excess) > 0 {
		says = append(says, "has more than it may: "+strings.Join(excess, ", "))
	}
	if len(says) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the App %s; mend that under Permissions in the App's settings, and accept it where the App is installed",
		ErrGrants, strings.Join(says, ", and "))
}

// level orders what a permission may be granted at. What isn't known is as much as can be.
func level(name string) int {
	switch name {
	case "", "none":
		return 0
	case "read":
		return 1
	case "write":
		return 2
	}
	return 3
}
