package reconciler

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// keyCommand begins the key of a command that a person gave in a comment:
// "command/NUMBER/VERB/AUTHOR".
const keyCommand = "command/"

// command does what a person asked for in a comment on a pull request. None of the commands makes
// a write that a merge didn't ask for.
func (d *Daemon) command(ctx context.Context, text string) error {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 {
		return nil
	}
	number, err := strconv.Atoi(parts[0])
	if err != nil {
		return nil //nolint:nilerr // not a key of ours; trying again would not help
	}
	verb, author := parts[1], parts[2]
	d.Log.Info("command", "verb", verb, "pull_request", number, "author", author)
	switch verb {
	case "plan":
		if err := d.Reconciler.State.Put(ctx, answerKey(number), ""); err != nil {
			return fmt.Errorf("forget the answer to pull request %d: %w", number, err)
		}
		return d.pull(ctx, number)
	case "apply", "retry":
		d.trigger(ctx, keyHead, true)
		return d.answer(ctx, number, "The watched branch is looked at again; the result is on its newest commit, as the check `"+checkApply+"`.")
	case "hold", "resume":
		return d.hold(ctx, number, verb, author)
	}
	return d.answer(ctx, number, help)
}

const help = "Commands, on the first line of a comment:\n\n" +
	"| command | does |\n|---|---|\n" +
	"| `/tenantry plan` | computes the plan of this pull request again |\n" +
	"| `/tenantry apply`, `/tenantry retry` | tries again what is merged and not applied yet; merging is what applies a pull request |\n" +
	"| `/tenantry hold` | stops all writes to the cloud, for those who may write to this repository |\n" +
	"| `/tenantry resume` | lets them go on |\n" +
	"| `/tenantry help` | this |\n"

// hold stops or resumes all writes. Who may push to the repository may do this.
func (d *Daemon) hold(ctx context.Context, number int, verb, author string) error {
	may, err := d.Reviews.MayWrite(ctx, author)
	if err != nil {
		return fmt.Errorf("whether %s may %s: %w", author, verb, err)
	}
	if !may {
		return d.answer(ctx, number, "Only those who may write to this repository may `"+verb+"`.")
	}
	why, said := "", "Writes go on."
	if verb == "hold" {
		why = fmt.Sprintf("%s asked for it on pull request %d", author, number)
		said = "No more writes are made to the cloud until somebody comments `/tenantry resume`. Pull requests are still answered, and drift is still reported."
	}
	if err := d.Reconciler.State.Put(ctx, stateHold, why); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if err := d.note(ctx, "", "writes: "+verb, author); err != nil {
		return err
	}
	if verb == "resume" {
		d.trigger(ctx, keyHead, true)
	}
	return d.answer(ctx, number, said)
}

// answer says something on a pull request, in one comment that is edited.
func (d *Daemon) answer(ctx context.Context, number int, text string) error {
	if err := d.Reviews.Comment(ctx, number, "command", text); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", number, err)
	}
	return nil
}
