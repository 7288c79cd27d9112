package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	githubbox "tenantry.dev/internal/sandbox/github"
)

// pullVerb is everything that people do with pull requests.
func (s *scene) pullVerb(ts *testscript.TestScript, args []string) error {
	usage := errors.New("usage: pr open BRANCH TITLE DIR|-FILE… | push BRANCH DIR|-FILE… | report PATTERN | calm | " +
		"merge|close|revert|show|comments N | check N NAME CONCLUSION | state N STATE | comment N TEXT [READER] | says N PATTERN")
	if s.world == nil || len(args) == 0 {
		return usage
	}
	switch verb, rest := args[0], args[1:]; {
	case verb == "open" && len(rest) > 1:
		return s.openPull(ts, rest[0], rest[1], rest[2:])
	case verb == "push" && len(rest) > 1:
		return s.push(ts, rest[0], "Push to "+rest[0], rest[1:])
	case verb == "report" && len(rest) == 1:
		return s.findReport(ts, driftReports, rest[0])
	case verb == "weekly" && len(rest) == 1:
		return s.findReport(ts, weeklyReports, rest[0])
	case verb == "calm" && len(rest) == 0:
		return s.waitForCalm(driftReports)
	case verb == "calm" && rest[0] == "weekly":
		return s.waitForCalm(weeklyReports)
	case len(rest) > 0:
		number, err := strconv.Atoi(rest[0])
		if err != nil {
			return usage
		}
		return s.onPull(ts, verb, number, rest[1:])
	}
	return usage
}

func (s *scene) onPull(ts *testscript.TestScript, verb string, number int, args []string) error {
	github, repo := s.world.GitHub, s.world.Repo
	switch {
	case verb == "merge":
		_, err := github.Merge(repo, number, scriptPerson)
		return err
	case verb == "close" && len(args) == 1:
		return github.Close(repo, number, args[0])
	case verb == "close":
		return github.Close(repo, number, scriptPerson)
	case verb == "approve" && len(args) == 1:
		github.AddPerson(githubbox.Person{Login: args[0], Name: args[0], Role: "write"})
		return github.Approve(repo, number, args[0])
	case verb == "revert":
		again, err := github.Revert(repo, number, scriptPerson)
		ts.Setenv("PR", strconv.Itoa(again))
		return err
	case verb == "show":
		return s.showPull(ts, number)
	case verb == "comments":
		for _, c := range github.Comments(repo, number) {
			_, _ = fmt.Fprintf(ts.Stdout(), "%s: %s\n", c.Author, c.Body)
		}
		return nil
	case verb == "check" && len(args) == 2:
		return s.checked(ts, args[0], args[1], func() (string, error) {
			pr, err := s.pull(number)
			return pr.Head, err
		})
	case verb == "state" && len(args) == 1:
		return s.eventually(func() (string, error) {
			pr, err := s.pull(number)
			if err != nil || pr.State == args[0] {
				return "", err
			}
			return fmt.Sprintf("pull request %d is %s", number, pr.State), nil
		})
	case verb == "comment" && len(args) == 1:
		return github.Comment(repo, number, scriptPerson, args[0])
	case verb == "comment" && len(args) == 2:
		if !github.Knows(args[1]) {
			github.AddPerson(githubbox.Person{Login: args[1], Name: args[1], Role: "read"})
		}
		return github.Comment(repo, number, args[1], args[0])
	case verb == "says" && len(args) == 1:
		return s.said(number, args[0])
	case verb == "titled" && len(args) == 1:
		return s.eventually(func() (string, error) {
			pr, err := s.pull(number)
			if err != nil || strings.Contains(pr.Title, args[0]) {
				return "", err
			}
			return fmt.Sprintf("pull request %d is titled %q", number, pr.Title), nil
		})
	}
	return fmt.Errorf("a pull request has no %s with %d arguments", verb, len(args))
}

// dayVerb sets a variable to a day that is so many days from now.
func (s *scene) dayVerb(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: day NAME DAYS")
	}
	days, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ts.Setenv(args[0], time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
	return nil
}

// said waits for a comment of ours.
func (s *scene) said(number int, pattern string) error {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	return s.eventually(func() (string, error) {
		comments := s.world.GitHub.Comments(s.world.Repo, number)
		for _, c := range comments {
			if c.Author != scriptPerson && expression.MatchString(c.Body) {
				return "", nil
			}
		}
		return fmt.Sprintf("no comment says %s: %+v", pattern, comments), nil
	})
}

