package changeset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

// fleetOf is a fleet of tenants with one queue each, half of them in each of two cells, of which
// some lost their queue in Git.
func fleetOf(tenants, leaving int) Snapshot {
	s := Snapshot{Fleet: "f", Kinds: kinds(), Settled: map[resource.Owner]bool{}, Now: now}
	for i := range tenants {
		d := want(fmt.Sprintf("tenant/t%03d/queue/q", i), fmt.Sprintf(`{"name":"q%d"}`, i))
		d.Cell = []string{"eu-1", "eu-2"}[i%2]
		s.Settled[d.Address.Owner] = true
		s.Applied = append(s.Applied, d)
		s.Observed = append(s.Observed, made(d))
		if i >= leaving {
			s.Desired = append(s.Desired, d)
			continue
		}
		stays := want(fmt.Sprintf("tenant/t%03d/topic/stays", i), fmt.Sprintf(`{"name":"t%d"}`, i))
		stays.Cell = d.Cell
		s.Desired = append(s.Desired, stays)
		s.Applied = append(s.Applied, stays)
		s.Observed = append(s.Observed, made(stays))
	}
	return s
}

// leftBuckets gives tenants a bucket each, of which some aren't wanted any more and some are.
func (s *Snapshot) leftBuckets(left, wanted int) {
	for i := range left + wanted {
		d := want(fmt.Sprintf("tenant/t%03d/bucket/b", i), `{"name":"b"}`)
		d.Cell = []string{"eu-1", "eu-2"}[i%2]
		s.Applied, s.Observed = append(s.Applied, d), append(s.Observed, made(d))
		if i >= left {
			s.add(d)
		}
	}
}

// retired takes the last of the buckets that are wanted out of service, so long ago, and out of Git.
func (s *Snapshot) retired(n int, ago time.Duration) {
	for range n {
		last := s.Desired[len(s.Desired)-1]
		s.Desired = s.Desired[:len(s.Desired)-1]
		s.have(last.Address.String()).Retired = now.Add(-ago).Format(time.RFC3339)
		s.Spent = append(s.Spent, Spent{Address: last.Address, Cell: last.Cell, At: now.Add(-ago), Retired: true})
	}
}

