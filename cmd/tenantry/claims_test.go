package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/schema"
)

func fleetIn(name string, accounts ...string) *schema.Fleet {
	fleet := &schema.Fleet{Name: name}
	for _, id := range accounts {
		fleet.Accounts = append(fleet.Accounts, schema.Account{ID: id})
	}
	return fleet
}

// stakes is the store of a fleet in a folder, open for as long as do runs.
func stakes(t *testing.T, dir string, do func(context.Context, reconciler.State)) {
	t.Helper()
	kept, err := store.Open(t.Context(), dir, store.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	}()
	do(t.Context(), kept)
}

// Two fleets of one name in one account would each take the other's resources for its own.
func TestAFleetsNameIsClaimedOnceInAnAccount(t *testing.T) {
	stakes(t, t.TempDir(), func(ctx context.Context, state reconciler.State) {
		r := &register{}
		opened := 0
		drivers := func(service string) func(*schema.Fleet, []string) (providers.Set, error) {
			return r.guard(service, func(*schema.Fleet, []string) (providers.Set, error) {
				opened++
				return nil, nil
			})
		}
		if _, err := drivers("two")(fleetIn("acme", "1"), nil); err != nil || opened != 1 {
			t.Fatalf("nobody has it, and it was refused: %v", err)
		}
		for _, step := range []struct {
			service string
			fleet   *schema.Fleet
			refused bool
		}{
			{"one", fleetIn("acme", "1", "2"), false},
			{"one", fleetIn("acme", "1", "2"), false}, // again
			{"two", fleetIn("acme", "3"), false},      // the name, but elsewhere
			{"two", fleetIn("acme", "3", "2"), true},
			{"three", fleetIn("umbrella", "1", "2"), false}, // the accounts, but another name
			{"one", fleetIn("acme", "1"), false},            // gives one of them up
			{"two", fleetIn("acme", "3", "2"), false},
			{"one", fleetIn("acme", "1", "2"), true},
		} {
			before := opened
			_, err := drivers(step.service)(step.fleet, nil)
			if (err != nil) != step.refused || (opened == before) != step.refused {
				t.Errorf("drivers of %s for %+v: %v", step.service, step.fleet, err)
			}
			err = r.stake(ctx, step.service, step.fleet, state)
			if (err != nil) != step.refused {
				t.Errorf("%s takes %+v: %v", step.service, step.fleet, err)
			}
			if step.refused && !strings.Contains(err.Error(), "the fleet acme is in account 2 already") {
				t.Errorf("it is refused with %v", err)
			}
		}
	})
}

// Whoever had a name in an account before has it, also if somebody else is faster after a start.
func TestClaimsOutliveTheDaemon(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	stakes(t, two, func(ctx context.Context, state reconciler.State) {
		if err := (&register{}).stake(ctx, "two", fleetIn("acme", "1"), state); err != nil {
			t.Fatal(err)
		}
	})
	all := []service{{name: "one", app: &app{dataDir: one}}, {name: "two", app: &app{dataDir: two}}}
	r := &register{}
	r.recall(t.Context(), slog.New(slog.DiscardHandler), all)
	stakes(t, one, func(ctx context.Context, state reconciler.State) {
		if err := r.stake(ctx, "one", fleetIn("acme", "1"), state); err == nil {
			t.Error("who came first has it, although the other one had it before")
		}
		if err := r.stake(ctx, "one", fleetIn("umbrella", "1"), state); err != nil {
			t.Error(err)
		}
	})
}

func TestReadinessNamesEachFleet(t *testing.T) {
	ready := &post{service: service{name: "one"}, state: stateReady}
	failed := &post{service: service{name: "two"}, state: stateFailed}
	for _, tt := range []struct {
		posts []*post
		query string
		want  int
		says  string
	}{
		{posts: []*post{ready, failed}, want: 503, says: "one: ready\ntwo: it is not served, and will be tried again; see the log\n"},
		{posts: []*post{ready, failed}, query: "?fleet=one", want: 200, says: "one: ready\n"},
		{posts: []*post{ready, failed}, query: "?fleet=two", want: 503, says: "two: "},
		{posts: []*post{ready, failed}, query: "?fleet=three", want: 404, says: "no such fleet"},
		{posts: []*post{ready}, want: 200, says: "one: ready\n"},
	} {
		w := httptest.NewRecorder()
		readiness(tt.posts).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz"+tt.query, nil))
		if w.Code != tt.want || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("/readyz%s of %d: %d %q", tt.query, len(tt.posts), w.Code, w.Body)
		}
	}
}
