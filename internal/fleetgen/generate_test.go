package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/schema"
)

func (f files) fs() fstest.MapFS {
	out := fstest.MapFS{}
	for path, text := range f {
		out[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestValid(t *testing.T) {
	f, _, err := generate(150, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	fleet, found := schema.Load(f.fs(), time.Now())
	for _, x := range found {
		t.Error(x)
	}
	if len(fleet.Tenants) != 150 || len(fleet.Render().Broken) != 0 {
		t.Errorf("%d tenants, broken: %v", len(fleet.Tenants), fleet.Broken)
	}
}

// Every planted mistake is found, once, in its file; and nothing else is.
func TestPlanted(t *testing.T) {
	f, mistakes, err := generate(300, 7, 2*len(kinds))
	if err != nil {
		t.Fatal(err)
	}
	mistakes = append(mistakes, f.plantShared(len(shared))...)
	slices.SortFunc(mistakes, func(a, b planted) int { return strings.Compare(a.file, b.file) })
	fleet, found := schema.Load(f.fs(), time.Now())
	if fleet == nil || len(fleet.Tenants) != 300-2*len(kinds) {
		t.Error("what tenants share spoils tenants")
	}
	var want, got []string
	for _, p := range mistakes {
		want = append(want, p.file)
	}
	for _, x := range found {
		got = append(got, x.File)
	}
	if !slices.Equal(want, got) {
		for _, p := range mistakes {
			n := strings.Count(strings.Join(got, "\n")+"\n", p.file+"\n")
			if n != 1 {
				t.Errorf("%s: %d findings for %s", p.file, n, p.kind)
			}
		}
		for _, x := range found {
			t.Log(x)
		}
		t.Errorf("%d findings for %d mistakes", len(got), len(want))
	}
}

func TestDeterministic(t *testing.T) {
	a, plantedA, _ := generate(50, 5, 5)
	b, plantedB, _ := generate(50, 5, 5)
	if fmt.Sprint(a, plantedA) != fmt.Sprint(b, plantedB) {
		t.Error("one seed gives two fleets")
	}
	if c, _, _ := generate(50, 6, 5); fmt.Sprint(a) == fmt.Sprint(c) {
		t.Error("two seeds give one fleet")
	}
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fleet")
	var out bytes.Buffer
	if err := run([]string{"-tenants", "20", "-seed", "2", "-bad", "3", "-out", dir}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 3 {
		t.Errorf("prints %q", out.String())
	}
	if fleet, _ := schema.Load(os.DirFS(dir), time.Now()); fleet == nil || len(fleet.Tenants) != 17 {
		t.Error("what was written doesn't load")
	}
	for _, args := range [][]string{{"-out", dir}, {"-tenants", "1", "-bad", "2", "-out", dir + "x"}, {}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("run %v is accepted", args)
		}
	}
}
