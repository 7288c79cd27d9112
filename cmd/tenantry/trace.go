package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tenantry.dev/internal/github"
	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
)

// A trace is what the log has of something, with the pull requests that the commits came with.
type trace struct {
	writes []report.Traced
	pulls  map[string]github.Merged // by commit
}

func (a *app) traceCommand() *cobra.Command {
	var s daemonSettings
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trace ADDRESS|OWNER|COMMIT|PULL",
		Short: "Follow a change from pull request to cloud, and back",
		Long: "List every write that the log has of a resource (tenant/acme/aws.s3.bucket/data), of an owner (tenant/acme),\n" +
			"of a commit or of a pull request (7, or its address): when, for which commit, by whose wish, what, and how it ended. With GitHub\n" +
			"set up, it names the pull request that each commit came with, and who approved it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.follow(cmd, s, args[0])
			if err != nil {
				return err
			}
			return a.printTrace(t, args[0], asJSON)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	s.repoFlags(flags)
	return cmd
}

func (a *app) follow(cmd *cobra.Command, s daemonSettings, what string) (t trace, failure error) {
	ctx := cmd.Context()
	kept, err := a.log(cmd)
	if err != nil {
		return t, err
	}
	defer func() { failure = errors.Join(failure, kept.Close()) }()
	entries, err := kept.Entries(ctx, time.Time{})
	if err != nil {
		return t, err
	}
	f, err := a.forge(s)
	if err != nil {
		return t, err
	}
	keep, err := a.traced(ctx, s, f, entries, what)
	if err != nil {
		return t, err
	}
	t = trace{writes: report.Trace(entries, keep), pulls: map[string]github.Merged{}}
	if f.client == nil {
		return t, nil
	}
	asked := map[string]bool{"": true}
	for _, w := range t.writes {
		if asked[w.Commit] {
			continue
		}
		asked[w.Commit] = true
		merged, ok, err := f.client.MergedAs(ctx, w.Commit)
		if err != nil {
			return t, err
		}
		if ok {
			t.pulls[w.Commit] = merged
		}
	}
	return t, nil
}

// pullText is the number of a pull request, or the address of its page.
var pullText = regexp.MustCompile(`^(?:#|https?://.*/pull/)?([0-9]{1,6})$`)

// commitText is the id of a commit, or the beginning of one that is long enough to mean something.
var commitText = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// traced tells which entries of the log somebody asks for.
func (a *app) traced(ctx context.Context, s daemonSettings, f forge, entries []changeset.Entry, what string) (func(changeset.Entry) bool, error) {
	if match := pullText.FindStringSubmatch(what); match != nil {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, err
		}
		if f.client == nil {
			return nil, errors.New("a pull request is looked up on GitHub: set TENANTRY_GITHUB_REPO and its credentials")
		}
		merged, err := f.client.Merged(ctx, n)
		if err != nil {
			return nil, err
		}
		commit, err := a.appliedWith(ctx, s, f, entries, merged.Commit)
		if err != nil {
			return nil, err
		}
		return func(e changeset.Entry) bool { return e.Commit == commit }, nil
	}
	if strings.Contains(what, "/") || what == "fleet" {
		return func(e changeset.Entry) bool {
			return e.Address.String() == what || string(e.Address.Owner) == what || e.From.String() == what
		}, nil
	}
	if !commitText.MatchString(what) {
		return nil, fmt.Errorf("%q is neither an address (tenant/acme/aws.s3.bucket/data), an owner (tenant/acme), a commit of 7 digits or more, nor a pull request (7)", what)
	}
	return func(e changeset.Entry) bool { return strings.HasPrefix(e.Commit, what) }, nil
}

// appliedWith is the commit that the log has for a merge: its own, or that of the first later one that was
// applied in its place because it came before the first was begun.
func (a *app) appliedWith(ctx context.Context, s daemonSettings, f forge, entries []changeset.Entry, merge string) (commit string, failure error) {
	var commits []string
	for _, e := range entries {
		if e.Commit == merge {
			return merge, nil
		}
		if e.Commit != "" && (len(commits) == 0 || commits[len(commits)-1] != e.Commit) {
			commits = append(commits, e.Commit)
		}
	}
	if s.repoURL == "" {
		return merge, nil // nothing was written for it by itself, and without the history no more can be told
	}
	repo, err := gitrepo.Open(ctx, filepath.Join(a.dataDir, "trace-mirror"), s.repoURL, s.branch, f.auth)
	if err != nil {
		return "", err
	}
	defer func() { failure = errors.Join(failure, repo.Close()) }()
	if _, err := repo.Head(ctx); err != nil {
		return "", err
	}
	for _, later := range commits {
		if descends, err := repo.Ancestor(ctx, reconciler.Commit(merge), reconciler.Commit(later)); err == nil && descends {
			return later, nil
		}
	}
	return merge, nil
}

func (a *app) printTrace(t trace, what string, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"format_version": formatVersion, "of": what, "writes": t.writes, "pull_requests": t.pulls})
	}
	if len(t.writes) == 0 {
		_, err := fmt.Fprintf(a.out, "The log has no write of %s.\n", what)
		return err
	}
	w := table.NewWriter()
	w.AppendHeader(table.Row{"Sent (UTC)", "Commit", "Pull request", "By", "Change", "Attributes", "Result"})
	for _, e := range t.writes {
		w.AppendRow(table.Row{
			e.Time.UTC().Format(time.DateTime), reconciler.Commit(e.Commit).Short(), t.pullOf(e.Commit), t.by(e),
			wrap(e.Action.Symbol()+" "+e.Address.String(), 60), wrap(strings.Join(e.Attributes, ", "), 30), wrap(resultText(e), 40),
		})
	}
	_, err := fmt.Fprintln(a.out, w.Render())
	return err
}

func (t trace) pullOf(commit string) string {
	pull, ok := t.pulls[commit]
	if !ok {
		return ""
	}
	return wrap(fmt.Sprintf("#%d %s", pull.Number, pull.Title), 30)
}

// by says on whose wish something was written: who asked for it, who wrote the pull request, and who
// approved that.
func (t trace) by(e report.Traced) string {
	var parts []string
	if e.Actor != "" && e.Actor != "tenantry" {
		parts = append(parts, e.Actor)
	}
	if pull, ok := t.pulls[e.Commit]; ok {
		parts = append(parts, pull.Author)
		if len(pull.Approved) > 0 {
			parts = append(parts, "approved by "+strings.Join(pull.Approved, ", "))
		}
		if pull.MergedBy != "" {
			parts = append(parts, "merged by "+pull.MergedBy)
		}
	}
	if e.Approved.By != "" {
		parts = append(parts, "let through by "+e.Approved.By)
	}
	return wrap(cmp.Or(strings.Join(parts, "; "), e.Actor), 30)
}

func resultText(e report.Traced) string {
	if e.Detail == "" {
		return string(e.Result)
	}
	return string(e.Result) + ": " + e.Detail
}
