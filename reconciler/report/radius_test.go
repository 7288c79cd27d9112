package report

import (
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/reconciler/changeset"
)

// around is a fleet of 40 tenants in two cells, and a staging cell with one more.
var around = Surroundings{
	Tenants: 41, Residents: map[string]int{"eu-1": 30, "us-1": 10, "lab": 1},
	Environments: map[string]Environment{"eu-1": {"production", "production"}, "us-1": {"production", "production"}, "lab": {"staging", "staging"}},
}

// in puts a change into another cell.
func in(cell string, c changeset.Change) changeset.Change {
	c.Cell = cell
	return c
}

func elsewhere(c changeset.Change) changeset.Change {
	c.Scope.Account = "222222222222"
	return c
}

func forTenants(n int) []changeset.Change {
	var list []changeset.Change
	for i := range n {
		list = append(list, change(changeset.Update, changeset.Config, fmt.Sprintf("tenant/t%d/aws.sqs.queue/jobs", i)))
	}
	return list
}

func TestRadiusRules(t *testing.T) {
	queue := func(action changeset.Action) changeset.Change {
		return change(action, changeset.Config, "tenant/acme/aws.sqs.queue/jobs")
	}
	bucket := func(action changeset.Action) changeset.Change {
		return data(change(action, changeset.Config, "tenant/acme/aws.s3.bucket/data"))
	}
	shared := func(action changeset.Action) changeset.Change {
		return change(action, changeset.Config, "cell/eu-1/aws.sns.topic/alerts")
	}
	for _, r := range []struct {
		says    string
		changes []changeset.Change
		want    string // the level, and the reasons
		tenants int
	}{
		{"a new tenant", []changeset.Change{queue(changeset.Create), bucket(changeset.Create)}, "low", 1},
		{"what exists is adopted", []changeset.Change{bucket(changeset.Adopt)}, "low", 1},
		{"a queue changes", []changeset.Change{queue(changeset.Update)}, "low", 1},
		{"a queue goes", []changeset.Change{queue(changeset.Delete)}, "medium 1 resource to be destroyed or replaced", 1},
		{"a queue is replaced", []changeset.Change{queue(changeset.Replace)}, "medium 1 resource to be destroyed or replaced", 1},
		{"a bucket changes", []changeset.Change{bucket(changeset.Update)}, "medium 1 resource with data to be changed", 1},
		{"a bucket moves", []changeset.Change{bucket(changeset.Move)}, "medium 1 resource with data to be changed", 1},
		{"a bucket is retired", []changeset.Change{bucket(changeset.Retire)}, "high 1 resource with data to be replaced or retired", 1},
		{"a bucket would be replaced", []changeset.Change{held(bucket(changeset.Replace), changeset.HoldData, "no")}, "high 1 resource with data to be replaced or retired", 1},
		{"a cell gets something", []changeset.Change{shared(changeset.Create)}, "low", 0},
		{"a cell's topic changes", []changeset.Change{shared(changeset.Update)}, "high 73 % of the tenants at once, 1 resource that tenants share to be changed", 30},
		{"a small cell's topic changes", []changeset.Change{in("lab", change(changeset.Update, changeset.Config, "cell/lab/aws.sns.topic/alerts"))}, "low 1 resource that tenants share to be changed, one less, as nothing of it is in production", 1},
		{"a cell's topic goes", []changeset.Change{change(changeset.Delete, changeset.Config, "cell/us-1/aws.sns.topic/alerts")}, "high 1 resource that tenants share to be destroyed, replaced or retired, 10 tenants at once, 24 % of them", 10},
		{"the fleet's topic changes", []changeset.Change{in("", change(changeset.Update, changeset.Config, "fleet/aws.sns.topic/all"))}, "high 100 % of the tenants at once, 1 resource that tenants share to be changed", 41},
		{"four tenants", forTenants(4), "low", 4},
		{"five tenants", forTenants(5), "medium 5 tenants at once, 12 % of them", 5},
		{"ten tenants", forTenants(10), "medium 10 tenants at once, 24 % of them", 10},
		{"eleven tenants", forTenants(11), "high 26 % of the tenants at once", 11},
		{"two cells", []changeset.Change{queue(changeset.Update), in("us-1", change(changeset.Update, changeset.Config, "tenant/b/aws.sqs.queue/jobs"))}, "medium 2 cells at once", 2},
		{"two accounts", []changeset.Change{queue(changeset.Update), elsewhere(change(changeset.Update, changeset.Config, "tenant/b/aws.sqs.queue/jobs"))}, "medium 2 accounts at once", 2},
		{"a cell and one of its tenants", []changeset.Change{shared(changeset.Update), queue(changeset.Update)}, "high 73 % of the tenants at once, 1 resource that tenants share to be changed", 30},
		{"a cell and a tenant of another", []changeset.Change{shared(changeset.Update), in("us-1", queue(changeset.Update))}, "high 75 % of the tenants at once, 1 resource that tenants share to be changed, 2 cells at once", 31},
		{"staging loses a bucket", []changeset.Change{in("lab", bucket(changeset.Retire))}, "medium 1 resource with data to be replaced or retired, one less, as nothing of it is in production", 1},
		{"staging and production", []changeset.Change{in("lab", change(changeset.Delete, changeset.Config, "tenant/try/aws.sqs.queue/jobs")), queue(changeset.Update)}, "medium 1 resource to be destroyed or replaced, 2 cells at once", 2},
		{"a cell that nobody knows is production", []changeset.Change{in("gone", bucket(changeset.Retire))}, "high 1 resource with data to be replaced or retired", 1},
		{"held by a limit", []changeset.Change{held(queue(changeset.Delete), changeset.HoldLimit, "many")}, "medium 1 resource to be destroyed or replaced", 1},
		{"drift beside it", []changeset.Change{queue(changeset.Update), held(change(changeset.Update, changeset.Drift, "cell/eu-1/aws.sns.topic/alerts"), changeset.HoldDrift, "drift")}, "low", 1},
		{"drift put back", []changeset.Change{change(changeset.Update, changeset.Drift, "tenant/acme/aws.sqs.queue/jobs")}, "low", 1},
	} {
		got := NewRadius(changeset.Changeset{Changes: r.changes}, around)
		text := strings.TrimSpace(string(got.Level) + " " + strings.Join(got.Reasons, ", "))
		if text != r.want || got.Tenants != r.tenants {
			t.Errorf("%s: %s, %d tenants\nwant %s, %d", r.says, text, got.Tenants, r.want, r.tenants)
		}
	}
}

