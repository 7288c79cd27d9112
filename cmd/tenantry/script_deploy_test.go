package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// rerunVerb presses the "Re-run" button of a check on the newest commit of the watched branch.
func (s *scene) rerunVerb(_ *testscript.TestScript, args []string) error {
	if s.world == nil || len(args) != 1 {
		return errors.New("usage: rerun CHECK")
	}
	for _, run := range s.world.GitHub.CheckRuns(s.world.Repo, s.world.GitHub.Tip(s.world.Repo, "main")) {
		if run.Name == args[0] {
			return s.world.GitHub.Rerequest(s.world.Repo, run.ID, scriptPerson)
		}
	}
	return fmt.Errorf("there is no check %s on the newest commit", args[0])
}

// deployVerb waits for what GitHub shows of environments, and prints it. "deploy none" wants nothing shown of
// the newest commit.
func (s *scene) deployVerb(ts *testscript.TestScript, args []string) error {
	usage := errors.New("usage: deploy ENVIRONMENT STATE [PATTERN] | replaced | none")
	if s.world == nil || len(args) == 0 {
		return usage
	}
	github, repo := s.world.GitHub, s.world.Repo
	expression, err := regexp.Compile(strings.Join(args[min(2, len(args)):], " "))
	if err != nil {
		return err
	}
	switch {
	case args[0] == "replaced":
		return s.eventually(s.replaced)
	case args[0] == "none":
		for _, d := range github.Deployments(repo) {
			if d.Commit == github.Tip(repo, "main") {
				return fmt.Errorf("%s is %s: %s", d.Environment, d.State, d.Description)
			}
		}
		return nil
	case len(args) < 2:
		return usage
	}
	return s.eventually(func() (string, error) {
		list := github.Deployments(repo)
		for _, d := range slices.Backward(list) {
			if d.Commit == github.Tip(repo, "main") && d.Environment == args[0] && d.State == args[1] && expression.MatchString(d.Description) {
				_, err := fmt.Fprintf(ts.Stdout(), "%s: %s\n", strings.Join(d.States, " "), d.Description)
				return "", err
			}
		}
		return fmt.Sprintf("no deployment of the newest commit in %s is %s: %+v", args[0], args[1], list), nil
	})
}

// replaced tells whether, of the deployments in each environment, only the newest is in service.
func (s *scene) replaced() (string, error) {
	serving := map[string]string{}
	for _, d := range s.world.GitHub.Deployments(s.world.Repo) {
		if before := serving[d.Environment]; before != "" && d.State == "success" {
			return fmt.Sprintf("%s and %s are both in service in %s", before, d.Commit, d.Environment), nil
		}
		if d.State == "success" {
			serving[d.Environment] = d.Commit
		}
	}
	return "", nil
}
