package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox"
	awsbox "tenantry.dev/internal/sandbox/aws"
	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/internal/store"
)

// eventually asks again and again until something is so.
func (s *stage) eventually(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s for this: %s", patience, what))
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := is(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-s.daemon.done:
			s.daemon.done <- err
			return fmt.Errorf("the daemon ended: %w", err)
		case <-ticker.C:
		}
	}
}

// concluded waits for a check on a commit to come to a conclusion.
func (s *stage) concluded(ctx context.Context, name, commit string) (githubbox.CheckRun, error) {
	var found githubbox.CheckRun
	err := s.eventually(ctx, "check "+name+" on "+commit, func() (bool, error) {
		for _, run := range s.GitHub.CheckRuns(s.Repo, commit) {
			if run.Name == name && run.Status == "completed" {
				found = run
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// applied waits until the newest commit of the watched branch is applied, and fails unless that
// succeeded.
func (s *stage) applied(ctx context.Context) (githubbox.CheckRun, error) {
	commit := s.GitHub.Tip(s.Repo, "main")
	check, err := s.concluded(ctx, "tenantry/apply", commit)
	if err == nil && check.Conclusion != "success" {
		err = fmt.Errorf("tenantry/apply is %s: %s\n%s", check.Conclusion, check.Title, check.Summary)
	}
	return check, err
}

// live are the resources of a tenant that exist in the cloud; of everybody if the name is empty.
func (s *stage) live(tenant string) []awsbox.Resource {
	var out []awsbox.Resource
	for _, r := range s.AWS.Live() {
		address := r.Tags["tenantry:address"]
		if address != "" && (tenant == "" || strings.HasPrefix(address, "tenant/"+tenant+"/")) {
			out = append(out, r)
		}
	}
	return out
}

// attribute is a setting in the cloud, by the service's own name.
func (s *stage) attribute(address, name string) string {
	for _, r := range s.AWS.Live() {
		if r.Tags["tenantry:address"] == address {
			return r.Attributes[name]
		}
	}
	return "(gone)"
}

// report waits for an open drift report whose text names an attribute.
func (s *stage) report(ctx context.Context, attribute string) (githubbox.PullRequest, error) {
	var found githubbox.PullRequest
	err := s.eventually(ctx, "a drift report on "+attribute, func() (bool, error) {
		list, err := s.GitHub.PullRequests(s.Repo)
		for _, pr := range list {
			if pr.State == "open" && strings.HasPrefix(pr.Branch, "tenantry/drift/") && strings.Contains(pr.Body, attribute) {
				found = pr
				return true, nil
			}
		}
		return false, err
	})
	return found, err
}

// quiet is how long no report may come before things count as calm: events tell within a second.
const quiet = 4 * time.Second

// calm waits until no drift report is open, and looks a little longer whether it stays so.
func (s *stage) calm(ctx context.Context) error {
	var since time.Time
	return s.eventually(ctx, "no drift report is open, for a while", func() (bool, error) {
		list, err := s.GitHub.PullRequests(s.Repo)
		if err != nil {
			return false, err
		}
		for _, pr := range list {
			if pr.State == "open" && strings.HasPrefix(pr.Branch, "tenantry/drift/") {
				since = time.Time{}
				return false, nil
			}
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > quiet, nil
	})
}

// proof verifies the audit log of the stopped daemon.
func (s *stage) proof(ctx context.Context) (string, error) {
	kept, err := store.Open(ctx, filepath.Join(s.dir, "data"), store.ReadOnly)
	if err != nil {
		return "", err
	}
	head, err := kept.Verify(ctx)
	return head.String(), errors.Join(err, kept.Close())
}

// invite prints what to try, and keeps the stage up until the user ends it.
func (s *stage) invite(ctx context.Context, out io.Writer) error {
	if _, err := s.applied(ctx); err != nil {
		return err
	}
	if _, err := s.GitHub.CommitFiles(s.Repo, "onboard-"+newcomer, s.Person, "Onboard Fjordline", map[string][]byte{newcomerFile: []byte(newcomerDefinition)}); err != nil {
		return err
	}
	number, err := s.GitHub.OpenPullRequest(s.Repo, s.Person, "onboard-"+newcomer, "main", "Onboard Fjordline Ferries", "They signed in October.")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
The fleet is applied: %d resources in the cloud. What to try:

  1. Onboard    %s
                is open. Read what the daemon said, and merge it.
  2. Drift      %s/_sandbox/
                is the cloud. Change something by hand; within seconds a report is proposed:
                %s/%s/pulls
  3. Decide     Merge the report to keep the cloud's value; close it to have Git's value back.
  4. Roll back  Press Revert on the onboarding that you merged, and merge that.

  With git:     git clone http://%s:%s@%s/%s.git
  Scripts:      curl -X POST %s/_sandbox/chaos -d '{"address":"tenant/cedar-clinic/aws.logs.group/logs","do":"retention-changed"}'

Ctrl-C ends it; nothing stays behind.
`, len(s.live("")), s.GitHub.PullURL(s.Repo, number), s.CloudURL(), s.GitHub.URL(), s.Repo,
		s.Person, sandbox.PersonToken, strings.TrimPrefix(s.GitHub.URL(), "http://"), s.Repo, s.CloudURL())
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.daemon.done:
		s.daemon.done <- err
		return fmt.Errorf("the daemon ended: %w\n%s", err, s.daemon.tail)
	}
}
