//go:build conformance

package github_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
)

// With the build tag conformance, webhooks are held against the examples that GitHub's page "Webhook events
// and payloads" has, as the package @octokit/webhooks-examples collects them. GITHUB_WEBHOOKS names the file
// "api.github.com/index.json" of it.
const webhooksFile = "../../.cache/webhooks/package/api.github.com/index.json"

type hookExamples struct {
	Name     string            `json:"name"`
	Examples []json.RawMessage `json:"examples"`
}

func published(t *testing.T) map[string][]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(cmp.Or(os.Getenv("GITHUB_WEBHOOKS"), webhooksFile))
	if err != nil {
		t.Fatalf("the published webhooks (make conformance installs them): %v", err)
	}
	var list []hookExamples
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	all := map[string][]json.RawMessage{}
	for _, e := range list {
		all[e.Name] = e.Examples
	}
	return all
}

// Every published example is taken, and those of our events come out as events of the repository that they
// are about.
func TestPublishedWebhooks(t *testing.T) {
	understood := map[string]int{}
	for name, examples := range published(t) {
		for i, body := range examples {
			var about struct {
				Repository struct {
					FullName string `json:"full_name"`
				} `json:"repository"`
			}
			if err := json.Unmarshal(body, &about); err != nil {
				t.Fatal(err)
			}
			c, err := github.New(github.Options{Repo: cmp.Or(about.Repository.FullName, "a/b"), Token: github.NewSecret("ghp_x")})
			if err != nil {
				t.Fatal(err)
			}
			hook, err := c.Webhook(github.NewSecret("shh"), func(github.Event) { understood[name]++ })
			if err != nil {
				t.Fatal(err)
			}
			mac := hmac.New(sha256.New, []byte("shh"))
			_, _ = mac.Write(body)
			r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(string(body)))
			for k, v := range map[string]string{
				"Content-Type": "application/json", "X-GitHub-Event": name, "X-GitHub-Delivery": rand.Text(),
				"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
			} {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			hook.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				t.Errorf("%s, example %d: %d %s", name, i, w.Code, w.Body)
			}
		}
	}
	for _, name := range []string{"push", "pull_request", "pull_request_review", "merge_group", "check_run", "check_suite"} {
		if understood[name] == 0 {
			t.Errorf("no example of %s meant anything", name)
		}
	}
}

// A shape is what is known of a JSON value from examples.
type shape struct {
	kinds  map[string]bool
	fields map[string]*shape // of objects, also of those in lists
	seen   int               // how many objects there were
	in     int               // in how many objects around it the field was
}

func newShape() *shape { return &shape{kinds: map[string]bool{}, fields: map[string]*shape{}} }

func (s *shape) learn(v any) {
	s.kinds[kindOf(v)] = true
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			s.item().learn(one)
		}
	case map[string]any:
		s.seen++
		for name, value := range v {
			f := s.fields[name]
			if f == nil {
				f = newShape()
				s.fields[name] = f
			}
			f.in++
			f.learn(value)
		}
	}
}

// item is the shape of a list's elements.
func (s *shape) item() *shape {
	if s.fields["[]"] == nil {
		s.fields["[]"] = newShape()
	}
	return s.fields["[]"]
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	}
	return "object"
}

// compare tells where a value isn't of the shape.
func (s *shape) compare(at string, v any, report func(string)) {
	kind := kindOf(v)
	if !s.kinds[kind] && kind != "null" && !s.kinds["null"] { // of what is null in all examples the kind isn't known
		report(fmt.Sprintf("%s is a %s, and in GitHub's examples %v", at, kind, slices.Sorted(maps.Keys(s.kinds))))
		return
	}
	switch v := v.(type) {
	case []any:
		if known := s.fields["[]"]; known != nil {
			for _, one := range v {
				known.compare(at+"[]", one, report)
			}
		}
	case map[string]any:
		if s.seen == 0 {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if known := s.fields[name]; known != nil {
				known.compare(at+"."+name, v[name], report)
			} else {
				report(at + "." + name + " isn't in any of GitHub's examples")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(s.fields)) {
			if _, has := v[name]; !has && name != "[]" && s.fields[name].in == s.seen {
				report(at + "." + name + " is in all of GitHub's examples")
			}
		}
	}
}

// hookDifferences are those that are known and meant, by a part of their text.
var hookDifferences = []struct{ text, reason string }{
	{".allow_forking isn't", "newer than the examples"},
	{".has_discussions isn't", "newer than the examples"},
	{".client_id isn't", "newer than the examples"},
	{".installations_count isn't", "newer than the examples"},
	{"rerequestable isn't", "newer than the examples"},
	{"issue.state_reason isn't", "newer than the examples"},
	{"issue.timeline_url isn't", "newer than the examples"},
	{"issue.pull_request isn't", "the examples are of issues that are no pull requests"},
	{"pull_request.changes isn't", "no example is of an edit; the page has it"},
	{".network_count isn't", "in short repositories of pull requests the sandbox shows more"},
	{".subscribers_count isn't", "in short repositories of pull requests the sandbox shows more"},
	{".app.permissions.", "these are the App's own"},
	{"ping.", "the example is of a repository's webhook, ours is an App's"},
}

func third[A, B any](_ A, _ B, err error) error { return err }

// What the sandbox sends has the fields and the types that GitHub's examples have.
func TestWebhooksOfTheSandboxAreGitHubs(t *testing.T) {
	s := newStory(t)
	in := s.listen()
	pr := s.openPull()
	n, head := pr.GetNumber(), pr.GetHead().GetSHA()
	s.check(third(s.ann.Issues.CreateComment(s.ctx, owner, repo, n, &gh.IssueComment{Body: new("/tenantry plan")})))
	s.commit(s.ann, "feature", tenant, "name: \"acme\"\nplan: \"pool\"\n", nil)
	s.check(s.forge.Check(s.ctx, plan(head, "success")))
	run := s.runs(head)[0].GetID()
	s.check(s.server.Rerequest(repoName, run, "ann"))
	s.check(s.server.RerequestAll(repoName, run, "ann"))
	s.check(third(s.ann.Issues.AddLabelsToIssue(s.ctx, owner, repo, n, []string{"x"})))
	s.closeAs(s.ann, n)
	s.check(third(s.ann.PullRequests.Edit(s.ctx, owner, repo, n, &gh.PullRequest{State: new("open"), Title: new("Other")})))
	s.check(third(s.ann.PullRequests.Merge(s.ctx, owner, repo, n, "", nil)))
	s.must(s.ann.Git.DeleteRef(s.ctx, owner, repo, "refs/heads/feature"))
	s.arrived(in)

	known := map[string]*shape{}
	for name, examples := range published(t) {
		known[name] = newShape()
		for _, body := range examples {
			var v any
			s.check(json.Unmarshal(body, &v))
			known[name].learn(v)
		}
	}
	found, sent := map[string]bool{}, map[string]bool{}
	for _, d := range s.server.Deliveries() {
		of := known[d.Event]
		if of == nil {
			t.Errorf("GitHub has no example of %s", d.Event)
			continue
		}
		sent[strings.TrimSpace(d.Event+" "+d.Action)] = true
		var v any
		s.check(json.Unmarshal(d.Payload, &v))
		of.compare(d.Event, v, func(text string) {
			if !slices.ContainsFunc(hookDifferences, func(k struct{ text, reason string }) bool { return strings.Contains(text, k.text) }) {
				found[text] = true
			}
		})
	}
	for _, text := range slices.Sorted(maps.Keys(found)) {
		t.Error(text)
	}
	t.Logf("compared: %v", slices.Sorted(maps.Keys(sent)))
}
