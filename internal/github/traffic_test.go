package github

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTrafficIsShared(t *testing.T) {
	const api = "https://ghe.example/api/v3"
	app := func(repo string) Options { return Options{APIURL: api, Repo: repo, AppID: 1, PrivateKey: testKey()} }
	token := func(repo, text string) Options { return Options{APIURL: api, Repo: repo, Token: NewSecret(text)} }
	other := app("acme/two")
	other.AppID = 2
	elsewhere := app("acme/two")
	elsewhere.APIURL = "https://api.github.com"
	for _, tt := range []struct {
		name     string
		one, two Options
		apart    bool // have nothing to do with each other
		alone    bool // are made without Traffic
	}{
		{name: "one installation", one: app("acme/one"), two: app("acme/two")},
		{name: "one owner, spelled differently", one: app("acme/one"), two: app("Acme/two")},
		{name: "one token", one: token("acme/one", "ghp_a"), two: token("umbrella/two", "ghp_a")},
		{name: "two installations", one: app("acme/one"), two: app("umbrella/two"), apart: true},
		{name: "two Apps", one: app("acme/one"), two: other, apart: true},
		{name: "two servers", one: app("acme/one"), two: elsewhere, apart: true},
		{name: "two tokens", one: token("acme/one", "ghp_a"), two: token("acme/two", "ghp_b"), apart: true},
		{name: "an App and a token", one: app("acme/one"), two: token("acme/two", "ghp_a"), apart: true},
		{name: "without traffic", one: app("acme/one"), two: app("acme/two"), apart: true, alone: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sharing(t, tt.one, tt.two, tt.apart, tt.alone) })
		})
	}
}

// sharing has two clients write at the same moment, and then has GitHub hold one of them back.
func sharing(t *testing.T, one, two Options, apart, alone bool) {
	t.Helper()
	held := false
	tokens := appWire(func(string) bool { return false })
	w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
		if held && strings.Contains(r.URL.Path, "/one/") {
			answer(w, 403, secondary, "Retry-After", "300")
			return
		}
		tokens.handle(w, r)
	}}
	one.HTTP, two.HTTP = w, w
	if !alone {
		one.Traffic = &Traffic{}
		two.Traffic = one.Traffic
	}
	first, err := New(one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(two)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, c := range []*Client{first, second} {
		all.Go(func() {
			if err := write(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var at []time.Time
	for _, r := range w.all() {
		if strings.HasSuffix(r.path, "/reactions") {
			at = append(at, r.at)
		}
	}
	want := time.Second
	if apart {
		want = 0
	}
	if len(at) != 2 || at[1].Sub(at[0]) != want {
		t.Errorf("the writes were sent at %v; want them %v apart", at, want)
	}

	held = true
	if err := write(t.Context(), first); !errors.Is(err, ErrLimited) {
		t.Fatalf("error %v; want that GitHub holds it back", err)
	}
	sent := len(w.all())
	err = write(t.Context(), second)
	switch {
	case apart && err != nil:
		t.Errorf("what has nothing to do with it was held back: %v", err)
	case !apart && !errors.Is(err, ErrLimited):
		t.Errorf("error %v; want it to wait like the other", err)
	case !apart && len(w.all()) != sent:
		t.Error("something was sent although GitHub asked to wait")
	}
}
