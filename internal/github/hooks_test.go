package github

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// hooksTest has the webhooks of two repositories behind one address, and notes which of them heard of something.
type hooksTest struct {
	*Hooks
	t       *testing.T
	heard   []string // repositories
	dropped []string
	sent    int
}

func newHooksTest(t *testing.T) *hooksTest {
	t.Helper()
	h := &hooksTest{t: t}
	h.Hooks = &Hooks{Dropped: func(_, _, repository string) { h.dropped = append(h.dropped, repository) }}
	for _, repo := range []string{"acme/one", "acme/two", "acme/three"} {
		h.Expect(repo, NewSecret("secret of "+repo))
	}
	h.serve("acme/one", 1)
	h.serve("acme/two", 2)
	return h
}

func (h *hooksTest) serve(repo string, id int64) {
	h.t.Helper()
	c, err := New(Options{Repo: repo, Branch: "main", Token: NewSecret("ghp_x")})
	if err != nil {
		h.t.Fatal(err)
	}
	c.place.note(id, repo)
	hook, err := c.Webhook(NewSecret("secret of "+repo), func(Event) { h.heard = append(h.heard, repo) })
	if err != nil {
		h.t.Fatal(err)
	}
	h.Serve(repo, hook)
}

// deliver sends a push to a repository, signed with a secret.
func (h *hooksTest) deliver(id int64, repo, secret string) int {
	return h.send(fmt.Sprintf(`{"ref":"refs/heads/main","after":"abc","repository":{"id":%d,"full_name":%q},"sender":{"login":"ann"}}`, id, repo), secret)
}

func (h *hooksTest) send(body, secret string) int {
	h.sent++
	r := signedRequest("push", fmt.Sprint(h.sent), body)
	r.Header.Set("X-Hub-Signature-256", sign(secret, body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestHooksGoToTheirRepository(t *testing.T) {
	for _, tt := range []struct {
		name   string
		id     int64
		repo   string
		secret string
		want   int
		heard  string // by which repository
		drops  bool
	}{
		{name: "the first", id: 1, repo: "acme/one", secret: "acme/one", want: http.StatusAccepted, heard: "acme/one"},
		{name: "the second", id: 2, repo: "Acme/Two", secret: "acme/two", want: http.StatusAccepted, heard: "acme/two"},
		{name: "with the other's secret", id: 1, repo: "acme/one", secret: "acme/two", want: http.StatusUnauthorized},
		{name: "the other way round", id: 2, repo: "acme/two", secret: "acme/one", want: http.StatusUnauthorized},
		{name: "with a guess", id: 1, repo: "acme/one", secret: "guess", want: http.StatusUnauthorized},
		{name: "one's name with the other's id", id: 2, repo: "acme/one", secret: "acme/one", want: http.StatusUnauthorized},
		{name: "not served at the moment", id: 3, repo: "acme/three", secret: "acme/three", want: http.StatusServiceUnavailable},
		{name: "not served, and not signed", id: 3, repo: "acme/three", secret: "acme/one", want: http.StatusUnauthorized},
		{name: "somebody else's", id: 9, repo: "acme/nine", secret: "acme/two", want: http.StatusAccepted, drops: true},
		{name: "somebody else's, not signed", id: 9, repo: "acme/nine", secret: "guess", want: http.StatusUnauthorized},
		{name: "about nothing", secret: "acme/one", want: http.StatusAccepted, drops: true},
		{name: "about nothing, not signed", secret: "guess", want: http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHooksTest(t)
			var heard []string
			if tt.heard != "" {
				heard = []string{tt.heard}
			}
			if got := h.deliver(tt.id, tt.repo, "secret of "+tt.secret); got != tt.want || !slices.Equal(h.heard, heard) || len(h.dropped) > 0 != tt.drops {
				t.Errorf("status %d, heard by %v, dropped %v; want %d, %v, %t", got, h.heard, h.dropped, tt.want, heard, tt.drops)
			}
		})
	}
}

// A repository that stops being served, or begins to be, is told apart from one that nobody knows.
func TestHooksFollowWhatIsServed(t *testing.T) {
	h := newHooksTest(t)
	h.Serve("acme/one", nil)
	if got := h.deliver(1, "acme/one", "secret of acme/one"); got != http.StatusServiceUnavailable || len(h.heard) > 0 {
		t.Errorf("status %d, heard by %v", got, h.heard)
	}
	h.serve("acme/three", 3)
	if got := h.deliver(3, "acme/three", "secret of acme/three"); got != http.StatusAccepted || !slices.Equal(h.heard, []string{"acme/three"}) {
		t.Errorf("status %d, heard by %v", got, h.heard)
	}
}

func TestHooksRefuseWhatTheyCannotRead(t *testing.T) {
	h := newHooksTest(t)
	for _, tt := range []struct {
		body, secret string
		want         int
	}{
		{"no JSON", "secret of acme/one", http.StatusAccepted}, // somebody who knows a secret, with nothing for us
		{"no JSON", "guess", http.StatusUnauthorized},
		{`{"repository":"acme/one"}`, "guess", http.StatusUnauthorized},
		{`{"repository":{"full_name":"acme/one"},"ref":7}`, "secret of acme/one", http.StatusBadRequest},
		{strings.Repeat(" ", webhookLimit+1), "secret of acme/one", http.StatusRequestEntityTooLarge},
	} {
		if got := h.send(tt.body, tt.secret); got != tt.want {
			t.Errorf("%.40q: status %d, want %d", tt.body, got, tt.want)
		}
	}
	if len(h.heard) > 0 {
		t.Errorf("heard by %v", h.heard)
	}
}
