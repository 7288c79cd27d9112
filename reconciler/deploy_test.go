package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/internal/work"
	"tenantry.dev/reconciler"
)

// A stage is where a forge shows deployments.
type stage struct {
	mu    sync.Mutex
	said  []reconciler.Deployment // in order; repetitions left out
	calls int
	fails error
}

func (s *stage) Deploy(_ context.Context, d reconciler.Deployment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fails != nil {
		return s.fails
	}
	if !slices.Contains(s.said, d) {
		s.said = append(s.said, d)
	}
	return nil
}

func (s *stage) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

// of returns what was said of a commit, as lines "ENVIRONMENT STATE: TEXT".
func (s *stage) of(commit reconciler.Commit) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, d := range s.said {
		if d.Commit == commit {
			list = append(list, fmt.Sprintf("%s %s: %s", d.Environment, d.State, d.Description))
		}
	}
	return list
}

// says fails unless what was said of a commit ends in these lines, each of which may be the beginning of one.
func (s *stage) says(t *testing.T, commit reconciler.Commit, want ...string) {
	t.Helper()
	got := s.of(commit)
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && strings.HasPrefix(got[i], want[i])
	}
	if !same {
		t.Errorf("said of %s:\n%s\nwant\n%s", commit.Short(), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// onStage has the daemon show deployments from here on. Each write takes a second.
func (o *office) onStage() *stage {
	o.t.Helper()
	s := &stage{}
	o.cloud.slow = func(string) { time.Sleep(time.Second) }
	o.showOn(s)
	return s
}

// showOn starts the daemon anew, to show deployments there.
func (o *office) showOn(s *stage) {
	o.t.Helper()
	o.stop()
	o.Deployments, o.Queue = s, turns{work.NewMemory()}
	o.start()
	o.wait(time.Minute)
}

func retention(days string) func(fstest.MapFS) {
	return func(tree fstest.MapFS) {
		was := string(tree["tenants/cedar-clinic.cue"].Data)
		_, rest, _ := strings.Cut(was, "retentionDays: ")
		edit("tenants/cedar-clinic.cue", "retentionDays: "+strings.Fields(rest)[0], "retentionDays: "+days)(tree)
	}
}

// A cell that is to be made in staging.
const stagingCell = `package cells

import "tenantry.dev/schema"

"st-1": schema.#Cell & {
	account:     "production-eu"
	region:      "eu-central-1"
	environment: "staging"
	capacity:    5
	#cell:       _
	#account:    _
	#fleet:      _
	resources?: gateway: {
		kind:          "aws.logs.group"
		retentionDays: 90
	}
}
`

// Each environment that a commit writes to says that it is begun, and that it is done once that was seen. What
// a commit doesn't touch says nothing, and a commit that changes nothing in the cloud says nothing at all.
func TestEnvironmentsSayWhatIsInService(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		if n := s.calls; n != 0 {
			t.Errorf("%d calls for a commit that was applied before", n)
		}
		second := o.git.commit(mainRef, o.first, retention("90"))
		o.wait(5 * time.Minute)
		s.says(t, second, "production in_progress: 1 change to make", "production success: 1 change made, and seen")
		third := o.git.commit(mainRef, second, func(tree fstest.MapFS) {
			tree["cells/st-1.cue"] = &fstest.MapFile{Data: []byte(stagingCell)}
		})
		o.wait(5 * time.Minute)
		s.says(t, third, "staging in_progress: 1 change to make", "staging success: 1 change made, and seen")
		calls := s.calls
		fourth := o.git.commit(mainRef, third, func(tree fstest.MapFS) { tree["README.md"] = &fstest.MapFile{Data: []byte("Hello.\n")} })
		o.wait(5 * time.Minute)
		s.says(t, fourth)
		if s.calls != calls {
			t.Errorf("%d calls for a commit that changes nothing", s.calls-calls)
		}
		if !slices.ContainsFunc(s.said, func(d reconciler.Deployment) bool { return d.Production && !d.Preview }) {
			t.Errorf("%+v", s.said)
		}
	})
}

