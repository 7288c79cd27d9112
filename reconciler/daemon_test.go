package reconciler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/store"
	"tenantry.dev/internal/work"
	"tenantry.dev/providers"
	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A history is a Source in memory: commits of whole trees, each with its parent.
type history struct {
	mu      sync.Mutex
	trees   map[reconciler.Commit]fstest.MapFS
	parents map[reconciler.Commit]reconciler.Commit
	refs    map[string]reconciler.Commit
	down    error
}

const mainRef = "refs/heads/main"

func newHistory() *history {
	return &history{trees: map[reconciler.Commit]fstest.MapFS{}, parents: map[reconciler.Commit]reconciler.Commit{}, refs: map[string]reconciler.Commit{}}
}

// commit puts a changed tree on a ref, whose parent is from.
func (h *history) commit(ref string, from reconciler.Commit, change func(fstest.MapFS)) reconciler.Commit {
	h.mu.Lock()
	defer h.mu.Unlock()
	tree := maps.Clone(h.trees[from])
	if tree == nil {
		tree = fstest.MapFS{}
	}
	change(tree)
	id := reconciler.Commit(fmt.Sprintf("%040x", len(h.trees)+1))
	h.trees[id], h.parents[id], h.refs[ref] = tree, from, id
	return id
}

func (h *history) Head(context.Context) (reconciler.Commit, error) {
	return h.Fetch(context.Background(), mainRef)
}

func (h *history) Fetch(_ context.Context, ref string) (reconciler.Commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil {
		return "", h.down
	}
	if c, ok := h.refs[ref]; ok {
		return c, nil
	}
	return "", fmt.Errorf("%s: %w", ref, reconciler.ErrNoRef)
}

func (h *history) Open(_ context.Context, c reconciler.Commit) (fs.FS, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.trees[c], nil
}

func (h *history) Ancestor(_ context.Context, a, b reconciler.Commit) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ; b != ""; b = h.parents[b] {
		if a == b {
			return true, nil
		}
	}
	return false, nil
}

func (h *history) Removed(_ context.Context, c reconciler.Commit) (map[string]reconciler.Commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]reconciler.Commit{}
	for at := c; at != ""; at = h.parents[at] {
		for file := range h.trees[h.parents[at]] {
			_, after := h.trees[at][file]
			_, now := h.trees[c][file]
			_, known := out[file]
			if !after && !now && !known {
				out[file] = at
			}
		}
	}
	return out, nil
}

func (h *history) Changed(_ context.Context, from, to reconciler.Commit) ([]reconciler.Change, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []reconciler.Change
	for file, now := range h.trees[to] {
		before, there := h.trees[from][file]
		switch {
		case !there:
			list = append(list, reconciler.Change{Path: file, Kind: reconciler.Added})
		case !bytes.Equal(before.Data, now.Data):
			list = append(list, reconciler.Change{Path: file, Kind: reconciler.Modified})
		}
	}
	for file := range h.trees[from] {
		if h.trees[to][file] == nil {
			list = append(list, reconciler.Change{Path: file, Kind: reconciler.Gone})
		}
	}
	return list, nil
}

// A board is a forge in memory.
type board struct {
	mu        sync.Mutex
	checks    map[string]reconciler.Check // by name and commit
	comments  map[string]string           // by number and key
	groups    []reconciler.Group
	merges    []reconciler.Merge
	pulls     []reconciler.PullRequest
	proposals []*reconciler.ProposalState
	content   map[string]reconciler.Proposal // by branch
	proposed  int                            // how often something was written
	commands  []reconciler.Command           // as people wrote them
	unheard   map[int64]bool                 // comments that the list doesn't show
	edited    map[int64]bool                 // comments that somebody edited
	reactions []string                       // "COMMENT REACTION", each once
	files     map[int][]string               // by pull request
	many      bool                           // there are too many of them
	teams     map[string][]string            // who is in which; nil for Dana in all
	asked     int                            // how often for a team
	failing   error                          // of every look at comments
}

func newBoard() *board {
	return &board{checks: map[string]reconciler.Check{}, comments: map[string]string{}, content: map[string]reconciler.Proposal{}}
}

func (b *board) Propose(_ context.Context, p reconciler.Proposal) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.proposals {
		if s.Branch == p.Branch && s.State == "open" {
			if s.Digest != p.Digest {
				s.Digest, b.content[p.Branch] = p.Digest, p
				b.proposed++
			}
			return s.URL, nil
		}
	}
	b.proposed++
	b.content[p.Branch] = p
	for _, s := range slices.Backward(b.proposals) {
		if s.Branch != p.Branch {
			continue
		}
		if p.Returns && s.State == "closed" && s.ByUs {
			s.State, s.Digest, s.ClosedBy, s.ByUs, s.ClosedAt = "open", p.Digest, "", false, time.Time{}
			return s.URL, nil
		}
		break
	}
	s := &reconciler.ProposalState{Branch: p.Branch, Number: 100 + len(b.proposals), State: "open", Digest: p.Digest}
	b.proposals = append(b.proposals, s)
	return s.URL, nil
}

