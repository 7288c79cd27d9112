package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/internal/sandbox"
	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler/resource"
)

// The tests of this file end a real process at every point at which an onboarding writes to the
// cloud, and want the next runs to bring the cloud to exactly what an undisturbed run makes.

// settle is how long a create of a key stays open that nothing is seen of. It is short, so that
// these tests are.
const settle = 2 * time.Second

// A site is a cloud, an applied fleet of two cells, and the folder of its definitions, which has one
// tenant more than was applied.
type site struct {
	t     *testing.T
	world *sandbox.World
	fleet string
	data  string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, fleet: filepath.Join(dir, "fleet"), data: filepath.Join(dir, "data")}
	if err := exampleFleet(s.fleet, "acme"); err != nil {
		t.Fatal(err)
	}
	tenant := filepath.Join(s.fleet, "tenants", "acme.cue")
	definition, err := os.ReadFile(tenant)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(tenant); err != nil {
		t.Fatal(err)
	}
	if s.world, err = raiseWorld(t.Context(), s.fleet, dir, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.world.Close(); err != nil {
			t.Error(err)
		}
	})
	if code, out := s.run("apply", s.fleet, "--auto-approve"); code != 0 {
		t.Fatalf("the fleet before the onboarding: exit code %d\n%s", code, out)
	}
	if err := os.WriteFile(tenant, definition, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) start(args ...string) *process {
	s.t.Helper()
	p, err := start(s.fleet, append(s.world.AWSSettings(), "TENANTRY_DATA_DIR="+s.data, "USER="+scriptPerson), args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *site) apply() *process {
	s.t.Helper()
	return s.start("apply", s.fleet, "--auto-approve", "--settle", settle.String())
}

// run runs the program to its end.
func (s *site) run(args ...string) (code int, output string) {
	s.t.Helper()
	p := s.start(args...)
	return s.end(p), p.log.String()
}

// end waits for a process and returns its exit code.
func (s *site) end(p *process) int {
	s.t.Helper()
	<-p.done
	var failed *exec.ExitError
	switch {
	case errors.As(p.err, &failed):
		return failed.ExitCode()
	case p.err != nil:
		s.t.Fatal(p.err)
	}
	return 0
}

// recover applies again until nothing is left to do. Only a create that may still arrive may take
// more than one run, and only as long as it stays open.
func (s *site) recover() {
	s.t.Helper()
	deadline := time.Now().Add(scriptPatience)
	ticker := time.NewTicker(settle / 4)
	defer ticker.Stop()
	for {
		p := s.apply()
		switch code := s.end(p); {
		case code == 0:
			return
		case code == codeHeld && strings.Contains(p.log.String(), "an earlier create was sent") && time.Now().Before(deadline):
			<-ticker.C
		default:
			s.t.Fatalf("apply again: exit code %d\n%s", code, p.log)
		}
	}
}

// whole fails the test unless the cloud is exactly as an undisturbed onboarding leaves it, nothing
// was ever there twice, nothing is left to do, and the log is whole.
func (s *site) whole(want []string) {
	s.t.Helper()
	if code, out := s.run("plan", s.fleet, "--detailed-exitcode"); code != 0 {
		s.t.Errorf("a plan afterwards: exit code %d\n%s", code, out)
	}
	if twins := awsbox.Twins(s.world.AWS.History(), "tenantry:fleet", "tenantry:address"); len(twins) > 0 {
		s.t.Errorf("two resources carried one address: %+v", twins)
	}
	if diff := cmp.Diff(want, s.census()); diff != "" {
		s.t.Errorf("the cloud differs from an undisturbed run's (- there, + here):\n%s", diff)
	}
	if err := proven(s.t.Context(), s.data); err != nil {
		s.t.Errorf("the audit log: %v", err)
	}
	s.known()
	if s.t.Failed() {
		for _, e := range s.world.AWS.History() {
			s.t.Logf("%s %s %s by %s, %v", e.What, e.Kind, e.Name, e.Operation, e.Tags)
		}
	}
}

// known fails the test unless every key carries the mark of the intents that its address has in the
// log, and of no other.
func (s *site) known() {
	s.t.Helper()
	kept, err := store.Open(s.t.Context(), s.data, store.ReadOnly)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	for _, r := range s.world.AWS.Live() {
		address, err := resource.ParseAddress(r.Tags["tenantry:address"])
		if err != nil || r.Kind != "aws.kms.key" {
			continue
		}
		nonces, err := kept.Nonces(s.t.Context(), []resource.Address{address})
		if nonce := r.Tags["tenantry:nonce"]; err != nil || nonce == "" || !slices.Equal(nonces[address], []string{nonce}) {
			s.t.Errorf("%s carries the nonce %q, and the log has %q, %v", address, nonce, nonces[address], err)
		}
	}
}

// census names everything that exists, marked or not. What AWS names at random goes by what it is for.
func (s *site) census() []string {
	var list []string
	for _, r := range s.world.AWS.Live() {
		name := r.Name
		switch r.Kind {
		case "aws.kms.key", "aws.secretsmanager.secret":
			name = "(random)"
		case "aws.sns.subscription":
			name = r.Attributes["TopicArn"] + " " + r.Attributes["Endpoint"]
		}
		list = append(list, fmt.Sprintf("%s %s %s %s, marked %q, of %q", r.Account, r.Region, r.Kind, name, r.Tags["tenantry:address"], r.Tags["tenantry:fleet"]))
	}
	slices.Sort(list)
	return list
}

// undisturbed is the census after an onboarding that nothing happened to, and how many writes it makes.
func undisturbed(t *testing.T) (census []string, writes int) {
	t.Helper()
	s := newSite(t)
	before := s.world.AWS.Writes()
	if code := s.end(s.apply()); code != 0 {
		t.Fatalf("an undisturbed onboarding: exit code %d", code)
	}
	return s.census(), s.world.AWS.Writes() - before
}

// A tripwire is reached at the k-th write, and has nothing take effect from then on until it is cut.
type tripwire struct {
	reached, cut chan struct{}
	remove       []func()

	mu   sync.Mutex
	left int
}

// afterWrite is reached when the k-th write from now on has taken effect. Its answer is held back.
func afterWrite(cloud *awsbox.Server, k int) *tripwire {
	w := &tripwire{reached: make(chan struct{}), cut: make(chan struct{}), left: k}
	before := func(c awsbox.Call) awsbox.Fault {
		return awsbox.Fault{Drop: c.Write && w.wasReached()}
	}
	after := func(c awsbox.Call) awsbox.Fault {
		if !c.Write || !w.count() {
			return awsbox.Fault{}
		}
		<-w.cut
		return awsbox.Fault{Drop: true}
	}
	w.remove = []func(){cloud.Before(before), cloud.After(after)}
	return w
}

// count counts a write down, and tells whether it was the k-th.
func (w *tripwire) count() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left--
	if w.left == 0 {
		close(w.reached)
	}
	return w.left == 0
}

