package github_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// bubble runs a story on a clock of its own. The App's key is made outside: it takes real time.
func bubble(t *testing.T, story func(t *testing.T, s *story)) {
	t.Helper()
	if _, err := key(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { story(t, newStory(t)) })
}

func TestProposeUnderLimits(t *testing.T) {
	for _, tt := range []struct {
		code  int
		after time.Duration // 0 leaves Retry-After out
		times int
		takes time.Duration
	}{
		{403, 20 * time.Second, 2, 40 * time.Second},
		{429, 20 * time.Second, 2, 40 * time.Second},
		{403, 0, 1, time.Minute},
		{429, 0, 1, time.Minute},
	} {
		t.Run(fmt.Sprint(tt.code, " ", tt.after), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *story) {
				fault := githubbox.SecondaryLimit(tt.code, tt.after)
				fault.Method, fault.Path, fault.Count = "POST", "/git/", tt.times
				s.server.Inject(fault)
				start := time.Now()
				s.propose(drift("1"))
				if got := time.Since(start); got != tt.takes {
					t.Errorf("it took %v, want %v", got, tt.takes)
				}
			})
		})
	}
}

func TestTheHourlyLimit(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		s.propose(drift("1"))
		s.server.Exhaust(s.app.Login)
		s.server.ForgetRequests()
		start := time.Now()
		var limited *github.LimitedError
		for range 5 {
			_, err := s.forge.Propose(s.ctx, drift("2"))
			if !errors.As(err, &limited) || limited.Until.Sub(start) > time.Hour || limited.Until.Sub(start) < 58*time.Minute {
				t.Fatalf("error %v", err)
			}
		}
		if n := len(s.server.Requests()); n != 1 {
			t.Errorf("%d requests were sent while nothing is left, want 1", n)
		}
		if left := s.forge.Limits(); left.Remaining != 0 || left.Limit != 5000 {
			t.Errorf("limits %+v", left)
		}
		time.Sleep(time.Hour) // the bubble's clock
		s.propose(drift("2"))
	})
}

func TestTokensEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		s.propose(drift("1"))
		time.Sleep(3 * time.Hour) // the bubble's clock
		s.propose(drift("2"))
		s.server.RevokeTokens()
		s.propose(drift("3"))
	})
}

func TestWritesOfAStoryAreApart(t *testing.T) {
	bubble(t, func(t *testing.T, s *story) {
		s.forge = s.client(github.Options{
			AppID: s.app.ID, PrivateKey: github.NewSecret(string(s.app.KeyPEM)), WriteInterval: time.Second,
		})
		s.server.ForgetRequests()
		s.propose(drift("1"))
		var last time.Time
		for _, r := range s.server.Requests() {
			if !r.Write() {
				continue
			}
			if gap := r.Time.Sub(last); gap < time.Second {
				t.Errorf("%s %s came %v after the write before it", r.Method, r.Path, gap)
			}
			last = r.Time
		}
	})
}

func TestReadingAgainIsFree(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	s.must(s.forge.PullRequests(s.ctx))
	before := s.forge.Limits().Remaining
	for range 10 {
		s.must(s.forge.PullRequests(s.ctx))
	}
	if after := s.forge.Limits().Remaining; after != before {
		t.Errorf("ten equal readings took %d of the limit", before-after)
	}
}
