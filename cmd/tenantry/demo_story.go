package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	awsbox "tenantry.dev/internal/sandbox/aws"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// newcomer is the tenant that the demo onboards.
const newcomer = "fjordline"

const newcomerFile = "tenants/" + newcomer + ".cue"

const newcomerDefinition = `package fleet

// Signed in October; goes live with the winter schedule.
tenant: fjordline: {
	displayName: "Fjordline Ferries AS"
	plan:        "team"
	cell:        "eu-1"
	residency:   "eu"
	contacts: [{role: "technical", email: "it@fjordline.example"}]
	domains: ["support.fjordline.example"]

	// They asked for more time per job.
	overrides: jobs: visibilityTimeout: 300
}
`

// What the demo changes by hand: the logs of a tenant whose file has an override and a comment on
// it, and another tenant's bucket.
const (
	driftedFile = "tenants/cedar-clinic.cue"
	logsAddress = "tenant/cedar-clinic/aws.logs.group/logs"
	dataAddress = "tenant/delta-freight/aws.s3.bucket/data"
)

// patience is how long the demo waits for one thing to happen. It is generous: the story fails by
// being wrong, not by being slow.
const patience = 2 * time.Minute

// An act is one step of the story: what somebody does, and what is then seen.
type act struct {
	title string
	play  func(context.Context, *stage) (saw []string, err error)
}

// play plays the story and ends at the first act that didn't really happen.
func (s *stage) play(ctx context.Context, out io.Writer) error {
	_, _ = fmt.Fprintf(out, "A sandbox of AWS (%s) and GitHub (%s) runs on this machine, and the daemon beside it.\n", s.CloudURL(), s.GitHub.URL())
	story := newStory()
	for i, a := range story.acts() {
		_, _ = fmt.Fprintf(out, "\n%d. %s\n", i+1, a.title)
		started := time.Now()
		saw, err := a.play(ctx, s)
		for _, line := range saw {
			_, _ = fmt.Fprintf(out, "   saw  %s\n", line)
		}
		if err != nil {
			_, _ = fmt.Fprintf(out, "   FAILED: %v\n\nThe daemon's last words:\n%s", err, s.daemon.tail)
			return exit(codeError, "the story broke at step %d: %s", i+1, a.title)
		}
		_, _ = fmt.Fprintf(out, "   took %s\n", time.Since(started).Round(100*time.Millisecond))
	}
	_, _ = fmt.Fprintln(out, "\nEvery step happened: onboarded, drifted, reported, decided, rolled back.")
	return nil
}

// A story keeps what one act tells the next.
type story struct {
	onboarding int // the pull request
	writes     int // to the cloud, when things were last calm
}

func newStory() *story { return &story{} }

func (t *story) acts() []act {
	return []act{
		{"The daemon brings the cloud to the fleet in Git.", t.begin},
		{"Dana opens a pull request to onboard a tenant.", t.propose},
		{"Dana merges it.", t.onboard},
		{"Robin changes how long Cedar Clinic's logs are kept, by hand, at the console.", t.drift},
		{"Dana merges the report: Git keeps the cloud's value.", t.keep},
		{"Robin suspends the versioning of Delta Freight's bucket; Dana closes the report: Git's value comes back.", t.restore},
		{"Dana reverts the onboarding.", t.revert},
		{"The log of all this is proven.", t.prove},
	}
}

func (t *story) begin(ctx context.Context, s *stage) ([]string, error) {
	check, err := s.applied(ctx)
	if err != nil {
		return nil, err
	}
	live := s.live("")
	if len(live) == 0 {
		return nil, errors.New("the cloud is empty")
	}
	t.writes = s.AWS.Writes()
	return []string{"check tenantry/apply on main: " + check.Title, fmt.Sprintf("%d resources in the cloud after %d writes", len(live), t.writes)}, nil
}

