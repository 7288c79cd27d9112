package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

// BenchmarkEvents is the time from a change by hand to the report that shows it, over fifty changes one after
// the other: the program in a process of its own, AWS and GitHub as the sandbox over HTTP, no latency but
// their own. It also counts the calls that a change costs, receiving aside.
func BenchmarkEvents(b *testing.B) {
	const changes = 50
	program := built(b)
	b.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for b.Loop() {
		s := &scene{t: b, dir: b.TempDir()}
		fleet := filepath.Join(s.dir, "fleet")
		if err := listeningFleet(fleet); err != nil {
			b.Fatal(err)
		}
		world, err := raiseWorld(b.Context(), fleet, s.dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		s.world = world
		s.daemon, err = start(s.dir, append(world.Settings(), "TENANTRY_DATA_DIR="+filepath.Join(s.dir, "data"), "TENANTRY_LISTEN=127.0.0.1:0",
			"TENANTRY_GITHUB_WRITE_INTERVAL=5ms"), "run", "--log-format", "json")
		if err != nil {
			b.Fatal(err)
		}
		await(b, s.daemon, scriptPatience, "converged", func() bool { return strings.Contains(s.daemon.log.String(), `"converged"`) })
		await(b, s.daemon, scriptPatience, "its queue", func() bool { return world.AWS.CountsOf("444455556666")["sqs.ReceiveMessage"] > 0 })
		world.AWS.ResetCounts()
		var took []time.Duration
		for i := range changes {
			began := time.Now()
			days := []string{"30", "60", "90"}[i%3]
			if err := world.AWS.Chaos(awsbox.Mischief{Address: "tenant/cedar-clinic/aws.logs.group/logs", Attribute: "retentionInDays", Value: days}); err != nil {
				b.Fatal(err)
			}
			await(b, s.daemon, scriptPatience, days, func() bool { return s.reports("`180` | `" + days + "`") })
			took = append(took, time.Since(began))
		}
		calls := 0
		for name, n := range world.AWS.Counts() {
			if !strings.HasSuffix(name, "Message") && !strings.HasSuffix(name, "MessageBatch") {
				calls += n
			}
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
		b.ReportMetric(float64(calls)/changes, "calls/change")
		s.strike()
	}
}

// listeningFleet writes the example with one tenant, and with the story's queue and rule.
func listeningFleet(dir string) error {
	if err := exampleFleet(dir, "cedar-clinic"); err != nil {
		return err
	}
	story, err := os.ReadFile("testdata/script/events.txtar")
	if err != nil {
		return err
	}
	_, cell, found := strings.Cut(string(story), "-- us-1.cue --\n")
	if !found {
		return fmt.Errorf("the story of events has no cell")
	}
	path := filepath.Join(dir, "fleet.cue")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.NewReplacer(`"@every 2s"`, `"0 3 * * *"`, `regions: ["us-east-1"]`, "regions: [\"us-east-1\"]\n\t\tevents: queue: \"tenantry-events\"").Replace(string(text))
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cells", "us-1.cue"), []byte(cell), 0o600)
}

// reports tells whether an open proposal of the daemon's says something.
func (s *scene) reports(text string) bool {
	open, err := s.openReports(driftReports)
	if err != nil {
		return false
	}
	for _, pr := range open {
		if strings.Contains(pr.Body, text) {
			return true
		}
	}
	return false
}

// await looks every few milliseconds whether something is so, as long as the daemon lives.
func await(b *testing.B, daemon *process, patience time.Duration, what string, is func() bool) {
	b.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	until := time.After(patience)
	for !is() {
		select {
		case <-until:
			b.Fatalf("waited for %s\n%s", what, lastOf(daemon))
		case <-daemon.done:
			b.Fatalf("the daemon ended before %s: %v\n%s", what, daemon.err, lastOf(daemon))
		case <-ticker.C:
		}
	}
}

// lastOf is the end of a daemon's log, which may be long.
func lastOf(daemon *process) string {
	log := daemon.log.String()
	return log[max(0, len(log)-20_000):]
}