// What fails says so with the reason, on the pull request with what to do, and is done in the end.
func TestAnEnvironmentSaysWhatFails(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		o.cloud.before = func(string) error { return errors.New("AccessDenied: not allowed") }
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			retention("90")(tree)
			tree["cells/st-1.cue"] = &fstest.MapFile{Data: []byte(stagingCell)}
		})
		o.board.mu.Lock()
		o.board.merges = []reconciler.Merge{{Number: 7, Commit: second}}
		o.board.mu.Unlock()
		o.wait(2 * time.Minute)
		got := strings.Join(s.of(second), "\n")
		for _, want := range []string{
			"production failure: 1 failed: update tenant/cedar-clinic/aws.logs.group/logs: AccessDenied",
			"staging failure: 1 failed: create cell/st-1/aws.logs.group/gateway: AccessDenied",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("said\n%s\nwithout %s", got, want)
			}
		}
		o.board.mu.Lock()
		said := o.board.comments["7 result"]
		o.cloud.before = nil
		o.board.mu.Unlock()
		for _, want := range []string{"**Not done: 2 failed", "/tenantry retry", "revert this pull request", "AccessDenied"} {
			if !strings.Contains(said, want) {
				t.Errorf("the comment says nothing of %q:\n%s", want, said)
			}
		}
		o.Notice(t.Context(), reconciler.Hint{Retry: true})
		o.wait(5 * time.Minute)
		last := s.of(second)
		if n := len(last); n < 2 || !strings.Contains(last[n-1], " success: ") || !strings.Contains(last[n-2], " success: ") {
			t.Errorf("said\n%s", strings.Join(last, "\n"))
		}
		o.board.mu.Lock()
		defer o.board.mu.Unlock()
		if said := o.board.comments["7 result"]; !strings.HasPrefix(said, "**Done: 2 applied, and seen in the cloud as Git wants it**") {
			t.Errorf("said %s", said)
		}
	})
}

// What waits for the cloud is in progress; a newer commit that takes over ends that, and has it as its own.
func TestANewerCommitTakesTheEnvironmentOver(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		o.cloud.slowly("update "+cedarLogs.String(), 20*time.Minute)
		second := o.git.commit(mainRef, o.first, retention("90"))
		o.wait(3 * time.Minute)
		s.says(t, second, "production in_progress: 1 change to make", "production in_progress: 0 of 1 done, 1 waits for the cloud")
		third := o.git.commit(mainRef, second, edit("tenants/delta-freight.cue", "\tdomains:", "\toverrides: jobs: visibilityTimeout: 240\n\tdomains:"))
		o.wait(3 * time.Minute)
		if got := s.of(second); !strings.HasPrefix(got[len(got)-1], "production inactive: A newer commit took over: "+third.Short()) {
			t.Errorf("said %q", got)
		}
		o.wait(30 * time.Minute)
		if got := s.of(third); !strings.HasPrefix(got[len(got)-1], "production success: 2 changes made") {
			t.Errorf("said %q", got)
		}
	})
}

// What a limit holds is not in service, and says why; the comment has the approval ready.
func TestAnEnvironmentWithSomethingHeldIsNotDone(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			text := regexp.MustCompile(`count: .*`).ReplaceAll(tree["fleet.cue"].Data, []byte("count: 3"))
			tree["fleet.cue"] = &fstest.MapFile{Data: regexp.MustCompile(`percent: .*`).ReplaceAll(text, []byte("percent: 5"))}
			retention("90")(tree)
			edit("tenants/delta-freight.cue", "\tdomains:", "\tlifecycle: \"offboarding\"\n\tdomains:")(tree)
		})
		o.board.mu.Lock()
		o.board.merges = []reconciler.Merge{{Number: 7, Commit: second}}
		o.board.mu.Unlock()
		o.wait(5 * time.Minute)
		got := s.of(second)
		if n := len(got); n < 2 || !strings.HasPrefix(got[n-1], "production failure: 1 applied · ") || !strings.Contains(got[n-1], " held: ") {
			t.Errorf("said\n%s", strings.Join(got, "\n"))
		}
		o.board.mu.Lock()
		defer o.board.mu.Unlock()
		for _, want := range []string{"**Done but for what is held: 1 applied · ", "approvals/eu-1.cue", "approval: \"eu-1\": {", "digest:  \"sha256:"} {
			if said := o.board.comments["7 result"]; !strings.Contains(said, want) {
				t.Errorf("the comment says nothing of %q:\n%s", want, said)
			}
		}
	})
}

