package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// TestMain makes this very binary the worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "evaluate" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// small are limits that tests reach soon.
var small = Limits{CPU: time.Second, Wall: 30 * time.Second, Memory: 256 << 20}

func pool(t *testing.T, o Options) *Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Program = []string{program, program, "evaluate"}
	p := New(o)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func example(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	small, err := fleetexample.Small()
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(small, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(small, name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Workers say what the evaluator in this process says.
func TestWorkersAgree(t *testing.T) {
	p := pool(t, Options{Limits: DefaultLimits()})
	fsys := example(t)
	fsys["tenants/bad.cue"] = &fstest.MapFile{Data: []byte("package fleet\ntenant: bad: plan: \"no\"\n")}
	want, wantFound := schema.Load(fsys, today)
	got, gotFound, err := (&schema.Loader{Evaluator: p}).Load(t.Context(), fsys, today)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gotFound, wantFound) || len(got.Differs(want)) > 0 || len(got.Tenants) != len(want.Tenants) {
		t.Errorf("found %v, want %v; %v differ", gotFound, wantFound, got.Differs(want))
	}
}

// Workers that have nothing to do end, as all do with the pool; and one that can't be started is an error.
func TestWorkersEnd(t *testing.T) {
	p := pool(t, Options{Limits: DefaultLimits(), Idle: 10 * time.Millisecond})
	l := &schema.Loader{Evaluator: p}
	for range 2 {
		if f, found, err := l.Load(t.Context(), example(t), today); err != nil || f == nil {
			t.Fatal(found, err)
		}
		for left := 1; left > 0; {
			p.mu.Lock()
			left = len(p.idle)
			p.mu.Unlock()
			if t.Context().Err() != nil {
				t.Fatal("a worker stays")
			}
		}
	}
	_ = p.Close()
	if f, _, err := (&schema.Loader{Evaluator: p}).Load(t.Context(), example(t), today); err == nil {
		t.Errorf("a closed pool evaluates %v", f)
	}
	nowhere := New(Options{Program: []string{"/nowhere", "nothing"}, Limits: small})
	if f, found, err := (&schema.Loader{Evaluator: nowhere}).Load(t.Context(), example(t), today); err == nil || f != nil || found != nil {
		t.Errorf("without a program: %v %v", f, found)
	}
	useless := New(Options{Program: []string{"/bin/true", "true"}, Limits: small})
	if _, _, err := (&schema.Loader{Evaluator: useless}).Load(t.Context(), example(t), today); err == nil || !strings.Contains(err.Error(), "start a worker") {
		t.Errorf("with another program: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	fresh := pool(t, Options{Limits: small})
	if _, _, err := (&schema.Loader{Evaluator: fresh}).Load(ctx, example(t), today); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("cancelled: %v", err)
	}
}

// A worker's environment has nothing of the parent's.
func TestWorkersSeeNoSecrets(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "secret")
	p := pool(t, Options{Limits: DefaultLimits()})
	w, err := p.take(t.Context(), schema.Definitions{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.give(w, nil)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", w.cmd.Process.Pid))
	if err != nil || len(text) > 0 {
		t.Errorf("the environment is %q (%v)", text, err)
	}
}

// A harmful is a file that does harm, and what is said of it.
type harmful struct {
	name, file, text string
	mode             fs.FileMode
	at, says         string
	healthy          int // of the example's tenants that are sound nevertheless; all if zero
}

const planOf = "package plans\n\nimport (\n\t\"list\"\n\t\"strings\"\n\t\"tenantry.dev/schema\"\n)\n\n_list: list.Repeat([1], 1)\n_text: strings.Repeat(\"x\", 1)\n\nevil: schema.#Plan & {\n\tdisplayName: \"Evil\"\n\tisolation: \"pool\"\n\tprice: {amount: 1, currency: \"EUR\"}\n\tcapacity: 1\n\tslo: 99\n\tbackup: {everyHours: 24, retentionDays: 7}\n\t#tenant: _\n"

func plan(more string) string { return planOf + more + "\n}\n" }

func disjunctions(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf("({a%d: 1} | {a%d: 2})", i, i))
	}
	return strings.Join(parts, " & ")
}

// laughs is a billion of them, as lists or as texts.
func laughs(list bool) string {
	var b strings.Builder
	b.WriteString("_l0: \"ha\"\n")
	for i := 1; i < 12; i++ {
		one := fmt.Sprintf("_l%d", i-1)
		if list {
			fmt.Fprintf(&b, "_l%d: [%s]\n", i, strings.TrimSuffix(strings.Repeat(one+", ", 10), ", "))
		} else {
			fmt.Fprintf(&b, "_l%d: \"%s\"\n", i, strings.Repeat("\\("+one+")", 10))
		}
	}
	return b.String()
}

const stopped = "so it was stopped and left out"

func corpus() []harmful {
	return []harmful{
		{name: "disjunctions", file: "plans/evil.cue", text: plan("\tlimits: x: _b.a0") + "_b: " + disjunctions(16) + "\n", says: "processor time, " + stopped},
		{name: "a range of a million", file: "plans/evil.cue", text: plan("\tlimits: x: len(list.Range(0, 1000000, 1))"), says: stopped},
		{name: "a range of a hundred million", file: "plans/evil.cue", text: plan("\tlimits: x: len(list.Range(0, 100000000, 1))"), says: stopped},
		{name: "a comprehension over 300³", file: "plans/evil.cue", text: plan("\tlimits: x: len([for a in _r for b in _r for c in _r {a}])") + "_r: list.Range(0, 300, 1)\n", says: stopped},
		{name: "a billion laughs, lists", file: "plans/evil.cue", text: plan("\tlimits: x: len(list.FlattenN(_l8, -1))") + laughs(true), says: stopped},
		{name: "a billion laughs, texts", file: "plans/evil.cue", text: plan("\tlimits: x: len(_l11)") + laughs(false), says: stopped},
		{name: "3 GB of text", file: "plans/evil.cue", text: plan("\tlimits: x: len(strings.Repeat(strings.Repeat(\"x\", 60000), 50000))"), says: "MiB of memory, " + stopped},
		{name: "only with a tenant's data", file: "plans/pool.cue", text: "", at: "plans/pool.cue:1", says: "with the data of a tenant", healthy: -1},
		{name: "a policy", file: "policies/evil.cue", text: "package policies\n\nimport \"tenantry.dev/schema\"\n\nevil: schema.#Policy & {\n\ttitle: \"Evil\"\n\tseverity: \"warn\"\n\tmessage: \"\\(_b.a0)\"\n\ttenant?: {}\n}\n_b: " + disjunctions(16) + "\n", says: stopped, healthy: -1},
		{name: "a cell", file: "cells/evil.cue", text: "package cells\n\nimport \"tenantry.dev/schema\"\n\nevil: schema.#Cell & {\n\taccount: \"eu\"\n\tcapacity: _b.a0\n}\n_b: " + disjunctions(16) + "\n", says: stopped},
		{name: "an approval", file: "approvals/evil.cue", text: "package fleet\n\napproval: x: digest: " + disjunctions(16) + "\n", at: "approvals/evil.cue:3", says: "plain data"},
		{name: "a cycle", file: "plans/evil.cue", text: plan("\tlimits: x: _a") + "_a: _c + 1\n_c: _a + 1\n", says: "limits.x"},
		{name: "a plan that calls itself", file: "plans/evil.cue", text: plan("\tlimits: x: evil"), says: ""},
		{name: "an unknown import", file: "plans/evil.cue", text: strings.Replace(plan(""), "\"list\"", "\"github.com/evil/module\"", 1), at: "plans/evil.cue:4", says: "can't be imported"},
		{name: "itself imported", file: "plans/evil.cue", text: strings.Replace(plan(""), "\"list\"", "\"brightdesk.example/fleet/plans\"", 1), says: ""},
		{name: "a million parentheses", file: "plans/evil.cue", text: "package plans\nevil: " + strings.Repeat("(", 500_000) + "\n", says: ""},
		{name: "a hundred thousand levels", file: "plans/evil.cue", text: "package plans\nevil: " + strings.Repeat("a: ", 100_000) + "1\n", says: ""},
		{name: "10 MB of small structs", file: "plans/evil.cue", text: "package plans\n" + strings.Repeat("_x: {a: 1}\n", 1_000_000), says: "bytes; more than"},
		{name: "1 MB of small structs", file: "plans/evil.cue", text: "package plans\n" + strings.Repeat("_x: {a: 1}\n", 95_000), says: ""},
		{name: "no UTF-8", file: "plans/evil.cue", text: "package plans\n// \xff\n", at: "plans/evil.cue:2", says: "not UTF-8"},
		{name: "a NUL byte", file: "plans/evil.cue", text: "package plans\nevil: \"\x00\"\n", says: ""},
		{name: "a link", file: "plans/evil.cue", text: "/etc/passwd", mode: fs.ModeSymlink, says: "this is a link"},
		{name: "a tenant: disjunctions", file: "tenants/evil.cue", text: "package fleet\ntenant: evil: {plan: " + disjunctions(16) + "}\n", at: "tenants/evil.cue:2", says: "plain data"},
		{name: "a tenant: levels", file: "tenants/evil.cue", text: "package fleet\ntenant: evil: " + strings.Repeat("a:", 20_000) + "1\n", says: "nested deeper"},
		{name: "a tenant: an exponent", file: "tenants/evil.cue", text: "package fleet\ntenant: evil: displayName: 1e999999999\n", at: "tenants/evil.cue:2", says: "exponent"},
		{name: "a tenant: 10 MB", file: "tenants/evil.cue", text: "package fleet\n//" + strings.Repeat("x", 10_000_000), says: "bytes; more than"},
		{name: "a tenant: no UTF-8", file: "tenants/evil.cue", text: "package fleet\n// \xc3\x28\n", at: "tenants/evil.cue:2", says: "not UTF-8"},
		{name: "a tenant: a NUL byte", file: "tenants/evil.cue", text: "package fleet\ntenant: evil: displayName: \"\x00\"\n", at: "tenants/evil.cue:2", says: ""},
		{name: "a tenant: a link", file: "tenants/evil.cue", text: "/etc/passwd", mode: fs.ModeSymlink, says: "this is a link"},
		{name: "a tenant: another case", file: "tenants/Acme.cue", text: "package fleet\ntenant: Acme: {}\n", says: "not a tenant's name"},
		{name: "a folder called .cue", file: "plans/evil.cue/x.cue", text: "package plans\nx: 1\n", at: "-"},
	}
}

// bad makes a plan that is sound until a tenant is filled in.
func bad(t *testing.T, fsys fstest.MapFS) string {
	t.Helper()
	text := string(fsys["plans/pool.cue"].Data)
	const mark, imports = "resources?: {", "import \"tenantry.dev/schema\""
	if !strings.Contains(text, mark) || !strings.Contains(text, imports) {
		t.Fatal("the example's plan looks otherwise")
	}
	text = strings.Replace(text, imports, "import (\n\t\"list\"\n\t\"tenantry.dev/schema\"\n)", 1)
	return strings.Replace(text, mark, mark+"\n\t\tlogs: tags: bomb: \"\\(len([for a in list.Range(0, len(#tenant.displayName)*1000000, 1) {a}]))\"\n", 1)
}

// Each hostile file gets a finding on its line within the limits, and all who don't need it are
// evaluated. The table of what happened is printed with -v.
func TestHostileFiles(t *testing.T) {
	sound, _ := schema.Load(example(t), today)
	for _, h := range corpus() {
		t.Run(h.name, func(t *testing.T) {
			fsys := example(t)
			if h.text == "" {
				h.text = bad(t, fsys)
			}
			fsys[h.file] = &fstest.MapFile{Data: []byte(h.text), Mode: h.mode}
			p := pool(t, Options{Limits: small, Workers: 1})
			started := time.Now()
			f, found, err := (&schema.Loader{Evaluator: p}).Load(t.Context(), fsys, today)
			if err != nil || f == nil {
				t.Fatal(found, err)
			}
			h.hold(t, f, found, sound)
			said := ""
			for _, x := range found {
				if x.File == h.file || strings.HasPrefix(h.file, x.File) {
					said = x.String()
				}
			}
			t.Logf("| %s | %d | %.1f s | %.120s |", h.name, len(h.text), time.Since(started).Seconds(), strings.ReplaceAll(said, "\n", " "))
		})
	}
}

func (h harmful) hold(t *testing.T, f *schema.Fleet, found []schema.Finding, sound *schema.Fleet) {
	t.Helper()
	if h.at == "-" {
		if len(found) > 0 {
			t.Errorf("found %v", found)
		}
		return
	}
	if !slices.ContainsFunc(found, func(x schema.Finding) bool {
		return x.File == h.file && x.Line > 0 && strings.Contains(x.Message, h.says) && strings.HasPrefix(x.Origin.String(), h.at)
	}) {
		t.Errorf("nothing says %q of %s %s: %v", h.says, h.file, h.at, found)
	}
	for _, tenant := range sound.Tenants {
		owner := resource.Tenant(tenant.Name)
		needs := h.healthy < 0 && (strings.HasPrefix(h.file, "policies/") || tenant.Plan == strings.TrimSuffix(path.Base(h.file), ".cue"))
		_, broken := f.Broken[owner]
		if needs != broken {
			t.Errorf("%s is left alone: %t, want %t (%s)", owner, broken, needs, f.Broken[owner])
		}
	}
}