func (w *tripwire) wasReached() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left <= 0
}

// kill ends the process once the wire is reached; false if it ended by itself before.
func (w *tripwire) kill(t *testing.T, p *process) bool {
	t.Helper()
	defer func() {
		close(w.cut)
		for _, remove := range w.remove {
			remove()
		}
	}()
	select {
	case <-w.reached:
	case <-p.done:
		if p.err != nil {
			t.Fatalf("the process ended: %v\n%s", p.err, p.log)
		}
		return false
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	return true
}

// A process that is killed right after any of its writes leaves nothing that the next run doesn't
// finish, and nothing that it makes twice.
func TestKilledAfterEveryWrite(t *testing.T) {
	want, writes := undisturbed(t)
	k, killed := 1, true
	for ; killed; k++ {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s := newSite(t)
			wire := afterWrite(s.world.AWS, k)
			if killed = wire.kill(t, s.apply()); killed {
				s.recover()
			}
			s.whole(want)
		})
		if t.Failed() {
			return
		}
	}
	if k -= 2; k < writes || writes < 15 {
		t.Errorf("killed after %d writes, and an onboarding makes %d", k, writes)
	}
}

// A process that goes on without the answer to any one of its writes doesn't make anything twice
// either, and finds out by itself or in the next run what became of the write.
func TestEveryAnswerLostOnce(t *testing.T) {
	want, all := undisturbed(t)
	k, lost := 1, true
	for ; lost; k++ {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s := newSite(t)
			var mu sync.Mutex
			writes := 0
			s.world.AWS.After(func(c awsbox.Call) awsbox.Fault {
				mu.Lock()
				defer mu.Unlock()
				if c.Write {
					writes++
				}
				return awsbox.Fault{Drop: c.Write && writes == k}
			})
			p := s.apply()
			if code := s.end(p); code != 0 && code != codePartly {
				t.Fatalf("exit code %d\n%s", code, p.log)
			}
			mu.Lock()
			lost = writes >= k
			mu.Unlock()
			s.recover()
			s.whole(want)
		})
		if t.Failed() {
			return
		}
	}
	if k -= 2; k < all || all < 15 {
		t.Errorf("lost the answers to %d writes, and an onboarding makes %d", k, all)
	}
}

