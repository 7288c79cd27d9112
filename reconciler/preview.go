package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

const (
	keyPreview   = "preview/" // show what one pull request asks for of some owners
	statePreview = "preview/" // by pull request: of whom, and who asked
)

// A glimpse is what somebody wants to see of a pull request.
type glimpse struct {
	Of string `json:"of"` // names, separated by spaces; empty for those whom it touches
	By string `json:"by"`
}

// askPreview keeps what somebody wants to see, and asks for a turn to show it.
func (d *Daemon) askPreview(ctx context.Context, c Command) error {
	number := strconv.Itoa(c.Pull)
	if err := d.remember(ctx, statePreview+number, glimpse{c.Words, c.Author}, "what is to be previewed"); err != nil {
		return err
	}
	d.trigger(ctx, keyPreview+number, true)
	return d.say(ctx, c, "previewing")
}

// preview shows what a pull request asks for, in a comment of its own. It evaluates definitions and no more:
// the cloud is neither asked nor written to, so that what nobody agreed to has no effect.
func (d *Daemon) preview(ctx context.Context, text string) error {
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil //nolint:nilerr // not a key of ours; trying again would not help
	}
	kept, err := d.Reconciler.State.Get(ctx, statePreview+text)
	if err != nil {
		return fmt.Errorf("recall what is to be previewed: %w", err)
	}
	var g glimpse
	known := json.Unmarshal([]byte(kept), &g) == nil
	if !known {
		return nil // nobody asked for one
	}
	pr, open, err := d.openPull(ctx, number)
	if err != nil {
		return err
	}
	body := "No preview: this pull request isn't open."
	if open {
		if body, err = d.previewOf(ctx, pr, g); err != nil {
			return err
		}
	}
	if err := d.Reviews.Comment(ctx, number, "preview", body); err != nil {
		return fmt.Errorf("comment on pull request %d: %w", number, err)
	}
	return nil
}

func (d *Daemon) previewOf(ctx context.Context, pr PullRequest, g glimpse) (string, error) {
	commit, err := d.mergeResult(ctx, pr)
	if err != nil {
		return "", err
	}
	if strange, err := d.strange(ctx, pr, commit); err != nil || strange {
		return "No preview: the head is in another repository, and it changes more than tenants. Review it, and push it to a branch of this repository.", err
	}
	merged, err := d.targets.open(ctx, d.Loader, d.Source, commit)
	if err != nil {
		return "", err
	}
	if merged.Fleet == nil || invalid(merged.Findings) {
		return "No preview: the definitions are not valid. The check `" + checkValidate + "` says why.", nil
	}
	base, err := d.baseOf(ctx, pr, merged)
	if err != nil {
		return "", err
	}
	before := report.Side{}
	trusted := &schema.Fleet{}
	if base.Fleet != nil {
		before, trusted = side(base), base.Fleet
	}
	after := side(merged)
	set, err := d.Reconciler.Providers(&schema.Fleet{Name: trusted.Name, Accounts: trusted.Accounts, Types: merged.Fleet.Types}, nil)
	if err != nil {
		return "", fmt.Errorf("drivers: %w", err)
	}
	o := report.PreviewOptions{Kinds: set.Kinds(), Head: string(pr.Head), By: g.By}
	if o.Owners, o.Missing = pick(strings.Fields(g.Of), base, merged); g.Of == "" {
		o.Owners = touched(base, merged)
	}
	return report.Preview(before, after, o), nil
}

// pick finds owners by what people call them: a tenant or a cell by its name, anything by its class and name.
func pick(names []string, targets ...Target) (owners []resource.Owner, missing []string) {
	known := map[resource.Owner]bool{resource.Fleet: true}
	for _, t := range targets {
		if t.Fleet != nil {
			maps.Copy(known, t.owners())
		}
	}
	for _, name := range names {
		called := []resource.Owner{resource.Owner(name), resource.Tenant(name), resource.Cell(name)}
		if at := slices.IndexFunc(called, func(o resource.Owner) bool { return known[o] }); at >= 0 {
			owners = append(owners, called[at])
		} else {
			missing = append(missing, name)
		}
	}
	return owners, missing
}
