package main

import (
	"errors"

	"github.com/rogpeppe/go-internal/testscript"

	githubbox "tenantry.dev/internal/sandbox/github"
)

// personVerb makes somebody who isn't Dana: "person LOGIN read|triage|write|admin".
func (s *scene) personVerb(_ *testscript.TestScript, args []string) error {
	if len(args) != 2 || s.world == nil {
		return errors.New("usage, with a sandbox: person LOGIN ROLE")
	}
	s.world.GitHub.AddPerson(githubbox.Person{Login: args[0], Name: args[0], Role: args[1]})
	return nil
}

// teamVerb says who is in a team of the organization: "team SLUG LOGIN…".
func (s *scene) teamVerb(_ *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.world == nil {
		return errors.New("usage, with a sandbox: team SLUG LOGIN…")
	}
	s.world.GitHub.SetTeam(githubbox.Team{Organization: "brightdesk", Slug: args[0], Members: args[1:]})
	return nil
}
