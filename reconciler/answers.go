package reconciler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"tenantry.dev/reconciler/report"
)

// answersKept is how many answers on one pull request are shown.
const answersKept = 5

// say answers a command with one of the texts below.
func (d *Daemon) say(ctx context.Context, c Command, word string) error {
	return d.reply(ctx, c, answers(word, c.Verb))
}

// reply keeps what there is to say about a command among what was said on its pull request before, and asks
// for a turn to say it. An answer to the same command takes the place of the one before.
func (d *Daemon) reply(ctx context.Context, c Command, text string) error {
	number := strconv.Itoa(c.Pull)
	if err := d.keepAnswer(ctx, stateSay+number, c, text); err != nil {
		return fmt.Errorf("keep the answer to a command: %w", err)
	}
	d.trigger(ctx, keySay+number, true)
	return nil
}

func (d *Daemon) keepAnswer(ctx context.Context, key string, c Command, text string) error {
	d.telling.Lock()
	defer d.telling.Unlock()
	list, err := d.recallAnswers(ctx, key)
	if err != nil {
		return err
	}
	made := c.asked()
	made.Text = text
	list = slices.DeleteFunc(list, func(a report.Answer) bool {
		return a.Asked == made.Asked && a.By == made.By && a.Comment == made.Comment && (a.Comment != 0 || a.Text == text)
	})
	list = append(list, made)
	slices.SortStableFunc(list, func(a, b report.Answer) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Comment, a.Comment)) })
	kept, err := json.Marshal(list[:min(len(list), answersKept)])
	if err != nil {
		return err
	}
	return d.Reconciler.State.Put(ctx, key, string(kept))
}

// recallAnswers returns what was said on a pull request, the newest first. What can't be read any more is
// forgotten.
func (d *Daemon) recallAnswers(ctx context.Context, key string) ([]report.Answer, error) {
	text, err := d.Reconciler.State.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("recall the answers to commands: %w", err)
	}
	var list []report.Answer
	if json.Unmarshal([]byte(text), &list) != nil {
		list = nil
	}
	return list, nil
}

// answer says on a pull request what is kept for it, in one comment that is edited.
func (d *Daemon) answer(ctx context.Context, text string) error {
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil //nolint:nilerr // not a key of ours; trying again would not help
	}
	list, err := d.recallAnswers(ctx, stateSay+text)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := d.Reviews.Comment(ctx, number, "command", report.Answers(list)); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", number, err)
	}
	return nil
}

func answers(word, verb string) string {
	switch word {
	case "planning":
		return "The plan is computed again. It is in the comment with the plan and in the checks; a pull request that isn't open has none."
	case "previewing":
		return "The preview comes in a comment of its own."
	case "held":
		return "No more writes are made to the cloud until somebody comments `/tenantry resume`. Pull requests are still answered, and drift is still reported."
	case "resumed":
		return "Writes go on."
	case "again":
		return "Merging is what applies a pull request. The watched branch is looked at again; the result is on its newest commit, as the check `" + checkApply + "`."
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
	case "moved":
		return "The drift is no longer what this pull request says. It is looked at again: read what it says in a minute, and ask once more."
	}
	return help
}

const help = "Commands, on the first line of a comment:\n\n" +
	"| command | does | for |\n|---|---|---|\n" +
	"| `/tenantry plan` | computes the plan of this pull request again | writers, its author |\n" +
	"| `/tenantry preview [TENANT ...]` | shows what this pull request asks for of these tenants, or of all that it touches, resource by resource. " +
	"It compares definitions: the cloud isn't asked, and nothing is made there before the merge | writers, its author |\n" +
	"| `/tenantry apply`, `/tenantry retry` | tries again what is merged and not applied yet; merging is what applies a pull request | owners of its files |\n" +
	"| `/tenantry hold` | stops all writes to the cloud | writers |\n" +
	"| `/tenantry resume` | lets them go on | owners of `fleet.cue` |\n" +
	"| `/tenantry revert` | on a report of drift: puts Git's values back, as closing it does | owners of the definitions |\n" +
	"| `/tenantry ignore until DATE REASON` | on a report of drift: makes it a waiver that ends by itself, to be merged | owners of the definitions |\n" +
	"| `/tenantry help` | this | everybody |\n\n" +
	"Writers may write to this repository. Owners do as well, and `CODEOWNERS` of the watched branch names them or a team of theirs; what nobody owns is for writers. " +
	"A comment that was edited is no command.\n"

// hint says which command of ours comes closest to one that there isn't. Nothing was done for it.
func hint(unknown string) string {
	switch unknown {
	case "atlantis plan", "/retest":
		return "That is another tool's command, and nothing was done. Here a pull request is planned by itself after every push; `/tenantry plan` has it computed again."
	case "atlantis apply":
		return "That is another tool's command, and nothing was done. Here merging is what applies a pull request; `/tenantry apply` tries again what is merged and not applied yet."
	case "atlantis unlock":
		return "That is another tool's command, and nothing was done. Nothing is locked here by a pull request; if writes are on hold, `/tenantry resume` lets them go on."
	case "/hold":
		return "That is another tool's command, and nothing was done. `/tenantry hold` stops all writes of the fleet; to keep this pull request from being merged, make it a draft."
	case "/hold cancel", "/unhold":
		return "That is another tool's command, and nothing was done. `/tenantry resume` lets the fleet's writes go on."
	case "atlantis help":
		return "That is another tool's command. These are ours."
	}
	if ours, known := map[string]string{
		"lock": "hold", "pause": "hold", "stop": "hold", "unlock": "resume", "unhold": "resume", "continue": "resume",
		"diff": "preview", "show": "preview", "explain": "preview", "replan": "plan", "rollback": "revert", "restore": "revert",
		"waive": "ignore", "accept": "ignore", "merge": "apply", "rerun": "retry", "retest": "plan",
	}[unknown]; known {
		return "There is no such command, and nothing was done. `/tenantry " + ours + "` comes closest."
	}
	return "There is no such command, and nothing was done."
}
