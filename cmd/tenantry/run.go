package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"tenantry.dev/internal/github"
	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/internal/store"
	"tenantry.dev/internal/work"
	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler"
	"tenantry.dev/schema"
)

// daemonSettings are the settings of run. Secrets come from the environment or the settings file
// alone: a flag would show in the list of processes.
type daemonSettings struct {
	repoURL, branch     string
	githubRepo          string
	appID               int64
	appKeyFile          string
	listen              string
	poll, writeInterval time.Duration
	acceptRewrite       string
	workers             int
	traffic             *github.Traffic // shared with other fleets; may be nil
}

// repoFlags are the flags that say which config repository, and as whom.
func (s *daemonSettings) repoFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.repoURL, "repo-url", "", "the config repository: https, ssh or a path")
	s.githubFlags(flags)
}

// githubFlags are the flags of what talks to GitHub alone.
func (s *daemonSettings) githubFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.branch, "branch", "main", "the watched branch")
	flags.StringVar(&s.githubRepo, "github-repo", "", "owner/name of the config repository on GitHub")
	flags.Int64Var(&s.appID, "github-app-id", 0, "the GitHub App's id; without it GITHUB_TOKEN is used")
	flags.StringVar(&s.appKeyFile, "github-app-key-file", "", "the GitHub App's private key, PEM")
}

// fleetFlags are the flags of run that each fleet may have its own value of.
func (s *daemonSettings) fleetFlags(flags *pflag.FlagSet, a *app) {
	flags.DurationVar(&s.poll, "poll", time.Minute, "time between looks at the repository, for lost webhooks")
	flags.DurationVar(&s.writeInterval, "github-write-interval", time.Second, "pause between writes to GitHub")
	flags.StringVar(&s.acceptRewrite, "accept-rewrite", "", "a commit to apply although the history before it was rewritten")
	flags.IntVar(&s.workers, "workers", 4, "how many things are worked on at the same time")
	flags.DurationVar(&a.settleTime, "settle", 0, "how long a create that nothing is seen of stays open before it may be sent again (default 3m)")
}

func (a *app) runCommand() *cobra.Command {
	var s daemonSettings
	var list fleetList
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: "Run the daemon: it watches the config repository, answers pull requests, applies the watched branch,\n" +
			"and reports drift. Each flag is also a setting: --repo-url is TENANTRY_REPO_URL in the environment or in\n" +
			"the settings file. Secrets are settings only: TENANTRY_WEBHOOK_SECRET, GITHUB_TOKEN.\n\n" +
			fleetsHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd, s, list) },
	}
	flags := cmd.Flags()
	s.repoFlags(flags)
	list.flags(flags)
	s.fleetFlags(flags, a)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address for webhooks, /healthz and /readyz")
	return cmd
}

// run serves the fleets until ctx ends.
func (a *app) run(cmd *cobra.Command, s daemonSettings, list fleetList) error {
	log, err := a.logger()
	if err != nil {
		return err
	}
	frugal()
	all, err := a.services(cmd.Flags(), s, list)
	if err != nil {
		return err
	}
	shared, done, err := a.shared()
	if err != nil {
		return err
	}
	h := &host{log: log, listen: s.listen, shared: shared}
	if list.several() {
		return errors.Join(h.serveSeveral(cmd.Context(), all), done())
	}
	return errors.Join(h.serveOne(cmd.Context(), all[0]), done())
}

// shared is what the fleets of one daemon have together.
type shared struct {
	traffic *github.Traffic
	rates   *aws.Rates
	workers evaluators
	claims  *register
}

func (a *app) shared() (shared, func() error, error) {
	workers, done, err := a.evaluators()
	return shared{traffic: &github.Traffic{}, rates: aws.NewRates(), workers: workers, claims: &register{}}, done, err
}

// opened is a fleet's daemon with what it holds open.
type opened struct {
	*reconciler.Daemon

	forge   forge
	closers []func() error
}

// run works until ctx ends.
func (o *opened) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	if o.forge.client != nil {
		beside.Go(func() { redeliver(ctx, o.Log, o.forge.client, o.Reconciler.State) })
	}
	return o.Run(ctx)
}

// close gives everything back. It may be called again.
func (o *opened) close() error {
	var failures []error
	for _, closer := range slices.Backward(o.closers) {
		failures = append(failures, closer())
	}
	o.closers = nil
	return errors.Join(failures...)
}

// open puts a fleet's daemon together. What is returned has to be closed.
func (v service) open(ctx context.Context, log *slog.Logger, with shared) (_ *opened, failure error) {
	o := &opened{}
	defer func() {
		if failure != nil {
			failure = errors.Join(failure, o.close())
		}
	}()
	dir, err := v.data()
	if err != nil {
		return nil, err
	}
	kept, err := store.Open(ctx, dir, store.ReadWrite)
	if err != nil {
		return nil, err
	}
	o.closers = append(o.closers, kept.Close)
	v.traffic = with.traffic
	forge, err := v.app.forge(v.daemonSettings)
	if err != nil {
		return nil, err
	}
	o.forge = forge
	if err := forge.examine(ctx, log); err != nil {
		return nil, err
	}
	repo, err := gitrepo.Open(ctx, filepath.Join(dir, "mirror"), v.repoURL, v.branch, forge.auth)
	if err != nil {
		return nil, err
	}
	o.closers = append(o.closers, repo.Close)
	base, err := awsSettings(ctx, v.awsOptions()...)
	if err != nil {
		return nil, fmt.Errorf("AWS settings: %w", err)
	}
	keys := aws.NewKeys()
	base = keys.Watch(base)
	loader, done := with.workers.loader(filepath.Join(dir, "cache", "daemon.pack"))
	o.closers = append(o.closers, done)
	o.Daemon = &reconciler.Daemon{
		Reconciler: &reconciler.Reconciler{
			Providers: with.claims.guard(v.name, driversAt(base, with.rates)), State: kept, Recorder: kept, Settle: v.app.settleTime,
			Observer: reconciler.NewObserver(5 * time.Second),
		},
		Loader: loader, Source: repo, Forge: forge, Reviews: forge, Comments: forge, Teams: forge.Teams, Witness: forge.Witness, Queue: turns{work.NewMemory(), work.NewMemory(), v.workers}, Log: log,
		Claim: func(ctx context.Context, fleet *schema.Fleet) error {
			return with.claims.stake(ctx, v.name, fleet, kept)
		},
		LogHead: func(ctx context.Context) (string, error) {
			head, err := kept.Head(ctx)
			return head.String(), err
		},
		Events: eventQueues(base, keys),
		Poll:   v.poll, AcceptRewrite: reconciler.Commit(v.acceptRewrite),
	}
	if forge.client != nil {
		o.Deployments, o.Page = forge.client, forge.client.CommitPage
	}
	return o, nil
}