// A key has no name that makes a second creation fail, so that a creation without an answer is
// waited for. Here it never takes effect: the process is killed before, and the next ones may send
// it again only when it can't arrive any more.
func TestKilledBeforeAKeyIsMade(t *testing.T) {
	want, _ := undisturbed(t)
	s := newSite(t)
	reached, cut := make(chan struct{}), make(chan struct{})
	remove := s.world.AWS.Before(func(c awsbox.Call) awsbox.Fault {
		if c.Name() != "kms.CreateKey" {
			return awsbox.Fault{}
		}
		close(reached)
		<-cut
		return awsbox.Fault{Drop: true}
	})
	p := s.apply()
	select {
	case <-reached:
	case <-p.done:
		t.Fatalf("no key was made\n%s", p.log)
	}
	err := p.kill()
	close(cut)
	remove()
	if err != nil {
		t.Fatal(err)
	}
	s.recover()
	s.whole(want)
	var sent []time.Time
	for _, c := range s.world.AWS.Calls() {
		if c.Name() == "kms.CreateKey" {
			sent = append(sent, c.Time)
		}
	}
	if len(sent) != 2 || sent[1].Sub(sent[0]) < settle {
		t.Errorf("keys were created at %v, want two times and %s between them", sent, settle)
	}
}

// The daemon, too, goes on after a kill where it was: also when a key may still arrive, it finishes
// by itself, without a new commit.
func TestDaemonKilledBeforeAKeyIsMade(t *testing.T) {
	want, _ := undisturbed(t)
	s := newSite(t)
	ctx := context.WithoutCancel(t.Context())
	reached, cut := make(chan struct{}), make(chan struct{})
	var once sync.Once
	remove := s.world.AWS.Before(func(c awsbox.Call) awsbox.Fault {
		if c.Name() != "kms.CreateKey" {
			return awsbox.Fault{}
		}
		once.Do(func() { close(reached) })
		<-cut
		return awsbox.Fault{Drop: true}
	})
	if err := s.publish(); err != nil {
		t.Fatal(err)
	}
	p := s.daemon()
	select {
	case <-reached:
	case <-p.done:
		t.Fatalf("the daemon ended: %v\n%s", p.err, p.log)
	}
	err := p.kill()
	close(cut)
	remove()
	if err != nil {
		t.Fatal(err)
	}
	p = s.daemon()
	scene := &scene{t: t, world: s.world, daemon: p}
	err = scene.eventually(func() (string, error) {
		for _, run := range s.world.GitHub.CheckRuns(s.world.Repo, s.world.GitHub.Tip(s.world.Repo, "main")) {
			if run.Name == "tenantry/apply" && run.Conclusion == "success" {
				return "", ctx.Err()
			} else if run.Name == "tenantry/apply" {
				return fmt.Sprintf("tenantry/apply is %s %s: %s\n%s", run.Status, run.Conclusion, run.Title, run.Summary), nil
			}
		}
		return "there is no check tenantry/apply", nil
	})
	if err != nil {
		t.Errorf("%v\n%s", err, p.log)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	s.whole(want)
}

// publish merges the new tenant's definition into the watched branch.
func (s *site) publish() error {
	const file = "tenants/acme.cue"
	definition, err := os.ReadFile(filepath.Join(s.fleet, file))
	if err != nil {
		return err
	}
	_, err = s.world.GitHub.CommitFiles(s.world.Repo, "main", scriptPerson, "Onboard Acme", map[string][]byte{file: definition})
	return err
}

func (s *site) daemon() *process {
	s.t.Helper()
	p, err := start(s.fleet, append(s.world.Settings(), "TENANTRY_DATA_DIR="+s.data, "TENANTRY_LISTEN=127.0.0.1:0",
		"TENANTRY_POLL=500ms", "TENANTRY_GITHUB_WRITE_INTERVAL=5ms"), "run", "--log-format", "json", "--settle", settle.String())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}
