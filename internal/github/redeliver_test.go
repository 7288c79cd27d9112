package github

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// An App's log has the deliveries of all repositories that it is installed on. Asking for all of them from each would
// deliver each as often as there are fleets.
func TestOnlyTheRepositorysDeliveriesAreAskedFor(t *testing.T) {
	const list = `[{"id":1,"guid":"a","status_code":502,"event":"push","repository_id":7,"delivered_at":"2030-01-01T00:00:00Z"},
		{"id":2,"guid":"b","status_code":502,"event":"push","repository_id":8,"delivered_at":"2030-01-01T00:00:00Z"},
		{"id":3,"guid":"c","status_code":502,"event":"push","repository_id":null,"delivered_at":"2030-01-01T00:00:00Z"}]`
	for id, want := range map[int64][]string{0: {"1", "2", "3"}, 7: {"1", "3"}} {
		w := &wire{handle: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answer(w, 200, list)
				return
			}
			answer(w, 202, `{}`)
		}}
		c, err := New(Options{Repo: "acme/fleet", Branch: "main", AppID: 1, PrivateKey: testKey(), HTTP: w, WriteInterval: -1})
		if err != nil {
			t.Fatal(err)
		}
		c.place.note(id, "acme/fleet")
		if _, err := c.Redeliver(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, r := range w.all() {
			if r.method == http.MethodPost {
				asked = append(asked, strings.Split(r.path, "/")[4])
			}
		}
		if slices.Sort(asked); !slices.Equal(asked, want) {
			t.Errorf("a repository with id %d asks for %v, want %v", id, asked, want)
		}
	}
}
