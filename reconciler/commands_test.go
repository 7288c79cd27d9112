package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
)

func (b *board) Commands(_ context.Context, since time.Time) ([]reconciler.Command, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []reconciler.Command
	for _, c := range b.commands {
		if !c.At.Before(since) && !b.unheard[c.Comment] && !b.edited[c.Comment] {
			list = append(list, c)
		}
	}
	return list, b.failing
}

func (b *board) Command(_ context.Context, comment int64) (reconciler.Command, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.commands, func(c reconciler.Command) bool { return c.Comment == comment })
	if at < 0 || b.edited[comment] {
		return reconciler.Command{}, false, b.failing
	}
	return b.commands[at], true, b.failing
}

func (b *board) React(_ context.Context, comment int64, reaction string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reactions = append(b.reactions, fmt.Sprint(comment, " ", reaction))
	return nil
}

// write has somebody give a command in a comment, and returns the comment.
func (b *board) write(author, verb string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := int64(1001 + len(b.commands))
	b.commands = append(b.commands, reconciler.Command{Comment: id, Pull: 7, Verb: verb, Author: author, At: time.Now()})
	return id
}

// Files are those that a pull request changes, as a test says.
func (b *board) Files(_ context.Context, pull int) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.many {
		return nil, reconciler.ErrManyFiles
	}
	return b.files[pull], b.failing
}

// Member has Dana in every team but those that a test takes her out of.
func (b *board) Member(_ context.Context, team, login string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.teams == nil {
		return login == "dana", nil
	}
	members, known := b.teams[team]
	if !known {
		return false, fmt.Errorf("%w: there is no permission", reconciler.ErrNoTeams)
	}
	return slices.Contains(members, login), nil
}

// newest is the newest answer to a command, without those before.
func (b *board) newest() string {
	text, _, _ := strings.Cut(b.said(), "<details>")
	return text
}

func (b *board) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.comments["7 command"]
}

// tell has somebody give a command in a comment, of which a webhook tells.
func (o *office) tell(author, verb string) int64 {
	id := o.board.write(author, verb)
	o.Notice(o.t.Context(), reconciler.Hint{Comment: id})
	return id
}

// noted are the notes in the log that begin so.
func (o *office) noted(prefix string) []changeset.Entry {
	o.t.Helper()
	entries, err := o.Daemon.Reconciler.State.Entries(o.t.Context(), time.Time{})
	if err != nil {
		o.t.Fatal(err)
	}
	return slices.DeleteFunc(entries, func(e changeset.Entry) bool {
		return e.Phase != changeset.Note || !strings.HasPrefix(e.Detail, prefix)
	})
}

// onHold tells whether writes are stopped.
func (o *office) onHold() bool {
	o.t.Helper()
	why, err := o.Daemon.Reconciler.State.Get(o.t.Context(), "hold")
	if err != nil {
		o.t.Fatal(err)
	}
	return why != ""
}

// A command whose webhook was lost is found by looking.
func TestACommandIsHeardWithoutItsWebhook(t *testing.T) {
	inOffice(t, func(o *office) {
		id := o.board.write("dana", "hold")
		o.wait(2 * time.Minute)
		if !o.onHold() || !strings.Contains(o.board.said(), "No more writes") {
			t.Errorf("on hold: %t; said %q", o.onHold(), o.board.said())
		}
		for _, want := range []string{"eyes", "+1"} {
			if !slices.Contains(o.board.reactions, fmt.Sprint(id, " ", want)) {
				t.Errorf("reactions: %v, want %s", o.board.reactions, want)
			}
		}
	})
}

// A list may lag behind the webhook, which names the comment.
func TestACommandIsHeardBeforeItIsListed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.unheard = map[int64]bool{1001: true}
		o.tell("dana", "hold")
		o.wait(time.Second)
		if !o.onHold() {
			t.Error("the webhook alone isn't enough")
		}
	})
}

