package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/reconciler/resource"
)

// The numbers of the definitions' speed: processor time against the cue command line in the same run,
// as ratios, since wall time says nothing on a busy machine. Run with: make bench. The cue command
// line is the one at $CUE; cue's time for 10,000 tenants is taken as ten times that for 1,000, because it
// needs 19 GiB for them.

// spent is the processor time of a command and its children.
func spent(b *testing.B, dir, program string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s %v: %v\n%s", program, args, err, stderr.String())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// own is the processor time of this process and of its children that live, whose time the system counts
// in hundredths of a second. See proc_pid_stat(5).
func own() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	total := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		for pid := range strings.FieldsSeq(string(pids)) {
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			if fields := strings.Fields(string(stat)); len(fields) > 14 {
				for _, field := range fields[13:15] {
					ticks, _ := strconv.Atoi(field)
					total += time.Duration(ticks) * 10 * time.Millisecond
				}
			}
		}
	}
	return total
}

func built(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "tenantry")
	spent(b, ".", "go", "build", "-o", program, ".")
	return program
}

func generated(b *testing.B, tenants int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "fleet")
	spent(b, "../..", "go", "run", "./internal/fleetgen", "-tenants", fmt.Sprint(tenants), "-seed", "1", "-out", dir)
	return dir
}

func BenchmarkAgainstCue(b *testing.B) {
	cue := os.Getenv("CUE")
	if cue == "" {
		b.Fatal("set CUE to the cue command line, as make bench does")
	}
	program := built(b)
	small, large := generated(b, 1000), generated(b, 10_000)
	for b.Loop() {
		theirs := spent(b, small, cue, "vet", "-c", "./...") + spent(b, small, cue, "export", "./...")
		data := b.TempDir()
		cold := spent(b, small, program, "render", "--json", "--data-dir", data, ".")
		spent(b, large, program, "validate", "--data-dir", data, ".")
		warm := spent(b, large, program, "validate", "--data-dir", data, ".")
		b.ReportMetric(theirs.Seconds()/cold.Seconds(), "cold-1k-x")
		b.ReportMetric(10*theirs.Seconds()/warm.Seconds(), "warm-10k-x")
		b.ReportMetric(theirs.Seconds(), "cue-1k-cpu-s")
	}
}

// BenchmarkCommit is one tenant of 10,000 changed, from the commit to what the tenant renders to, in a
// process that goes on, as the daemon does.
func BenchmarkCommit(b *testing.B) {
	program := built(b)
	dir := generated(b, 10_000)
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).Output()
		if err != nil {
			b.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "all")
	repo, err := gitrepo.Open(b.Context(), b.TempDir(), dir, "main", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	loader, done, err := newApp().loaderOf(program, filepath.Join(b.TempDir(), "pack"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = done() }()
	tenants, err := filepath.Glob(filepath.Join(dir, "tenants", "*", "*.cue"))
	if err != nil || len(tenants) < 10_000 {
		b.Fatal(len(tenants), err)
	}
	load := func(owner resource.Owner) {
		c, err := repo.Head(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		fsys, err := repo.Open(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		f, found, err := loader.Load(b.Context(), fsys, time.Now())
		if err != nil || f == nil || owner != "" && len(f.RenderOwners(owner).Desired) == 0 {
			b.Fatal(found, err)
		}
	}
	load("")
	var took []time.Duration
	n, cpu := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		file := tenants[n*37%len(tenants)]
		n++
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		changed := strings.Replace(string(text), "displayName: \"", fmt.Sprintf("displayName: \"%d ", n), 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			b.Fatal(err)
		}
		git("commit", "-q", "-a", "-m", "change")
		b.StartTimer()
		started, before := time.Now(), own()
		load(resource.Tenant(strings.TrimSuffix(filepath.Base(file), ".cue")))
		cpu += own() - before
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	b.ReportMetric(float64(cpu.Microseconds())/float64(n)/1000, "cpu-ms/op")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
