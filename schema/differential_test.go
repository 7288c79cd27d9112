//go:build differential

package schema

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fleetsWanted is how many fleets of each sort to hold the two against each other with.
func fleetsWanted(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("DIFFERENTIAL"))
	if err != nil || n < 1 {
		t.Fatalf("DIFFERENTIAL=%q is not a number of fleets", os.Getenv("DIFFERENTIAL"))
	}
	return n
}

// differ judges fleets on all processors.
func differ(t *testing.T, n int, draw func(n int) (map[string][]byte, string)) {
	t.Helper()
	var guard sync.Mutex
	c := tally{classes: map[string]int{}}
	next := make(chan int)
	var group sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				files, said := draw(i)
				v := verdictOn(t, files)
				guard.Lock()
				if err := c.count(v); err != nil {
					t.Errorf("fleet %d, %s: %v", i, said, err)
				}
				guard.Unlock()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
	t.Logf("%d fleets in %s: %s", n, time.Since(began).Round(time.Second), c.String())
}

// Fleets with none to four mutations each.
func TestDifferentialMutated(t *testing.T) {
	all := bases(t)
	differ(t, fleetsWanted(t), func(n int) (map[string][]byte, string) {
		r := rand.New(rand.NewPCG(2026, uint64(n)))
		files, said := drawn(r, all, []int{0, 1, 1, 1, 1, 1, 2, 2, 3, 4}[r.IntN(10)])
		return files, strings.Join(said, "; ")
	})
}

// Fleets that the generator makes for measurements, with none to two of its planted mistakes.
func TestDifferentialGenerated(t *testing.T) {
	dir := t.TempDir()
	generator := filepath.Join(dir, "fleetgen")
	if out, err := exec.Command("go", "build", "-o", generator, "../internal/fleetgen").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	differ(t, fleetsWanted(t)/10, func(n int) (map[string][]byte, string) {
		files := map[string][]byte{}
		into := filepath.Join(dir, strconv.Itoa(n))
		bad := n % 3
		said, err := exec.Command(generator, "-tenants", "8", "-seed", strconv.Itoa(n), "-bad", strconv.Itoa(bad), "-out", into).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		if err := fsWalk(os.DirFS(into), func(path string, text []byte) { files[path] = text }); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(into)
		return files, fmt.Sprintf("seed %d: %s", n, said)
	})
}

// cueCommand runs the real cue command in a fleet, without a network, a registry or a module cache.
func cueCommand(t *testing.T, dir string, args ...string) (stdout []byte, err error) {
	t.Helper()
	cmd := exec.Command(cueProgram(t), args...)
	cmd.Dir, cmd.Env = dir, offline(t)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cue %s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return out.Bytes(), nil
}

func cueProgram(t *testing.T) string {
	t.Helper()
	program := os.Getenv("CUE")
	if program == "" {
		t.Fatal("CUE is not set to the cue command; make differential sets it")
	}
	return program
}

// offline is an environment in which every request to the network fails and nothing is cached.
func offline(t *testing.T) []string {
	t.Helper()
	empty := t.TempDir()
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + empty, "CUE_CACHE_DIR=" + filepath.Join(empty, "cache"),
		"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "NO_COLOR=1",
	}
}

// What the tests above ask of cue's library, the command answers in the same way.
func TestCueCommandAgrees(t *testing.T) {
	all := bases(t)
	const sample = 60
	accepted := 0
	for n := range sample {
		r := rand.New(rand.NewPCG(77, uint64(n)))
		files, said := drawn(r, all, n%3)
		dir := onDisk(t, files)
		_, inside := vet(t, dir)
		_, err := cueCommand(t, dir, "vet", "-c", "./...")
		if (inside == nil) != (err == nil) {
			t.Errorf("%s: the library says %v, the command %v", strings.Join(said, "; "), inside, err)
		}
		if err == nil {
			accepted++
		}
	}
	t.Logf("%d of %d accepted by both", accepted, sample)
}

// A new fleet, and the example, work with the cue command on a machine that has never seen a network.
func TestCueCommandWorksOffline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := Init(dir, "fleet"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, "../fleet-example"} {
		for _, args := range [][]string{{"vet", "./..."}, {"vet", "-c", "./..."}, {"eval", "./tenants"}, {"export", "./tenants"}, {"export", "."}, {"fmt", "--check", "./..."}} {
			if _, err := cueCommand(t, dir, args...); err != nil {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}
