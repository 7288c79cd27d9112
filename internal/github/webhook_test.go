package github

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const hookSecret = "it's a secret to everybody"

// hookTest is a webhook and what came out of it.
type hookTest struct {
	*Webhook
	t      *testing.T
	client *Client
	events []Event
}

func newHookTest(t *testing.T) *hookTest {
	t.Helper()
	c, err := New(Options{Repo: "acme/fleet", Branch: "main", Token: NewSecret("ghp_x")})
	if err != nil {
		t.Fatal(err)
	}
	h := &hookTest{t: t, client: c}
	h.Webhook, err = c.Webhook(NewSecret(hookSecret), func(e Event) { h.events = append(h.events, e) })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func signedRequest(event, id, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", sign(hookSecret, body))
	return r
}

func (h *hookTest) send(r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// deliver sends a good event and returns what came out.
func (h *hookTest) deliver(event, body string) []Event {
	h.t.Helper()
	before := len(h.events)
	if code := h.send(signedRequest(event, fmt.Sprint("id-", before, event, len(body), time.Now().UnixNano()), body)); code != http.StatusAccepted {
		h.t.Fatalf("%s: status %d", event, code)
	}
	return h.events[before:]
}

const (
	inRepo = `"repository":{"full_name":"Acme/fleet"},"sender":{"login":"ann","type":"User"}`
	ping   = `{"zen":"Keep it logically awesome.",` + inRepo + `}`
	pushed = `{"ref":"refs/heads/main","after":"abc",` + inRepo + `}`
)

func TestWebhookRefusesWhatIsNotSigned(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *http.Request)
		want   int
	}{
		{"good", func(*http.Request) {}, http.StatusAccepted},
		{"no signature", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, http.StatusUnauthorized},
		{"SHA-1 only", func(r *http.Request) {
			mac := hmac.New(sha1.New, []byte(hookSecret))
			mac.Write([]byte(pushed))
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(mac.Sum(nil)))
		}, http.StatusUnauthorized},
		{"SHA-1 in the new header", func(r *http.Request) {
			mac := hmac.New(sha1.New, []byte(hookSecret))
			mac.Write([]byte(pushed))
			r.Header.Set("X-Hub-Signature-256", "sha1="+hex.EncodeToString(mac.Sum(nil)))
		}, http.StatusUnauthorized},
		{"another secret", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sign("guess", pushed)) }, http.StatusUnauthorized},
		{"empty secret", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sign("", pushed)) }, http.StatusUnauthorized},
		{"another body", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sign(hookSecret, pushed+" ")) }, http.StatusUnauthorized},
		{"short signature", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=") }, http.StatusUnauthorized},
		{"no hex", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=zz") }, http.StatusUnauthorized},
		{"form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, http.StatusUnsupportedMediaType},
		{"no id", func(r *http.Request) { r.Header.Del("X-GitHub-Delivery") }, http.StatusBadRequest},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHookTest(t)
			r := signedRequest("push", "1", pushed)
			tt.change(r)
			if code := h.send(r); code != tt.want {
				t.Errorf("status %d, want %d", code, tt.want)
			}
			if passed := len(h.events) > 0; passed != (tt.want == http.StatusAccepted) {
				t.Errorf("%d events came out", len(h.events))
			}
		})
	}
}

func TestWebhookNeedsASecret(t *testing.T) {
	if _, err := newHookTest(t).client.Webhook(Secret{}, func(Event) {}); err == nil {
		t.Error("a webhook without a secret was made")
	}
}

func TestWebhookRefusesOversizedBodies(t *testing.T) {
	h := newHookTest(t)
	body := `{"ref":"refs/heads/main","padding":"` + strings.Repeat("x", 1<<20) + `",` + inRepo + `}`
	if code := h.send(signedRequest("push", "1", body)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", code)
	}
	if len(h.events) != 0 {
		t.Error("it came out")
	}
}

func TestWebhookTakesADeliveryOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHookTest(t)
		for range 3 {
			if code := h.send(signedRequest("push", "same", pushed)); code != http.StatusAccepted {
				t.Errorf("status %d", code)
			}
		}
		if len(h.events) != 1 {
			t.Errorf("%d events, want 1", len(h.events))
		}
		time.Sleep(deliveriesFor + time.Second) // the bubble's clock
		h.send(signedRequest("push", "same", pushed))
		if len(h.events) != 2 {
			t.Errorf("%d events after a day, want 2", len(h.events))
		}
		for i := range 2 * deliveriesKept {
			h.send(signedRequest("push", fmt.Sprint(i), pushed))
		}
		if n := len(h.seen.ids); n > deliveriesKept || n != len(h.seen.order) {
			t.Errorf("%d ids are kept, at most %d should be", n, deliveriesKept)
		}
	})
}

func TestAForgeryDoesNotUseUpADelivery(t *testing.T) {
	h := newHookTest(t)
	forged := signedRequest("push", "1", pushed)
	forged.Header.Set("X-Hub-Signature-256", sign("guess", pushed))
	h.send(forged)
	h.send(signedRequest("push", "1", pushed))
	if len(h.events) != 1 {
		t.Errorf("%d events, want the real one", len(h.events))
	}
}

