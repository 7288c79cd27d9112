package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/internal/work"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A wire is a queue of events: messages that a receive hides for a while, until somebody confirms them.
type wire struct {
	mu        sync.Mutex
	letters   []*letter
	arrived   chan struct{}
	failing   error // of every receive
	garbage   int   // messages that are no events
	receives  int
	confirmed int
}

type letter struct {
	event   providers.Event
	visible time.Time
	gone    bool
}

func newWire() *wire { return &wire{arrived: make(chan struct{})} }

func (w *wire) String() string { return "the wire" }

// send has events arrive.
func (w *wire) send(events ...providers.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		w.letters = append(w.letters, &letter{event: e})
	}
	close(w.arrived)
	w.arrived = make(chan struct{})
}

func (w *wire) Receive(ctx context.Context) ([]providers.Event, func(context.Context) error, error) {
	over := time.After(20 * time.Second)
	for {
		events, done, arrived, err := w.batch()
		if len(events) > 0 || done != nil || err != nil {
			return events, done, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-over:
			return nil, nil, nil
		case <-arrived:
		}
	}
}

func (w *wire) batch() (events []providers.Event, done func(context.Context) error, arrived chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receives++
	if w.failing != nil {
		return nil, nil, nil, w.failing
	}
	var taken []*letter
	for _, l := range w.letters {
		if len(taken) < 10 && !l.gone && !time.Now().Before(l.visible) {
			l.visible = time.Now().Add(2 * time.Minute)
			taken = append(taken, l)
			events = append(events, l.event)
		}
	}
	if w.garbage > 0 {
		err = fmt.Errorf("%w: it is no JSON", providers.ErrForeign)
	}
	if len(taken)+w.garbage > 0 {
		done = func(context.Context) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.garbage = 0
			for _, l := range taken {
				l.gone = true
				w.confirmed++
			}
			return nil
		}
	}
	return events, done, w.arrived, err
}

// reads counts what drivers are asked.
type reads struct {
	mu              sync.Mutex
	listed, refresh int
	slow            time.Duration // that the next read of one resource takes
}

func (r *reads) take() (listed, refresh int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	listed, refresh = r.listed, r.refresh
	r.listed, r.refresh = 0, 0
	return listed, refresh
}

type counted struct {
	*memory
	reads *reads
}

func (c counted) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	c.reads.mu.Lock()
	c.reads.listed++
	c.reads.mu.Unlock()
	return c.memory.Observe(ctx, scope, fleet)
}

func (c counted) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	c.reads.mu.Lock()
	c.reads.refresh++
	slow := c.reads.slow
	c.reads.slow = 0
	c.reads.mu.Unlock()
	time.Sleep(slow)
	return c.memory.Refresh(ctx, have)
}

// A post is an office that receives events, and in which nothing else looks for drift.
type post struct {
	*office
	wires []*wire
	reads *reads
	head  reconciler.Commit
}

// listening runs a story with a daemon that receives events over two wires and looks for drift at noon.
func listening(t *testing.T, story func(*post)) {
	t.Helper()
	inOffice(t, func(o *office) {
		p := &post{office: o, wires: []*wire{newWire(), newWire()}, reads: &reads{}}
		o.stop()
		before := o.Daemon
		plain := before.Reconciler.Providers
		before.Reconciler.Providers = func(fleet *schema.Fleet, kinds []string) (providers.Set, error) {
			set, err := plain(fleet, kinds)
			var list []providers.Driver
			for _, d := range set {
				list = append(list, counted{d.(*memory), p.reads})
			}
			if err != nil {
				return nil, err
			}
			return providers.NewSet(list...)
		}
		p.head = o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("fleet.cue", `externalId: "brightdesk-production-eu"`, "externalId: \"brightdesk-production-eu\"\n\t\tevents: queue: \"tenantry-events\"")(tree)
			edit("fleet.cue", `drift: "15 * * * *"`, `drift: "0 12 * * *"`)(tree)
		})
		before.Events = func(fleet *schema.Fleet, kinds []string) ([]reconciler.Events, error) {
			if fleet.Accounts[0].Events.Queue != "tenantry-events" || len(kinds) < 8 {
				t.Errorf("events of %+v about %v", fleet.Accounts[0], kinds)
			}
			return []reconciler.Events{p.wires[0], p.wires[1]}, nil
		}
		p.resume()
		if c := o.board.check("tenantry/apply", p.head); c.Conclusion != "success" {
			o.t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		p.reads.take()
		defer func() {
			if o.t.Failed() {
				o.t.Log(o.log.String())
			}
		}()
		story(p)
	})
}