func (t *story) propose(ctx context.Context, s *stage) ([]string, error) {
	_, err := s.GitHub.CommitFiles(s.Repo, "onboard-"+newcomer, s.Person, "Onboard Fjordline", map[string][]byte{newcomerFile: []byte(newcomerDefinition)})
	if err != nil {
		return nil, err
	}
	t.onboarding, err = s.GitHub.OpenPullRequest(s.Repo, s.Person, "onboard-"+newcomer, "main", "Onboard Fjordline Ferries", "They signed in October.")
	if err != nil {
		return nil, err
	}
	pr, err := s.pull(t.onboarding)
	if err != nil {
		return nil, err
	}
	saw := []string{pr.URL}
	for _, name := range []string{"tenantry/validate", "tenantry/plan"} {
		check, err := s.concluded(ctx, name, pr.Head)
		if err != nil {
			return saw, err
		}
		if check.Conclusion != "success" {
			return saw, fmt.Errorf("%s is %s: %s\n%s", name, check.Conclusion, check.Title, check.Summary)
		}
		saw = append(saw, "check "+name+": "+check.Title)
	}
	comments := s.GitHub.Comments(s.Repo, t.onboarding)
	if len(comments) != 1 {
		return saw, fmt.Errorf("%d comments on the pull request, want one", len(comments))
	}
	if now := s.AWS.Writes(); now != t.writes {
		return saw, fmt.Errorf("%d writes to the cloud before the merge", now-t.writes)
	}
	return append(saw, "one comment, which begins: "+firstVisible(comments[0].Body), "no write to the cloud"), nil
}

func (t *story) onboard(ctx context.Context, s *stage) ([]string, error) {
	if _, err := s.GitHub.Merge(s.Repo, t.onboarding, s.Person); err != nil {
		return nil, err
	}
	check, err := s.applied(ctx)
	if err != nil {
		return nil, err
	}
	saw := []string{"check tenantry/apply on main: " + check.Title}
	live := s.live(newcomer)
	if len(live) < 8 {
		return saw, fmt.Errorf("the tenant has %d resources in the cloud: %v", len(live), live)
	}
	for _, r := range live {
		saw = append(saw, fmt.Sprintf("%s %s", r.Tags["tenantry:address"], r.Name))
	}
	return saw, nil
}

func (t *story) drift(ctx context.Context, s *stage) ([]string, error) {
	if err := s.AWS.Chaos(awsbox.Mischief{Address: logsAddress, Attribute: "retentionInDays", Value: "90"}); err != nil {
		return nil, err
	}
	pr, err := s.report(ctx, "retentionDays")
	if err != nil {
		return nil, err
	}
	saw := []string{pr.URL + "  " + pr.Title, "it changes " + strings.Join(pr.Files, ", ")}
	if !slices.Contains(pr.Files, driftedFile) {
		return saw, errors.New("the report doesn't offer to keep the cloud's value")
	}
	if !strings.Contains(pr.Body, "user/robin") {
		return saw, errors.New("the report doesn't say who it was")
	}
	file, err := s.GitHub.ReadFile(s.Repo, pr.Branch, driftedFile)
	if err != nil {
		return saw, err
	}
	for _, kept := range []string{"retentionDays: 90", "// Health records: half a year of logs."} {
		if !strings.Contains(string(file), kept) {
			return saw, fmt.Errorf("the proposed %s lacks %q:\n%s", driftedFile, kept, file)
		}
	}
	return append(saw, "it says who it was, when and from where", "its edit of the tenant's file says retentionDays: 90, and the comment is still there"), nil
}

