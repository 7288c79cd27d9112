package schema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// shelf is a cache in memory.
type shelf struct {
	batches map[Sum]*Batch
	at      map[Sum]int
}

func (s *shelf) Find(key Sum) (*Batch, int, bool) {
	b, ok := s.batches[key]
	return b, s.at[key], ok
}

func (s *shelf) Add(keys []Sum, data []byte) {
	if s.batches == nil {
		s.batches, s.at = map[Sum]*Batch{}, map[Sum]int{}
	}
	b := &Batch{Data: data}
	for i, k := range keys {
		s.batches[k], s.at[k] = b, i
	}
}

// counting counts what is evaluated.
type counting struct {
	Evaluator
	defined, tenants, placed int
	err                      error
}

func (c *counting) Define(ctx context.Context, d Definitions) (*Defined, error) {
	c.defined++
	if c.err != nil {
		return nil, c.err
	}
	return c.Evaluator.Define(ctx, d)
}

func (c *counting) Tenants(ctx context.Context, d Definitions, files []File, take func(*Answer)) error {
	c.tenants += len(files)
	if c.err != nil {
		return c.err
	}
	return c.Evaluator.Tenants(ctx, d, files, take)
}

func (c *counting) Places(ctx context.Context, d Definitions, files []File) ([]Placed, error) {
	c.placed += len(files)
	return c.Evaluator.Places(ctx, d, files)
}

// whole is all that a load says.
func whole(f *Fleet, found []Finding) string {
	var b strings.Builder
	b.WriteString(tell(f, found))
	if f == nil {
		return b.String()
	}
	for _, owner := range sortedKeys(f.Broken) {
		fmt.Fprintf(&b, "%s: %s\n", owner, f.Broken[owner])
	}
	for _, d := range f.Render().Desired {
		fmt.Fprintf(&b, "%s %v %s %s", d.Address, d.Scope, d.Cell, d.Origin)
		for _, name := range sortedKeys(d.Attributes) {
			fmt.Fprintf(&b, " %s=%s@%s", name, d.Attributes[name].Sealed(), d.OriginOf(name))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, f.Offboarded())
	return b.String()
}

// sameFleet compares what a fleet says of itself.
func sameFleet(a, b *Fleet) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(Fleet{}), cmpopts.IgnoreFields(Fleet{}, "Digest"), cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b resource.Value) bool { return a == b }))
}

func loadWith(t interface {
	Helper()
	Fatal(args ...any)
}, l *Loader, fsys fstest.MapFS, at time.Time,
) (*Fleet, []Finding) {
	t.Helper()
	f, found, err := l.Load(context.Background(), fsys, at)
	if err != nil {
		t.Fatal(err)
	}
	return f, found
}

// What is found in the cache is what was put there, and nothing is evaluated for it.
func TestWarmStart(t *testing.T) {
	for _, folder := range []string{"", "bad-shared-domain", "bad-policy-broken", "bad-duplicate", "bad-many"} {
		fsys := fleetOf(t)
		if folder != "" {
			fsys = fleetOf(t, folder)
		}
		cache := &shelf{}
		cold, coldFound := loadWith(t, &Loader{Evaluator: InProcess(), Cache: cache, Version: "1"}, fsys, today)
		still := &counting{Evaluator: InProcess()}
		warm, warmFound := loadWith(t, &Loader{Evaluator: still, Cache: cache, Version: "1"}, fsys, today)
		if diff := cmp.Diff(whole(cold, coldFound), whole(warm, warmFound)); diff != "" {
			t.Errorf("%s: %s", folder, diff)
		}
		if diff := sameFleet(cold, warm); diff != "" {
			t.Errorf("%s: %s", folder, diff)
		}
		if still.defined+still.tenants+still.placed > 0 {
			t.Errorf("%s: evaluated %+v", folder, still)
		}
		other := &counting{Evaluator: InProcess()}
		loadWith(t, &Loader{Evaluator: other, Cache: cache, Version: "2"}, fsys, today)
		if other.defined != 1 || other.tenants == 0 {
			t.Errorf("%s: another version of the program used what this one found out", folder)
		}
	}
}

// What isn't in force says nothing: an evaluator that doesn't work is an error, not a finding.
func TestEvaluatorFails(t *testing.T) {
	broken := &counting{Evaluator: InProcess(), err: errors.New("no processes left")}
	if f, found, err := (&Loader{Evaluator: broken}).Load(t.Context(), fleetOf(t), today); err == nil || f != nil || found != nil {
		t.Errorf("loads as %v with %v", f, found)
	}
}

