package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/sandbox"
	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

var (
	paceTenants = flag.Int("pace-tenants", 10_000, "tenants of BenchmarkOneTenantOf10000")
	pacePulls   = flag.Int("pace-pulls", 40, "its pull requests")
	pacePause   = flag.String("pace-write-interval", "5ms", "its pause between writes to GitHub")
)

// perCell is how many tenants live in one cell, which has an account of its own: so that the first scan, which
// keeps to AWS's rates, takes minutes and not an hour.
const perCell = 100

// BenchmarkOneTenantOf10000 is the time from the webhook of a pull request that changes one tenant of a large
// fleet to its completed check tenantry/plan, over pull requests one after the other: they take turns in editing
// a tenant's override and in bringing in a tenant. At the end one is merged, which is timed to tenantry/apply.
//
// The program is a process of its own, and AWS and GitHub are the sandbox over HTTP. The daemon loads the fleet,
// scans the cloud and remembers what was applied as always. Only what the cloud has by then wasn't made one by
// one: the daemon makes a cell with a tenant of each plan, and all others are copies of these in the sandbox and in
// the audit log.
func BenchmarkOneTenantOf10000(b *testing.B) {
	program := built(b)
	b.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for b.Loop() {
		began := time.Now()
		s := crowdedScene(b, *paceTenants)
		b.Logf("the sandbox took %s", time.Since(began))
		began = time.Now()
		s.run(b)
		b.ReportMetric(time.Since(began).Seconds(), "start-s")
		var took []time.Duration
		before, _ := s.daemon.used()
		for i := range *pacePulls {
			took = append(took, s.onePull(b, i))
		}
		after, _ := s.daemon.used()
		b.ReportMetric((after-before).Seconds()/float64(*pacePulls), "cpu-s/pull")
		b.ReportMetric(took[0].Seconds(), "first-s")
		b.Logf("pull requests, in order: %v", took)
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "p50-s")
		b.ReportMetric(took[len(took)*99/100].Seconds(), "p99-s")
		b.ReportMetric(s.oneMerge(b).Seconds(), "merge-s")
		cpu, peak := s.daemon.used()
		b.ReportMetric((cpu - after).Seconds(), "cpu-s/merge")
		b.ReportMetric(cpu.Seconds(), "daemon-cpu-s")
		b.ReportMetric(peak, "daemon-peak-MiB")
		s.strike()
	}
}

// crowd is a scene with many tenants.
type crowd struct {
	*scene
	tenants int
	data    string
}

