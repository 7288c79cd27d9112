package githubbox

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
)

func TestETags(t *testing.T) {
	b := newBox(t)
	get := func(path, etag string) *http.Response {
		r, err := http.NewRequest(http.MethodGet, b.APIURL()+path, nil)
		b.must(err)
		r.Header.Set("Authorization", "token ghp_ana")
		r.Header.Set("If-None-Match", etag)
		resp, err := http.DefaultClient.Do(r)
		b.must(err)
		resp.Body.Close()
		return resp
	}
	first := get("repos/acme/fleet/pulls", "")
	second := get("repos/acme/fleet/pulls", first.Header.Get("ETag"))
	if second.StatusCode != http.StatusNotModified {
		t.Errorf("status %d", second.StatusCode)
	}
	if a, b := first.Header.Get("X-RateLimit-Remaining"), second.Header.Get("X-RateLimit-Remaining"); a != b {
		t.Errorf("a 304 cost something: %s, then %s", a, b)
	}
	b.propose("topic", "a", "1\n")
	if third := get("repos/acme/fleet/pulls", first.Header.Get("ETag")); third.StatusCode != http.StatusOK {
		t.Errorf("status %d after a change", third.StatusCode)
	}
}

func TestPrimaryLimit(t *testing.T) {
	at := time.Now()
	b := newBox(t, func(o *Options) { o.RateLimit = 3; o.Now = func() time.Time { return at } })
	for range 3 {
		_, _, err := b.ana.Repositories.Get(ctx(), "acme", "fleet")
		b.must(err)
	}
	_, _, err := b.ana.Repositories.Get(ctx(), "acme", "fleet")
	var limited *github.RateLimitError
	if !errors.As(err, &limited) {
		t.Fatalf("got %v", err)
	}
	at = at.Add(time.Hour)
	fresh := b.client(nil).WithAuthToken("ghp_ana") // go-github remembers the limit by its own clock
	_, _, err = fresh.Repositories.Get(ctx(), "acme", "fleet")
	b.must(err)
	b.Exhaust("ana")
	_, _, err = fresh.Repositories.Get(ctx(), "acme", "fleet")
	if !errors.As(err, &limited) {
		t.Fatalf("after Exhaust: %v", err)
	}
}

func TestSecondaryLimit(t *testing.T) {
	b := newBox(t)
	b.Inject(with(SecondaryLimit(403, 7*time.Second), "/pulls"))
	_, _, err := b.client(nil).WithAuthToken("ghp_ana").PullRequests.List(ctx(), "acme", "fleet", nil)
	var abuse *github.AbuseRateLimitError
	if !errors.As(err, &abuse) || abuse.GetRetryAfter() != 7*time.Second {
		t.Errorf("got %v", err)
	}
	b.Inject(with(SecondaryLimit(429, 0), "/pulls"))
	_, resp, err := b.ana.PullRequests.List(ctx(), "acme", "fleet", nil)
	if e := b.status(err, http.StatusTooManyRequests); resp.Header.Get("Retry-After") != "" || !strings.Contains(e.Message, "secondary rate limit") {
		t.Errorf("got %v", e)
	}
	_, _, err = b.ana.PullRequests.List(ctx(), "acme", "fleet", nil)
	b.must(err)
}

func with(f Fault, path string) Fault {
	f.Path, f.Count = path, 1
	return f
}

func TestFaults(t *testing.T) {
	for _, transport := range []string{"socket", "memory"} {
		t.Run(transport, func(t *testing.T) {
			b := newBox(t)
			gh := b.ana
			if transport == "memory" {
				gh = b.client(b.Transport()).WithAuthToken("ghp_ana")
			}
			n := b.propose("topic", "a", "1\n")
			comment := func() error {
				_, _, err := gh.Issues.CreateComment(ctx(), "acme", "fleet", n, &github.IssueComment{Body: new("hi")})
				return err
			}
			b.Inject(Fault{Method: "POST", Path: "/comments", Count: 1, LoseAnswer: true})
			if err := comment(); err == nil || len(b.Comments(fleet, n)) != 1 {
				t.Errorf("lost answer: %v, %d comments", err, len(b.Comments(fleet, n)))
			}
			b.Inject(Fault{Method: "POST", Path: "/comments", Count: 1, Reset: true})
			if err := comment(); err == nil || len(b.Comments(fleet, n)) != 1 {
				t.Errorf("reset: %v, %d comments", err, len(b.Comments(fleet, n)))
			}
			b.Inject(Fault{Path: "/comments", Skip: 1, Count: 1, Status: 502})
			b.must(comment())
			b.status(comment(), http.StatusBadGateway)
			b.ForgetRequests()
			b.must(comment())
			if got := b.Requests(); len(got) != 1 || b.Writes() != 1 || got[0].Path != "/repos/acme/fleet/issues/1/comments" {
				t.Errorf("the log has %v", got)
			}
		})
	}
}