// openPull commits on a branch, unless there is nothing to commit, and opens a pull request for it.
// Its number is $PR.
func (s *scene) openPull(ts *testscript.TestScript, branch, title string, changes []string) error {
	if len(changes) > 0 {
		if err := s.push(ts, branch, title, changes); err != nil {
			return err
		}
	}
	number, err := s.world.GitHub.OpenPullRequest(s.world.Repo, scriptPerson, branch, "main", title, "")
	ts.Setenv("PR", strconv.Itoa(number))
	return err
}

// push commits the files below folders, at their paths there; -FILE removes one.
func (s *scene) push(ts *testscript.TestScript, branch, message string, changes []string) error {
	files := map[string][]byte{}
	for _, change := range changes {
		if path, gone := strings.CutPrefix(change, "-"); gone {
			files[path] = nil
			continue
		}
		dir := ts.MkAbs(change)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(name)], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err := s.world.GitHub.CommitFiles(s.world.Repo, branch, scriptPerson, message, files)
	return err
}

func (s *scene) pull(number int) (githubbox.PullRequest, error) {
	list, err := s.world.GitHub.PullRequests(s.world.Repo)
	for _, pr := range list {
		if pr.Number == number {
			return pr, err
		}
	}
	return githubbox.PullRequest{}, errors.Join(fmt.Errorf("there is no pull request %d", number), err)
}

func (s *scene) showPull(ts *testscript.TestScript, number int) error {
	pr, err := s.pull(number)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(ts.Stdout(), "%d %s: %s\nby %s, from %s\nlabels %s\nfiles %s\n\n%s\n",
		pr.Number, pr.State, pr.Title, pr.Author, pr.Branch, strings.Join(pr.Labels, " "), strings.Join(pr.Files, " "), pr.Body)
	return err
}

// checked waits until a check has this conclusion, and prints it with its annotations.
func (s *scene) checked(ts *testscript.TestScript, name, conclusion string, commit func() (string, error)) error {
	var found githubbox.CheckRun
	err := s.eventually(func() (string, error) {
		at, err := commit()
		if err != nil {
			return "", err
		}
		missing := "there is no check " + name + " on " + at
		for _, run := range s.world.GitHub.CheckRuns(s.world.Repo, at) {
			if run.Name == name {
				found = run
				missing = fmt.Sprintf("%s is %s %s: %s\n%s", name, run.Status, run.Conclusion, run.Title, run.Summary)
				if run.Status == "completed" && run.Conclusion == conclusion {
					return "", nil
				}
			}
		}
		return missing, nil
	})
	if err != nil {
		return err
	}
	out := ts.Stdout()
	_, _ = fmt.Fprintf(out, "%s: %s\n", found.Name, found.Title)
	for _, a := range found.Annotations {
		_, _ = fmt.Fprintf(out, "%s:%d: %s: %s: %s\n", a.Path, a.StartLine, a.Level, a.Title, a.Message)
	}
	_, err = fmt.Fprintf(out, "\n%s\n%s\n", found.Summary, found.Text)
	return err
}

// mainVerb is what happens on the watched branch.
func (s *scene) mainVerb(ts *testscript.TestScript, args []string) error {
	switch {
	case s.world == nil:
	case len(args) > 2 && args[0] == "push":
		return s.push(ts, "main", args[1], args[2:])
	case len(args) == 3 && args[0] == "check":
		return s.checked(ts, args[1], args[2], func() (string, error) {
			return s.world.GitHub.Tip(s.world.Repo, "main"), nil
		})
	case len(args) == 2 && args[0] == "says":
		return s.mainSays(ts, args[1])
	case len(args) == 1 && args[0] == "applied":
		return s.mainVerb(ts, []string{"check", "tenantry/apply", "success"})
	}
	return errors.New("usage: main push MESSAGE DIR|-FILE… | check NAME CONCLUSION | says PATTERN | applied")
}