// resume starts another daemon over the same store.
func (p *post) resume() {
	before := p.Daemon
	p.Daemon = &reconciler.Daemon{
		Reconciler: before.Reconciler, Loader: before.Loader, Source: before.Source, Forge: before.Forge, Reviews: before.Reviews,
		Comments: before.Comments, Teams: before.Teams, Queue: turns{work.NewMemory()}, Log: before.Log, Events: before.Events,
	}
	p.start()
	p.wait(5 * time.Minute)
}

// retention is an event that says that somebody set how long a log group is kept.
func retentionSet(id string, at time.Time, names ...string) providers.Event {
	return providers.Event{
		ID: id, Scope: cedarScope, Action: "logs:PutRetentionPolicy",
		Kinds: []string{"aws.logs.group"}, Names: names, By: "arn:aws:sts::111122223333:assumed-role/Admins/robin@example.com",
		Session: "robin@example.com", From: "203.0.113.7", At: at,
	}
}

// cedarScope is where Cedar Clinic is.
var cedarScope = resource.Scope{Account: "444455556666", Region: "us-east-1"}

// cedarName is what the cloud calls Cedar Clinic's log group.
var cedarName = cedarLogs.String()

const retentionDrift = "tenantry/drift/logs-group_retentiondays"

// What somebody did is known within a second or two, with their name, at the cost of a few reads.
func TestAnEventHastensTheLook(t *testing.T) {
	listening(t, func(p *post) {
		began := time.Now()
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		p.wires[0].send(retentionSet("1", began, "something", cedarName))
		p.wait(2 * time.Second)
		if open := p.board.open(); len(open) != 1 || open[0] != retentionDrift {
			p.t.Fatalf("after two seconds, open: %v", open)
		}
		listed, refreshed := p.reads.take()
		if listed != 0 || refreshed > 2 {
			p.t.Errorf("%d listings and %d reads for one event", listed, refreshed)
		}
		proposal := p.proposal(retentionDrift)
		want := "| `" + cedarName + "` | `logs:PutRetentionPolicy` | `arn:aws:sts::111122223333:assumed-role/Admins/robin@example.com` | `robin@example.com` | `203.0.113.7` |"
		if !strings.Contains(proposal.Body, want) || !strings.Contains(string(proposal.Files["reports/drift/logs-group_retentiondays.json"]), `"session": "robin@example.com"`) {
			p.t.Errorf("the report is\n%s", proposal.Body)
		}
		if p.wires[0].confirmed != 1 {
			p.t.Error("the event wasn't confirmed")
		}
		// A later scan, of another process that heard nothing, says the same.
		digest, body := proposal.Digest, proposal.Body
		p.stop()
		p.resume()
		p.wait(24 * time.Hour)
		if now := p.proposal(retentionDrift); now.Digest != digest || now.Body != body || p.board.proposed != 1 {
			p.t.Errorf("later, %d proposals, and the report is\n%s", p.board.proposed, now.Body)
		}
		if text, err := p.Reconciler.State.Get(p.t.Context(), "deeds"); !strings.Contains(text, "robin@example.com") || err != nil {
			p.t.Errorf("remembered %q (%v)", text, err)
		}
		// Once the drift is gone, so is the memory of who made it.
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(180))
		p.wires[0].send(retentionSet("2", time.Now(), cedarName))
		p.wait(10 * time.Second)
		if text, err := p.Reconciler.State.Get(p.t.Context(), "deeds"); len(p.board.open()) != 0 || text != "" || err != nil {
			p.t.Errorf("open: %v; remembered %q (%v)", p.board.open(), text, err)
		}
	})
}

