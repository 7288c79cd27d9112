package changeset

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

var update = flag.Bool("update", false, "write the golden files")

// everything is a snapshot in which nearly everything happens at once.
func everything() Snapshot {
	s := acme()
	s.git(jobs, "delay", "9")
	s.cloud(jobs, "peers", `["z"]`)
	s.cloud(alerts, "displayName", `"Alerts!"`)
	s.git(key, "alias", `"alias/new"`)
	s.ungit(app)
	s.add(
		want("tenant/acme/key/master", `{"alias":"alias/master"}`),
		want("tenant/acme/topic/events", `{"name":"events","kmsKey":"@master.arn"}`),
		want("tenant/beta/bucket/data", `{"name":"beta","encryption":{"algorithm":"aws:kms","kmsKey":"@key.arn"}}`),
		want("tenant/beta/key/key", `{"alias":"alias/beta"}`),
		want("tenant/wrong/queue/jobs", `{"name":"@events.arn"}`),
		want("tenant/far/queue/jobs", `{"name":"far"}`),
	)
	s.Desired[len(s.Desired)-1].Scope = other
	left := want("tenant/left/bucket/data", `{"name":"left"}`)
	twin := want("tenant/beta/queue/twin", `{"name":"twin"}`)
	stray, absent := want("tenant/beta/queue/stray", `{"name":"stray"}`), want("tenant/absent/queue/q", `{"name":"q"}`)
	s.Observed = append(s.Observed, made(left), made(twin), made(twin), made(stray), made(absent))
	s.Removed = map[resource.Owner]string{"tenant/left": "commit 1234"}
	s.Unsure = map[resource.Address]time.Time{at("tenant/acme/key/master"): now.Add(time.Minute)}
	s.Unseen = map[Place]string{{Scope: other}: "access denied"}
	s.Limits = Limits{Window: time.Hour}
	return s
}

func TestGolden(t *testing.T) {
	c := compute(t, everything())
	var b strings.Builder
	fmt.Fprintf(&b, "digest %s\napproval %s\nunchanged %d\n", c.Digest, c.Approval, c.Unchanged)
	for _, line := range lines(c) {
		fmt.Fprintln(&b, line)
	}
	for _, change := range c.Changes {
		if change.Hold != "" {
			fmt.Fprintf(&b, "%s: %s\n", change.Address, change.Hold)
		}
	}
	const file = "testdata/everything.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), b.String()); diff != "" {
		t.Errorf("(-golden +got):\n%s", diff)
	}
}
