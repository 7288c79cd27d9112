package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"tenantry.dev/schema"
)

// A Queue says which key to work on next. Triggers of one key merge, a trigger during a key's run
// causes another run, and no two runs of a key overlap. It carries nothing but keys and promises
// nothing about the cloud: every run reads what it needs anew.
type Queue interface {
	Trigger(ctx context.Context, key string, urgent bool) error
	// Run calls work until ctx ends, and waits for the calls that are under way. A call that
	// returns an error is repeated later.
	Run(ctx context.Context, work func(ctx context.Context, key string) error) error
}

// A Daemon keeps the cloud as the watched branch wants it, and answers on the forge. Its parts run
// only between Run's start and return.
type Daemon struct {
	Reconciler *Reconciler
	Loader     Loader
	Source     Source
	Forge      Forge
	Reviews    Reviews
	Comments   Comments // may be nil: then nobody is listened to
	Queue      Queue
	// Deployments may be nil: then environments are not shown on the forge.
	Deployments Deployments
	// Page is where people see a commit and its checks. May be nil: then nothing leads there.
	Page func(Commit) string
	// Teams may be nil: then those count as owners of a file whom CODEOWNERS names themselves.
	Teams Teams
	// Witness may be nil: then reports don't say who approved.
	Witness Witness
	Log     *slog.Logger

	// Events opens what tells of changes in a fleet's accounts, of these kinds. May be nil: then what changed is
	// found on schedule.
	Events func(fleet *schema.Fleet, kinds []string) ([]Events, error)

	// Claim is asked about a commit of the watched branch before its fleet is looked at in the cloud. Its error
	// says, for people, why the fleet isn't ours to serve. May be nil: then every fleet is.
	Claim func(ctx context.Context, fleet *schema.Fleet) error

	// LogHead says what stands for the whole log at this moment. It goes into every audit report:
	// once in Git, it proves that nothing before it was altered or cut. May be nil.
	LogHead func(context.Context) (string, error)

	// Poll is the time between looks at the repository, for when webhooks are lost; 1 min if zero.
	Poll time.Duration
	// Passes bounds how often in a row a commit is planned and applied until nothing is left to
	// do; 5 if zero. What is left then is tried again later.
	Passes int
	// AcceptRewrite names a commit that may be applied although it doesn't descend from the last
	// one, as after a forced push that was meant. Empty almost always.
	AcceptRewrite Commit

	targets   shelf
	desk      *desk
	beginning sync.Mutex // held while stateBegun is read and set
	astray    bool       // the last try at a commit didn't come to its end; touched by the turns of keyHead alone
	noticed   notices    // what the forge shows of environments
	going     *result    // of a commit that waits for the cloud, so far; touched by the turns of keyHead alone

	telling sync.Mutex // held while an answer to a command is put to those before

	mu     sync.Mutex
	whole  int    // how often a scan of everything became due since the last one began
	newest Commit // what the watched branch was at when last looked
	fleet  fleetSchedules
	moved  chan struct{} // closed when the schedules change
	poke   chan struct{}
	told   []int64              // comments that webhooks told of and that weren't looked at yet
	due    map[string]time.Time // keys that get a turn at a time
	sooner chan struct{}        // says that due changed

	writing  chan struct{} // held from a plan's making to the end of its application
	scanning chan struct{} // held while drift is looked for and spoken about

	tuned   *schema.Fleet // whose events are received
	retuned chan struct{} // closed when that changes
	ears    *ears
	ration  ration
}

type fleetSchedules struct{ drift, audit, weekly string }

// PullKeys is what the keys begin with whose turn answers one pull request.
const PullKeys = "pull/"

// Keys that the daemon works on.
const (
	keyHead   = "head"   // bring the cloud to the watched branch
	keyPulls  = "pulls"  // look for pull requests to answer
	keyPull   = PullKeys // answer one pull request
	keyGroups = "groups" // answer what a merge queue is about to merge
	keyDrift  = "drift"  // look for what was changed in the cloud
	keyAudit  = "audit"  // propose the audit report

	keyEvents = "events" // look again at what events are about
	keyStorm  = "storm"  // look at everything, because there were too many of them

	keyDeploy = "deploy" // say what became of a commit in an environment

	keyCommands = "commands" // obey what people asked for in comments
	keySay      = "say/"     // answer the newest commands on one pull request
	keyReact    = "react/"   // react to one comment: "react/COMMENT/REACTION"
)

