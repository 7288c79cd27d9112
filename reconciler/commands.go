package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// hearFor is how far back new comments are looked for, once there was a first look: longer than
	// clocks differ. After a longer absence the search begins where it ended.
	hearFor = 24 * time.Hour
	// recallFor is how far back the first look goes, for a hold that outlives the store.
	recallFor = 30 * 24 * time.Hour
)

// heard is what is remembered of the commands in comments. All times are the forge's.
type heard struct {
	// Since is the time before which every comment was looked at. An older one is never obeyed,
	// whoever sends its webhook again.
	Since time.Time `json:"since"`
	// Done has the comments from then on whose command was obeyed or refused.
	Done map[int64]time.Time `json:"done"`
	// Order is the newest hold or resume that was obeyed; an older one has been overtaken.
	Order int64 `json:"order"`
}

func (d *Daemon) recallHeard(ctx context.Context) (heard, error) {
	h := heard{Done: map[int64]time.Time{}}
	err := d.recall(ctx, stateCommands, &h, "which commands were obeyed")
	return h, err
}

func (d *Daemon) rememberHeard(ctx context.Context, h heard) error {
	return d.remember(ctx, stateCommands, h, "which commands were obeyed")
}

// commands obeys what people asked for in comments on pull requests since the last look, each once,
// in the order of the comments. A webhook only says which comment to look at: what is obeyed is what
// the comment says when it is read again, for its author, if that person may. None of the commands
// makes a write that a merge didn't ask for.
func (d *Daemon) commands(ctx context.Context) error {
	if d.Comments == nil {
		return nil
	}
	h, err := d.recallHeard(ctx)
	if err != nil {
		return err
	}
	first := h.Since.IsZero()
	if first {
		h.Since = time.Now().UTC().Add(-recallFor)
	}
	hinted := d.hinted()
	list, err := d.newCommands(ctx, h, hinted)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range list {
		// What was asked for before there was anybody to hear is over, but a hold isn't.
		past := first && !slices.Contains(hinted, c.Comment) && c.Verb != verbHold && c.Verb != verbResume
		if !past {
			if err := d.obey(ctx, c, &h); err != nil {
				failures = append(failures, err)
				continue
			}
		}
		h.Done[c.Comment] = c.At
		if err := d.rememberHeard(ctx, h); err != nil {
			return errors.Join(append(failures, err)...)
		}
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	d.unhint(hinted)
	return d.moveOn(ctx, h)
}

// newCommands are those that weren't obeyed yet, the oldest first: what the forge lists, and what
// webhooks told of, since a list can lag behind.
func (d *Daemon) newCommands(ctx context.Context, h heard, hinted []int64) ([]Command, error) {
	list, err := d.Comments.Commands(ctx, h.Since)
	if err != nil {
		return nil, fmt.Errorf("look for commands: %w", err)
	}
	ids := slices.Clone(hinted)
	for _, c := range list {
		ids = append(ids, c.Comment)
	}
	slices.Sort(ids)
	var fresh []Command
	for _, id := range slices.Compact(ids) {
		if _, done := h.Done[id]; done {
			continue
		}
		c, ok, err := d.Comments.Command(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read a command: %w", err)
		}
		if ok && !c.At.Before(h.Since) {
			fresh = append(fresh, c)
		}
	}
	return fresh, nil
}

// moveOn lets go of what is older than anybody needs to know. The time moves in steps, so that the
// forge is mostly asked the same question, which costs nothing if the answer is the same.
func (d *Daemon) moveOn(ctx context.Context, h heard) error {
	since := time.Now().UTC().Add(-hearFor)
	if since.Sub(h.Since) < hearFor/4 {
		return nil
	}
	h.Since = since
	maps.DeleteFunc(h.Done, func(_ int64, at time.Time) bool { return at.Before(since) })
	return d.rememberHeard(ctx, h)
}

// hear takes up a comment that a webhook told of.
func (d *Daemon) hear(comment int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	const most = 1000 // whatever is beyond is found by looking
	if len(d.told) < most && !slices.Contains(d.told, comment) {
		d.told = append(d.told, comment)
	}
}

func (d *Daemon) hinted() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told)
}

func (d *Daemon) unhint(done []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = slices.DeleteFunc(d.told, func(id int64) bool { return slices.Contains(done, id) })
}
