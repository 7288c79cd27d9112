package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// The environment variable that makes the test's own binary the process that is killed.
const childDir = "TENANTRY_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Println(scribble(context.Background(), dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// scribble writes to the store without end and says after each write, and only then, what it wrote.
func scribble(ctx context.Context, dir string) error {
	s, err := store.Open(ctx, dir, store.ReadWrite)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for i := 0; ; i++ {
		address := bucket("tenant/acme", fmt.Sprint(os.Getpid(), "-", i))
		e := changeset.Entry{Phase: changeset.Before, Action: changeset.Create, Address: address, Detail: strings.Repeat("x", i%3000)}
		seq, err := s.Record(ctx, e)
		if err != nil {
			return err
		}
		fmt.Println("before", seq, address)
		if i%3 == 0 {
			continue // never answered
		}
		e.Phase, e.Before, e.Result = changeset.After, seq, changeset.Applied
		if seq, err = s.Record(ctx, e); err != nil {
			return err
		}
		fmt.Println("after", seq, address)
		commit := reconciler.Commit(fmt.Sprint("c", i))
		if err := s.Follow(ctx, []resource.Address{address}); err != nil {
			return err
		}
		to := reconciler.Settlement{Commit: commit, Applied: []resource.Desired{desired("tenant/acme", "data")}, Done: []resource.Address{address}}
		if err := s.Settle(ctx, "tenant/acme", to); err != nil {
			return err
		}
		fmt.Println("settled", commit)
	}
}

func TestKilledAtAnyPointNothingAcknowledgedIsLost(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(31, 32))
	total := 0
	for range 25 {
		said := killed(t, dir, time.Duration(random.IntN(40))*time.Millisecond, random.IntN(30))
		total += len(said)
		reader := open(t, dir, store.ReadOnly) // before anybody has repaired anything
		if _, err := reader.Verify(t.Context()); err != nil {
			t.Fatalf("read only: %v", err)
		}
		_ = reader.Close()
		s := open(t, dir, store.ReadWrite)
		check(t, s, said)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if total < 200 {
		t.Errorf("only %d writes were made: the test proves little", total)
	}
}

// killed lets a child write and kills it some time after so many lines. It returns what the child said.
func killed(t *testing.T, dir string, after time.Duration, lines int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	scanner := bufio.NewScanner(out)
	kill := func() { _ = cmd.Process.Kill() }
	for scanner.Scan() {
		said = append(said, scanner.Text())
		if len(said) == lines+1 {
			timer := time.AfterFunc(after, kill)
			defer timer.Stop()
		}
	}
	_ = cmd.Wait() // it was killed
	return said
}

// check compares the store with what the child said that it had written.
func check(t *testing.T, s *store.Store, said []string) {
	t.Helper()
	head, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := s.Entries(t.Context(), time.Time{})
	if err != nil || int64(len(entries)) != head.Size {
		t.Fatalf("%d entries of %d, %v", len(entries), head.Size, err)
	}
	owners, err := s.Owners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unanswered, err := s.Unanswered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lastCommit := -1
	for _, line := range said {
		var what, address string
		var seq int64
		if n, _ := fmt.Sscan(line, &what, &seq, &address); n == 3 {
			if seq > head.Size || string(entries[seq-1].Phase) != what || entries[seq-1].Address.String() != address {
				t.Fatalf("%q was acknowledged and is lost; the log has %d entries", line, head.Size)
			}
			a := entries[seq-1].Address
			if _, open := unanswered[a]; what == "after" && open {
				t.Errorf("%s is answered and counts as unanswered", a)
			}
		}
		_, _ = fmt.Sscanf(line, "settled c%d", &lastCommit)
		if strings.Contains(line, "error") || strings.Contains(line, "open the store") {
			t.Fatalf("the child said: %s", line)
		}
	}
	var kept int
	if _, err := fmt.Sscanf(string(owners["tenant/acme"].Commit), "c%d", &kept); err == nil && kept < lastCommit {
		t.Errorf("settled c%d was acknowledged, the store has c%d", lastCommit, kept)
	} else if err != nil && lastCommit >= 0 {
		t.Errorf("settled c%d was acknowledged, the store has %+v", lastCommit, owners)
	}
	for _, e := range entries { // what was sent and not answered is known as such
		if _, open := unanswered[e.Address]; e.Phase == changeset.Before && !open && !answered(entries, e.Seq) {
			t.Errorf("entry %d has no answer and isn't known as unanswered", e.Seq)
		}
	}
}

func answered(entries []changeset.Entry, seq int64) bool {
	return int(seq) < len(entries) && entries[seq].Before == seq
}