// An edit evaluates what depends on it.
func TestEditsEvaluateLittle(t *testing.T) {
	replaced := func(path, old, fresh string) func(fstest.MapFS) {
		return func(fsys fstest.MapFS) {
			text := string(fsys[path].Data)
			if !strings.Contains(text, old) {
				t.Fatalf("%s has no %q:\n%s", path, old, text)
			}
			fsys[path] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, fresh, 1))}
		}
	}
	for _, test := range []struct {
		name             string
		edit             func(fstest.MapFS)
		defined, tenants int
	}{
		{"nothing", func(fstest.MapFS) {}, 0, 0},
		{"a comment in a tenant", replaced("tenants/plain.cue", "package fleet", "package fleet // hello"), 0, 1},
		{"a plan", replaced("plans/basic.cue", "package plans", "package plans // hello"), 1, 3},
		{"a tenant goes", func(fsys fstest.MapFS) { delete(fsys, "tenants/plain.cue") }, 0, 0},
	} {
		evaluator := &counting{Evaluator: InProcess()}
		l := &Loader{Evaluator: evaluator}
		fsys := fleetOf(t)
		first, _ := loadWith(t, l, fsys, today)
		*evaluator = counting{Evaluator: evaluator.Evaluator}
		test.edit(fsys)
		second, _ := loadWith(t, l, fsys, today)
		if evaluator.defined != test.defined || evaluator.tenants != test.tenants {
			t.Errorf("%s: defined %d times and evaluated %d tenants, want %d and %d", test.name, evaluator.defined, evaluator.tenants, test.defined, test.tenants)
		}
		var differ []string
		for _, owner := range second.Differs(first) {
			differ = append(differ, string(owner))
		}
		if test.name == "a tenant goes" != slices.Equal(differ, []string{"tenant/plain"}) && len(differ) > 0 {
			t.Errorf("%s: %v differ", test.name, differ)
		}
	}
}

// Whatever is edited, in whatever order, a loader that remembers says what one says that doesn't. The
// seeds are a few random stories; fuzzing tells more.
func FuzzRemembering(f *testing.F) {
	good := fleetOf(f)
	for seed := range uint64(10) {
		random := make([]byte, 4096)
		_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(random)
		f.Add(random)
	}
	tenants := []string{"tenants/plain.cue", "tenants/paused.cue", "tenants/leaving.cue", "tenants/be/bespoke.cue"}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		cache := &shelf{}
		l := &Loader{Evaluator: InProcess(), Cache: cache, Version: "1"}
		fsys := maps.Clone(good)
		for range rapid.IntRange(2, 5).Draw(t, "edits") {
			for range rapid.IntRange(1, 3).Draw(t, "at once") {
				meddle(t, good, fsys, tenants)
			}
			if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
				l = &Loader{Evaluator: InProcess(), Cache: cache, Version: "1"}
			}
			at := today.AddDate(0, 0, rapid.IntRange(0, 2).Draw(t, "days"))
			got, gotFound := loadWith(t, l, fsys, at)
			want, wantFound := Load(fsys, at)
			if diff := cmp.Diff(whole(want, wantFound), whole(got, gotFound)); diff != "" {
				t.Fatalf("(-fresh +remembered):\n%s", diff)
			}
			if diff := sameFleet(want, got); diff != "" {
				t.Fatalf("(-fresh +remembered):\n%s", diff)
			}
		}
	}))
}

// meddle edits some file of a fleet, well or badly.
func meddle(t *rapid.T, good, fsys fstest.MapFS, tenants []string) {
	paths := slices.DeleteFunc(sortedKeys(good), func(p string) bool { return strings.HasPrefix(p, "cue.mod/pkg") || !strings.HasSuffix(p, ".cue") })
	path := rapid.SampledFrom(paths).Draw(t, "file")
	text := ""
	if f := fsys[path]; f != nil {
		text = string(f.Data)
	}
	set := func(path, text string) { fsys[path] = &fstest.MapFile{Data: []byte(text)} }
	switch rapid.IntRange(0, 8).Draw(t, "edit") {
	case 0:
		delete(fsys, path)
	case 1:
		fsys[path] = good[path]
	case 2:
		set(path, text+fmt.Sprintf("// %d\n", rapid.IntRange(0, 3).Draw(t, "comment")))
	case 3: // change a number
		digit := rapid.SampledFrom([]string{"0", "1", "3", "7"}).Draw(t, "digit")
		if at := strings.LastIndexAny(text, "0123456789"); at >= 0 {
			set(path, text[:at]+digit+text[at+1:])
		}
	case 4: // drop a line
		lines := strings.Split(text, "\n")
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		set(path, strings.Join(slices.Delete(lines, at, at+1), "\n"))
	case 5: // another tenant like one there is
		from := rapid.SampledFrom(tenants).Draw(t, "from")
		name := (&source{path: from}).name()
		to := rapid.SampledFrom([]string{"acme", "zeta", name}).Draw(t, "to")
		set(rapid.SampledFrom([]string{"tenants/", "tenants/" + to[:2] + "/"}).Draw(t, "folder")+to+".cue", strings.ReplaceAll(string(good[from].Data), name, to))
	case 6:
		set(path, strings.Replace(text, "\"basic\"", "\"custom\"", 1))
	case 7:
		set(path, strings.Replace(text, "\n\t", "\n\tnote: \"x\"\n\t", 1))
	case 8:
		set("plans/shared.cue", fmt.Sprintf("package plans\n\n_shared: %d\n", rapid.IntRange(1, 3).Draw(t, "shared")))
	}
}