func (b *board) Withdraw(_ context.Context, branch, _ string) error {
	b.close(branch, "closed", "tenantry[bot]", true)
	return nil
}

func (b *board) close(branch, state, by string, byUs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.proposals {
		if s.Branch == branch && s.State == "open" {
			s.State, s.ClosedBy, s.ByUs, s.ClosedAt = state, by, byUs, time.Now()
		}
	}
}

func (b *board) Proposals(_ context.Context, prefix string, _ time.Time) ([]reconciler.ProposalState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []reconciler.ProposalState
	for _, s := range b.proposals {
		if strings.HasPrefix(s.Branch, prefix) {
			list = append(list, *s)
		}
	}
	return list, nil
}

func (b *board) open() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, s := range b.proposals {
		if s.State == "open" {
			list = append(list, s.Branch)
		}
	}
	return list
}

func (b *board) PullRequests(context.Context) ([]reconciler.PullRequest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.pulls), nil
}

func (b *board) PullRequest(_ context.Context, number int) (reconciler.PullRequest, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.pulls, func(pr reconciler.PullRequest) bool { return pr.Number == number })
	if at < 0 {
		return reconciler.PullRequest{}, false, nil
	}
	return b.pulls[at], true, nil
}

func (b *board) Merges(context.Context, time.Time) ([]reconciler.Merge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.merges), nil
}

func (b *board) Groups(context.Context) ([]reconciler.Group, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.groups), nil
}

func (b *board) Check(_ context.Context, c reconciler.Check) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks[c.Name+" "+string(c.Commit)] = c
	return nil
}

func (b *board) check(name string, commit reconciler.Commit) reconciler.Check {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checks[name+" "+string(commit)]
}

func (b *board) Comment(_ context.Context, number int, key, body string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.comments[fmt.Sprint(number, " ", key)] = body
	return nil
}

// MayWrite lets Dana write, and Erin, who is in no team.
func (b *board) MayWrite(_ context.Context, login string) (bool, error) {
	return login == "dana" || login == "erin", nil
}

// An office is a daemon with all around it, inside a bubble of its own time.
type office struct {
	*reconciler.Daemon
	t     *testing.T
	cloud *cloud
	git   *history
	board *board
	log   logbook
	first reconciler.Commit
	stop  func()
}

// A logbook keeps the daemon's log for when a test fails.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type turns struct{ *work.Memory }

func (q turns) Trigger(ctx context.Context, key string, _ bool) error {
	return q.Memory.Trigger(ctx, work.Key(key), work.Interactive)
}

func (q turns) Run(ctx context.Context, do func(context.Context, string) error) error {
	return q.Memory.Run(ctx, 2, func(ctx context.Context, key work.Key) error { return do(ctx, string(key)) })
}