// What is lost is found on schedule; what is repeated costs nothing; what is late names somebody still.
func TestLostRepeatedAndLateEvents(t *testing.T) {
	listening(t, func(p *post) {
		at := time.Now()
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		p.wait(time.Hour)
		if open := p.board.open(); len(open) != 0 {
			p.t.Fatalf("open without a look: %v", open)
		}
		p.wait(12 * time.Hour)
		proposal := p.proposal(retentionDrift)
		if strings.Contains(proposal.Body, "Who did it") || proposal.Digest == "" {
			p.t.Fatalf("the report is\n%s", proposal.Body)
		}
		p.wires[1].send(retentionSet("late", at, cedarName))
		p.wait(5 * time.Second)
		p.reads.take()
		p.wires[0].send(retentionSet("late", at, cedarName), retentionSet("late", at, cedarName))
		p.wires[1].send(retentionSet("late", at, cedarName))
		p.wait(time.Hour)
		if listed, refreshed := p.reads.take(); listed+refreshed != 0 {
			p.t.Errorf("%d listings and %d reads for events that came before", listed, refreshed)
		}
		if p.wires[0].confirmed != 2 || p.wires[1].confirmed != 2 {
			p.t.Errorf("%d and %d were confirmed", p.wires[0].confirmed, p.wires[1].confirmed)
		}
		// The board keeps the body of the first; the next change shows that the late one was heard.
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(30))
		p.wait(24 * time.Hour)
		if now := p.proposal(retentionDrift); !strings.Contains(now.Body, "robin@example.com") {
			p.t.Errorf("the report is\n%s", now.Body)
		}
	})
}

// What we did ourselves, what was refused, and what is about nothing that is driven, needs no look.
func TestEventsThatNeedNoLook(t *testing.T) {
	listening(t, func(p *post) {
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		ours, denied, other := retentionSet("1", time.Now(), cedarName), retentionSet("2", time.Now(), cedarName), retentionSet("3", time.Now(), cedarName)
		ours.Ours, denied.Denied, other.Kinds = true, true, nil
		elsewhere := retentionSet("4", time.Now(), "nothing")
		elsewhere.Scope.Region = "ap-south-1"
		p.wires[0].send(ours, denied, other, elsewhere)
		p.wait(time.Hour)
		if listed, refreshed := p.reads.take(); listed+refreshed != 0 || p.wires[0].confirmed != 4 {
			p.t.Errorf("%d listings, %d reads, %d confirmed", listed, refreshed, p.wires[0].confirmed)
		}
	})
}

// What names nothing that is known may be about something new: its kind is listed where it happened, and not
// for each of many such events.
func TestAnEventAboutNothingKnown(t *testing.T) {
	listening(t, func(p *post) {
		copied := resource.Address{Owner: "tenant/cedar-clinic", Kind: "aws.logs.group", Name: "copy"}
		p.cloud.mu.Lock()
		p.cloud.resources["rogue"] = resource.Observed{
			Address: copied, Scope: cedarScope, ID: "rogue",
			Attributes: resource.Attributes{"retentionDays": resource.Int(1)}, Outputs: map[string]string{"name": "rogue"},
		}
		p.cloud.mu.Unlock()
		p.wires[0].send(retentionSet("1", time.Now(), "rogue"))
		p.wait(2 * time.Second)
		if open := p.board.open(); len(open) != 1 || !strings.Contains(p.proposal(open[0]).Body, "robin@example.com") {
			p.t.Fatalf("open: %v\n%s", open, p.proposal("tenantry/drift/logs-group_orphan").Body)
		}
		if listed, _ := p.reads.take(); listed != 1 {
			p.t.Errorf("%d listings", listed)
		}
		for i := range 100 {
			p.wires[0].send(retentionSet(fmt.Sprint("chatter", i), time.Now(), "nobody's"))
			p.wait(time.Second)
		}
		p.wait(time.Minute)
		if listed, _ := p.reads.take(); listed > 3 {
			p.t.Errorf("%d listings in two and a half minutes", listed)
		}
	})
}

