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
	usage := errors.New("usage: deploy ENVIRONMENT STATE [PATTERN] | list | none")
	if s.world == nil || len(args) == 0 {
		return usage
	}
	github, repo := s.world.GitHub, s.world.Repo
	switch {
	case args[0] == "list":
		for _, d := range github.Deployments(repo) {
			_, _ = fmt.Fprintf(ts.Stdout(), "%s: %s: %s\n", d.Environment, strings.Join(d.States, " "), d.Description)
		}
		return nil
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
	expression, err := regexp.Compile(strings.Join(args[2:], " "))
	if err != nil {
		return err
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