// Keys of State.
const (
	stateAccepted    = "accepted"    // the newest commit whose history was accepted
	stateConverged   = "converged"   // the commit that the cloud was last brought to
	stateUntil       = "until"       // when something expires in the commit that the cloud was last brought to
	stateReconciled  = "reconciled"  // the commit that the cloud was last brought to as far as it could be seen
	stateFleet       = "fleet"       // the name of the fleet that was applied
	stateOver        = "over/"       // by branch: the newest proposal whose drift is gone
	stateAbout       = "about/"      // by branch: whose drift its proposal is about
	stateCorrected   = "corrected"   // reports on what was put back that are to be proposed
	stateDeeds       = "deeds"       // who wrote to what drifted
	stateHold        = "hold"        // who stopped all writes, and why; empty if nobody did
	stateDeployments = "deployments" // what the forge is to show of environments
	stateCommands    = "commands"    // which commands in comments were obeyed
	stateSay         = "say/"        // by pull request: the answers to its newest commands
)

// Run works until ctx ends. A write that is under way then is seen through to its answer.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	d.poke, d.moved, d.writing = make(chan struct{}, 1), make(chan struct{}), make(chan struct{}, 1)
	d.sooner, d.scanning = make(chan struct{}, 1), make(chan struct{}, 1)
	d.tuned, d.retuned, d.ears = nil, make(chan struct{}), newEars()
	d.desk = newDesk()
	d.mu.Unlock()
	d.lookAgain()
	var parts sync.WaitGroup
	parts.Go(func() { d.watch(ctx) })
	parts.Go(func() { d.keepTime(ctx) })
	parts.Go(func() { d.keepPromises(ctx) })
	parts.Go(func() { d.listen(ctx) })
	parts.Go(func() { d.greet(ctx) })
	err := d.Queue.Run(ctx, d.work)
	parts.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// work is one turn of the queue. Its error says that the key should be tried again.
func (d *Daemon) work(ctx context.Context, key string) error {
	started := time.Now()
	err := d.turn(ctx, key)
	switch {
	case err != nil && ctx.Err() == nil:
		d.Log.Warn("will be tried again", "key", key, "error", err, "took", time.Since(started).Round(time.Millisecond))
	case err == nil:
		d.Log.Debug("done", "key", key, "took", time.Since(started).Round(time.Millisecond))
	}
	return err
}

func (d *Daemon) turn(ctx context.Context, key string) error {
	if text, ok := strings.CutPrefix(key, keyPull); ok {
		number, err := strconv.Atoi(text)
		if err != nil {
			return nil //nolint:nilerr // not a key of ours; trying again would not help
		}
		return d.pull(ctx, number)
	}
	if text, ok := strings.CutPrefix(key, keySay); ok {
		return d.answer(ctx, text)
	}
	if text, ok := strings.CutPrefix(key, keyPreview); ok {
		return d.preview(ctx, text)
	}
	if text, ok := strings.CutPrefix(key, keyReact); ok {
		return d.react(ctx, text)
	}
	switch key {
	case keyHead:
		return d.head(ctx)
	case keyPulls:
		return d.pulls(ctx)
	case keyGroups:
		return d.groups(ctx)
	case keyDrift:
		return d.drift(ctx)
	case keyStorm:
		d.expectScan()
		return d.drift(ctx)
	case keyEvents:
		return d.heard(ctx)
	case keyAudit:
		return d.audit(ctx)
	case keyWeekly:
		return d.weekly(ctx)
	case keyCommands:
		return d.commands(ctx)
	case keyDeploy:
		return d.deploy(ctx)
	}
	return nil
}

// trigger asks for a turn of a key. The queue refuses only when it is shutting down.
func (d *Daemon) trigger(ctx context.Context, key string, urgent bool) {
	if err := d.Queue.Trigger(ctx, key, urgent); err != nil && ctx.Err() == nil {
		d.Log.Warn("trigger", "key", key, "error", err)
	}
}

// A Hint is what a webhook says may have happened. It decides nothing: whatever it is about is
// read again. Losing, repeating or forging one changes nothing but the time of the next look.
type Hint struct {
	Pushed bool // the watched branch may have moved
	Pull   int  // this pull request may have changed; 0 for none
	// Head and Base are what the pull request was at, and its base, as far as is known. What is answered
	// for them needs no look.
	Head, Base Commit
	Closed     bool // the pull request may have been closed
	// Again tells that a person wants the pull request answered once more, by the event Delivery.
	Again    bool
	Delivery string
	Retry    bool // a person asks to try again what failed
	Drift    bool // a proposal of ours was decided on
	Queued   bool // a merge queue has something to be checked
	// Comment holds a command; 0 for none. What it says and who may say it is read again.
	Comment int64
}

// Notice takes a hint. It returns at once and is safe for concurrent use.
func (d *Daemon) Notice(ctx context.Context, h Hint) {
	if h.Pushed {
		d.look()
	}
	if h.Comment != 0 {
		d.hear(h.Comment)
		d.trigger(ctx, keyCommands, true)
	}
	if h.Pull != 0 {
		d.mu.Lock()
		at := d.desk
		d.mu.Unlock()
		if at != nil { // otherwise the daemon looks at everything once it runs
			at.put(h)
		}
	}
	if h.Retry {
		d.noticed.askAgain()
		d.trigger(ctx, keyHead, true)
	}
	if h.Drift {
		d.trigger(ctx, keyDrift, true)
	}
	if h.Queued {
		d.trigger(ctx, keyGroups, true)
	}
}

