package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/internal/github"
	"tenantry.dev/reconciler"
)

// A host runs the daemons of fleets, and answers HTTP beside them.
type host struct {
	log    *slog.Logger
	listen string
	shared shared
}

// serveOne serves the only fleet until ctx ends. What is wrong with it ends the program.
func (h *host) serveOne(ctx context.Context, v service) (failure error) {
	o, err := v.open(ctx, h.log, h.shared)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, o.close()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			http.Error(w, "the config repository was not read yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	hook, err := o.webhook(ctx, v.secret())
	if err != nil {
		return err
	}
	if hook != nil {
		mux.Handle("POST /webhook", hook)
	} else {
		h.log.Warn("no webhooks are taken: TENANTRY_WEBHOOK_SECRET is not set", "poll", v.poll)
	}
	return h.serve(ctx, mux, o.run)
}

func (v service) secret() github.Secret {
	return github.NewSecret(v.app.env("TENANTRY_WEBHOOK_SECRET"))
}

// webhook is what takes the fleet's deliveries; nil if nothing could be believed, or nobody sends any.
func (o *opened) webhook(ctx context.Context, secret github.Secret) (*github.Webhook, error) {
	if o.forge.client == nil || !secret.IsSet() {
		return nil, nil
	}
	return o.forge.client.Webhook(secret, func(e github.Event) { o.Notice(ctx, hint(e)) })
}

// serve answers HTTP beside the parts, and stops all of them together.
func (h *host) serve(ctx context.Context, mux *http.ServeMux, parts ...func(context.Context) error) error {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	listener, err := net.Listen("tcp", h.listen)
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	h.log.Info("listening", "address", listener.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("webhooks: %w", err)
		}
		return nil
	})
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	group.Go(func() error {
		<-ctx.Done()
		return shut(ctx, server)
	})
	err = group.Wait()
	h.log.Info("stopped; no write was cut in half")
	return err
}

// shut ends a server: what is being answered gets a moment. A connection on which nothing was said, as clients
// open some in advance, is no reason to wait longer, nor to fail.
func shut(ctx context.Context, server *http.Server) error {
	const moment = 2 * time.Second
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), moment)
	defer cancel()
	if err := server.Shutdown(ending); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// How long a fleet that fails is left alone: doubled each time, up to the longest.
const (
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
)

// serveSeveral serves fleets until ctx ends. What is wrong with one of them stops none of the others.
func (h *host) serveSeveral(ctx context.Context, all []service) error {
	h.shared.claims.recall(ctx, h.log, all)
	hooks := &github.Hooks{Dropped: func(event, delivery, repository string) {
		h.log.Debug("a webhook about no fleet of ours", "event", event, "delivery", delivery, "repository", repository)
	}}
	mux := http.NewServeMux()
	var posts []*post
	var parts []func(context.Context) error
	for _, v := range all {
		p := &post{service: v, log: h.log.With("fleet", v.name), shared: h.shared, hooks: hooks, state: stateStarting}
		if v.githubRepo != "" && v.secret().IsSet() {
			hooks.Expect(v.githubRepo, v.secret())
		} else {
			p.log.Warn("no webhooks are taken: TENANTRY_WEBHOOK_SECRET is not set", "poll", v.poll)
		}
		posts = append(posts, p)
		parts = append(parts, p.keep)
	}
	mux.Handle("POST /webhook", hooks)
	mux.Handle("GET /readyz", readiness(posts))
	return h.serve(ctx, mux, parts...)
}

// What /readyz says of a fleet.
const (
	stateReady    = "ready"
	stateStarting = "the config repository was not read yet"
	stateFailed   = "it is not served, and will be tried again; see the log"
)

// A post serves one of several fleets.
type post struct {
	service

	log    *slog.Logger
	shared shared
	hooks  *github.Hooks

	mu     sync.Mutex
	daemon *reconciler.Daemon // nil while there is none
	state  string             // while there is none
}

// keep serves the fleet until ctx ends, and begins anew when that fails.
func (p *post) keep(ctx context.Context) error {
	pause := firstPause
	for {
		began := time.Now()
		err := p.serve(ctx)
		if ctx.Err() != nil {
			if err == nil || errors.Is(err, context.Canceled) {
				return nil
			}
			return fmt.Errorf("fleet %s: %w", p.name, err)
		}
		if time.Since(began) > longestPause {
			pause = firstPause
		}
		p.log.Error("the fleet is not served, and will be tried again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// serve serves the fleet once.
func (p *post) serve(ctx context.Context) (failure error) {
	defer func() { p.set(nil, stateFailed) }()
	o, err := p.open(ctx, p.log, p.shared)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, o.close()) }()
	hook, err := o.webhook(ctx, p.secret())
	if err != nil {
		return err
	}
	p.hooks.Serve(p.githubRepo, hook)
	defer p.hooks.Serve(p.githubRepo, nil)
	p.set(o.Daemon, "")
	if err := o.run(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	return errors.New("its daemon ended")
}

func (p *post) set(daemon *reconciler.Daemon, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.daemon, p.state = daemon, state
}

// ready tells how the fleet is, in a word for people.
func (p *post) ready() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.daemon == nil:
		return p.state
	case p.daemon.Ready():
		return stateReady
	}
	return stateStarting
}

// readiness says of each fleet how it is, or of the one that is asked for; 200 if all of these were read.
func readiness(posts []*post) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := posts
		if name := r.URL.Query().Get("fleet"); name != "" {
			asked = slices.DeleteFunc(slices.Clone(posts), func(p *post) bool { return p.name != name })
			if len(asked) == 0 {
				http.Error(w, "there is no such fleet", http.StatusNotFound)
				return
			}
		}
		var text strings.Builder
		status := http.StatusOK
		for _, p := range asked {
			state := p.ready()
			if state != stateReady {
				status = http.StatusServiceUnavailable
			}
			fmt.Fprintf(&text, "%s: %s\n", p.name, state)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text.String()))
	})
}
