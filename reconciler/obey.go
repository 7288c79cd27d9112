package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantry.dev/reconciler/report"
)

// The verbs of commands.
const (
	verbPlan    = "plan"
	verbPreview = "preview"
	verbApply   = "apply"
	verbRetry   = "retry"
	verbHold    = "hold"
	verbResume  = "resume"
	verbRevert  = "revert"
	verbIgnore  = "ignore"
)

// obey does what a command asks for, or refuses. That is quick and needs no write to the forge: what
// there is to say about it is said in a turn of its own. Repeating it changes nothing.
func (d *Daemon) obey(ctx context.Context, c Command, h *heard) error {
	d.trigger(ctx, reactKey(c.Comment, "eyes"), true)
	refused, err := d.mayAsk(ctx, c)
	if err != nil {
		return err
	}
	d.Log.Info("command", "verb", c.Verb, "pull_request", c.Pull, "author", c.Author, "allowed", refused == "", "unknown", c.Unknown)
	reaction := "+1"
	switch {
	case refused != "":
		reaction, err = "confused", d.reply(ctx, c, refused)
	case c.Unknown != "":
		reaction, err = "confused", d.reply(ctx, c, hint(c.Unknown)+"\n\n"+help)
	default:
		err = d.do(ctx, c, h)
	}
	d.trigger(ctx, reactKey(c.Comment, reaction), false)
	return err
}

// do does what somebody asked for who may.
func (d *Daemon) do(ctx context.Context, c Command, h *heard) error {
	switch c.Verb {
	case verbPlan:
		if err := d.Reconciler.State.Put(ctx, answerKey(c.Pull), ""); err != nil {
			return fmt.Errorf("forget the answer to pull request %d: %w", c.Pull, err)
		}
		d.trigger(ctx, keyPull+strconv.Itoa(c.Pull), true)
		return d.say(ctx, c, "planning")
	case verbPreview:
		return d.askPreview(ctx, c)
	case verbApply, verbRetry:
		d.noticed.askAgain()
		d.trigger(ctx, keyHead, true)
		return d.say(ctx, c, "again")
	case verbHold, verbResume:
		return d.hold(ctx, c, h)
	case verbRevert, verbIgnore:
		return d.takeWish(ctx, c)
	}
	return d.say(ctx, c, "help")
}

// mayAsk tells why a command's author may not give it, in Markdown; empty if they may.
//
//   - A plan and a preview write nothing: they are for who may write to the repository, and for whoever
//     opened the pull request, whose push would have it computed too.
//   - A hold is the safe direction: it is for who may write.
//   - The others are for who may write and owns the files that they are about, as CODEOWNERS has it: those
//     that the pull request changes, those that define what drifted, and for a resume fleet.cue.
//
// Anybody can comment on a public repository.
func (d *Daemon) mayAsk(ctx context.Context, c Command) (string, error) {
	switch c.Verb {
	case verbPlan, verbPreview, verbHold:
		refused, err := d.onlyWriters(ctx, c.Author, c.Verb)
		if err != nil || refused == "" || c.Verb == verbHold {
			return refused, err
		}
		pr, open, err := d.openPull(ctx, c.Pull)
		if open && pr.Author == c.Author {
			refused = ""
		}
		return refused, err
	case verbResume:
		return d.onlyWritingOwners(ctx, c.Author, c.Verb, []string{"fleet.cue"})
	case verbApply, verbRetry:
		return d.mayTry(ctx, c)
	case verbRevert, verbIgnore:
		return d.mayWish(ctx, c)
	}
	return "", nil
}

// mayTry is for what is merged to be tried again: an owner of what the pull request changes may.
func (d *Daemon) mayTry(ctx context.Context, c Command) (string, error) {
	refused, err := d.onlyWriters(ctx, c.Author, c.Verb)
	if err != nil || refused != "" {
		return refused, err
	}
	files, err := d.Comments.Files(ctx, c.Pull)
	if errors.Is(err, ErrManyFiles) {
		return "This pull request changes more files than can be asked for, so that it isn't known who owns them. What is merged is tried again by itself.", nil
	}
	if err != nil {
		return "", fmt.Errorf("whether %s may %s: %w", c.Author, c.Verb, err)
	}
	return d.onlyOwners(ctx, c.Author, c.Verb, files)
}

// openPull is an open pull request.
func (d *Daemon) openPull(ctx context.Context, number int) (PullRequest, bool, error) {
	list, err := d.Reviews.PullRequests(ctx)
	if err != nil {
		return PullRequest{}, false, fmt.Errorf("list pull requests: %w", err)
	}
	at := slices.IndexFunc(list, func(pr PullRequest) bool { return pr.Number == number })
	if at < 0 {
		return PullRequest{}, false, nil
	}
	return list[at], true, nil
}

// hold stops or resumes all writes. A command that a newer one has overtaken does nothing, in
// whichever order they come to be read.
func (d *Daemon) hold(ctx context.Context, c Command, h *heard) error {
	if c.Comment < h.Order {
		d.Log.Info("a newer hold or resume was obeyed already", "verb", c.Verb, "pull_request", c.Pull)
		return nil
	}
	why, word := "", "resumed"
	if c.Verb == verbHold {
		why, word = fmt.Sprintf("%s asked for it on pull request %d", c.Author, c.Pull), "held"
	}
	if err := d.Reconciler.State.Put(ctx, stateHold, why); err != nil {
		return fmt.Errorf("%s: %w", c.Verb, err)
	}
	h.Order = c.Comment
	if err := d.note(ctx, "", "writes: "+c.Verb, c.Author); err != nil {
		return err
	}
	if c.Verb == verbResume {
		d.trigger(ctx, keyHead, true)
		d.trigger(ctx, keyDrift, false)
	}
	return d.say(ctx, c, word)
}

func reactKey(comment int64, reaction string) string {
	return keyReact + strconv.FormatInt(comment, 10) + "/" + reaction
}

// react shows a person that a command was heard.
func (d *Daemon) react(ctx context.Context, text string) error {
	id, reaction, _ := strings.Cut(text, "/")
	comment, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // not a key of ours; trying again would not help
	}
	if err := d.Comments.React(ctx, comment, reaction); err != nil {
		return fmt.Errorf("react to a command: %w", err)
	}
	return nil
}

// asked is a command as an answer names it.
func (c Command) asked() report.Answer {
	words := "/tenantry " + c.Verb
	if c.Words != "" {
		words += " " + c.Words
	}
	if c.Unknown != "" {
		words = c.Unknown
	}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	return report.Answer{Comment: c.Comment, Asked: words, By: c.Author, At: at.UTC()}
}