// A queue that denies is said once, keeps no other from being heard, and is tried until it works.
func TestAQueueThatIsDenied(t *testing.T) {
	listening(t, func(p *post) {
		p.wires[0].mu.Lock()
		p.wires[0].failing = errors.New("receive events: access denied")
		p.wires[0].receives = 0
		p.wires[0].mu.Unlock()
		p.wires[0].send() // wakes the receive that is under way
		p.wait(time.Hour)
		if n := strings.Count(p.log.String(), "access denied"); n != 1 {
			p.t.Errorf("it was said %d times", n)
		}
		if p.wires[0].receives > 30 {
			p.t.Errorf("%d receives in an hour", p.wires[0].receives)
		}
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		p.wires[1].send(retentionSet("1", time.Now(), cedarName))
		p.wait(2 * time.Second)
		if open := p.board.open(); len(open) != 1 {
			p.t.Fatalf("open: %v", open)
		}
		p.wires[0].mu.Lock()
		p.wires[0].failing = nil
		p.wires[0].mu.Unlock()
		p.wait(10 * time.Minute)
		if !strings.Contains(p.log.String(), "events arrive again") {
			p.t.Error("it isn't heard again")
		}
	})
}

// Messages that are no events are said once, and thrown away.
func TestGarbageIsThrownAway(t *testing.T) {
	listening(t, func(p *post) {
		p.wires[0].mu.Lock()
		p.wires[0].garbage = 3
		p.wires[0].mu.Unlock()
		p.wires[0].send()
		p.wait(time.Hour)
		if n := strings.Count(p.log.String(), "it is no JSON"); n != 1 || p.wires[0].garbage != 0 {
			p.t.Errorf("it was said %d times; %d are left", n, p.wires[0].garbage)
		}
	})
}

// A storm costs a share of one look at everything, and that look.
func TestAStorm(t *testing.T) {
	listening(t, func(p *post) {
		live, err := p.cloud.byAddress()
		if err != nil {
			p.t.Fatal(err)
		}
		var names []string
		for _, r := range live {
			names = append(names, r.ID)
		}
		p.reads.take()
		p.wait(time.Hour)
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		for i := range 10_000 {
			p.wires[i%2].send(retentionSet(fmt.Sprint(i), time.Now(), names[i%len(names)], fmt.Sprint("unknown-", i)))
			if i%200 == 0 {
				p.wait(500 * time.Millisecond)
			}
		}
		p.wait(5 * time.Minute)
		listed, refreshed := p.reads.take()
		places := 2*7 + 2 // of the eight kinds, in two regions and two accounts
		if listed > places+2 || refreshed > 60 {
			p.t.Errorf("%d listings and %d reads; a look at everything has %d listings", listed, refreshed, places)
		}
		if open := p.board.open(); len(open) != 1 || open[0] != retentionDrift {
			p.t.Errorf("open: %v", open)
		}
		if n := p.wires[0].confirmed + p.wires[1].confirmed; n != 10_000 {
			p.t.Errorf("%d were confirmed", n)
		}
	})
}

