package github_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// inbox collects the events that come out of a webhook.
type inbox struct {
	mu   sync.Mutex
	list []github.Event
}

func (i *inbox) put(e github.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = append(i.list, e)
}

// take returns what came since the last time, as lines.
func (i *inbox) take() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []string
	for _, e := range i.list {
		all = append(all, fmt.Sprintf("%s %s #%d %s %s by %s", e.Kind, e.Action, e.Number, e.Ref, e.Command.Verb, e.Sender))
	}
	i.list = nil
	return all
}

// listen connects the sandbox's webhooks to a handler of ours.
func (s *story) listen() *inbox {
	s.t.Helper()
	in := &inbox{}
	_, err := s.forge.Identity(s.ctx)
	s.check(err)
	s.must(s.forge.PullRequests(s.ctx)) // so that the watched branch is known
	s.hook, err = s.forge.Webhook(github.NewSecret("shh"), in.put)
	s.check(err)
	s.server.SetWebhook("http://tenantry.test/webhook", "shh")
	s.server.Start(s.ctx)
	s.t.Cleanup(s.server.Stop)
	s.check(s.server.WaitIdle(s.ctx))
	return in
}

func (s *story) arrived(in *inbox) []string {
	s.t.Helper()
	s.check(s.server.WaitIdle(s.ctx))
	return in.take()
}

func TestEventsOfTheSandbox(t *testing.T) {
	s := newStory(t)
	in := s.listen()

	pr := s.openPull()
	if got := s.arrived(in); !slices.Contains(got, "pull_request opened #1 refs/heads/feature  by ann") {
		t.Errorf("opened: %q", got)
	}
	_, _, err := s.ann.Issues.CreateComment(s.ctx, owner, repo, pr.GetNumber(), &gh.IssueComment{Body: new("/tenantry plan\nplease")})
	s.check(err)
	if got := s.arrived(in); !slices.Equal(got, []string{"comment created #1  plan by ann"}) {
		t.Errorf("comment: %q", got)
	}
	s.propose(drift("1"))
	s.comment(pr.GetNumber(), "/tenantry plan")
	s.set(plan(pr.GetHead().GetSHA(), "success"))
	if got := s.arrived(in); len(got) != 0 {
		t.Errorf("our own doings: %q", got)
	}
	_, _, err = s.ann.PullRequests.Merge(s.ctx, owner, repo, pr.GetNumber(), "", nil)
	s.check(err)
	got := s.arrived(in)
	if !slices.Contains(got, "push  #0 refs/heads/main  by ann") || !slices.Contains(got, "pull_request closed #1 refs/heads/feature  by ann") {
		t.Errorf("merged: %q", got)
	}
	s.check(s.server.Rerequest(repoName, s.runs(pr.GetHead().GetSHA())[0].GetID(), "ann"))
	if got := s.arrived(in); len(got) != 1 || !strings.HasPrefix(got[0], "check_rerequest rerequested ") {
		t.Errorf("a check again: %q", got)
	}
}

func TestBadDeliveriesOfTheSandbox(t *testing.T) {
	s := newStory(t)
	in := s.listen()
	start := time.Now()
	for _, kind := range []githubbox.Misdelivery{githubbox.Forge, githubbox.Duplicate, githubbox.Drop} {
		s.server.Misdeliver(kind)
		s.commit(s.ann, "main", "x.cue", fmt.Sprint("x: ", kind, "\n"), nil)
		want := 0
		if kind == githubbox.Duplicate {
			want = 1
		}
		if got := s.arrived(in); len(got) != want {
			t.Errorf("misdelivery %d: %q", kind, got)
		}
	}
	// What was lost and what was refused can be had again, once.
	for _, want := range []int{2, 0} {
		n, err := s.forge.Redeliver(s.ctx, start.Add(-time.Minute))
		s.check(err)
		if got := s.arrived(in); n != want || len(got) != want {
			t.Errorf("asked for %d, got %q; want %d", n, got, want)
		}
	}
}

