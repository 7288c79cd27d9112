package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/schema"
)

func (a *app) planCommand() *cobra.Command {
	var asJSON, detailed bool
	var out, against string
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show what would have to change for the cloud to match the definitions",
		Long: "Show what would have to change for the cloud to match the definitions, what that costs a month as far as it has\n" +
			"a price, and how far it reaches; and what a change to something that tenants share (a plan, a policy, a cell, the\n" +
			"fleet) does to each of them: equal consequences once, and what is unusual apart.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := a.planned(cmd.Context(), folder(args), reconciler.Question{Correct: true})
			if err != nil {
				return err
			}
			cs := plan.Changeset
			shadow, err := a.shadowOf(cmd.Context(), folder(args), against, plan)
			if err != nil {
				return err
			}
			facts := plan.Facts()
			text, err := report.JSONWith(cs, shadow, facts)
			if err != nil {
				return err
			}
			if out != "" {
				if err := os.WriteFile(out, text, 0o600); err != nil {
					return fmt.Errorf("save the changeset: %w", err)
				}
			}
			if err := a.printChangeset(cs, facts, text, asJSON); err != nil {
				return err
			}
			if !asJSON && shadow.Tells() {
				if _, err := fmt.Fprint(a.out, "\n"+report.ShadowText(shadow, a.color())); err != nil {
					return err
				}
			}
			return verdict(cs, detailed)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&against, "against", "", "compare what every tenant asks for with this commit, branch or tag; by default with what was applied\n"+
		"last, or, where nothing is remembered of that, with the commit at which this work left the remote's branch")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 if there are changes")
	cmd.Flags().StringVar(&out, "out", "", "save the changeset to this file, for apply")
	return cmd
}

func (a *app) driftCommand() *cobra.Command {
	var asJSON, detailed bool
	cmd := &cobra.Command{
		Use:   "drift [DIR]",
		Short: "Show what the cloud has that the definitions don't say",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cs, err := a.compute(cmd.Context(), folder(args), reconciler.Question{Reconciled: true})
			if err != nil {
				return err
			}
			cs = drifted(cs)
			text, err := report.JSON(cs)
			if err != nil {
				return err
			}
			if err := a.printChangeset(cs, report.Facts{}, text, asJSON); err != nil {
				return err
			}
			return verdict(cs, detailed)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 if there is drift")
	return cmd
}

// verdict turns what was found into the exit code. What couldn't be read is an error: nobody may
// take "no changes" for an answer about a cloud that wasn't seen.
func verdict(cs changeset.Changeset, detailed bool) error {
	switch {
	case len(cs.Unseen) > 0:
		return exit(codeError, "%d place%s couldn't be read, so that this is not the whole picture", len(cs.Unseen), plural(len(cs.Unseen)))
	case detailed && !cs.Empty():
		return exit(codeChanges, "")
	}
	return nil
}

// drifted keeps the changes that no commit asked for.
func drifted(cs changeset.Changeset) changeset.Changeset {
	cs.Changes = slices.DeleteFunc(slices.Clone(cs.Changes), func(c changeset.Change) bool {
		return c.Cause == changeset.Config
	})
	return cs
}

func (a *app) printChangeset(cs changeset.Changeset, facts report.Facts, asJSON []byte, wantJSON bool) error {
	if wantJSON {
		_, err := fmt.Fprintln(a.out, strings.TrimSpace(string(asJSON)))
		return err
	}
	_, err := fmt.Fprint(a.out, report.TextWith(cs, facts, a.color()))
	return err
}

// compute makes the changeset of a folder against the live cloud, writing nothing.
func (a *app) compute(ctx context.Context, dir string, q reconciler.Question) (changeset.Changeset, error) {
	plan, err := a.planned(ctx, dir, q)
	return plan.Changeset, err
}

// planned makes the plan of a folder against the live cloud, writing nothing.
func (a *app) planned(ctx context.Context, dir string, q reconciler.Question) (reconciler.Plan, error) {
	target, err := a.target(ctx, dir)
	if err != nil {
		return reconciler.Plan{}, err
	}
	r, done, err := a.reconciler(ctx, target.Fleet, store.ReadOnly)
	if err != nil {
		return reconciler.Plan{}, err
	}
	plan, err := r.Plan(ctx, target, q)
	return plan, errors.Join(err, done())
}

// target reads a folder and refuses definitions that are not valid.
func (a *app) target(ctx context.Context, dir string) (reconciler.Target, error) {
	target, err := a.open(ctx, dir)
	if err != nil {
		return target, err
	}
	if target.Fleet == nil || schema.Invalid(target.Findings) {
		return target, a.refuse(target.Findings)
	}
	return target, nil
}

// reconciler puts the parts together for work on one machine. The returned function closes them.
func (a *app) reconciler(ctx context.Context, fleet *schema.Fleet, mode store.Mode) (*reconciler.Reconciler, func() error, error) {
	frugal()
	dir, err := a.data(fleet.Name)
	if err != nil {
		return nil, nil, err
	}
	kept, err := store.Open(ctx, dir, mode)
	if err != nil {
		return nil, nil, err
	}
	base, err := awsSettings(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("AWS settings: %w", err), kept.Close())
	}
	return &reconciler.Reconciler{
		Providers: drivers(base), State: kept, Recorder: kept, Observer: reconciler.NewObserver(0), Settle: a.settleTime,
	}, kept.Close, nil
}

