package reconciler_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file tests what a run that doesn't come to its end leaves to the next.

// misnamed has somebody make a tenant's queue anew under another name, so that to put it back is to
// replace it. It returns the queue's address and the proposal's branch.
func (o *office) misnamed(t *testing.T) (resource.Address, string) {
	t.Helper()
	live, _ := o.cloud.byAddress()
	queue := resource.Address{}
	for address := range live {
		if address.Kind == "aws.sqs.queue" && address.Owner.Class() == "tenant" && (queue.Name == "" || address.Compare(queue) < 0) {
			queue = address
		}
	}
	o.cloud.change(queue, "name", resource.String("by-hand"))
	o.wait(2 * time.Hour)
	open := o.board.open()
	if len(open) != 1 {
		t.Fatalf("open proposals: %v, want one about %s", open, queue)
	}
	return queue, open[0]
}

func (o *office) putBack(t *testing.T, queue resource.Address) {
	t.Helper()
	live, _ := o.cloud.byAddress()
	if got, there := live[queue]; !there || got.Attributes["name"].Text() == "by-hand" {
		t.Errorf("the queue is there: %t, its name %s", there, got.Attributes["name"].Text())
	}
	if open := o.board.open(); len(open) != 0 {
		t.Errorf("open proposals: %v; a person has decided already", open)
	}
}

// A restoration that dies between the deletion and the creation is finished by the next start, without
// a commit, a scan or another decision.
func TestARestorationThatDiesHalfWayIsFinished(t *testing.T) {
	for _, answered := range []bool{false, true} {
		inOffice(t, func(o *office) {
			queue, branch := o.misnamed(t)
			var dead atomic.Bool
			dies := func() error {
				if dead.Load() {
					return errKilled
				}
				return nil
			}
			o.cloud.before = func(string) error { return dies() }
			o.cloud.after = func(call string) error {
				if strings.HasPrefix(call, "delete") {
					dead.Store(true)
				}
				if answered {
					return nil
				}
				return dies()
			}
			o.stop()
			kept, state := o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State
			o.Daemon.Reconciler.State = mortal{state, dies}
			o.Daemon.Reconciler.Recorder = recorder(func(ctx context.Context, e changeset.Entry) (int64, error) {
				if dead.Load() && (!answered || e.Phase != changeset.After || e.Action != changeset.Delete) {
					return 0, errKilled
				}
				return kept.Record(ctx, e)
			})
			o.restart()
			o.decide(t, branch, "dana")
			if live, _ := o.cloud.byAddress(); !dead.Load() || live[queue].ID != "" {
				t.Fatalf("the queue wasn't deleted: %v", live[queue])
			}
			o.stop()
			o.cloud.before, o.cloud.after = nil, nil
			o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State = kept, state
			o.restart()
			o.putBack(t, queue)
			o.wait(3 * time.Hour)
			o.putBack(t, queue)
		})
	}
}

// mortal is a state that a dead process can't change.
type mortal struct {
	reconciler.State
	dead func() error
}

func (m mortal) Put(ctx context.Context, key, value string) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.State.Put(ctx, key, value)
}

func (m mortal) Settle(ctx context.Context, owner resource.Owner, to reconciler.Settlement) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.State.Settle(ctx, owner, to)
}

func (m mortal) Follow(ctx context.Context, addresses []resource.Address) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.State.Follow(ctx, addresses)
}

type recorder func(context.Context, changeset.Entry) (int64, error)

func (r recorder) Record(ctx context.Context, e changeset.Entry) (int64, error) { return r(ctx, e) }

// One that fails between the two is finished by the daemon that began it.
func TestARestorationThatFailsHalfWayIsFinished(t *testing.T) {
	inOffice(t, func(o *office) {
		queue, branch := o.misnamed(t)
		until := time.Now().Add(20 * time.Minute)
		o.cloud.before = func(call string) error {
			if strings.HasPrefix(call, "create") && time.Now().Before(until) {
				return errors.New("throttled")
			}
			return nil
		}
		o.decide(t, branch, "dana")
		o.wait(time.Hour)
		o.putBack(t, queue)
	})
}

// So it is where drift is put back without a decision.
func TestACorrectionThatDiesHalfWayIsFinished(t *testing.T) {
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		live, _ := o.cloud.byAddress()
		queue := resource.Address{}
		for address := range live {
			if address.Kind == "aws.sqs.queue" && address.Owner.Class() == "tenant" {
				queue = address
			}
		}
		var dead atomic.Bool
		dies := func() error {
			if dead.Load() {
				return errKilled
			}
			return nil
		}
		o.cloud.before = func(string) error { return dies() }
		o.cloud.after = func(call string) error {
			if strings.HasPrefix(call, "delete") {
				dead.Store(true)
			}
			return dies()
		}
		o.stop()
		kept, state := o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State
		o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State = diesWith{kept, dies}, mortal{state, dies}
		o.restart()
		o.cloud.change(queue, "name", resource.String("by-hand"))
		o.wait(2 * time.Hour)
		o.stop()
		if !dead.Load() {
			t.Fatal("nothing was put back")
		}
		o.cloud.before, o.cloud.after = nil, nil
		o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State = kept, state
		o.restart()
		o.putBack(t, queue)
	})
}