// While we write, what others say about it waits: half of a change is nobody's drift.
func TestEventsAboutWhatIsBeingWritten(t *testing.T) {
	listening(t, func(p *post) {
		p.cloud.mu.Lock()
		p.cloud.twice = true
		p.cloud.slow = func(call string) {
			if strings.HasPrefix(call, "update "+cedarName) {
				time.Sleep(20 * time.Second)
			}
		}
		p.cloud.mu.Unlock()
		p.git.commit(mainRef, p.head, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		for i := range 90 {
			p.wires[0].send(retentionSet(fmt.Sprint(i), time.Now(), cedarName))
			p.wait(time.Second)
		}
		p.wait(5 * time.Minute)
		if p.board.proposed != 0 || p.retention() != "90" {
			p.t.Errorf("%d proposals: %v; the logs are kept for %s days", p.board.proposed, p.board.open(), p.retention())
		}
		if p.wires[0].confirmed != 90 {
			p.t.Errorf("%d were confirmed", p.wires[0].confirmed)
		}
	})
}

// A place that can't be listed for an event keeps nobody from being heard about another.
func TestALookThatIsDenied(t *testing.T) {
	listening(t, func(p *post) {
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		p.cloud.mu.Lock()
		p.cloud.deny = map[resource.Scope]bool{cedarScope: true}
		p.cloud.mu.Unlock()
		p.wires[0].send(retentionSet("1", time.Now(), "nobody's")) // a listing, which is denied
		p.wait(10 * time.Second)
		p.cloud.mu.Lock()
		p.cloud.deny = nil
		p.cloud.mu.Unlock()
		p.wires[0].send(retentionSet("2", time.Now(), cedarName))
		p.wait(time.Minute)
		if open := p.board.open(); len(open) != 1 {
			p.t.Errorf("open: %v", open)
		}
	})
}

// A sulk is a forge that refuses the next proposals.
type sulk struct {
	reconciler.Forge
	mu    sync.Mutex
	times int
}

func (s *sulk) Propose(ctx context.Context, p reconciler.Proposal) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times > 0 {
		s.times--
		return "", errors.New("the forge is down")
	}
	return s.Forge.Propose(ctx, p)
}

// A commit waits for the look at an event: what it wrote in the middle of that would look like somebody's.
func TestACommitDuringALook(t *testing.T) {
	listening(t, func(p *post) {
		p.reads.mu.Lock()
		p.reads.slow = 5 * time.Minute
		p.reads.mu.Unlock()
		p.wires[0].send(retentionSet("1", time.Now(), cedarName))
		p.wait(2 * time.Second)
		p.git.commit(mainRef, p.head, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		p.wait(30 * time.Minute)
		if p.board.proposed != 0 || p.retention() != "90" {
			p.t.Errorf("%d proposals; the logs are kept for %s days", p.board.proposed, p.retention())
		}
	})
}

// What was heard is kept until something came of it.
func TestEventsWaitForTheForge(t *testing.T) {
	listening(t, func(p *post) {
		p.stop()
		p.Forge = &sulk{Forge: p.Forge, times: 3}
		p.resume()
		p.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		p.wires[0].send(retentionSet("1", time.Now(), cedarName))
		p.wait(500 * time.Millisecond)
		if p.wires[0].confirmed != 0 || len(p.board.open()) != 0 {
			p.t.Errorf("%d were confirmed, and %v is open, while the forge was down", p.wires[0].confirmed, p.board.open())
		}
		p.wait(10 * time.Minute)
		if open := p.board.open(); p.wires[0].confirmed != 1 || len(open) != 1 || !strings.Contains(p.proposal(open[0]).Body, "robin@example.com") {
			p.t.Errorf("%d were confirmed, and %v is open", p.wires[0].confirmed, open)
		}
	})
}

// A daemon that stops stops listening.
func TestListeningEnds(t *testing.T) {
	listening(t, func(p *post) {
		p.stop()
		receives := p.wires[0].receives
		p.wires[0].send(retentionSet("1", time.Now(), cedarName))
		p.wait(time.Hour)
		if p.wires[0].receives != receives {
			p.t.Error("it listens still")
		}
		p.resume()
	})
}