// mainSays waits for the check tenantry/apply on the newest commit to say something, and prints it.
func (s *scene) mainSays(ts *testscript.TestScript, pattern string) error {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	return s.eventually(func() (string, error) {
		var seen []string
		for _, c := range s.world.GitHub.CheckRuns(s.world.Repo, s.world.GitHub.Tip(s.world.Repo, "main")) {
			text := fmt.Sprintf("%s %s: %s\n%s\n%s\n", c.Name, c.Conclusion, c.Title, c.Summary, c.Text)
			if c.Name == "tenantry/apply" && expression.MatchString(text) {
				_, err := fmt.Fprint(ts.Stdout(), text)
				return "", err
			}
			seen = append(seen, text)
		}
		return fmt.Sprintf("no check says %s: %s", pattern, seen), nil
	})
}

// Where the branches of reports are.
const (
	driftReports  = "tenantry/drift/"
	weeklyReports = "tenantry/weekly/"
)

func (s *scene) openReports(branches string) ([]githubbox.PullRequest, error) {
	var open []githubbox.PullRequest
	list, err := s.world.GitHub.PullRequests(s.world.Repo)
	for _, pr := range list {
		if pr.State == "open" && strings.HasPrefix(pr.Branch, branches) {
			open = append(open, pr)
		}
	}
	return open, err
}

// findReport waits for an open report that has the pattern in its text, shows it, and makes
// its number $PR.
func (s *scene) findReport(ts *testscript.TestScript, branches, pattern string) error {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	var found int
	err = s.eventually(func() (string, error) {
		open, err := s.openReports(branches)
		for _, pr := range open {
			// The labels come last: with them the report is whole.
			if expression.MatchString(pr.Body) && len(pr.Labels) > 0 {
				found = pr.Number
				return "", err
			}
		}
		return fmt.Sprintf("none of the %d open reports has %s: %+v", len(open), pattern, open), err
	})
	if err != nil {
		return err
	}
	ts.Setenv("PR", strconv.Itoa(found))
	return s.showPull(ts, found)
}

// waitForCalm waits until no such report has been open for two scans.
func (s *scene) waitForCalm(branches string) error {
	var since time.Time
	return s.eventually(func() (string, error) {
		open, err := s.openReports(branches)
		if err != nil {
			return "", err
		}
		if len(open) > 0 {
			since = time.Time{}
			return "a report is open: " + open[0].Title, nil
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) > 5*time.Second {
			return "", nil
		}
		return "no report has been open for a moment only", nil
	})
}

// webhookVerb sends a webhook that GitHub sent before once more: "webhook replay EVENT" exactly as
// it was, "webhook forge EVENT" with a new id and signed by somebody who doesn't know the secret. It
// prints the status of the answer. "webhook lose N" has the next N never arrive.
func (s *scene) webhookVerb(ts *testscript.TestScript, args []string) error {
	if len(args) == 3 && args[0] == "sign" && s.daemon != nil {
		return s.signHook(ts, args[1], args[2])
	}
	if len(args) != 2 || s.daemon == nil {
		return errors.New("usage, with a daemon: webhook forge|replay EVENT | sign SECRET EVENT | lose N")
	}
	if args[0] == "lose" {
		n, err := strconv.Atoi(args[1])
		s.world.GitHub.Misdeliver(slices.Repeat([]githubbox.Misdelivery{githubbox.Drop}, n)...)
		return err
	}
	var sent githubbox.Delivery
	for _, d := range s.world.GitHub.Deliveries() {
		if d.Event == args[1] && d.Status == http.StatusAccepted {
			sent = d
		}
	}
	if sent.GUID == "" {
		return fmt.Errorf("GitHub delivered no %s", args[1])
	}
	secret := ts.Getenv("TENANTRY_WEBHOOK_SECRET")
	if args[0] == "forge" {
		secret, sent.GUID = "guessed", rand.Text()
	}
	return s.sendHook(ts, sent, secret)
}

// sendHook sends a webhook as GitHub does, signed with a secret, and prints the status of the answer.
func (s *scene) sendHook(ts *testscript.TestScript, sent githubbox.Delivery, secret string) error {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(sent.Payload)
	request, err := http.NewRequest(http.MethodPost, "http://"+s.daemon.address+"/webhook", bytes.NewReader(sent.Payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", sent.Event)
	request.Header.Set("X-GitHub-Delivery", sent.GUID)
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(ts.Stdout(), answer.StatusCode)
	return errors.Join(err, answer.Body.Close())
}