// awsSettings are AWS's own: its environment variables and files. The SDK's own log is off: what
// matters comes back as errors, and the rest would put its lines between ours. What own says comes before them.
func awsSettings(ctx context.Context, own ...func(*config.LoadOptions) error) (awssdk.Config, error) {
	return config.LoadDefaultConfig(ctx, append(own, config.WithLogger(logging.Nop{}))...)
}

// accountsOf are a fleet's accounts, as drivers enter them.
func accountsOf(fleet *schema.Fleet) []aws.Account {
	accounts := make([]aws.Account, len(fleet.Accounts))
	for i, a := range fleet.Accounts {
		accounts[i] = accountOf(fleet, a)
	}
	return accounts
}

// drivers gives the drivers for the accounts of a fleet and the resource types in it. They are made
// once for as long as both stay the same; sessions, connections and rates are kept beyond that.
func drivers(base awssdk.Config) func(*schema.Fleet, []string) (providers.Set, error) {
	return driversAt(base, aws.NewRates())
}

// driversAt is drivers with rates that others count against, too.
func driversAt(base awssdk.Config, rates *aws.Rates) func(*schema.Fleet, []string) (providers.Set, error) {
	var mu sync.Mutex
	var last string
	var set providers.Set
	cloud := aws.NewCloudAt(base, rates)
	return func(fleet *schema.Fleet, kinds []string) (providers.Set, error) {
		mu.Lock()
		defer mu.Unlock()
		accounts := accountsOf(fleet)
		types := slices.DeleteFunc(slices.Concat(fleet.Types, kinds), func(kind string) bool { return !schema.IsType(kind) })
		slices.Sort(types)
		types = slices.Compact(types)
		if key := fmt.Sprint(accounts, types); set == nil || key != last {
			fresh, err := cloud.Drivers(accounts, types...)
			if err != nil {
				return nil, err
			}
			set, last = fresh, key
		}
		return set, nil
	}
}

func (a *app) applyCommand() *cobra.Command {
	var approve, asJSON bool
	cmd := &cobra.Command{
		Use:   "apply [DIR] [FILE]",
		Short: "Make the cloud match the definitions",
		Long: "Make the cloud match the definitions. With a FILE that plan --out saved, exactly what it shows is applied,\n" +
			"or nothing if that would be something else by now.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			saved := ""
			if len(args) == 2 {
				saved = args[1]
			}
			return a.apply(cmd.Context(), folder(args), saved, approve, asJSON)
		},
	}
	cmd.Flags().BoolVar(&approve, "auto-approve", false, "don't ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().DurationVar(&a.settleTime, "settle", 0, "how long a create that nothing is seen of stays open before it may be sent again (default 3m)")
	return cmd
}