func heldBy(c Changeset) map[string]int {
	by := map[string]int{}
	for _, change := range c.Changes {
		by[change.HoldKind]++
	}
	return by
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		says    string
		tenants int
		leaving int
		change  func(*Snapshot)
		want    map[string]int
	}{
		{"within the default limits", 100, 10, nil, map[string]int{"": 10}},
		{"the fleet's default limit is exceeded by one", 100, 11, nil, map[string]int{HoldLimit: 11}},
		{"percent of what there is, where that is more", 1000, 52, nil, map[string]int{"": 52}},
		{"one cell exceeds its limit; the other goes on", 400, 40, func(s *Snapshot) {
			for i := 1; i < 30; i += 2 { // 15 tenants of eu-2 keep their queue
				s.add(s.Applied[2*i])
			}
			s.Limits = Limits{Count: 19}
		}, map[string]int{HoldLimit: 20, "": 5}},
		{"no destruction is allowed", 100, 1, func(s *Snapshot) { s.Limits = Limits{Window: time.Hour} }, map[string]int{HoldLimit: 1}},
		{"what was destroyed in the window counts", 100, 4, func(s *Snapshot) {
			for i := range 7 {
				s.Spent = append(s.Spent, Spent{Address: at(fmt.Sprintf("tenant/x%d/queue/q", i)), Cell: "eu-3", At: now.Add(-23 * time.Hour)})
			}
		}, map[string]int{HoldLimit: 4}},
		{"what was destroyed before the window doesn't", 100, 4, func(s *Snapshot) {
			for i := range 7 {
				s.Spent = append(s.Spent, Spent{Address: at(fmt.Sprintf("tenant/x%d/queue/q", i)), Cell: "eu-3", At: now.Add(-24 * time.Hour)})
			}
		}, map[string]int{"": 4}},
		{"the denominator doesn't shrink with what is destroyed", 361, 1, func(s *Snapshot) {
			// 362 + 38 = 400 there were; 5 % are 20, and 19 in another cell are spent.
			for i := range 38 {
				at := at(fmt.Sprintf("tenant/x%d/queue/q", i))
				if i < 19 {
					s.Spent = append(s.Spent, Spent{Address: at, Cell: "eu-3", At: now.Add(-time.Hour)})
				} else {
					s.Observed = append(s.Observed, made(want(at.String(), `{"name":"x"}`)))
					s.Desired = append(s.Desired, want(at.String(), `{"name":"x"}`))
				}
			}
			s.Limits = Limits{Percent: 5}
		}, map[string]int{"": 1}},
		{"retiring up to the limit", 20, 0, func(s *Snapshot) { s.leftBuckets(10, 10) }, map[string]int{"": 10}},
		{"retiring one more than that", 20, 0, func(s *Snapshot) { s.leftBuckets(11, 9) }, map[string]int{HoldLimit: 11}},
		{"retiring is a part of what holds data, not of all", 1000, 0, func(s *Snapshot) { s.leftBuckets(11, 9) }, map[string]int{HoldLimit: 11}},
		{"retiring has a budget of its own", 100, 10, func(s *Snapshot) { s.leftBuckets(10, 0) }, map[string]int{"": 20}},
		{"too much is destroyed, and not too much retired", 100, 11, func(s *Snapshot) { s.leftBuckets(10, 0) }, map[string]int{"": 10, HoldLimit: 11}},
		{"what was destroyed in the window leaves the budget for retiring as it is", 100, 0, func(s *Snapshot) {
			s.spend(7, "eu-1", time.Hour)
			s.leftBuckets(4, 0)
		}, map[string]int{"": 4}},
		{"what was retired in the window counts", 100, 0, func(s *Snapshot) {
			s.leftBuckets(4, 7)
			s.retired(7, time.Hour)
		}, map[string]int{HoldLimit: 4}},
		{"what was retired before the window doesn't", 100, 0, func(s *Snapshot) {
			s.leftBuckets(4, 7)
			s.retired(7, 24*time.Hour)
		}, map[string]int{"": 4}},
		{"what was retired in the window still counts as had", 100, 0, func(s *Snapshot) {
			// In eu-1 8 serve and 2 did: of 10 there may go 3, of 8 only the 2 that went.
			s.leftBuckets(1, 19)
			s.retired(4, time.Hour)
			s.Limits = Limits{Percent: 30}
		}, map[string]int{"": 1}},
		{"what is held anyway isn't counted", 100, 10, func(s *Snapshot) {
			for i := range 20 {
				s.Observed = append(s.Observed, made(want(fmt.Sprintf("tenant/t%03d/queue/odd", i), `{"name":"odd"}`)))
			}
		}, map[string]int{"": 10, HoldOrphan: 20}},
		{"replacements count", 100, 0, func(s *Snapshot) {
			for i := range 11 {
				s.git(fmt.Sprintf("tenant/t%03d/queue/q", i), "name", `"new"`)
			}
		}, map[string]int{HoldLimit: 11}},
		{"a tenant that a commit removed counts against the cell it lived in", 60, 0, func(s *Snapshot) {
			s.Removed = map[resource.Owner]string{}
			for i := 0; i < 12; i += 2 {
				owner := resource.Tenant(fmt.Sprintf("t%03d", i))
				s.Removed[owner] = "commit 1234"
				s.ungitOwner(owner)
			}
			s.Limits = Limits{Count: 5}
		}, map[string]int{HoldLimit: 6}},
	} {
		t.Run(c.says, func(t *testing.T) {
			s := fleetOf(c.tenants, c.leaving)
			if c.change != nil {
				c.change(&s)
			}
			if diff := cmp.Diff(c.want, heldBy(compute(t, s))); diff != "" {
				t.Errorf("holds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalHasNumbersNamesAndTheWayOn(t *testing.T) {
	s := fleetOf(257, 104)
	for i := range s.Desired {
		s.Desired[i].Cell = "eu-1"
	}
	for i := range s.Applied {
		s.Applied[i].Cell = "eu-1"
	}
	s.Spent = []Spent{{Address: at("tenant/t000/topic/stays"), Cell: "eu-1", At: now.Add(-time.Hour)}}
	c := compute(t, s)
	want := "deletes 104 of 361 resources (28.8 %) in cell eu-1 on top of 1 in the last 24h, of tenant/t000, tenant/t001, tenant/t002, tenant/t003, " +
		"tenant/t004 and 99 more; the limit is 10 or 5 % in 24h, here 18. To allow it, commit approvals/eu-1.cue with approval: \"eu-1\": {digest: \"" + c.Approval +
		"\", by: \"WHO\", reason: \"WHY\", expires: \"WHEN, as in 2006-01-02T15:04:05Z\"}"
	if got := c.Changes[0].Hold; got != want {
		t.Errorf("the hold says\n%s\nwant\n%s", got, want)
	}
	s.git("tenant/t200/queue/q", "name", `"new"`)
	if got := compute(t, s).Changes[0].Hold; !strings.HasPrefix(got, "deletes or replaces 105 of") {
		t.Errorf("the hold says %s", got)
	}
}

func TestApprovals(t *testing.T) {
	approve := func(digest string, expires time.Time) []Approval {
		return []Approval{{Digest: digest, By: "ada", Expires: expires}}
	}
	s := fleetOf(100, 30)
	c := compute(t, s)
	for _, r := range []struct {
		says      string
		approvals []Approval
		held      int
	}{
		{"none", nil, 30},
		{"of what is to be destroyed", approve(c.Approval, now.Add(time.Hour)), 0},
		{"of the whole changeset", approve(c.Digest, now.Add(time.Hour)), 0},
		{"one that expired", approve(c.Approval, now), 30},
		{"one without an expiry", approve(c.Approval, time.Time{}), 30},
		{"one for something else", approve("sha256:0123", now.Add(time.Hour)), 30},
		{"an empty one", approve("", now.Add(time.Hour)), 30},
	} {
		s.Approvals = r.approvals
		got := compute(t, s)
		if held := got.Summary().Held; held != r.held {
			t.Errorf("an approval %s leaves %d held, want %d", r.says, held, r.held)
		}
		if got.Digest != c.Digest || got.Approval != c.Approval {
			t.Errorf("an approval %s changes a digest", r.says)
		}
	}

	t.Run("it stays valid while it is carried out", func(t *testing.T) {
		s := fleetOf(100, 30)
		s.Approvals = approve(c.Approval, now.Add(time.Hour))
		for _, d := range s.Applied[:20] { // ten queues and ten topics; the topics stay
			if d.Address.Kind == "queue" {
				s.gone(d.Address.String())
				s.Spent = append(s.Spent, Spent{Address: d.Address, Cell: d.Cell, At: now})
			}
		}
		if got := compute(t, s); len(got.Ready()) != 20 {
			t.Errorf("%d of the 20 that are left go on", len(got.Ready()))
		}
	})
	t.Run("it doesn't cover one more", func(t *testing.T) {
		s := fleetOf(100, 31)
		s.Approvals = approve(c.Approval, now.Add(time.Hour))
		if got := compute(t, s); len(got.Ready()) != 0 {
			t.Errorf("%d go", len(got.Ready()))
		}
	})
	t.Run("it lifts nothing but limits", func(t *testing.T) {
		s := acme()
		s.Limits = Limits{Window: time.Hour}
		s.git(data, "name", `"new"`)
		s.git(app, "name", `"new"`)
		s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)), made(want("tenant/gone/queue/q", `{"name":"q"}`)),
			made(want("tenant/acme/queue/two", `{"name":"q"}`)), made(want("tenant/acme/queue/two", `{"name":"q"}`)))
		first := compute(t, s)
		s.Approvals = append(approve(first.Digest, now.Add(time.Hour)), approve(first.Approval, now.Add(time.Hour))...)
		if diff := cmp.Diff(map[string]int{HoldLimit: 1, HoldData: 1, HoldOrphan: 1, HoldNotInGit: 1, HoldDouble: 1}, heldBy(first)); diff != "" {
			t.Errorf("before:\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"": 1, HoldData: 1, HoldOrphan: 1, HoldNotInGit: 1, HoldDouble: 1}, heldBy(compute(t, s))); diff != "" {
			t.Errorf("after:\n%s", diff)
		}
	})
}

func TestLimitsInWords(t *testing.T) {
	for want, l := range map[string]Limits{
		"10 or 5 % in 24h":    Limits{}.OrDefault(),
		"3 or 0 % in 24h":     Limits{Count: 3}.OrDefault(),
		"0 or 2.5 % in 1h30m": Limits{Percent: 2.5, Window: 90 * time.Minute}.OrDefault(),
		"1 or 1 % in 45m":     Limits{Count: 1, Percent: 1, Window: 45 * time.Minute}.OrDefault(),
	} {
		if got := l.String(); got != want {
			t.Errorf("%#v is %q, want %q", l, got, want)
		}
	}
}

func TestDigest(t *testing.T) {
	base := func() Snapshot {
		s := acme()
		s.git(jobs, "delay", "9")
		s.git(app, "name", `"new"`)
		s.add(want("tenant/acme/queue/more", `{"name":"more"}`))
		return s
	}
	digest := compute(t, base()).Digest
	for _, c := range []struct {
		says   string
		change func(*Snapshot)
		same   bool
	}{
		{"the same", nil, true},
		{"another commit", func(s *Snapshot) { s.Commit = "beef" }, true},
		{"a later time", func(s *Snapshot) { s.Now = now.Add(time.Hour) }, true},
		{"drift elsewhere", func(s *Snapshot) { s.cloud(dead, "delay", "3") }, true},
		{"drift beside a change", func(s *Snapshot) { s.cloud(jobs, "peers", `["z"]`) }, true},
		{"the cloud moved where Git moved too", func(s *Snapshot) { s.cloud(jobs, "delay", "4") }, true},
		{"held drift that would replace", func(s *Snapshot) { s.cloud(alerts, "name", `"odd"`) }, true},
		{"a stray", func(s *Snapshot) {
			s.Observed = append(s.Observed, made(want("tenant/acme/queue/odd", `{"name":"odd"}`)))
		}, true},
		{"another limit", func(s *Snapshot) { s.Limits = Limits{Window: time.Hour} }, true},
		{"another line", func(s *Snapshot) { s.Desired[4].Origin.Line = 99 }, true},
		{"another fleet", func(s *Snapshot) { s.Fleet = "g" }, false},
		{"another value", func(s *Snapshot) { s.git(jobs, "delay", "10") }, false},
		{"another attribute", func(s *Snapshot) { s.git(jobs, "peers", `[]`) }, false},
		{"another address", func(s *Snapshot) {
			s.Desired[6].Address.Name = "less"
		}, false},
		{"another action", func(s *Snapshot) { s.gone(jobs) }, false},
		{"another place", func(s *Snapshot) { s.Desired[6].Scope = other }, false},
		{"an adoption", func(s *Snapshot) { s.Desired[6].Adopt = "q" }, false},
		{"another adoption", func(s *Snapshot) { s.Desired[6].Adopt = "r" }, false},
		{"one less", func(s *Snapshot) { s.ungit("tenant/acme/queue/more") }, false},
		{"one to delete", func(s *Snapshot) { s.ungit(app) }, false},
		{"drift that is corrected by a replacement", func(s *Snapshot) {
			s.CorrectDrift = true
			s.cloud(alerts, "name", `"odd"`)
		}, false},
		{"another secret", func(s *Snapshot) { s.git(jobs, "token", `"s"`) }, false},
	} {
		s := base()
		if c.change != nil {
			c.change(&s)
		}
		if got := compute(t, s).Digest; (got == digest) != c.same {
			t.Errorf("%s: the digest is the same: %v", c.says, !c.same)
		}
	}
	one, two := base(), base()
	one.git(jobs, "token", `"one"`)
	two.git(jobs, "token", `"two"`)
	if compute(t, one).Digest == compute(t, two).Digest {
		t.Error("two secrets have one digest")
	}
	if !strings.HasPrefix(digest, "sha256:") || len(digest) != len("sha256:")+64 {
		t.Errorf("digest %q", digest)
	}
}

func TestOnly(t *testing.T) {
	s := acme()
	s.Observed, s.Applied, s.Settled = nil, nil, nil
	s.add(want("tenant/beta/queue/q", `{"name":"q","deadLetter":"@events.arn"}`), want("tenant/beta/topic/x", `{"name":"@cell.alerts.arn"}`),
		want("tenant/gamma/queue/q", `{"name":"@cell.alerts.arn"}`))
	whole := compute(t, s)
	part := whole.Only("tenant/gamma", "tenant/beta")
	if diff := cmp.Diff([]string{
		"+ config tenant/gamma/queue/q needs:" + alerts, "broken tenant/beta: tenant/beta/queue/q refers to tenant/beta/topic/events, which doesn't exist",
	}, lines(part)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if part.Digest == whole.Digest || part.Fleet != whole.Fleet || part.Unchanged != 0 {
		t.Errorf("digest %s, fleet %s, unchanged %d", part.Digest, part.Fleet, part.Unchanged)
	}
	if len(lines(whole)) != 8 {
		t.Errorf("taking a part changed the whole:\n%s", strings.Join(lines(whole), "\n"))
	}
	if all := whole.Only("tenant/acme", "cell/eu-1", "tenant/gamma"); all.Digest != whole.Digest {
		t.Error("a part that is the whole has another digest")
	}
	if none := whole.Only(); !none.Empty() || len(none.Broken) != 0 {
		t.Errorf("the part of nobody is %v", lines(none))
	}
}

func TestPaths(t *testing.T) {
	for _, keys := range [][]string{
		{"tags"}, {"tags", "team"}, {"tags", "app.kubernetes.io/name"}, {"tags", `a"b`}, {"tags", ""}, {"tags", "a b", "c"}, {"tags", "é:/@-_"}, {"tags", "a\nb\\"}, {"tags", "\xff"},
	} {
		path := Path(keys...)
		if diff := cmp.Diff(keys, SplitPath(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for _, odd := range []string{`"a`, `"a"b`, `tags."a"b`} {
		if got := SplitPath(odd); len(got) != 1 || got[0] != odd {
			t.Errorf("SplitPath(%s) = %q", odd, got)
		}
	}
	if Path("tags", "team") != "tags.team" {
		t.Error(Path("tags", "team"))
	}
}
