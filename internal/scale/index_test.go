package scale_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/scale"
	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A shop is a fleet of some tenants at a sandbox, and the memory of a daemon that looks after it.
type shop struct {
	t     *testing.T
	cloud *scale.Cloud
	store *store.Store
	*reconciler.Reconciler
}

func newShop(t *testing.T, lag time.Duration) *shop {
	t.Helper()
	s := &shop{t: t, cloud: cloud(t, 12, versionedIf(true))}
	s.cloud.SetConditions(awsbox.Conditions{ConfirmAtOnce: true, IndexLag: lag, PageSize: 2})
	kept, err := store.Open(t.Context(), t.TempDir(), store.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	s.store = kept
	s.restart()
	return s
}

// restart begins anew with what is on disk: drivers that know nothing.
func (s *shop) restart() {
	s.t.Helper()
	set, err := s.cloud.Drivers(s.cloud.Base())
	if err != nil {
		s.t.Fatal(err)
	}
	s.Reconciler = &reconciler.Reconciler{
		Providers: func(*schema.Fleet, []string) (providers.Set, error) { return set, nil },
		State:     s.store, Recorder: s.store, Observer: reconciler.NewObserver(0),
	}
}

// target wants everything of the tenants to have this team; what is there at first has "platform".
func (s *shop) target(commit, team string) reconciler.Target {
	t := reconciler.Target{
		Commit: reconciler.Commit(commit), Removed: map[resource.Owner]string{},
		Fleet: &schema.Fleet{
			Name:     scale.Fleet,
			Accounts: []schema.Account{{Name: "one", ID: s.cloud.AccountIDs()[0], Regions: []string{scale.Region}}},
			Limits:   changeset.Limits{Count: 100, Percent: 100},
		},
	}
	t.Rendering.Desired = s.cloud.Desired(s.cloud.Plan)
	for _, d := range t.Rendering.Desired {
		d.Attributes["tags"], _ = resource.Of(map[string]string{"team": team, "tenant": strings.TrimPrefix(string(d.Address.Owner), "tenant/")})
	}
	return t
}

// apply applies and returns how many requests wrote.
func (s *shop) apply(target reconciler.Target) int {
	s.t.Helper()
	before := s.cloud.Writes()
	plan, err := s.Plan(s.t.Context(), target, reconciler.Question{})
	if err != nil {
		s.t.Fatal(err)
	}
	outcomes, err := s.Apply(s.t.Context(), plan, reconciler.Order{Run: "test", Actor: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Result != changeset.Applied {
			s.t.Errorf("%s: %s %s", o.Address, o.Result, o.Detail)
		}
	}
	return s.cloud.Writes() - before
}

// rests fails unless a look shows nothing to do, not even in the log of drift.
func (s *shop) rests(reason string, target reconciler.Target) {
	s.t.Helper()
	plan, err := s.Plan(s.t.Context(), target, reconciler.Question{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range plan.Changeset.Changes {
		s.t.Errorf("%s: %s %s, cause %s", reason, c.Action, c.Address, c.Cause)
	}
	if len(plan.Changeset.Unseen) > 0 {
		s.t.Errorf("%s: unseen are %v", reason, plan.Changeset.Unseen)
	}
}

// An index that knows everything ten minutes late makes no drift, no write and no second resource, neither
// for the process that wrote nor for the one that comes after it; and drift in tags is found once it knows.
func TestALateIndexMakesNoDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lag = 10 * time.Minute
		s := newShop(t, lag)
		old, blue := s.target("c1", "platform"), s.target("c2", "blue")
		s.apply(old)
		s.rests("right after the first commit", old)
		time.Sleep(2 * lag)
		s.rests("when the index has it", old)
		if s.apply(blue) == 0 {
			t.Error("the tags weren't written")
		}
		s.rests("right after the tags changed", blue)
		s.restart()
		s.rests("in a new process that the index tells of the tags before", blue)
		time.Sleep(lag / 2)
		s.rests("a while later", blue)
		if wrote := s.apply(blue); wrote != 0 {
			t.Errorf("%d writes while the index lags", wrote)
		}
		time.Sleep(2 * lag)
		s.restart()
		s.rests("in a new process when the index has it", blue)
		if twins := awsbox.Twins(s.cloud.History(), "tenantry:fleet", "tenantry:address"); len(twins) > 0 {
			t.Errorf("two for one address: %v", twins)
		}
		if err := s.cloud.Chaos(awsbox.Mischief{Address: "tenant/t00000t/aws.sqs.queue/jobs", Do: "tag-changed"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lag)
		plan, err := s.Plan(t.Context(), blue, reconciler.Question{})
		if err != nil || len(plan.Changeset.Changes) != 1 || plan.Changeset.Changes[0].Cause != changeset.Drift {
			t.Errorf("drift in tags: %v, %v", plan.Changeset.Changes, err)
		}
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
}
