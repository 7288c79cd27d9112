package reconciler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

// wish has somebody answer the open report of drift in a comment.
func (o *office) wish(author, verb, words string) {
	o.board.mu.Lock()
	number := 0
	for _, p := range o.board.proposals {
		if p.State == "open" {
			number = p.Number
		}
	}
	id := int64(2001 + len(o.board.commands))
	o.board.commands = append(o.board.commands, reconciler.Command{Comment: id, Pull: number, Verb: verb, Words: words, Author: author, At: time.Now()})
	o.board.mu.Unlock()
	o.Notice(o.t.Context(), reconciler.Hint{Comment: id})
}

// Asking for it in a comment puts Git's value back, as closing the report does, and the report is closed.
func TestRevertInAComment(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		o.wish("mallory", "revert", "")
		o.wait(time.Minute)
		if got := o.retention(); got != "90" {
			t.Fatalf("somebody who may not decide had it put back to %s", got)
		}
		o.wish("dana", "revert", "")
		o.wait(5 * time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("still open: %v", open)
		}
		// The wish was for that drift: the same again is reported, and left.
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(3 * time.Hour)
		if got, open := o.retention(), o.board.open(); got != "90" || len(open) != 1 {
			t.Errorf("kept for %s days, open reports %v", got, open)
		}
	})
}

// A wish holds for the drift that was seen when it was made.
func TestAWishIsForTheDriftThatWasSeen(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(1))
		o.wish("dana", "revert", "")
		o.wait(3 * time.Hour)
		if got, open := o.retention(), o.board.open(); got != "1" || len(open) != 1 {
			t.Errorf("kept for %s days, open reports %v", got, open)
		}
	})
}

// A waiver takes a day in the future, at most a year away, and a reason; the report then offers it, and the
// cloud's value is not taken over.
func TestIgnoreInAComment(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		branch := o.board.open()[0]
		day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
		for _, words := range []string{"", "until tomorrow why", "until " + day(0) + " why", "until " + day(400) + " why", "until " + day(7), day(7) + " why"} {
			o.wish("dana", "ignore", words)
			o.wait(time.Minute)
			if p := o.board.content[branch]; strings.Contains(p.Title, "Waive") {
				t.Fatalf("%q: %s", words, p.Title)
			}
		}
		o.wish("dana", "ignore", "until "+day(7)+" the vendor mends it")
		o.wait(time.Minute)
		p := o.board.content[branch]
		if !strings.HasPrefix(p.Title, "Waive until "+day(7)) || len(p.Files) != 3 || p.Files["tenants/cedar-clinic.cue"] != nil {
			t.Errorf("%s: %d files", p.Title, len(p.Files))
		}
		proposed := o.board.proposed
		o.wait(5 * time.Hour)
		if o.board.proposed != proposed {
			t.Errorf("it was proposed %d times more", o.board.proposed-proposed)
		}
		o.board.close(branch, "closed", "dana", false)
		o.Notice(t.Context(), reconciler.Hint{Drift: true})
		o.wait(time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("after closing, the logs are kept for %s days", got)
		}
	})
}

// What is gone can't be waived. Who asked for it is told so, the report stays, and the turn ends well.
func TestWhatIsGoneIsNotWaived(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.lose(cedarLogs)
		o.wait(2 * time.Hour)
		open := o.board.open()
		if len(open) != 1 {
			t.Fatalf("open reports %v", open)
		}
		o.wish("dana", "ignore", "until "+time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly)+" later")
		o.wait(time.Minute)
		o.board.mu.Lock()
		said := fmt.Sprint(o.board.comments)
		o.board.mu.Unlock()
		if !strings.Contains(said, "Nothing is waived: some of what this report is about is gone") {
			t.Errorf("it says %s", said)
		}
		if strings.Contains(o.log.String(), "will be tried again") {
			t.Errorf("a turn failed:\n%s", o.log.String())
		}
		if p := o.board.content[open[0]]; strings.Contains(p.Title, "Waive") {
			t.Errorf("the report is titled %s", p.Title)
		}
	})
}