// inOffice runs a story with a daemon over the example fleet, with three of its tenants.
func inOffice(t *testing.T, story func(*office)) {
	kinds, err := aws.Drivers(awssdk.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, cloud: newCloud(), git: newHistory(), board: newBoard()}
		set, err := o.cloud.set(kinds.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		kept, err := store.Open(t.Context(), t.TempDir(), store.ReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = kept.Close() }()
		o.first = o.git.commit(mainRef, "", func(tree fstest.MapFS) { exampleFleet(t, tree) })
		o.Daemon = &reconciler.Daemon{
			Reconciler: &reconciler.Reconciler{
				Providers: func(*schema.Fleet, []string) (providers.Set, error) { return set, nil },
				State:     kept, Recorder: kept, Observer: reconciler.NewObserver(0),
			},
			Loader: &schema.Loader{Evaluator: schema.InProcess()}, Source: o.git, Forge: o.board, Reviews: o.board, Comments: o.board, Teams: o.board, Queue: turns{work.NewMemory()},
			Log: slog.New(slog.NewTextHandler(&o.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		o.start()
		defer func() { o.stop() }()
		o.wait(time.Minute)
		story(o)
		if t.Failed() {
			t.Log(o.log.String())
		}
	})
}

// start runs the daemon until stop.
func (o *office) start() {
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := o.Run(ctx); err != nil {
			o.t.Errorf("the daemon ended with %v", err)
		}
	}()
	o.stop = func() { cancel(); <-done }
}

// restart ends the daemon and runs another one over the same store.
func (o *office) restart() {
	o.t.Helper()
	o.stop()
	before := o.Daemon
	o.Daemon = &reconciler.Daemon{
		Reconciler: before.Reconciler, Loader: before.Loader, Source: before.Source, Forge: before.Forge, Reviews: before.Reviews,
		Comments: before.Comments, Teams: before.Teams, Queue: turns{work.NewMemory()}, Log: before.Log,
	}
	o.start()
	o.wait(time.Minute)
}

// exampleFleet copies the example without most of its tenants.
func exampleFleet(t *testing.T, tree fstest.MapFS) {
	t.Helper()
	files, err := fleetexample.Small()
	if err != nil {
		t.Fatal(err)
	}
	shared, err := fleetexample.Shared(false) // the others aren't named either
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		keep := path.Dir(name) != "tenants" || slices.Contains([]string{"tenants/cedar-clinic.cue", "tenants/delta-freight.cue", "tenants/harbor-books.cue"}, name) || !strings.HasSuffix(name, ".cue")
		if err != nil || entry.IsDir() || !keep {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if other, has := shared[name]; has {
			text = other
		}
		tree[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wait lets time pass until all that is due was done.
func (o *office) wait(d time.Duration) {
	o.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

func edit(file, old, now string) func(fstest.MapFS) {
	return func(tree fstest.MapFS) {
		tree[file] = &fstest.MapFile{Data: bytes.Replace(tree[file].Data, []byte(old), []byte(now), 1)}
	}
}

var cedarLogs = resource.Address{Owner: "tenant/cedar-clinic", Kind: "aws.logs.group", Name: "logs"}

func (o *office) retention() string {
	o.t.Helper()
	live, err := o.cloud.byAddress()
	if err != nil {
		o.t.Error(err)
	}
	return live[cedarLogs].Attributes["retentionDays"].Text()
}

func TestTheDaemonAppliesWhatIsMergedAndThenRests(t *testing.T) {
	inOffice(t, func(o *office) {
		if c := o.board.check("tenantry/apply", o.first); c.Conclusion != "success" {
			t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		writes := o.cloud.writeCount()
		o.wait(24 * time.Hour)
		if now := o.cloud.writeCount(); now != writes || o.board.proposed != 0 {
			t.Errorf("a quiet day had %d writes and %d proposals", now-writes, o.board.proposed)
		}
		// No webhook comes: looking is enough.
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(3 * time.Minute)
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %s: %s", c.Conclusion, c.Title)
		}
	})
}

func TestDriftIsReportedOnceAndEveryDecisionIsObeyed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		open := o.board.open()
		if len(open) != 1 {
			t.Fatalf("open proposals: %v, want one", open)
		}
		proposed, writes := o.board.proposed, o.cloud.writeCount()
		o.wait(5 * time.Hour)
		if o.board.proposed != proposed || o.cloud.writeCount() != writes {
			t.Errorf("the same drift was proposed %d times more, and %d writes were made", o.board.proposed-proposed, o.cloud.writeCount()-writes)
		}
		offer := o.board.content[open[0]].Files["tenants/cedar-clinic.cue"]
		if !bytes.Contains(offer, []byte("retentionDays: 90")) || !bytes.Contains(offer, []byte("// Health records")) {
			t.Errorf("the offered file is\n%s", offer)
		}

		// Somebody closes it: Git's value comes back, and nothing more is proposed.
		o.board.close(open[0], "closed", "dana", false)
		o.Notice(t.Context(), reconciler.Hint{Drift: true})
		o.wait(time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("after closing, the logs are kept for %s days", got)
		}
		o.wait(2 * time.Hour)
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open proposals after the decision: %v", open)
		}

		// It happens again, and this time the offer is merged.
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		if open = o.board.open(); len(open) != 1 {
			t.Fatalf("open proposals: %v, want one", open)
		}
		writes = o.cloud.writeCount()
		content := o.board.content[open[0]].Files
		o.board.close(open[0], "merged", "", false)
		o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			for name, text := range content {
				tree[name] = &fstest.MapFile{Data: text}
			}
		})
		o.wait(3 * time.Hour)
		if got := o.retention(); got != "90" || o.cloud.writeCount() != writes {
			t.Errorf("after merging, the logs are kept for %s days, with %d writes", got, o.cloud.writeCount()-writes)
		}
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open proposals after the merge: %v", open)
		}
	})
}

// Drift that nobody decided on yet is no fault of a commit that is about something else.
func TestOpenDriftDoesNotSpoilACommit(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		second := o.git.commit(mainRef, o.first, edit("tenants/delta-freight.cue", "\tdomains:", "\toverrides: jobs: visibilityTimeout: 240\n\tdomains:"))
		o.wait(5 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" || !strings.Contains(c.Title, "1 applied") {
			t.Errorf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days; nobody decided on that", got)
		}
	})
}