func TestNothingHasNoRadius(t *testing.T) {
	orphan := held(change(changeset.Delete, changeset.Orphan, "tenant/acme/aws.sqs.queue/stray"), changeset.HoldOrphan, "not ours")
	absent := held(change(changeset.Delete, changeset.Config, "tenant/absent/aws.sqs.queue/jobs"), changeset.HoldNotInGit, "absent")
	for _, c := range [][]changeset.Change{nil, {orphan, absent}} {
		if r := NewRadius(changeset.Changeset{Changes: c}, around); r != nil {
			t.Errorf("%d changes that are nobody's wish have the radius %+v", len(c), r)
		}
	}
}

func TestRadiusLine(t *testing.T) {
	queue := change(changeset.Create, changeset.Config, "tenant/acme/aws.sqs.queue/jobs")
	gone := elsewhere(in("lab", change(changeset.Delete, changeset.Config, "tenant/b/aws.sqs.queue/jobs")))
	for want, changes := range map[string][]changeset.Change{
		"Blast radius low: nothing is destroyed, and nothing that tenants share or that holds data is changed; 1 of 41 tenants (2 %), cell eu-1, account 111111111111, environment production; a revert undoes it":                                        {queue},
		"Blast radius medium: 1 resource to be destroyed or replaced, 2 cells at once, 2 accounts at once; 2 of 41 tenants (4 %), 2 cells, 2 accounts, 2 environments; a revert makes 1 resource anew, without what was in them":                          {queue, gone},
		"Blast radius high: 1 resource with data to be replaced or retired; 1 of 41 tenants (2 %), cell eu-1, account 111111111111, environment production; a revert takes back into service what was retired, and brings back nothing that was replaced": {data(change(changeset.Retire, changeset.Config, "tenant/acme/aws.s3.bucket/data"))},
	} {
		if got := NewRadius(changeset.Changeset{Changes: changes}, around).Line(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if got := NewRadius(changeset.Changeset{Changes: []changeset.Change{queue}}, Surroundings{}).Line(); !strings.Contains(got, "1 of 1 tenant (100 %), cell eu-1") {
		t.Errorf("without a fleet: %s", got)
	}
}
