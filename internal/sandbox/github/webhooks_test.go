package githubbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-github/v60/github"
)

// receiver is a webhook endpoint that keeps what it gets.
type receiver struct {
	mu     sync.Mutex
	got    []string // event.action
	guids  []string
	events []any
	forged int
	answer int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	payload, err := github.ValidatePayload(req, []byte("s3cret"))
	if err != nil {
		r.forged++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	event, err := github.ParseWebHook(github.WebHookType(req), payload)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	name := github.WebHookType(req)
	if a, ok := event.(interface{ GetAction() string }); ok && a.GetAction() != "" {
		name += "." + a.GetAction()
	}
	r.got = append(r.got, name)
	r.guids = append(r.guids, github.DeliveryID(req))
	r.events = append(r.events, event)
	if r.answer != 0 {
		w.WriteHeader(r.answer)
	}
	_, _ = io.WriteString(w, "ok")
}

func (r *receiver) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func hooked(t *testing.T) (*box, *receiver) {
	t.Helper()
	b := newBox(t)
	r := &receiver{}
	ts := httptest.NewServer(r)
	t.Cleanup(ts.Close)
	b.Start(ctx())
	t.Cleanup(b.Stop)
	b.SetWebhook(ts.URL, "s3cret")
	b.idle()
	if got := r.take(); !slices.Equal(got, []string{"ping"}) {
		t.Fatalf("got %v, want a ping", got)
	}
	return b, r
}

func (b *box) idle() {
	b.Helper()
	c, cancel := context.WithTimeout(ctx(), 10*time.Second)
	defer cancel()
	b.must(b.WaitIdle(c))
}

func TestWebhooks(t *testing.T) {
	b, r := hooked(t)
	expect := func(what string, want ...string) {
		t.Helper()
		b.idle()
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", what, got, want)
		}
	}
	n := b.propose("topic", "tenants/initech.cue", "plan: \"team\"\n")
	expect("open", "push", "check_suite.requested", "pull_request.opened")
	push := r.events[1].(*github.PushEvent)
	if len(push.Commits) != 1 || !slices.Equal(push.Commits[0].Modified, []string{"tenants/initech.cue"}) || !push.GetCreated() {
		t.Errorf("the push has %v", push)
	}
	_, err := b.CommitFiles(fleet, "topic", "ana", "more", map[string][]byte{"new": []byte("1"), "fleet.cue": nil})
	b.must(err)
	expect("push", "push", "check_suite.requested", "pull_request.synchronize")
	last := r.events[len(r.events)-1].(*github.PullRequestEvent)
	if last.GetNumber() != n || last.GetAfter() != b.pr(n).Head || last.GetBefore() == "" || last.GetPullRequest().GetChangedFiles() != 3 {
		t.Errorf("synchronize: number %d, %s to %s", last.GetNumber(), last.GetBefore(), last.GetAfter())
	}
	b.must(b.Comment(fleet, n, "ana", "/tenantry plan"))
	expect("comment", "issue_comment.created")
	_, _, err = b.gh.Issues.AddLabelsToIssue(ctx(), "acme", "fleet", n, []string{"hold"})
	b.must(err)
	_, _, err = b.gh.PullRequests.Edit(ctx(), "acme", "fleet", n, &github.PullRequest{Title: new("T")})
	b.must(err)
	expect("label, edit", "pull_request.labeled", "pull_request.edited")
	run, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{
		Name: "c", HeadSHA: b.pr(n).Head, Conclusion: new("success"), Actions: actions(1, "go"),
	})
	b.must(err)
	b.must(b.Rerequest(fleet, run.GetID(), "ana"))
	b.must(b.RerequestAll(fleet, run.GetID(), "ana"))
	b.must(b.RequestAction(fleet, run.GetID(), "ana", "i"))
	expect("checks", "check_run.created", "check_run.completed", "check_run.rerequested", "check_suite.rerequested", "check_run.requested_action")
	_, err = b.Merge(fleet, n, "ana")
	b.must(err)
	expect("merge", "pull_request.closed", "push", "check_suite.requested")
	push = r.events[len(r.events)-2].(*github.PushEvent)
	if push.GetRef() != "refs/heads/main" || len(push.Commits) != 3 || push.GetHeadCommit().GetID() != b.Tip(fleet, "main") {
		t.Errorf("the merge pushes %d commits to %s", len(push.Commits), push.GetRef())
	}
	_, err = b.gh.Git.DeleteRef(ctx(), "acme", "fleet", "heads/topic")
	b.must(err)
	expect("delete", "push")
}

func TestMisdelivery(t *testing.T) {
	b, r := hooked(t)
	b.Misdeliver(Drop, Duplicate, Forge)
	n := b.propose("topic", "a", "1\n") // three webhooks: push, check_suite, pull_request
	b.idle()
	if got := r.take(); !slices.Equal(got, []string{"check_suite.requested", "check_suite.requested"}) || r.forged != 1 {
		t.Errorf("got %v and %d forged", got, r.forged)
	}
	if r.guids[1] != r.guids[2] {
		t.Errorf("the duplicate has another id: %v", r.guids)
	}
	failed := []int64{}
	list, _, err := b.asApp().Apps.ListHookDeliveries(ctx(), nil)
	b.must(err)
	for _, d := range list {
		if d.GetStatusCode() != 200 {
			failed = append(failed, d.GetID())
		}
	}
	if len(failed) != 2 {
		t.Fatalf("%d deliveries failed", len(failed))
	}
	slices.Reverse(failed)
	for _, id := range failed {
		_, _, err := b.asApp().Apps.RedeliverHookDelivery(ctx(), id)
		if _, accepted := err.(*github.AcceptedError); err != nil && !accepted {
			t.Fatal(err)
		}
	}
	b.idle()
	if got := r.take(); !slices.Equal(got, []string{"push", "pull_request.opened"}) {
		t.Errorf("redelivered %v", got)
	}
	d, _, err := b.asApp().Apps.GetHookDelivery(ctx(), failed[1])
	b.must(err)
	if !strings.Contains(string(*d.Request.RawPayload), fmt.Sprintf(`"number":%d`, n)) {
		t.Errorf("the log has the payload %.80s", *d.Request.RawPayload)
	}
}

// TestInABubble runs the server without a socket, under a clock that jumps.
func TestInABubble(t *testing.T) {
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: http.StatusAccepted}
		s := New(Options{HookTransport: transport{r}})
		s.AddPerson(Person{Login: "ana", Token: "ghp_ana"})
		if _, err := s.CreateRepo(fleet, "ana", fstest.MapFS{"a": {Data: []byte("1")}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddApp(AppOptions{Slug: "tenantry", Owner: "acme", Key: key}); err != nil {
			t.Fatal(err)
		}
		s.Start(t.Context())
		defer s.Stop()
		s.SetWebhook("http://daemon.test/hook", "s3cret")
		s.Inject(Fault{Path: "/repos", Delay: time.Hour})
		gh, err := github.NewClient(&http.Client{Transport: s.Transport()}).WithEnterpriseURLs(s.URL(), s.URL())
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		if _, _, err := gh.WithAuthToken("ghp_ana").Repositories.Get(t.Context(), "acme", "fleet"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(started); d != time.Hour {
			t.Errorf("the delayed answer took %v", d)
		}
		synctest.Wait()
		if got := r.take(); !slices.Equal(got, []string{"ping"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestStopIsTolerant(t *testing.T) {
	s := New(Options{})
	s.Stop()
	s.Start(ctx())
	s.Start(ctx())
	s.Stop()
	s.Stop()
	s.Start(ctx())
	s.Stop()
}