func (a *app) apply(ctx context.Context, dir, saved string, approve, asJSON bool) (failure error) {
	target, err := a.target(ctx, dir)
	if err != nil {
		return err
	}
	r, done, err := a.reconciler(ctx, target.Fleet, store.ReadWrite)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	plan, err := r.Plan(ctx, target, reconciler.Question{Correct: true})
	if err != nil {
		return err
	}
	if saved != "" {
		if err := fresh(saved, plan.Changeset); err != nil {
			return err
		}
	}
	if !asJSON {
		if _, err := fmt.Fprint(a.out, report.Text(plan.Changeset, a.color())); err != nil {
			return err
		}
	}
	if len(plan.Changeset.Ready()) > 0 && !approve {
		if err := a.ask(); err != nil {
			return err
		}
	}
	order := reconciler.Order{Run: time.Now().UTC().Format("20060102T150405.000Z"), Actor: a.user(), Progress: a.progress(asJSON)}
	outcomes, err := r.Apply(ctx, plan, order)
	if err != nil {
		return err
	}
	if outcomes, err = r.Finish(ctx, plan, outcomes, order); err != nil {
		return err
	}
	return a.finish(plan.Changeset, outcomes, asJSON)
}

// fresh refuses a saved changeset that would be another one by now.
func fresh(file string, now changeset.Changeset) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("saved changeset: %w", err)
	}
	commit, digest, err := report.Saved(text)
	if err != nil {
		return fmt.Errorf("saved changeset %s: %w", file, err)
	}
	if digest != now.Digest || commit != now.Commit {
		return fmt.Errorf("%s is stale: it was made for commit %s with digest %s, and by now it would be commit %s with digest %s; nothing was changed; make and review a new plan",
			file, or(commit, "(none)"), digest, or(now.Commit, "(none)"), now.Digest)
	}
	// The digest is about what Git asks for. What was changed in the cloud since isn't in it, and
	// would be put back without having been shown.
	again, err := report.JSON(now)
	if err != nil {
		return err
	}
	shown, err1 := changesIn(text)
	planned, err2 := changesIn(again)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("saved changeset %s: %w", file, err)
	}
	if shown != planned {
		return fmt.Errorf("%s is stale: the cloud was changed since it was made; nothing was changed; make and review a new plan", file)
	}
	return nil
}

// changesIn returns the part of a saved changeset that says what would be done.
func changesIn(saved []byte) (string, error) {
	var in struct {
		Changes json.RawMessage `json:"changes"`
	}
	if err := json.Unmarshal(saved, &in); err != nil {
		return "", err
	}
	var plain bytes.Buffer
	err := json.Compact(&plain, in.Changes)
	return plain.String(), err
}

// ask wants a yes from a person.
func (a *app) ask() error {
	if !isTerminal(a.in) {
		return errors.New("nothing was changed: there is no terminal to ask at; give --auto-approve to apply without being asked")
	}
	if _, err := fmt.Fprint(a.out, "\nApply these changes? Only \"yes\" is a yes: "); err != nil {
		return err
	}
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

func (a *app) user() string { return or(a.env("USER"), "cli") }

// finish says what happened, and turns it into the exit code.
func (a *app) finish(cs changeset.Changeset, outcomes []changeset.Outcome, asJSON bool) error {
	count := map[changeset.Result]int{}
	for _, o := range outcomes {
		count[o.Result]++
	}
	if asJSON {
		if err := a.printJSON(map[string]any{
			"format_version": formatVersion, "commit": cs.Commit, "digest": cs.Digest, "results": count, "outcomes": outcomes,
		}); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(a.out, report.Outcomes(outcomes, a.color())); err != nil {
		return err
	}
	waiting := count[changeset.Waiting]
	undone := count[changeset.Failed] + count[changeset.Blocked] + count[changeset.Skipped]
	switch {
	case undone > 0 && count[changeset.Applied] > 0:
		return exit(codePartly, "partly applied: %d done, %d not; the next apply goes on from here", count[changeset.Applied], undone)
	case waiting > 0:
		return exit(codePartly, "%d change%s still wait%s for the cloud; the next apply goes on from here", waiting, plural(waiting), verbEnding(waiting))
	case undone > 0:
		return exit(codeError, "nothing could be applied")
	case len(cs.Unseen) > 0:
		return exit(codePartly, "%d place%s couldn't be read and were left alone", len(cs.Unseen), plural(len(cs.Unseen)))
	case count[changeset.Held] > 0:
		return exit(codeHeld, "%d change%s held: see the reasons above", count[changeset.Held], plural(count[changeset.Held]))
	}
	return nil
}

// verbEnding is the ending of a verb whose subject is so many.
func verbEnding(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