func TestDriftThatGoesAwayIsWithdrawn(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(180))
		o.wait(2 * time.Hour)
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open proposals: %v", open)
		}
	})
}

func TestAPullRequestIsAnsweredForEveryHead(t *testing.T) {
	inOffice(t, func(o *office) {
		head := o.git.commit("refs/pull/7/head", o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		pr := reconciler.PullRequest{Number: 7, Head: head, Base: o.first}
		o.board.mu.Lock()
		o.board.pulls = []reconciler.PullRequest{pr}
		o.board.mu.Unlock()
		writes := o.cloud.writeCount()
		o.wait(3 * time.Minute)
		if c := o.board.check("tenantry/plan", head); c.Conclusion != "success" || !strings.Contains(c.Title, "1 to change") {
			t.Errorf("tenantry/plan is %s: %s", c.Conclusion, c.Title)
		}
		bad := o.git.commit("refs/pull/7/head", head, edit("tenants/cedar-clinic.cue", `plan:        "team"`, `plan:        "teem"`))
		o.board.mu.Lock()
		o.board.pulls[0].Head = bad
		o.board.mu.Unlock()
		o.wait(3 * time.Minute)
		c := o.board.check("tenantry/validate", bad)
		if c.Conclusion != "failure" || len(c.Annotations) == 0 || c.Annotations[0].Origin.File != "tenants/cedar-clinic.cue" {
			t.Errorf("tenantry/validate is %s: %s %v", c.Conclusion, c.Title, c.Annotations)
		}
		if len(o.board.comments) != 1 {
			t.Errorf("%d comments, want one that is edited", len(o.board.comments))
		}
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("%d writes for a pull request", now-writes)
		}
	})
}

// A tenant whose definition is broken keeps what it has, and the others are served.
func TestOneBrokenTenantStopsNobody(t *testing.T) {
	inOffice(t, func(o *office) {
		before := o.cloud.writeCount()
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("tenants/delta-freight.cue", `plan:        "team"`, `plan:        "teem"`)(tree)
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
		})
		o.wait(5 * time.Minute)
		if got := o.retention(); got != "90" {
			t.Errorf("the sound tenant's logs are kept for %s days", got)
		}
		for _, write := range o.cloud.writes[before:] {
			if strings.Contains(write, "delta-freight") {
				t.Errorf("the broken tenant was written to: %s", write)
			}
		}
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "failure" || len(c.Annotations) == 0 {
			t.Errorf("tenantry/apply is %s: %s", c.Conclusion, c.Title)
		}
	})
}

func TestARewrittenHistoryIsNotApplied(t *testing.T) {
	inOffice(t, func(o *office) {
		writes := o.cloud.writeCount()
		forced := o.git.commit(mainRef, "", func(tree fstest.MapFS) {
			exampleFleet(t, tree)
			delete(tree, "tenants/cedar-clinic.cue")
		})
		o.wait(10 * time.Minute)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
		c := o.board.check("tenantry/apply", forced)
		if c.Conclusion != "action_required" || !strings.Contains(c.Summary, "--accept-rewrite") {
			t.Errorf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
	})
}

func TestHoldStopsWritesUntilResume(t *testing.T) {
	inOffice(t, func(o *office) {
		o.tell("mallory", "hold")
		o.wait(time.Minute)
		o.tell("dana", "hold")
		o.wait(time.Minute)
		writes := o.cloud.writeCount()
		o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(10 * time.Minute)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("on hold, wrote %v", o.cloud.writes[writes:])
		}
		o.tell("mallory", "resume")
		o.wait(10 * time.Minute)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("resumed by somebody who may not, wrote %v", o.cloud.writes[writes:])
		}
		o.tell("dana", "resume")
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "90" {
			t.Errorf("after resuming, the logs are kept for %s days", got)
		}
	})
}

// With Git away nothing is touched, and what was accepted stays in force.
func TestWithGitAwayNothingIsTouched(t *testing.T) {
	inOffice(t, func(o *office) {
		writes := o.cloud.writeCount()
		o.git.mu.Lock()
		o.git.down = errors.New("the branch is gone")
		o.git.mu.Unlock()
		o.wait(6 * time.Hour)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
	})
}

func TestTheAuditReportGrowsUntilSomebodyTakesIt(t *testing.T) {
	inOffice(t, func(o *office) {
		o.wait(8 * 24 * time.Hour)
		open := o.board.under("tenantry/audit/")
		if len(open) != 1 {
			t.Fatalf("open proposals: %v, want one audit report", open)
		}
		o.board.close(open[0], "merged", "", false)
		o.wait(15 * 24 * time.Hour)
		if again := o.board.under("tenantry/audit/"); len(again) != 0 {
			t.Errorf("open proposals though nothing was done since: %v", again)
		}
	})
}
