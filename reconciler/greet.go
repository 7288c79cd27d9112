package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

const (
	// askedAgain stands in the place of an answer that a person wants once more.
	askedAgain = "again"
	// stateAgain is, by pull request, the event that asked for it last.
	stateAgain = "again/"
	// stateBegun has the answers that are under way: by pull request, which checks were begun on which head.
	stateBegun = "begun"
)

// errOvertaken means that a pull request got another head, or was closed, while it was being answered.
var errOvertaken = errors.New("the pull request isn't what it was any more")

// A desk is where hints about pull requests are taken up. They are looked at one after the other, beside
// all other work: most are about what is answered already, and whoever pushed something new should see
// at once that it was noticed.
type desk struct {
	mu      sync.Mutex
	order   []int // the pull requests that there are hints about, the longest waiting first
	hints   map[int]Hint
	bell    chan struct{}
	begun   map[int]*beginning
	running map[int]answering
}

// A beginning is the first sign of life on the head of a pull request.
type beginning struct {
	head Commit
	done chan struct{} // closed once it was given, or failed
	err  error
}

// An answering is one that is under way.
type answering struct {
	head Commit
	stop context.CancelCauseFunc
}

func newDesk() *desk {
	return &desk{hints: map[int]Hint{}, bell: make(chan struct{}, 1), begun: map[int]*beginning{}, running: map[int]answering{}}
}

// put takes up a hint. Several about one pull request become one, which knows of it only what they agree
// on: they may have come in any order.
func (k *desk) put(h Hint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, waits := k.hints[h.Pull]
	if !waits {
		k.order = append(k.order, h.Pull)
	} else {
		if before.Head != h.Head || before.Base != h.Base {
			h.Head, h.Base = "", ""
		}
		if before.Again {
			h.Again, h.Delivery = true, before.Delivery
		}
		h.Closed = h.Closed && before.Closed
	}
	k.hints[h.Pull] = h
	select {
	case k.bell <- struct{}{}:
	default:
	}
}

func (k *desk) take() (Hint, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.order) == 0 {
		return Hint{}, false
	}
	h := k.hints[k.order[0]]
	delete(k.hints, h.Pull)
	k.order = k.order[1:]
	return h, true
}

// attend is the context of an answer to a head, until overtake ends it.
func (k *desk) attend(ctx context.Context, pr PullRequest) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running[pr.Number] = answering{pr.Head, stop}
	return ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.running, pr.Number)
		stop(nil)
	}
}

// overtake ends the answer to any other head of a pull request; to all if head is empty.
func (k *desk) overtake(number int, head Commit) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if under, ok := k.running[number]; ok && under.head != head {
		under.stop(errOvertaken)
	}
}

// begins tells whether the caller is the one to give the first sign on a head. If not, it was given, or
// is being given by somebody else.
func (k *desk) begins(number int, head Commit) (b *beginning, first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b = k.begun[number]; b != nil && b.head == head {
		return b, false
	}
	b = &beginning{head: head, done: make(chan struct{})}
	k.begun[number] = b
	return b, true
}

// hasBegun tells whether the first sign on a head was given, or is being given.
func (k *desk) hasBegun(number int, head Commit) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.begun[number]
	return b != nil && b.head == head
}

// forget has the next answer begin anew.
func (k *desk) forget(number int, head Commit) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.begun[number]; b != nil && (head == "" || b.head == head) {
		delete(k.begun, number)
	}
}

// greet looks at what hints are about until ctx ends.
func (d *Daemon) greet(ctx context.Context) {
	for ctx.Err() == nil {
		h, ok := d.desk.take()
		if !ok {
			select {
			case <-ctx.Done():
			case <-d.desk.bell:
			}
			continue
		}
		if err := d.meet(ctx, h); err != nil && ctx.Err() == nil {
			d.Log.Warn("a pull request can't be looked at now", "pull_request", h.Pull, "error", err)
			d.trigger(ctx, keyPull+strconv.Itoa(h.Pull), true) // the queue tries again
		}
	}
}

// meet looks at the pull request that a hint is about. What is answered already costs nothing, not even a
// question to the forge; what isn't gets its first sign of life, and a turn to be answered.
func (d *Daemon) meet(ctx context.Context, h Hint) error {
	answered, err := d.Reconciler.State.Get(ctx, answerKey(h.Pull))
	if err != nil {
		return fmt.Errorf("recall the answer: %w", err)
	}
	if h.Again {
		if answered, err = d.askAgain(ctx, h, answered); err != nil {
			return err
		}
	}
	said := PullRequest{Head: h.Head, Base: h.Base}
	if h.Head != "" && (answered == question(said) || d.desk.hasBegun(h.Pull, h.Head) && answered != askedAgain) {
		return nil
	}
	if h.Closed {
		under, err := d.unanswered(ctx)
		if _, is := under[h.Pull]; err != nil || !is {
			return err
		}
	}
	pr, open, err := d.Reviews.PullRequest(ctx, h.Pull)
	switch {
	case err != nil:
		return fmt.Errorf("read it: %w", err)
	case !open:
		return d.dismiss(ctx, h.Pull)
	case answered == question(pr):
		return nil
	}
	d.desk.overtake(pr.Number, pr.Head)
	d.trigger(ctx, keyPull+strconv.Itoa(pr.Number), true)
	return d.begin(ctx, pr, answered == askedAgain)
}

