package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
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

func (a *app) runCommand() *cobra.Command {
	var s daemonSettings
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: "Run the daemon: it watches the config repository, answers pull requests, applies the watched branch,\n" +
			"and reports drift. Each flag is also a setting: --repo-url is TENANTRY_REPO_URL in the environment or in\n" +
			"the settings file. Secrets are settings only: TENANTRY_WEBHOOK_SECRET, GITHUB_TOKEN.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), s) },
	}
	flags := cmd.Flags()
	s.repoFlags(flags)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address for webhooks, /healthz and /readyz")
	flags.DurationVar(&s.poll, "poll", time.Minute, "time between looks at the repository, for lost webhooks")
	flags.DurationVar(&s.writeInterval, "github-write-interval", time.Second, "pause between writes to GitHub")
	flags.StringVar(&s.acceptRewrite, "accept-rewrite", "", "a commit to apply although the history before it was rewritten")
	flags.IntVar(&s.workers, "workers", 4, "how many things are worked on at the same time")
	flags.DurationVar(&a.settleTime, "settle", 0, "how long a create that nothing is seen of stays open before it may be sent again (default 3m)")
	return cmd
}

// run puts the daemon together, and runs it until ctx ends.
func (a *app) run(ctx context.Context, s daemonSettings) (failure error) {
	log, err := a.logger()
	if err != nil {
		return err
	}
	frugal()
	if s.repoURL == "" {
		return errors.New("no config repository: set TENANTRY_REPO_URL or give --repo-url")
	}
	dir, err := a.data(cmp.Or(strings.ReplaceAll(s.githubRepo, "/", "-"), "daemon"))
	if err != nil {
		return err
	}
	kept, err := store.Open(ctx, dir, store.ReadWrite)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, kept.Close()) }()
	forge, err := a.forge(s)
	if err != nil {
		return err
	}
	if err := forge.examine(ctx, log); err != nil {
		return err
	}
	repo, err := gitrepo.Open(ctx, filepath.Join(dir, "mirror"), s.repoURL, s.branch, forge.auth)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, repo.Close()) }()
	base, err := awsSettings(ctx)
	if err != nil {
		return fmt.Errorf("AWS settings: %w", err)
	}
	keys := aws.NewKeys()
	base = keys.Watch(base)
	loader, done, err := a.loader(ctx, filepath.Join(dir, "cache", "daemon.pack"))
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	daemon := &reconciler.Daemon{
		Reconciler: &reconciler.Reconciler{
			Providers: drivers(base), State: kept, Recorder: kept, Settle: a.settleTime,
			Observer: reconciler.NewObserver(5 * time.Second),
		},
		Loader: loader, Source: repo, Forge: forge, Reviews: forge, Comments: forge, Teams: forge.Teams, Queue: turns{work.NewMemory(), work.NewMemory(), s.workers}, Log: log,
		LogHead: func(ctx context.Context) (string, error) {
			head, err := kept.Head(ctx)
			return head.String(), err
		},
		Events: eventQueues(base, keys),
		Poll:   s.poll, AcceptRewrite: reconciler.Commit(s.acceptRewrite),
	}
	return serve(ctx, s, log, daemon, forge, github.NewSecret(a.env("TENANTRY_WEBHOOK_SECRET")))
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
	reconciler.Teams // nil if nobody can be asked
	client           *github.Client
	auth             func(context.Context) (user, token string, err error)
}

func (a *app) forge(s daemonSettings) (forge, error) {
	if s.githubRepo == "" {
		quiet := reconciler.Quiet{}
		return forge{Forge: quiet, Reviews: quiet, Comments: quiet}, nil
	}
	options := github.Options{
		APIURL: a.env("GITHUB_API_URL"), Repo: s.githubRepo, Branch: s.branch, AppID: s.appID,
		Token: github.NewSecret(a.env("GITHUB_TOKEN")), WriteInterval: s.writeInterval,
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
	return forge{Forge: client, Reviews: client, Comments: client, Teams: client, client: client, auth: gitAuth(client)}, nil
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

// serve answers HTTP beside the daemon, and stops both together.
func serve(ctx context.Context, s daemonSettings, log *slog.Logger, daemon *reconciler.Daemon, f forge, secret github.Secret) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !daemon.Ready() {
			http.Error(w, "the config repository was not read yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	if f.client != nil && secret.IsSet() {
		hook, err := f.client.Webhook(secret, func(e github.Event) { daemon.Notice(ctx, hint(e)) })
		if err != nil {
			return err
		}
		mux.Handle("POST /webhook", hook)
	} else {
		log.Warn("no webhooks are taken: TENANTRY_WEBHOOK_SECRET is not set", "poll", s.poll)
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	log.Info("listening", "address", listener.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("webhooks: %w", err)
		}
		return nil
	})
	group.Go(func() error { return daemon.Run(ctx) })
	if f.client != nil {
		group.Go(func() error {
			redeliver(ctx, log, f.client, daemon.Reconciler.State)
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(ending)
	})
	err = group.Wait()
	log.Info("stopped; no write was cut in half")
	return err
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
		return reconciler.Hint{Pull: e.Number, Again: true, Delivery: e.Delivery, Retry: e.Number == 0}
	case github.MergeGroup:
		return reconciler.Hint{Queued: true}
	case github.Comment:
		return reconciler.Hint{Comment: e.CommentID}
	}
	return reconciler.Hint{}
}