// However often a command comes, by webhooks, by looking and after a restart, it is obeyed once.
func TestACommandIsObeyedOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		id := o.tell("dana", "hold")
		o.wait(5 * time.Minute)
		o.tell("dana", "resume")
		again := o.tell("dana", "retry")
		o.wait(5 * time.Minute)
		for range 3 {
			o.Notice(o.t.Context(), reconciler.Hint{Comment: id})
			o.Notice(o.t.Context(), reconciler.Hint{Comment: again})
			o.wait(time.Minute)
		}
		o.restart()
		o.Notice(o.t.Context(), reconciler.Hint{Comment: id})
		// Its webhook is sent again days later, when nobody remembers the comment any more.
		o.wait(72 * time.Hour)
		o.Notice(o.t.Context(), reconciler.Hint{Comment: id})
		o.Notice(o.t.Context(), reconciler.Hint{Comment: again})
		o.wait(5 * time.Minute)
		if o.onHold() {
			t.Error("an old hold was obeyed again")
		}
		if got := o.noted("writes: "); len(got) != 2 {
			t.Errorf("the log has %v, want one hold and one resume", got)
		}
		if o.board.reactions = slices.DeleteFunc(o.board.reactions, func(r string) bool { return !strings.HasSuffix(r, "eyes") }); len(o.board.reactions) != 3 {
			t.Errorf("seen: %v, want each command once", o.board.reactions)
		}
	})
}

// What is obeyed is the comment as it stands, and not what a webhook said of it.
func TestACommentThatWasEditedIsNotObeyed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.edited = map[int64]bool{1001: true}
		o.tell("dana", "hold")
		o.Notice(o.t.Context(), reconciler.Hint{Comment: 4711}) // there is no such comment
		o.wait(5 * time.Minute)
		if o.onHold() || len(o.board.reactions) > 0 {
			t.Errorf("on hold: %t; reactions %v", o.onHold(), o.board.reactions)
		}
	})
}

// Each command but help is for those who may write, and a plan for whoever opened the pull request.
func TestWhoMayGiveWhichCommand(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.mu.Lock()
		o.board.pulls = []reconciler.PullRequest{{Number: 7, Author: "olivia", Head: o.first, Base: o.first}}
		o.git.refs["refs/pull/7/head"] = o.first
		o.board.mu.Unlock()
		for _, c := range []struct {
			author, verb string
			may          bool
		}{
			{"mallory", "plan", false},
			{"mallory", "apply", false},
			{"mallory", "retry", false},
			{"mallory", "hold", false},
			{"mallory", "resume", false},
			{"mallory", "help", true},
			{"olivia", "plan", true},
			{"olivia", "apply", false},
			{"dana", "plan", true},
			{"dana", "retry", true},
		} {
			id := o.tell(c.author, c.verb)
			o.wait(time.Minute)
			last := o.board.reactions[len(o.board.reactions)-1]
			if want := fmt.Sprint(id, map[bool]string{true: " +1", false: " confused"}[c.may]); last != want {
				t.Errorf("%s of %s: the last reaction is %s, want %s", c.verb, c.author, last, want)
			}
			if refused := strings.Contains(o.board.newest(), "Only those who may write"); refused == c.may {
				t.Errorf("%s of %s: said %q", c.verb, c.author, o.board.newest())
			}
		}
	})
}

// A resume overtakes the hold before it, in whichever order they come to be read.
func TestTheNewestOfHoldAndResumeCounts(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.unheard = map[int64]bool{1001: true}
		hold := o.board.write("dana", "hold") // its webhook is late
		o.tell("dana", "resume")
		o.wait(time.Minute)
		o.Notice(o.t.Context(), reconciler.Hint{Comment: hold})
		o.wait(time.Minute)
		if o.onHold() {
			t.Error("the older command counts")
		}
	})
}

// A forge that can't be asked is asked again, and nothing is lost.
func TestCommandsOutliveAForgeThatIsAway(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.mu.Lock()
		o.board.failing = errors.New("bad gateway")
		o.board.mu.Unlock()
		o.tell("dana", "hold")
		o.wait(50 * time.Hour) // longer than anything is looked for
		if o.onHold() {
			t.Error("nobody could know of it")
		}
		o.board.mu.Lock()
		o.board.failing = nil
		o.board.mu.Unlock()
		o.wait(time.Hour)
		if !o.onHold() {
			t.Error("the command is lost")
		}
	})
}

// A hold outlives the store: it stands in a comment. What else was asked for long ago is over.
func TestAHoldOutlivesALostMemory(t *testing.T) {
	inOffice(t, func(o *office) {
		o.board.write("dana", "hold")
		o.board.write("dana", "help")
		if err := o.Daemon.Reconciler.State.Put(o.t.Context(), "commands", ""); err != nil {
			t.Fatal(err)
		}
		o.wait(5 * time.Minute)
		if !o.onHold() || !strings.Contains(o.board.said(), "No more writes") {
			t.Errorf("on hold: %t; said %q", o.onHold(), o.board.said())
		}
	})
}