// frugal trades some processor time for memory, unless the environment says otherwise: what is known of a
// cloud is large and lives long, and collecting late would keep as much again of what was read on the way.
// 10,000 tenants with 150,000 resources are observed and compared in less than 1 GiB so.
func frugal() {
	const percent = 40
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
	}
}

// turns makes the work queue the daemon's. Pull requests have a queue and workers of their own: answering
// many of them takes as long as GitHub wants it to, and a merge doesn't wait for that.
type turns struct {
	queue, pulls *work.Memory
	workers      int
}

func (t turns) of(key string) *work.Memory {
	if strings.HasPrefix(key, reconciler.PullKeys) {
		return t.pulls
	}
	return t.queue
}

func (t turns) Trigger(ctx context.Context, key string, urgent bool) error {
	priority := work.Reconcile
	if urgent {
		priority = work.Interactive
	}
	return t.of(key).Trigger(ctx, work.Key(key), priority)
}

func (t turns) Run(ctx context.Context, do func(context.Context, string) error) error {
	var group errgroup.Group
	for _, queue := range []*work.Memory{t.queue, t.pulls} {
		group.Go(func() error {
			return queue.Run(ctx, t.workers, func(ctx context.Context, key work.Key) error { return do(ctx, string(key)) })
		})
	}
	return group.Wait()
}

// A forge is GitHub, or nothing: then the daemon reads a repository and says in its log alone what
// it would say in pull requests.
type forge struct {
	reconciler.Forge
	reconciler.Reviews
	reconciler.Comments
	reconciler.Teams   // nil if nobody can be asked
	reconciler.Witness // likewise
	client             *github.Client
	auth               func(context.Context) (user, token string, err error)
}

func (a *app) forge(s daemonSettings) (forge, error) {
	if s.githubRepo == "" {
		quiet := reconciler.Quiet{}
		return forge{Forge: quiet, Reviews: quiet, Comments: quiet}, nil
	}
	options := github.Options{
		APIURL: a.env("GITHUB_API_URL"), Repo: s.githubRepo, Branch: s.branch, AppID: s.appID,
		Token: github.NewSecret(a.env("GITHUB_TOKEN")), WriteInterval: s.writeInterval, Traffic: s.traffic,
	}
	if s.appKeyFile != "" {
		key, err := os.ReadFile(s.appKeyFile)
		if err != nil {
			return forge{}, fmt.Errorf("the GitHub App's private key: %w", err)
		}
		options.PrivateKey = github.NewSecret(string(key))
	}
	client, err := github.New(options)
	if err != nil {
		return forge{}, err
	}
	return forge{Forge: client, Reviews: client, Comments: client, Teams: client, Witness: client, client: client, auth: gitAuth(client)}, nil
}

// gitAuth signs in for git, with another token if one was refused.
func gitAuth(client *github.Client) gitrepo.Auth {
	return func(ctx context.Context) (user, token string, err error) {
		if refused := gitrepo.Refused(ctx); refused != "" {
			client.Refused(refused)
		}
		return client.GitAuth(ctx)
	}
}

// examine refuses to begin with an App that has other permissions than it should: people would learn of
// the missing ones half-way, and of those too many never. That GitHub can't be reached is no reason.
func (f forge) examine(ctx context.Context, log *slog.Logger) error {
	if f.client == nil {
		return nil
	}
	err := f.client.Examine(ctx)
	if errors.Is(err, github.ErrGrants) {
		return err
	}
	if err != nil {
		log.Warn("GitHub doesn't answer as it should; what was accepted before stays in force", "error", err)
	}
	return nil
}

// hint turns an event into what to look at again.
func hint(e github.Event) reconciler.Hint {
	switch e.Kind {
	case github.Push:
		return reconciler.Hint{Pushed: true}
	case github.PullRequest:
		if e.Action == "closed" {
			return reconciler.Hint{Pushed: e.Merged, Pull: e.Number, Closed: true, Drift: strings.HasPrefix(e.Ref, "refs/heads/tenantry/")}
		}
		return reconciler.Hint{Pull: e.Number, Head: e.Head, Base: e.Base}
	case github.CheckRerequest:
		return reconciler.Hint{Pull: e.Number, Again: true, Delivery: e.Delivery, Retry: e.Number == 0 || e.Check == reconciler.CheckApply}
	case github.MergeGroup:
		return reconciler.Hint{Queued: true}
	case github.Comment:
		return reconciler.Hint{Comment: e.CommentID}
	}
	return reconciler.Hint{}
}