// Ready tells whether the config repository was read since the start.
func (d *Daemon) Ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest != ""
}

func (d *Daemon) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.poke <- struct{}{}:
	default: // a look is due already, or the daemon isn't running
	}
}

// watch looks at the watched branch on every poke and every Poll. It runs beside the work, so that
// a newer commit stops the writes for an older one.
func (d *Daemon) watch(ctx context.Context) {
	ticker := time.NewTicker(cmp.Or(d.Poll, time.Minute))
	defer ticker.Stop()
	for whole := true; ; {
		moved := d.lookAtBranch(ctx)
		if whole || moved { // hints of pushes may be many, and all else has hints of its own
			d.trigger(ctx, keyPulls, false)
			d.trigger(ctx, keyGroups, false)
			d.trigger(ctx, keyCommands, false)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			whole = true
		case <-d.poke:
			whole = false
		}
	}
}

// lookAtBranch tells whether the watched branch moved, and has that worked on.
func (d *Daemon) lookAtBranch(ctx context.Context) (moved bool) {
	commit, err := d.Source.Head(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.Log.Warn("the config repository can't be read; what was accepted before stays in force", "error", err)
		}
		return false
	}
	d.mu.Lock()
	moved = d.newest != commit
	d.newest = commit
	d.mu.Unlock()
	if moved {
		d.Log.Info("the watched branch moved", "commit", commit.Short())
		d.trigger(ctx, keyHead, true)
	}
	return moved
}

// fence stops the writes for a commit once a newer one is there, or a person asked to hold. That the
// daemon is to end doesn't shut it: a write that was begun is seen through.
func (d *Daemon) fence(ctx context.Context, commit Commit) func() error {
	ctx = context.WithoutCancel(ctx)
	return func() error {
		d.mu.Lock()
		newest := d.newest
		d.mu.Unlock()
		if newest != commit {
			return fmt.Errorf("commit %s took over from %s", newest.Short(), commit.Short())
		}
		return d.held(ctx)
	}
}

// alone waits until nothing else of this daemon writes, and keeps it so until release is called: of
// two plans that are applied at the same time, one would undo or repeat what the other does.
func (d *Daemon) alone(ctx context.Context) (release func(), err error) {
	select {
	case d.writing <- struct{}{}:
		return func() { <-d.writing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// held tells whether a person stopped all writes.
func (d *Daemon) held(ctx context.Context) error {
	why, err := d.Reconciler.State.Get(ctx, stateHold)
	if err != nil {
		return fmt.Errorf("whether writes are on hold: %w", err)
	}
	if why != "" {
		return errors.New("writes are on hold: " + why)
	}
	return nil
}

// keepTime triggers the scheduled work. Schedules come from the fleet and are read anew for every
// wait, and a commit that changes them ends the wait.
func (d *Daemon) keepTime(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { d.onSchedule(ctx, keyDrift, func(s fleetSchedules) string { return s.drift }) })
	parts.Go(func() { d.onSchedule(ctx, keyAudit, func(s fleetSchedules) string { return s.audit }) })
	parts.Go(func() { d.onSchedule(ctx, keyWeekly, func(s fleetSchedules) string { return s.weekly }) })
	parts.Wait()
}

func (d *Daemon) onSchedule(ctx context.Context, key string, of func(fleetSchedules) string) {
	for {
		d.mu.Lock()
		text, moved := of(d.fleet), d.moved
		d.mu.Unlock()
		// Without a schedule there is nothing to wait for but one: a nil channel never delivers.
		var due <-chan time.Time
		if schedule, err := cron.ParseStandard(text); err == nil {
			if next := schedule.Next(time.Now().UTC()); !next.IsZero() { // as of the 31st of February
				due = time.NewTimer(time.Until(next)).C // left to the collector if the schedule moves first
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-moved:
		case <-due:
			if key == keyDrift {
				d.expectScan()
			}
			d.trigger(ctx, key, false)
		}
	}
}

// schedule takes over the schedules of a fleet.
func (d *Daemon) schedule(fleet *schema.Fleet) {
	if fleet == nil {
		return // those of the last good commit stay
	}
	d.tune(fleet)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := fleetSchedules{drift: fleet.Schedules.Drift, audit: fleet.Schedules.Audit, weekly: fleet.Schedules.Weekly}
	if now != d.fleet && d.moved != nil {
		close(d.moved)
		d.moved = make(chan struct{})
	}
	d.fleet = now
}
