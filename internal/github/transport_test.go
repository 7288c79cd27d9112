package github

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A wire is a server in the shape of a RoundTripper, so that a bubble can hold it. It notes what
// was sent and when.
type wire struct {
	handle http.HandlerFunc

	mu   sync.Mutex
	sent []sent
}

type sent struct {
	method, path, auth, body string
	header                   http.Header
	at                       time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	w.sent = append(w.sent, sent{r.Method, r.URL.Path, r.Header.Get("Authorization"), string(body), r.Header.Clone(), time.Now()})
	w.mu.Unlock()
	a := &answerer{header: http.Header{}, code: http.StatusOK}
	w.handle(a, r)
	return &http.Response{
		StatusCode: a.code, Status: fmt.Sprint(a.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(strings.NewReader(a.body.String())), Request: r,
	}, nil
}

func (w *wire) all() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sent(nil), w.sent...)
}

type answerer struct {
	header http.Header
	code   int
	body   strings.Builder
}

func (a *answerer) Header() http.Header         { return a.header }
func (a *answerer) WriteHeader(code int)        { a.code = code }
func (a *answerer) Write(p []byte) (int, error) { return a.body.Write(p) }

func answer(w http.ResponseWriter, code int, body string, header ...string) {
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

var testKey = sync.OnceValue(func() Secret {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no randomness, no test
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return NewSecret(string(pem.EncodeToMemory(block)))
})

func tokenClient(t *testing.T, w *wire) *Client {
	t.Helper()
	c, err := New(Options{Repo: "acme/fleet", Branch: "main", Token: NewSecret("ghp_mine"), HTTP: w})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read and write are one small request each.
func read(ctx context.Context, c *Client) error {
	_, err := c.askIdentity(ctx)
	return err
}

func write(ctx context.Context, c *Client) error {
	return c.React(ctx, 1, "eyes")
}

const secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes.","documentation_url":"https://docs.github.com/x"}`

func TestLimits(t *testing.T) {
	reset := func(in time.Duration) func() []string {
		return func() []string {
			return []string{"X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(time.Now().Add(in).Unix())}
		}
	}
	plain := func(header ...string) func() []string { return func() []string { return header } }
	for _, tt := range []struct {
		name   string
		code   int
		body   string
		header func() []string
		times  int // the answer is given so often, then a good one
		waits  []time.Duration
		err    error
	}{
		{"403 with Retry-After", 403, secondary, plain("Retry-After", "17"), 1, []time.Duration{17 * time.Second}, nil},
		{"429 with Retry-After", 429, `{}`, plain("Retry-After", "17"), 1, []time.Duration{17 * time.Second}, nil},
		{"Retry-After as a date", 429, `{}`, func() []string {
			return []string{"Retry-After", time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)}
		}, 1, []time.Duration{20 * time.Second}, nil},
		{"Retry-After on GitHub's clock", 429, `{}`, func() []string {
			fast := time.Now().Add(time.Hour)
			return []string{"Date", fast.UTC().Format(http.TimeFormat), "Retry-After", fast.Add(20 * time.Second).UTC().Format(http.TimeFormat)}
		}, 1, []time.Duration{20 * time.Second}, nil},
		{"403 with nothing left", 403, `{"message":"API rate limit exceeded"}`, reset(30 * time.Second), 1, []time.Duration{30 * time.Second}, nil},
		{"nothing left, on GitHub's clock", 403, `{"message":"API rate limit exceeded"}`, func() []string {
			fast := time.Now().Add(time.Hour)
			return []string{
				"Date", fast.UTC().Format(http.TimeFormat), "X-RateLimit-Remaining", "0",
				"X-RateLimit-Reset", fmt.Sprint(fast.Add(30 * time.Second).Unix()),
			}
		}, 1, []time.Duration{30 * time.Second}, nil},
		{"429 with nothing left", 429, `{"message":"API rate limit exceeded"}`, reset(30 * time.Second), 1, []time.Duration{30 * time.Second}, nil},
		{"403 by its message", 403, secondary, plain(), 1, []time.Duration{time.Minute}, nil},
		{"429 without a word", 429, ``, plain(), 1, []time.Duration{time.Minute}, nil},
		{"it grows beyond patience", 429, ``, plain(), 2, []time.Duration{time.Minute}, ErrLimited},
		{"limited again and again", 429, ``, plain("Retry-After", "1"), 99, []time.Duration{time.Second, time.Second, time.Second, time.Second}, ErrLimited},
		{"a long Retry-After", 403, ``, plain("Retry-After", "3000"), 1, nil, ErrLimited},
		{"403 for lack of permission", 403, `{"message":"Resource not accessible by integration"}`, plain("X-RateLimit-Remaining", "4000", "X-RateLimit-Reset", "1"), 1, nil, ErrDenied},
		{"403 without headers", 403, `{"message":"no"}`, plain(), 1, nil, ErrDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) {
					if n++; n <= tt.times {
						answer(w, tt.code, tt.body, tt.header()...)
						return
					}
					answer(w, 201, `{}`)
				}}
				err := write(t.Context(), tokenClient(t, w))
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				requests := w.all()
				if len(requests) != len(tt.waits)+1 {
					t.Fatalf("%d requests, want %d", len(requests), len(tt.waits)+1)
				}
				for i, wait := range tt.waits {
					if got := requests[i+1].at.Sub(requests[i].at); got != wait {
						t.Errorf("waited %v, want %v", got, wait)
					}
					if requests[i+1].body != requests[0].body || requests[0].body == "" {
						t.Errorf("the request was sent again as %q, first as %q", requests[i+1].body, requests[0].body)
					}
				}
			})
		})
	}
}

func TestNothingIsSentWhileLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := true
		w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) {
			if limited {
				answer(w, 429, ``, "Retry-After", "3000")
				return
			}
			answer(w, 200, `{"login":"ann"}`)
		}}
		c := tokenClient(t, w)
		start := time.Now()
		for range 3 {
			err := read(t.Context(), c)
			var known *LimitedError
			if !errors.As(err, &known) || !known.Until.Equal(start.Add(3000*time.Second)) {
				t.Errorf("error %v, want one that knows the time", err)
			}
		}
		if len(w.all()) != 1 {
			t.Errorf("%d requests were sent, want 1", len(w.all()))
		}
		limited = false
		time.Sleep(3000 * time.Second) // the bubble's clock
		if err := read(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
}

func TestTheLastAllowedRequestHoldsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, `{"login":"ann"}`, "X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "0",
				"X-RateLimit-Reset", fmt.Sprint(time.Now().Add(40*time.Second).Unix()), "X-RateLimit-Resource", "core")
		}}
		c := tokenClient(t, w)
		for range 2 {
			if err := read(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.all()[1].at.Sub(w.all()[0].at); got != 40*time.Second {
			t.Errorf("the second request came after %v", got)
		}
		if got := c.Limits(); got.Limit != 60 || got.Remaining != 0 {
			t.Errorf("limits %+v", got)
		}
	})
}

func TestWaitingForALimitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) { answer(w, 429, ``, "Retry-After", "50") }}
		c := tokenClient(t, w)
		start := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := read(short, c); !errors.Is(err, ErrLimited) || time.Since(start) != 0 {
			t.Errorf("%v after %v; a wait that can't end in time is not begun", err, time.Since(start))
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, stop)
		if err := read(ctx, c); !errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestWritesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := false
		w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				if busy {
					t.Error("two writes at a time")
				}
				busy = true
				time.Sleep(300 * time.Millisecond) // an answer takes its time
				busy = false
			}
			answer(w, 200, `{"login":"ann"}`)
		}}
		c := tokenClient(t, w)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := write(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		requests := w.all()
		for i := 1; i < len(requests); i++ {
			if gap := requests[i].at.Sub(requests[i-1].at); gap != 1300*time.Millisecond {
				t.Errorf("write %d began %v after the one before", i, gap)
			}
		}
		start := time.Now()
		if err := read(t.Context(), c); err != nil || time.Since(start) != 0 {
			t.Errorf("a read waited %v (%v)", time.Since(start), err)
		}
	})
}

func TestAWaitingWriteCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{}`) }}
		c := tokenClient(t, w)
		if err := write(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := write(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if err := write(t.Context(), c); err != nil || len(w.all()) != 2 {
			t.Errorf("after a cancelled write: %v, %d requests", err, len(w.all()))
		}
	})
}

func TestAnAnswerThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c, err := New(Options{Repo: "acme/fleet", Token: NewSecret("ghp_mine"), HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		if err != nil {
			t.Fatal(err)
		}
		if err := read(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no answer within 30s") || time.Since(start) != attemptTimeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestConditionalRequests(t *testing.T) {
	login, etag, asked := "ann", `"1"`, 0
	w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("If-None-Match") == etag {
			answer(w, 304, "", "ETag", etag)
			return
		}
		answer(w, 200, fmt.Sprintf(`{"login":%q}`, login), "ETag", etag, "Content-Type", "application/json")
	}}
	c := tokenClient(t, w)
	for i, want := range []string{"ann", "ann", "bob", "bob"} {
		if i == 2 {
			login, etag = "bob", `"2"`
		}
		who, err := c.askIdentity(t.Context())
		if err != nil || who.Login != want {
			t.Errorf("question %d: %q, %v; want %q", i, who.Login, err, want)
		}
	}
	if asked != 4 {
		t.Errorf("GitHub was asked %d times; what it said before is never taken for granted", asked)
	}
	if w.all()[1].header.Get("If-None-Match") != `"1"` {
		t.Error("the second question wasn't conditional")
	}
}

// noise is a text that can't be compressed to less than three quarters.
func noise(n int) string {
	b := make([]byte, n*3/4)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

func TestTheCacheIsBounded(t *testing.T) {
	big := `"` + noise(1<<20) + `"`
	c := newCache(&wire{handle: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" && r.URL.Path == "/0" {
			t.Error("the oldest answer was kept")
		}
		answer(w, 200, big, "ETag", `"e"`)
	}})
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://x/%d", n), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) != len(big) {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
	}
	if c.bytes > cacheBytes || len(c.entries) != c.recent.Len() {
		t.Errorf("%d bytes in %d entries", c.bytes, len(c.entries))
	}
}

// appWire answers as GitHub does to an App whose n-th token is "ghs_n".
func appWire(refuse func(token string) bool) *wire {
	made := 0
	return &wire{handle: func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/installation"):
			answer(w, 200, `{"id":5,"permissions":{"checks":"write","contents":"write","issues":"read","metadata":"read","pull_requests":"write"}}`)
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			made++
			body, _ := json.Marshal(map[string]any{"token": fmt.Sprintf("ghs_%d", made), "expires_at": time.Now().Add(time.Hour)})
			answer(w, 201, string(body))
		case refuse(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")):
			answer(w, 401, `{"message":"Bad credentials"}`)
		default:
			answer(w, 201, `{}`)
		}
	}}
}

func appClient(t *testing.T, w *wire) *Client {
	t.Helper()
	c, err := New(Options{APIURL: "https://ghe.example/api/v3", Repo: "acme/fleet", Branch: "main", AppID: 1, PrivateKey: testKey(), HTTP: w})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInstallationTokens(t *testing.T) {
	testKey()
	synctest.Test(t, func(t *testing.T) {
		w := appWire(func(string) bool { return false })
		c := appClient(t, w)
		use := func(want string) {
			t.Helper()
			if err := write(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			last := w.all()[len(w.all())-1]
			if last.auth != "Bearer "+want {
				t.Errorf("sent with %q, want %q", last.auth, want)
			}
			if user, token, err := c.GitAuth(t.Context()); user != "x-access-token" || token != want || err != nil {
				t.Errorf("for git: %q %q %v", user, token, err)
			}
		}
		use("ghs_1")
		use("ghs_1")
		time.Sleep(56 * time.Minute) // the bubble's clock; the token has four minutes left
		use("ghs_2")
		if made := w.all()[1]; made.path != "/api/v3/app/installations/5/access_tokens" || made.body != `{"repositories":["fleet"]}`+"\n" {
			t.Errorf("the token was asked for by %s %s", made.path, made.body)
		}
	})
}

func TestARevokedTokenIsReplacedOnce(t *testing.T) {
	w := appWire(func(token string) bool { return token == "ghs_1" })
	if err := write(t.Context(), appClient(t, w)); err != nil {
		t.Error(err)
	}
	var bodies []string
	for _, s := range w.all() {
		if strings.Contains(s.path, "reactions") {
			bodies = append(bodies, s.auth+s.body)
		}
	}
	want := []string{"Bearer ghs_1{\"content\":\"eyes\"}\n", "Bearer ghs_2{\"content\":\"eyes\"}\n"}
	if fmt.Sprint(bodies) != fmt.Sprint(want) {
		t.Errorf("sent %q, want %q", bodies, want)
	}

	w = appWire(func(string) bool { return true })
	err := write(t.Context(), appClient(t, w))
	if !errors.Is(err, ErrCredentials) {
		t.Errorf("error %v, want ErrCredentials", err)
	}
	sends := 0
	for _, s := range w.all() {
		if strings.Contains(s.path, "reactions") {
			sends++
		}
	}
	if sends != 2 {
		t.Errorf("sent %d times, want 2", sends)
	}
}

func TestTokensAreMadeOnce(t *testing.T) {
	w := appWire(func(string) bool { return false })
	c := appClient(t, w)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, token, err := c.GitAuth(t.Context()); token != "ghs_1" || err != nil {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	all.Wait()
	if n := len(w.all()); n != 2 {
		t.Errorf("%d requests for one token, want 2", n)
	}
}

func TestTokensStayOnTheirHost(t *testing.T) {
	w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "api.github.com" {
			t.Errorf("sent to %s with %q", r.URL.Host, r.Header.Get("Authorization"))
		}
		answer(w, 302, "", "Location", "https://evil.example/user")
	}}
	if err := read(t.Context(), tokenClient(t, w)); err == nil || !strings.Contains(err.Error(), "evil.example") {
		t.Errorf("error %v", err)
	}
}

func TestTokensAreNotInErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		code int
	}{{"refused", 401}, {"forbidden", 403}, {"invalid", 422}, {"broken", 500}} {
		w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
			answer(w, tt.code, `{"message":"got `+r.Header.Get("Authorization")+`"}`)
		}}
		err := read(t.Context(), tokenClient(t, w))
		if err == nil {
			t.Fatal("no error")
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %q", err, err, err)} {
			if strings.Contains(text, "ghp_mine") {
				t.Errorf("%s: %s", tt.name, text)
			}
		}
		if !strings.Contains(err.Error(), "ask GitHub whose token it is") {
			t.Errorf("%s: the operation is missing in %q", tt.name, err)
		}
	}
}

func TestInstallationProblems(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		code         int
		want         error
		says         string
	}{
		{"none", `{"message":"Not Found"}`, 404, ErrNotInstalled, "acme/fleet"},
		{"suspended", `{"id":5,"suspended_at":"2026-01-01T00:00:00Z"}`, 200, ErrNotInstalled, "suspended"},
		{"wrong key", `{"message":"A JSON web token could not be decoded"}`, 401, ErrCredentials, "refuses"},
		{"too powerful", `{"id":5,"permissions":{"administration":"write","workflows":"write"}}`, 200, ErrGrants, "administration (write), workflows (write)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &wire{handle: func(w http.ResponseWriter, _ *http.Request) { answer(w, tt.code, tt.answer) }}
			_, _, err := appClient(t, w).GitAuth(t.Context())
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	token := NewSecret("ghp_x")
	for _, tt := range []struct {
		name string
		o    Options
		says string
	}{
		{"no repository", Options{Token: token}, "owner/name"},
		{"an address as repository", Options{Token: token, Repo: "https://github.com/acme/fleet"}, "owner/name"},
		{"no credentials", Options{Repo: "acme/fleet"}, "credentials"},
		{"no key", Options{Repo: "acme/fleet", AppID: 1}, "private key"},
		{"a bad key", Options{Repo: "acme/fleet", AppID: 1, PrivateKey: NewSecret("ghs_nokey")}, "private key"},
		{"a bad address", Options{Repo: "acme/fleet", Token: token, APIURL: "ftp://x"}, "GitHub API address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "nokey") {
				t.Errorf("error %v, want one about %q", err, tt.says)
			}
		})
	}
	for in, want := range map[string]string{
		"":                              "https://api.github.com/",
		"https://ghe.example/api/v3":    "https://ghe.example/api/v3/",
		"https://ghe.example/api/v3///": "https://ghe.example/api/v3/",
		"http://127.0.0.1:1234/":        "http://127.0.0.1:1234/",
	} {
		u, err := githubURL(in)
		if err != nil || u.String() != want {
			t.Errorf("githubURL(%q) = %v, %v; want %s", in, u, err, want)
		}
	}
}