func TestCommandsWithoutWebhooks(t *testing.T) {
	s := newStory(t)
	pr := s.openPull()
	say := func(body string) *gh.IssueComment {
		made, _, err := s.ann.Issues.CreateComment(s.ctx, owner, repo, pr.GetNumber(), &gh.IssueComment{Body: &body})
		s.check(err)
		return made
	}
	first := say("/tenantry hold")
	say("looks good")
	s.comment(pr.GetNumber(), "x")
	say("/tenantry resume")
	got, err := s.forge.Commands(s.ctx, time.Now().Add(-time.Hour))
	s.check(err)
	if len(got) != 2 || got[0].Verb != "hold" || got[1].Verb != "resume" || got[0].Comment >= got[1].Comment {
		t.Fatalf("%+v", got)
	}
	if c := got[0]; c.Pull != pr.GetNumber() || c.Author != "ann" || c.Comment != first.GetID() || c.At.IsZero() {
		t.Errorf("%+v", c)
	}
	s.check(s.forge.React(s.ctx, first.GetID(), "eyes"))
	again, ok, err := s.forge.Command(s.ctx, first.GetID())
	s.check(err)
	if !ok || again != got[0] {
		t.Errorf("read again, also after a reaction: %+v, %t", again, ok)
	}
	_, err = s.ann.Issues.DeleteComment(s.ctx, owner, repo, first.GetID())
	s.check(err)
	if _, ok, err := s.forge.Command(s.ctx, first.GetID()); ok || err != nil {
		t.Errorf("a comment that is gone: %t, %v", ok, err)
	}
	later, err := s.forge.Commands(s.ctx, time.Now().Add(time.Hour))
	s.check(err)
	if len(later) != 0 {
		t.Errorf("%+v", later)
	}
}

func TestAnEditedCommentIsNoCommand(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		n := s.openPull().GetNumber()
		made, _, err := s.ann.Issues.CreateComment(s.ctx, owner, repo, n, &gh.IssueComment{Body: new("hello")})
		s.check(err)
		time.Sleep(time.Minute) // the bubble's clock
		_, _, err = s.ann.Issues.EditComment(s.ctx, owner, repo, made.GetID(), &gh.IssueComment{Body: new("/tenantry apply")})
		s.check(err)
		got, err := s.forge.Commands(s.ctx, time.Now().Add(-time.Hour))
		s.check(err)
		again, ok, err := s.forge.Command(s.ctx, made.GetID())
		s.check(err)
		if len(got) != 0 || ok {
			t.Errorf("%+v, %+v", got, again)
		}
	})
}

func TestPermission(t *testing.T) {
	s := newStory(t)
	for login, want := range map[string]string{"ann": "write", "eve": "read", "nobody": "none"} {
		got, err := s.forge.Permission(s.ctx, login)
		s.check(err)
		may, err := s.forge.MayWrite(s.ctx, login)
		s.check(err)
		if got != want || may != (want == "write") {
			t.Errorf("%s: %q, may write %v; want %q", login, got, may, want)
		}
	}
}

func TestReact(t *testing.T) {
	s := newStory(t)
	var sent []string
	const answer = `{"id":1,"node_id":"R_1","user":null,"content":"eyes","created_at":"2026-01-01T00:00:00Z"}`
	c, err := github.New(github.Options{
		Repo: repoName, Token: github.NewSecret("ghp_ann"), WriteInterval: -1,
		HTTP: observe(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			sent = append(sent, r.Method+" "+r.URL.Path+" "+strings.TrimSpace(string(body)))
			return &http.Response{
				StatusCode: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(answer)), Request: r,
			}, err
		})),
	})
	s.check(err)
	s.check(c.React(s.ctx, 7, "eyes"))
	if want := `POST /repos/acme/fleet/issues/comments/7/reactions {"content":"eyes"}`; len(sent) != 1 || sent[0] != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