func TestEvents(t *testing.T) {
	const pull = `"pull_request":{"number":7,"merged":true,"head":{"ref":"feature","sha":"abc"}}`
	const issue = `"issue":{"number":7,"pull_request":{"url":"x"}},"comment":{"id":5,"body":"/tenantry plan -t acme"}`
	for _, tt := range []struct {
		name, event, body string
		want              []Event
	}{
		{"ping", "ping", ping, nil},
		{"unknown", "sponsorship", `[1,2]`, nil},
		{"push", "push", pushed, []Event{{Kind: Push, Ref: "refs/heads/main", Head: "abc", Sender: "ann"}}},
		{"closed", "pull_request", `{"action":"closed",` + pull + `,` + inRepo + `}`, []Event{{
			Kind: PullRequest, Action: "closed", Number: 7, Ref: "refs/heads/feature", Head: "abc", Merged: true, Sender: "ann",
		}}},
		{"review", "pull_request_review", `{"action":"submitted",` + pull + `,` + inRepo + `}`, []Event{{
			Kind: Review, Action: "submitted", Number: 7, Ref: "refs/heads/feature", Head: "abc", Merged: true, Sender: "ann",
		}}},
		{"command", "issue_comment", `{"action":"created",` + issue + `,` + inRepo + `}`, []Event{{
			Kind: Comment, Action: "created", Number: 7, CommentID: 5, Sender: "ann",
			Command: Command{Verb: "plan", Args: []string{"-t", "acme"}},
		}}},
		{"edited comment", "issue_comment", `{"action":"edited",` + issue + `,` + inRepo + `}`, nil},
		{"comment of a bot", "issue_comment", `{"action":"created",` + issue + `,"repository":{"full_name":"acme/fleet"},"sender":{"login":"x","type":"Bot"}}`, nil},
		{"comment on an issue", "issue_comment", `{"action":"created","issue":{"number":7},"comment":{"id":5,"body":"/tenantry plan"},` + inRepo + `}`, nil},
		{"talk", "issue_comment", `{"action":"created","issue":{"number":7,"pull_request":{}},"comment":{"id":5,"body":"nice"},` + inRepo + `}`, nil},
		{"run again", "check_run", `{"action":"rerequested","check_run":{"name":"tenantry/plan","head_sha":"abc","pull_requests":[{"number":7}]},` + inRepo + `}`, []Event{{
			Kind: CheckRerequest, Action: "rerequested", Check: "tenantry/plan", Head: "abc", Number: 7, Sender: "ann",
		}}},
		{"run all again, fork", "check_suite", `{"action":"rerequested","check_suite":{"head_sha":"abc","pull_requests":[]},` + inRepo + `}`, []Event{{
			Kind: CheckRerequest, Action: "rerequested", Head: "abc", Sender: "ann",
		}}},
		{"a run was created", "check_run", `{"action":"created","check_run":{"name":"x","head_sha":"abc"},` + inRepo + `}`, nil},
		{"merge queue", "merge_group", `{"action":"checks_requested","merge_group":{"head_sha":"abc","head_ref":"refs/heads/gh-readonly-queue/main/pr-7"},` + inRepo + `}`, []Event{{
			Kind: MergeGroup, Action: "checks_requested", Ref: "refs/heads/gh-readonly-queue/main/pr-7", Head: "abc", Sender: "ann",
		}}},
		{"another repository", "push", `{"ref":"refs/heads/main","after":"abc","repository":{"full_name":"acme/other"}}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newHookTest(t).deliver(tt.event, tt.body)
			for i := range got {
				if got[i].Delivery == "" {
					t.Error("the delivery has no id")
				}
				got[i].Delivery = ""
			}
			if len(got) == 0 && len(tt.want) == 0 {
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedEventsAreRefused(t *testing.T) {
	h := newHookTest(t)
	for _, body := range []string{``, `{`, `[]`, `{"ref":7}`} {
		if code := h.send(signedRequest("push", "1", body)); code != http.StatusBadRequest {
			t.Errorf("body %q: status %d", body, code)
		}
	}
}

func TestOwnEvents(t *testing.T) {
	const byBot = `"repository":{"full_name":"acme/fleet"},"sender":{"login":"tenantry[bot]","type":"Bot"}`
	mainPush := `{"ref":"refs/heads/main","after":"abc",` + byBot + `}`
	branchPush := `{"ref":"refs/heads/tenantry/drift/x","after":"abc",` + byBot + `}`
	opened := `{"action":"opened","pull_request":{"number":7},` + byBot + `}`

	h := newHookTest(t)
	h.client.who = Identity{Login: "tenantry[bot]", App: true}
	if got := h.deliver("push", mainPush); len(got) != 1 || !got[0].SenderIsUs {
		t.Errorf("our push to the watched branch: %+v", got)
	}
	if got := h.deliver("push", branchPush); len(got) != 0 {
		t.Errorf("our push to a branch came out: %+v", got)
	}
	if got := h.deliver("pull_request", opened); len(got) != 0 {
		t.Errorf("our pull request came out: %+v", got)
	}

	h.client.who.App = false // the token of somebody who works here too
	if got := h.deliver("pull_request", opened); len(got) != 1 || !got[0].SenderIsUs {
		t.Errorf("a person's own event was dropped: %+v", got)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add("push", []byte(pushed))
	f.Add("issue_comment", []byte(`{"action":"created","issue":{"number":7,"pull_request":{}},"comment":{"body":"/tenantry plan"}}`))
	f.Add("check_run", []byte(`{"action":"rerequested","check_run":null}`))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		if e, _, ok, err := parseEvent(name, body); ok && (err != nil || e.Kind == "") {
			t.Fatalf("%q: %+v, %v", name, e, err)
		}
	})
}