func (t *story) keep(ctx context.Context, s *stage) ([]string, error) {
	pr, err := s.report(ctx, "retentionDays")
	if err != nil {
		return nil, err
	}
	before := s.AWS.Writes()
	if _, err := s.GitHub.Merge(s.Repo, pr.Number, s.Person); err != nil {
		return nil, err
	}
	check, err := s.applied(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.calm(ctx); err != nil {
		return nil, err
	}
	if now := s.AWS.Writes(); now != before {
		return nil, fmt.Errorf("%d writes, although the cloud has what Git wants", now-before)
	}
	if got := s.attribute(logsAddress, "retentionInDays"); got != "90" {
		return nil, fmt.Errorf("the logs are kept for %q days, not 90", got)
	}
	return []string{"check tenantry/apply on main: " + check.Title, "the cloud still has 90 days, no write was needed, and no report is open"}, nil
}

func (t *story) restore(ctx context.Context, s *stage) ([]string, error) {
	const attribute = "Versioning"
	before := s.attribute(dataAddress, attribute)
	if err := s.AWS.Chaos(awsbox.Mischief{Address: dataAddress, Do: "versioning-off"}); err != nil {
		return nil, err
	}
	pr, err := s.report(ctx, "versioning")
	if err != nil {
		return nil, err
	}
	saw := []string{pr.URL + "  " + pr.Title}
	if s.attribute(dataAddress, attribute) == before {
		return saw, errors.New("the drift was undone before anybody decided")
	}
	if err := s.GitHub.Close(s.Repo, pr.Number, s.Person); err != nil {
		return saw, err
	}
	err = s.eventually(ctx, "the versioning is back", func() (bool, error) {
		return s.attribute(dataAddress, attribute) == before, nil
	})
	if err != nil {
		return saw, err
	}
	return append(saw, "the bucket is versioned again"), s.calm(ctx)
}

func (t *story) revert(ctx context.Context, s *stage) ([]string, error) {
	number, err := s.GitHub.Revert(s.Repo, t.onboarding, s.Person)
	if err != nil {
		return nil, err
	}
	pr, err := s.pull(number)
	if err != nil {
		return nil, err
	}
	plan, err := s.concluded(ctx, "tenantry/plan", pr.Head)
	if err != nil {
		return nil, err
	}
	saw := []string{pr.URL + "  " + pr.Title, "check tenantry/plan: " + plan.Title}
	if _, err := s.GitHub.Merge(s.Repo, number, s.Person); err != nil {
		return saw, err
	}
	check, err := s.applied(ctx)
	if err != nil {
		return saw, err
	}
	saw = append(saw, "check tenantry/apply on main: "+check.Title)
	var serving []string
	left := s.live(newcomer)
	for _, r := range left {
		if r.Tags["tenantry:retired"] == "" {
			serving = append(serving, r.Tags["tenantry:address"])
		}
	}
	switch {
	case len(serving) > 0:
		return saw, fmt.Errorf("still in service: %s", strings.Join(serving, ", "))
	case len(left) == 0:
		return saw, errors.New("what held data was deleted")
	}
	for _, r := range left {
		saw = append(saw, fmt.Sprintf("%s is kept, retired since %s", r.Tags["tenantry:address"], r.Tags["tenantry:retired"]))
	}
	return saw, nil
}

func (t *story) prove(ctx context.Context, s *stage) ([]string, error) {
	if twins := awsbox.Twins(s.AWS.History(), "tenantry:fleet", "tenantry:address"); len(twins) > 0 {
		return nil, fmt.Errorf("two resources carried one address: %v", twins)
	}
	before := s.AWS.Writes()
	if err := s.calm(ctx); err != nil {
		return nil, err
	}
	if err := s.daemon.stop(); err != nil {
		return nil, err
	}
	head, err := s.proof(ctx)
	if err != nil {
		return nil, err
	}
	if now := s.AWS.Writes(); now != before {
		return nil, fmt.Errorf("%d writes although nothing changed", now-before)
	}
	return []string{"no address was ever carried by two resources", "the daemon stopped when asked", "audit log: " + head}, nil
}

// firstVisible is the first line of a comment that a person sees.
func firstVisible(body string) string {
	for line := range strings.SplitSeq(body, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "<!--") {
			return line
		}
	}
	return ""
}

// pull is a pull request as it is now.
func (s *stage) pull(number int) (githubbox.PullRequest, error) {
	list, err := s.GitHub.PullRequests(s.Repo)
	if err != nil {
		return githubbox.PullRequest{}, err
	}
	for _, pr := range list {
		if pr.Number == number {
			return pr, nil
		}
	}
	return githubbox.PullRequest{}, fmt.Errorf("there is no pull request %d", number)
}
