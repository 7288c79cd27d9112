package reconciler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	text, err := d.Reconciler.State.Get(ctx, stateCommands)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &h)
	}
	if err != nil {
		return h, fmt.Errorf("recall which commands were obeyed: %w", err)
	}
	return h, nil
}

func (d *Daemon) rememberHeard(ctx context.Context, h heard) error {
	text, err := json.Marshal(h)
	if err == nil {
		err = d.Reconciler.State.Put(ctx, stateCommands, string(text))
	}
	if err != nil {
		return fmt.Errorf("remember which commands were obeyed: %w", err)
	}
	return nil
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

// The verbs of commands.
const (
	verbPlan   = "plan"
	verbApply  = "apply"
	verbRetry  = "retry"
	verbHold   = "hold"
	verbResume = "resume"
	verbRevert = "revert"
	verbIgnore = "ignore"
)

// obey does what a command asks for, or refuses. That is quick and needs no write to the forge: what
// there is to say about it is said in a turn of its own. Repeating it changes nothing.
func (d *Daemon) obey(ctx context.Context, c Command, h *heard) error {
	d.trigger(ctx, reactKey(c.Comment, "eyes"), true)
	may, err := d.mayAsk(ctx, c)
	if err != nil {
		return err
	}
	d.Log.Info("command", "verb", c.Verb, "pull_request", c.Pull, "author", c.Author, "allowed", may)
	if !may {
		d.trigger(ctx, reactKey(c.Comment, "confused"), false)
		return d.say(ctx, c, "refused")
	}
	switch c.Verb {
	case verbPlan:
		if err := d.Reconciler.State.Put(ctx, answerKey(c.Pull), ""); err != nil {
			return fmt.Errorf("forget the answer to pull request %d: %w", c.Pull, err)
		}
		d.trigger(ctx, keyPull+strconv.Itoa(c.Pull), true)
	case verbApply, verbRetry:
		d.trigger(ctx, keyHead, true)
		err = d.say(ctx, c, "again")
	case verbHold, verbResume:
		err = d.hold(ctx, c, h)
	case verbRevert, verbIgnore:
		err = d.takeWish(ctx, c)
	default:
		err = d.say(ctx, c, "help")
	}
	d.trigger(ctx, reactKey(c.Comment, "+1"), false)
	return err
}

// mayAsk tells whether a command's author may give it: who may write to the repository, and for a
// plan of a pull request whoever opened it, whose push would have it computed too. Anybody can
// comment on a public repository.
func (d *Daemon) mayAsk(ctx context.Context, c Command) (bool, error) {
	switch c.Verb {
	case verbPlan, verbApply, verbRetry, verbHold, verbResume, verbRevert, verbIgnore:
	default:
		return true, nil
	}
	may, err := d.Reviews.MayWrite(ctx, c.Author)
	if err != nil {
		return false, fmt.Errorf("whether %s may %s: %w", c.Author, c.Verb, err)
	}
	if may || c.Verb != verbPlan {
		return may, nil
	}
	list, err := d.Reviews.PullRequests(ctx)
	if err != nil {
		return false, fmt.Errorf("list pull requests: %w", err)
	}
	return slices.ContainsFunc(list, func(pr PullRequest) bool { return pr.Number == c.Pull && pr.Author == c.Author }), nil
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

// say keeps what there is to say about a pull request's newest command, and asks for a turn to say it.
func (d *Daemon) say(ctx context.Context, c Command, word string) error {
	if err := d.Reconciler.State.Put(ctx, stateSay+strconv.Itoa(c.Pull), word+" "+c.Verb); err != nil {
		return fmt.Errorf("keep the answer to a command: %w", err)
	}
	d.trigger(ctx, keySay+strconv.Itoa(c.Pull), true)
	return nil
}

// answer says on a pull request what is kept for it, in one comment that is edited.
func (d *Daemon) answer(ctx context.Context, text string) error {
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil //nolint:nilerr // not a key of ours; trying again would not help
	}
	kept, err := d.Reconciler.State.Get(ctx, stateSay+text)
	if err != nil {
		return fmt.Errorf("recall the answer to a command: %w", err)
	}
	word, verb, _ := strings.Cut(kept, " ")
	if word == "" {
		return nil
	}
	if err := d.Reviews.Comment(ctx, number, "command", answers(word, verb)); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", number, err)
	}
	return nil
}

func answers(word, verb string) string {
	switch word {
	case "held":
		return "No more writes are made to the cloud until somebody comments `/tenantry resume`. Pull requests are still answered, and drift is still reported."
	case "resumed":
		return "Writes go on."
	case "again":
		return "The watched branch is looked at again; the result is on its newest commit, as the check `" + checkApply + "`."
	case "reverting":
		return "Git's values are put back; the pull request is closed once the cloud has them."
	case "waiving":
		return "This pull request now records that the drift is waived until then. Nothing is changed in the cloud; merge it to have it no longer reported."
	case "not-gone":
		return "Nothing is waived: some of what this report is about is gone from the cloud, and others may need it. " +
			"Close this pull request or comment `/tenantry revert` to have it made again, or take it out of the definitions."
	case "not-writable":
		return "Nothing is waived: the file of this cause in `approvals/` isn't as Tenantry writes it, so that it can't be edited. Mend or remove it, and ask again."
	case "no-drift":
		return "`" + verb + "` answers a report of drift, and this pull request is none that is open."
	case "unclear":
		return "Say until when and why, as in `/tenantry ignore until 2026-12-31 the vendor mends it by then`: a day in the future, at most a year away."
	case "refused":
		return "Only those who may write to this repository may `" + cmp.Or(verb, "do that") + "`."
	}
	return help
}

const help = "Commands, on the first line of a comment:\n\n" +
	"| command | does |\n|---|---|\n" +
	"| `/tenantry plan` | computes the plan of this pull request again |\n" +
	"| `/tenantry apply`, `/tenantry retry` | tries again what is merged and not applied yet; merging is what applies a pull request |\n" +
	"| `/tenantry hold` | stops all writes to the cloud |\n" +
	"| `/tenantry resume` | lets them go on |\n" +
	"| `/tenantry revert` | on a report of drift: puts Git's values back, as closing it does |\n" +
	"| `/tenantry ignore until DATE REASON` | on a report of drift: makes it a waiver that ends by itself, to be merged |\n" +
	"| `/tenantry help` | this |\n\n" +
	"They are for those who may write to this repository; `plan` is also for whoever opened the pull request. A comment that was edited is no command.\n"

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