// crowdedScene has a sandbox in which all tenants have what they should, and a data directory whose log says
// that we made it.
func crowdedScene(b *testing.B, tenants int) *crowd {
	b.Helper()
	first := pattern(b)
	c := &crowd{scene: &scene{t: b, dir: b.TempDir()}, tenants: tenants}
	c.data = filepath.Join(c.dir, "data")
	fleet := filepath.Join(c.dir, "fleet")
	if err := crowdedFleet(fleet, tenants); err != nil {
		b.Fatal(err)
	}
	var err error
	if c.world, err = crowdedWorld(b.Context(), fleet, c.dir, cellsOf(tenants)); err != nil {
		b.Fatal(err)
	}
	kept, err := store.Open(b.Context(), c.data, store.ReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	for i := range tenants {
		n := slices.Index(paceMix, paceMix[i%len(paceMix)])
		if like := first[paceName(n)]; err == nil {
			err = like.copyAs(b.Context(), c.world, kept, paceName(n), paceName(i), paceCell(0), paceCell(i/perCell),
				paceAccount(0), paceAccount(i/perCell), like.key, fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
		}
	}
	for cell := range cellsOf(tenants) {
		if err == nil {
			err = first[paceCell(0)].copyAs(b.Context(), c.world, kept, paceCell(0), paceCell(cell), paceAccount(0), paceAccount(cell))
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		b.Fatal(err)
	}
	return c
}

// paceMix are the plans that tenants have in turn.
var paceMix = []string{"pool", "pool", "pool", "team", "team", "enterprise"}

func paceName(i int) string       { return fmt.Sprintf("%.4s-%05d", paceMix[i%len(paceMix)], i) }
func paceCell(i int) string       { return fmt.Sprintf("cell-%03d", i) }
func paceAccount(cell int) string { return fmt.Sprintf("2%011d", cell) }
func cellsOf(tenants int) int     { return (tenants + perCell - 1) / perCell }

// A model is what one owner has in the cloud, as lines of JSON, and what the log says of it.
type model struct {
	key     string // the id of its key; another text if it has none
	live    []string
	entries []changeset.Entry
}

// pattern has the daemon make a cell with a tenant of each plan, and returns what came of it by their names.
func pattern(b *testing.B) map[string]*model {
	b.Helper()
	s := &scene{t: b, dir: b.TempDir()}
	fleet := filepath.Join(s.dir, "fleet")
	if err := crowdedFleet(fleet, len(paceMix)); err != nil {
		b.Fatal(err)
	}
	world, err := crowdedWorld(b.Context(), fleet, s.dir, 1)
	if err != nil {
		b.Fatal(err)
	}
	s.world = world
	c := &crowd{scene: s, tenants: len(paceMix), data: filepath.Join(s.dir, "data")}
	c.run(b)
	if err := s.daemon.stop(); err != nil {
		b.Fatal(err)
	}
	s.daemon = nil
	models := map[string]*model{paceCell(0): {}}
	owners := map[string]resource.Owner{paceCell(0): resource.Cell(paceCell(0))}
	for i := range paceMix {
		owners[paceName(i)] = resource.Tenant(paceName(i))
		models[paceName(i)] = &model{key: "no key"}
	}
	for _, r := range world.AWS.Live() {
		line, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		for name, owner := range owners {
			if owner.Class() == "tenant" && strings.Contains(string(line), name) ||
				owner.Class() == "cell" && strings.HasPrefix(r.Tags["tenantry:address"], string(owner)+"/") {
				models[name].live = append(models[name].live, string(line))
				if r.Kind == "aws.kms.key" {
					models[name].key = r.Name
				}
			}
		}
	}
	kept, err := store.Open(b.Context(), c.data, store.ReadOnly)
	if err != nil {
		b.Fatal(err)
	}
	log, err := kept.Entries(b.Context(), time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range log {
		for name, owner := range owners {
			if e.Address.Owner == owner {
				models[name].entries = append(models[name].entries, e)
			}
		}
	}
	if err := kept.Close(); err != nil {
		b.Fatal(err)
	}
	s.strike()
	return models
}

// copyAs puts the resources into the cloud, and what the log says of them into the log, under other names.
func (m *model) copyAs(ctx context.Context, world *sandbox.World, kept *store.Store, names ...string) error {
	rename := strings.NewReplacer(names...)
	var list []awsbox.Resource
	for _, line := range m.live {
		var r awsbox.Resource
		if err := json.Unmarshal([]byte(rename.Replace(line)), &r); err != nil {
			return err
		}
		list = append(list, r)
	}
	world.AWS.Load(list)
	numbers := map[int64]int64{}
	for _, e := range m.entries {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		var copied changeset.Entry
		if err := json.Unmarshal([]byte(rename.Replace(string(text))), &copied); err != nil {
			return err
		}
		copied.Before = numbers[e.Before]
		if numbers[e.Seq], err = kept.Record(ctx, copied); err != nil {
			return err
		}
	}
	return nil
}

// crowdedFleet writes the example without hosting, with many cells and tenants.
func crowdedFleet(dir string, tenants int) error {
	files, err := fleetexample.Shared(false)
	if err != nil {
		return err
	}
	eu, us := string(files["cells/eu-1.cue"]), "cells/us-1.cue"
	delete(files, "cells/eu-1.cue")
	delete(files, us)
	accounts, in := "", ""
	for i := range cellsOf(tenants) {
		accounts += fmt.Sprintf("\t%q: {id: %q, role: \"arn:aws:iam::%s:role/tenantry\", externalId: \"brightdesk\", regions: [\"eu-central-1\"]}\n",
			"account-"+paceCell(i), paceAccount(i), paceAccount(i))
		in += fmt.Sprintf("%q, ", "account-"+paceCell(i))
		cell := strings.NewReplacer(`"eu-1"`, fmt.Sprintf("%q", paceCell(i)), `"production-eu"`, fmt.Sprintf("%q", "account-"+paceCell(i)),
			"capacity:    40", fmt.Sprintf("capacity: %d", 6*perCell)).Replace(eu)
		files["cells/"+paceCell(i)+".cue"] = []byte(cell)
	}
	text := string(files["fleet.cue"])
	before, rest, _ := strings.Cut(text, "accounts: {\n")
	_, rest, _ = strings.Cut(rest, "\n}\n")
	text = before + "accounts: {\n" + accounts + "}\n" + rest
	text = strings.NewReplacer(`accounts: ["production-eu", "production-us"]`, "accounts: ["+in+"]", `"15 * * * *"`, `"0 3 * * *"`).Replace(text)
	files["fleet.cue"] = []byte(text)
	named := strings.NewReplacer(`["production-eu", "production-us"]`, fmt.Sprintf(`["account-%s"]`, paceCell(0)),
		`["eu-1", "us-1"]`, fmt.Sprintf("[%q]", paceCell(0)), `["eu-1"]`, fmt.Sprintf("[%q]", paceCell(0)))
	for path, text := range files {
		if strings.HasPrefix(path, "access/") || strings.HasPrefix(path, "releases/") {
			files[path] = []byte(named.Replace(string(text)))
		}
	}
	for i := range tenants {
		files[pacePath(i)] = []byte(paceTenant(i, ""))
	}
	for path, text := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func pacePath(i int) string { return fmt.Sprintf("tenants/%02x/%s.cue", i%256, paceName(i)) }

func paceTenant(i int, more string) string {
	name := paceName(i)
	return fmt.Sprintf(`package fleet

tenant: %q: {
	displayName: %q
	plan:        %q
	cell:        %q
	residency:   "eu"
	contacts: [{role: "technical", email: "ops@%s.example"}, {role: "security", email: "security@%s.example"}]
	domains: ["help.%s.example"]
%s}
`, name, name, paceMix[i%len(paceMix)], paceCell(i/perCell), name, name, name, more)
}

// crowdedWorld starts a sandbox with the cells' accounts.
func crowdedWorld(ctx context.Context, fleet, keep string, cells int) (*sandbox.World, error) {
	options := sandbox.Options{Repo: scriptRepo, Files: os.DirFS(fleet), Person: scriptPerson, Dir: keep}
	for i := range cells {
		id := paceAccount(i)
		options.Accounts = append(options.Accounts, awsbox.Account{
			ID: id, RoleARN: "arn:aws:iam::" + id + ":role/tenantry", ExternalID: "brightdesk", Policies: []string{"brightdesk-tenant"},
		})
	}
	options.AWS = awsbox.Conditions{ConfirmAtOnce: true}
	return sandbox.Start(context.WithoutCancel(ctx), options)
}

// run starts the daemon, and waits until it has nothing left to do for the watched branch.
func (c *crowd) run(b *testing.B) {
	b.Helper()
	var err error
	c.daemon, err = start(c.dir, append(c.world.Settings(), "TENANTRY_DATA_DIR="+c.data, "TENANTRY_LISTEN=127.0.0.1:0",
		"TENANTRY_GITHUB_WRITE_INTERVAL="+*pacePause), "run", "--log-format", "json", "--log-level", "debug", "--settle", "5s")
	if err != nil {
		b.Fatal(err)
	}
	await(b, c.daemon, 30*time.Minute, "it listens", func() bool {
		c.daemon.address = listening(strings.NewReader(c.daemon.log.String()))
		return c.daemon.address != ""
	})
	c.world.Webhook(c.daemon.address)
	await(b, c.daemon, 30*time.Minute, "it converged", func() bool { return strings.Contains(c.daemon.log.String(), `"converged"`) })
	await(b, c.daemon, 30*time.Minute, "it looked for drift", func() bool { return strings.Contains(c.daemon.log.String(), `"key":"drift"`) })
}

// onePull opens a pull request about one tenant and returns how long it takes until its plan is there.
func (c *crowd) onePull(b *testing.B, i int) time.Duration {
	b.Helper()
	number := 7919 * (i + 1) % c.tenants
	text, want := paceTenant(number, "\toverrides: errors: threshold: 77\n"), "0 to add, 1 to change, 0 to destroy"
	if i%2 == 1 {
		number = c.tenants + i
		text, want = strings.ReplaceAll(paceTenant(number, ""), paceCell(number/perCell), paceCell(i%cellsOf(c.tenants))), " to add, 0 to change, 0 to destroy"
	}
	branch := fmt.Sprintf("change-%d", i)
	github, repo := c.world.GitHub, c.world.Repo
	commit, err := github.CommitFiles(repo, branch, scriptPerson, branch, map[string][]byte{pacePath(number): []byte(text)})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if _, err := github.OpenPullRequest(repo, scriptPerson, branch, "main", branch, ""); err != nil {
		b.Fatal(err)
	}
	c.completed(b, commit, "tenantry/plan", want)
	return time.Since(began)
}

// completed waits for a check on a commit that says something.
func (c *crowd) completed(b *testing.B, commit, name, want string) {
	b.Helper()
	await(b, c.daemon, 5*time.Minute, "it says "+name, func() bool {
		for _, run := range c.world.GitHub.CheckRuns(c.world.Repo, commit) {
			if run.Name == name && run.Status == "completed" {
				if run.Conclusion != "success" || !strings.Contains(run.Title, want) {
					b.Fatalf("%s: %s, %s\n%s", run.Name, run.Conclusion, run.Title, run.Summary)
				}
				return true
			}
		}
		return false
	})
}

// oneMerge commits an edit of one tenant to the watched branch, and returns how long it takes until it is applied.
func (c *crowd) oneMerge(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	commit, err := c.world.GitHub.CommitFiles(c.world.Repo, "main", scriptPerson, "edit", map[string][]byte{
		pacePath(1): []byte(paceTenant(1, "\toverrides: errors: threshold: 78\n")),
	})
	if err != nil {
		b.Fatal(err)
	}
	c.completed(b, commit, "tenantry/apply", "")
	return time.Since(began)
}

// used is the processor time of a process that runs, and its peak memory in MiB. See proc_pid_stat(5).
func (p *process) used() (cpu time.Duration, peak float64) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if fields := strings.Fields(string(stat)); len(fields) > 14 {
		for _, field := range fields[13:15] {
			var ticks int64
			_, _ = fmt.Sscan(field, &ticks)
			cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(rest, &peak)
	return cpu, peak / 1024
}
