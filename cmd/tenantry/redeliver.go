package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"tenantry.dev/internal/github"
	"tenantry.dev/reconciler"
)

const (
	// redeliverEvery is the time between two looks at the webhooks that failed.
	redeliverEvery = time.Hour
	// redeliverFor is how far back the first look goes: GitHub keeps deliveries for three days.
	redeliverFor = 72 * time.Hour
	// stateRedelivered is where State keeps until when failed webhooks were looked for.
	stateRedelivered = "redelivered"
)

// redeliver has GitHub deliver again what failed, at the start and every hour: it doesn't do so by itself.
// Nearly all that webhooks tell is found by looking as well, but not that a person pressed a button to
// run a check again. It also learns what the repository is called, whose name may change.
func redeliver(ctx context.Context, log *slog.Logger, client *github.Client, state reconciler.State) {
	ticker := time.NewTicker(redeliverEvery)
	defer ticker.Stop()
	told := ""
	for {
		if _, err := client.Name(ctx); err != nil && ctx.Err() == nil {
			log.Debug("what the repository is called can't be asked", "error", err)
		}
		if name, moved := client.Moved(); moved && name != told {
			log.Warn("the config repository has another name now; it is followed, but set TENANTRY_GITHUB_REPO and TENANTRY_REPO_URL", "name", name)
			told = name
		}
		if err := redeliverSince(ctx, log, client, state); err != nil && ctx.Err() == nil {
			log.Warn("failed webhooks are not delivered again; what they told is found by looking", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// redeliverSince asks for what failed since the last look, which outlives a restart.
func redeliverSince(ctx context.Context, log *slog.Logger, client *github.Client, state reconciler.State) error {
	now := time.Now().UTC()
	since := now.Add(-redeliverFor)
	text, err := state.Get(ctx, stateRedelivered)
	if err != nil {
		return err
	}
	if last, err := time.Parse(time.RFC3339, strings.TrimSpace(text)); err == nil && last.After(since) {
		since = last.Add(-time.Minute) // clocks differ
	}
	n, err := client.Redeliver(ctx, since)
	if err != nil {
		return err
	}
	if n > 0 {
		log.Info("failed webhooks are delivered again", "count", n, "since", since)
	}
	return state.Put(ctx, stateRedelivered, now.Format(time.RFC3339))
}