// askAgain has a pull request answered although it was. An event that did so before has no effect a
// second time, also after a restart.
func (d *Daemon) askAgain(ctx context.Context, h Hint, answered string) (string, error) {
	key := stateAgain + strconv.Itoa(h.Pull)
	last, err := d.Reconciler.State.Get(ctx, key)
	if err != nil {
		return "", fmt.Errorf("recall who asked for another answer: %w", err)
	}
	if h.Delivery != "" && last == h.Delivery {
		return answered, nil
	}
	if err := d.Reconciler.State.Put(ctx, answerKey(h.Pull), askedAgain); err != nil {
		return "", fmt.Errorf("forget the answer: %w", err)
	}
	if err := d.Reconciler.State.Put(ctx, key, h.Delivery); err != nil {
		return "", fmt.Errorf("remember who asked for another answer: %w", err)
	}
	return askedAgain, nil
}

// begin shows on the head of a pull request that it was noticed: with one check, since each costs a write
// that others wait for; with all if a person asked for them again. It does so once for each answer.
// What was begun on another head is ended after that.
func (d *Daemon) begin(ctx context.Context, pr PullRequest, again bool) error {
	b, first := d.desk.begins(pr.Number, pr.Head)
	if !first {
		select {
		case <-b.done:
			return b.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	answered, err := d.Reconciler.State.Get(ctx, answerKey(pr.Number))
	if err == nil && answered != question(pr) { // otherwise somebody else was faster
		err = d.giveSign(ctx, pr, again)
	}
	b.err = err
	if err != nil || answered == question(pr) {
		d.desk.forget(pr.Number, pr.Head)
	}
	close(b.done)
	return err
}

func (d *Daemon) giveSign(ctx context.Context, pr PullRequest, again bool) error {
	checks := []string{checkPlan}
	if again {
		checks = pullChecks()
	}
	before, err := d.noteBegun(ctx, pr.Number, signs{Head: pr.Head, Checks: checks})
	if err != nil {
		return err
	}
	for _, name := range checks {
		if err := d.check(ctx, Check{Name: name, Commit: pr.Head, Title: "Working on it"}); err != nil {
			return err
		}
	}
	if before.Head == pr.Head {
		return nil
	}
	return d.endBegun(ctx, before, "Overtaken by "+pr.Head.Short())
}

// dismiss ends what was begun for a pull request that is closed.
func (d *Daemon) dismiss(ctx context.Context, number int) error {
	d.desk.overtake(number, "")
	before, err := d.noteBegun(ctx, number, signs{})
	if err != nil {
		return err
	}
	d.desk.forget(number, "")
	return d.endBegun(ctx, before, "The pull request was closed before there was an answer")
}

// answered remembers the answer to a pull request, unless a person asked for another one in the meantime.
func (d *Daemon) answered(ctx context.Context, pr PullRequest, asked string) error {
	state := d.Reconciler.State
	now, err := state.Get(ctx, answerKey(pr.Number))
	if err != nil {
		return fmt.Errorf("recall the answer to pull request %d: %w", pr.Number, err)
	}
	if now == asked {
		if err := state.Put(ctx, answerKey(pr.Number), question(pr)); err != nil {
			return fmt.Errorf("remember the answer to pull request %d: %w", pr.Number, err)
		}
	}
	_, err = d.noteBegun(ctx, pr.Number, signs{})
	d.desk.forget(pr.Number, pr.Head)
	return err
}

// Signs are which checks are in progress on a head.
type signs struct {
	Head   Commit   `json:"head"`
	Checks []string `json:"checks"`
}

// unanswered is what was begun and not ended yet, by pull request.
func (d *Daemon) unanswered(ctx context.Context) (map[int]signs, error) {
	all := map[int]signs{}
	err := d.recall(ctx, stateBegun, &all, "which pull requests are being answered")
	return all, err
}

// noteBegun remembers what was begun for a pull request, or with no head that nothing is, and returns
// what that was before.
func (d *Daemon) noteBegun(ctx context.Context, number int, b signs) (before signs, err error) {
	d.beginning.Lock()
	defer d.beginning.Unlock()
	all, err := d.unanswered(ctx)
	if err != nil {
		return signs{}, err
	}
	before = all[number]
	if before.Head == b.Head && slices.Equal(before.Checks, b.Checks) {
		return before, nil
	}
	all[number] = b
	if b.Head == "" {
		delete(all, number)
	}
	if err := d.remember(ctx, stateBegun, all, "which pull requests are being answered"); err != nil {
		return signs{}, err
	}
	return before, nil
}

// endBegun ends checks that nobody will finish.
func (d *Daemon) endBegun(ctx context.Context, b signs, why string) error {
	for _, name := range b.Checks {
		c := Check{Name: name, Commit: b.Head, Conclusion: "cancelled", Title: why, Summary: why + ".", Aside: true}
		if err := d.check(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// sayPlan puts the plan of a pull request into its comment, unless there is nobody left to read it.
func (d *Daemon) sayPlan(ctx context.Context, pr PullRequest, body string) error {
	now, open, err := d.Reviews.PullRequest(ctx, pr.Number)
	switch {
	case err != nil:
		return fmt.Errorf("read pull request %d: %w", pr.Number, err)
	case !open || now.Head != pr.Head:
		return errOvertaken
	}
	if err := d.Reviews.Comment(ctx, pr.Number, keyPlan, body); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", pr.Number, err)
	}
	return nil
}

// together does several things at the same time and waits for all of them.
func together(parts ...func() error) error {
	failures := make([]error, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		group.Go(func() { failures[i] = part() })
	}
	group.Wait()
	return errors.Join(failures...)
}
