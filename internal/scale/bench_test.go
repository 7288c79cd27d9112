package scale_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/internal/scale"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

var (
	tenants = flag.Int("tenants", 400, "tenants of BenchmarkObserveAndCompare")
	crowd   = flag.Int("per-account", 40, "of them in one account")
)

// serving makes the test's own program the sandbox of another process: what AWS does is no cost of ours.
const serving = "TENANTRY_SCALE_SANDBOX"

func TestMain(m *testing.M) {
	flag.Parse()
	size := os.Getenv(serving)
	if size == "" {
		os.Exit(m.Run())
	}
	if err := serve(size); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers until its standard input ends.
func serve(size string) error {
	var s scale.Size
	if _, err := fmt.Sscan(size, &s.Accounts, &s.Tenants); err != nil {
		return err
	}
	c, err := scale.NewCloud(context.Background(), s, scale.Fifteen)
	if err != nil {
		return err
	}
	running, err := c.Start()
	if err != nil {
		return err
	}
	if _, err := fmt.Println(running.URL); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return running.Close()
}

// sandbox starts one in a process of its own, and returns its URL.
func sandbox(b *testing.B, size scale.Size) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", serving, size.Accounts, size.Tenants))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("the sandbox didn't start: %v", err)
	}
	return strings.TrimSpace(url)
}

// BenchmarkObserveAndCompare observes every tenant of a fleet, 15 resources each, and compares them with
// what is wanted. It reports the processor time and the peak memory of this process, in which the SDK is
// included and the sandbox is not; the time on the clock is mostly rates that are waited for.
func BenchmarkObserveAndCompare(b *testing.B) {
	size := scale.Size{Accounts: (*tenants + *crowd - 1) / *crowd, Tenants: *crowd}
	base := scale.Base(sandbox(b, size))
	desired := size.Desired(scale.Fifteen)
	for b.Loop() {
		observeAndCompare(b, size, base, desired)
	}
}

func observeAndCompare(b *testing.B, size scale.Size, base awssdk.Config, desired []resource.Desired) {
	b.Helper()
	set, err := size.Drivers(base)
	if err != nil {
		b.Fatal(err)
	}
	start, before := used()
	seen, err := reconciler.Observe(b.Context(), set, scale.Fleet, size.Scopes())
	if err != nil || len(seen.Observed) != len(desired) || len(seen.Unseen) > 0 {
		b.Fatalf("saw %d resources of %d, %v; unseen: %v", len(seen.Observed), len(desired), err, seen.Unseen)
	}
	observed, _ := used()
	cs := compared(b, set, seen, desired)
	if len(cs.Changes) != 0 {
		b.Fatalf("%d changes, such as %+v", len(cs.Changes), cs.Changes[0])
	}
	end, peak := used()
	b.ReportMetric((observed - start).Seconds(), "observe-cpu-s")
	b.ReportMetric((end - observed).Seconds(), "compare-cpu-s")
	b.ReportMetric((end - start).Seconds(), "cpu-s")
	b.ReportMetric(before, "peak-before-MiB")
	b.ReportMetric(peak, "peak-MiB")
}

func compared(b *testing.B, set providers.Set, seen reconciler.Observation, desired []resource.Desired) changeset.Changeset {
	b.Helper()
	settled := map[resource.Owner]bool{}
	for _, d := range desired {
		settled[d.Address.Owner] = true
	}
	cs, err := changeset.Compute(changeset.Snapshot{
		Fleet: scale.Fleet, Kinds: set.Kinds(), Desired: desired, Applied: desired, Settled: settled, Observed: seen.Observed,
		Limits: changeset.Limits{Count: 1, Percent: 1}, Now: time.Now(),
	})
	if err != nil {
		b.Fatal(err)
	}
	return cs
}

// used is the processor time of this process, the kernel's work for it included, and its peak memory in MiB.
func used() (cpu time.Duration, peak float64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of oneself it can't fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), float64(u.Maxrss) / 1024
}
