package scale_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"tenantry.dev/internal/scale"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

// scan observes everything once with drivers that know nothing yet, and returns the calls that it took.
func scan(t *testing.T, c *scale.Cloud) (calls map[string]int) {
	t.Helper()
	set, err := c.Drivers(c.Base())
	if err != nil {
		t.Fatal(err)
	}
	c.ResetCounts()
	seen, err := reconciler.Observe(t.Context(), set, scale.Fleet, c.Scopes())
	if err != nil {
		t.Fatal(err)
	}
	if want := len(c.Desired(c.Plan)); len(seen.Observed) != want || len(seen.Unseen) > 0 {
		t.Fatalf("saw %d resources of %d; unseen: %v", len(seen.Observed), want, seen.Unseen)
	}
	calls = c.Counts()
	maps.DeleteFunc(calls, func(operation string, _ int) bool { return strings.HasPrefix(operation, "sts.") })
	return calls
}

func cloud(t *testing.T, tenants int, plan scale.Plan) *scale.Cloud {
	t.Helper()
	c, err := scale.NewCloud(t.Context(), scale.Size{Accounts: 1, Tenants: tenants}, plan)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sum(calls map[string]int) (all int) {
	for _, n := range calls {
		all += n
	}
	return all
}

// The documented formulas are those of a scan: no call more, none fewer, whatever the number of tenants.
func TestAScanCostsWhatIsDocumented(t *testing.T) {
	for _, tenants := range []int{20, 60} {
		for _, versioned := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := cloud(t, tenants, versionedIf(versioned))
				want := map[string]int{}
				for operation, f := range formulas(t) {
					if n := f.of(amounts(c)); n > 0 {
						want[operation] = n
					}
				}
				got := scan(t, c)
				for _, operation := range slices.Sorted(maps.Keys(merged(want, got))) {
					if got[operation] != want[operation] {
						t.Errorf("%d tenants, versioned %t: %d calls of %s; docs/calls.md says %d", tenants, versioned, got[operation], operation, want[operation])
					}
				}
			})
		}
	}
}

// 16 is what a tenant may cost, however many there are in an account. A versioned bucket has one setting
// more than others.
func TestATenantCostsNoMoreThanItMay(t *testing.T) {
	for _, tenants := range []int{200, 1000} {
		for versioned, most := range map[bool]float64{false: 16, true: 17} {
			synctest.Test(t, func(t *testing.T) {
				calls := float64(sum(scan(t, cloud(t, tenants, versionedIf(versioned))))) / float64(tenants)
				t.Logf("%d tenants, buckets versioned: %t: %.2f calls per tenant", tenants, versioned, calls)
				if calls > most {
					t.Errorf("%.2f calls per tenant, and %v are allowed", calls, most)
				}
			})
		}
	}
}

func versionedIf(versioned bool) scale.Plan {
	return func(name, account string) []resource.Desired { return scale.Nine(name, account, versioned) }
}

func merged(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// amounts counts what formulas are about.
func amounts(c *scale.Cloud) map[string]int {
	n := map[string]int{}
	for _, r := range c.Live() {
		letter := map[string]string{
			"aws.s3.bucket": "B", "aws.iam.role": "R", "aws.kms.key": "K", "aws.logs.group": "G", "aws.cloudwatch.alarm": "A",
			"aws.sns.topic": "T", "aws.sns.subscription": "U", "aws.sqs.queue": "Q", "aws.secretsmanager.secret": "S",
		}[r.Kind]
		n[letter]++
		if slices.Contains([]string{"B", "K", "G", "A", "T", "Q"}, letter) {
			n["I"]++
		}
		if strings.Contains(r.Attributes["Versioning"], "Enabled") {
			n["V"]++
		}
	}
	return n
}

// A formula is what stands in the table: a letter, or pages of so many.
type formula struct {
	letter string
	page   int
}

func (f formula) of(n map[string]int) int { return (n[f.letter] + f.page - 1) / f.page }

var row = regexp.MustCompile("(?m)^\\| [^|]*\\| `([a-z0-9]+\\.[A-Za-z]+)` \\| (?:⌈)?([A-Z])(?: / ([0-9,]+)⌉)? \\|")

// formulas reads the table that users read.
func formulas(t *testing.T) map[string]formula {
	t.Helper()
	text, err := os.ReadFile("../../docs/calls.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]formula{}
	for _, cells := range row.FindAllStringSubmatch(string(text), -1) {
		f := formula{letter: cells[2], page: 1}
		if cells[3] != "" {
			if f.page, err = strconv.Atoi(strings.ReplaceAll(cells[3], ",", "")); err != nil {
				t.Fatal(err)
			}
		}
		found[cells[1]] = f
	}
	if len(found) < 20 {
		t.Fatalf("only %d formulas are documented", len(found))
	}
	return found
}