// A hold in the middle is said, and so is the end of it.
func TestAnEnvironmentOnHold(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		o.cloud.slow = func(string) { time.Sleep(30 * time.Second) }
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			retention("90")(tree)
			edit("tenants/delta-freight.cue", "\tdomains:", "\toverrides: jobs: visibilityTimeout: 240\n\tdomains:")(tree)
		})
		o.Notice(t.Context(), reconciler.Hint{Pushed: true})
		o.wait(5 * time.Second)
		hold := func(why string) {
			if err := o.Reconciler.State.Put(t.Context(), "hold", why); err != nil {
				t.Fatal(err)
			}
		}
		hold("dana asked for it")
		o.wait(5 * time.Minute)
		if got := s.of(second); len(got) < 2 || !strings.HasPrefix(got[1], "production failure: Not all of it: writes are on hold: dana asked for it") {
			t.Errorf("said %q", got)
		}
		hold("")
		o.Notice(t.Context(), reconciler.Hint{Retry: true})
		o.wait(5 * time.Minute)
		if got := s.of(second); !strings.HasPrefix(got[len(got)-1], "production success: ") {
			t.Errorf("said %q", got)
		}
	})
}

// A forge that shows none is said once, and asked no further.
func TestDeploymentsThatMayNotBeWritten(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.onStage()
		s.failing(fmt.Errorf("deployments: %w", reconciler.ErrNoDeployments))
		second := o.git.commit(mainRef, o.first, retention("90"))
		o.wait(5 * time.Minute)
		third := o.git.commit(mainRef, second, retention("60"))
		o.wait(5 * time.Minute)
		if c := o.board.check("tenantry/apply", third); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %q: %s", c.Conclusion, c.Title)
		}
		if said := strings.Count(o.log.String(), "shows no deployments"); said != 1 {
			t.Errorf("said %d times", said)
		}
	})
}

// A forge that is away holds nothing up. What it didn't hear is said when it is back, also after a restart; of
// what changed meanwhile only the last.
func TestDeploymentsAreSaidWhenTheForgeIsBack(t *testing.T) {
	for name, between := range map[string]func(*office, *stage){
		"running":   func(*office, *stage) {},
		"restarted": func(o *office, s *stage) { o.restart(); o.showOn(s) },
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				s := o.onStage()
				s.failing(errors.New("502 Bad Gateway"))
				second := o.git.commit(mainRef, o.first, retention("90"))
				o.wait(2 * time.Minute)
				if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
					t.Errorf("tenantry/apply is %q: %s", c.Conclusion, c.Title)
				}
				s.failing(nil)
				between(o, s)
				o.wait(15 * time.Minute)
				s.says(t, second, "production success: 1 change made")
				calls := s.calls
				o.wait(time.Hour)
				if s.calls != calls {
					t.Errorf("%d more calls", s.calls-calls)
				}
			})
		})
	}
}

// "Re-run" on a commit that is applied looks at it again, and writes nothing.
func TestACommitThatIsAppliedIsLookedAtAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		second := o.git.commit(mainRef, o.first, retention("90"))
		o.wait(5 * time.Minute)
		writes := o.cloud.writeCount()
		o.Notice(t.Context(), reconciler.Hint{Retry: true})
		o.wait(time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" || c.Title != "Nothing to do" {
			t.Errorf("tenantry/apply is %q: %s", c.Conclusion, c.Title)
		}
		if o.cloud.writeCount() != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
	})
}
