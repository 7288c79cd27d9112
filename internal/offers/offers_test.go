package offers

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// example is a fleet with the corners that the example fleet doesn't have: a limit in one plan alone, a text
// as a limit, nothing promised beyond what must be, markup in words, and a customer with mistakes.
func example() *schema.Fleet {
	days := func(n int) resource.Value { v, _ := resource.Of(n); return v }
	value := func(v any) resource.Value { out, _ := resource.Of(v); return out }
	return &schema.Fleet{
		Name: "corner",
		Plans: []schema.Plan{
			{
				Name: "big", DisplayName: "Big | bold", Isolation: "silo", Price: schema.Price{Amount: 123456, Currency: "CHF"}, SLO: 99.99, Capacity: 10,
				Limits:    map[string]resource.Value{"agents": value("unlimited"), "storageGiB": value(12500.5), "sso": value(true)},
				Backup:    map[string]resource.Value{"everyHours": days(1), "retentionDays": days(1)},
				Retention: schema.Retention{AfterLeaving: 1, AuditLog: 3650},
				Support:   schema.Support{Hours: "always", Response: 1, Channels: []string{"phone"}},
				Options: []schema.Option{
					{Resource: "data", Attribute: "tags", Words: "more of them", Implied: true},
					{Resource: "data", Attribute: "versioning", Default: "true", Choices: []string{"true", "false"}, Words: "true (the default) or false"},
				},
			},
			{
				Name: "free", DisplayName: "Free", Isolation: "pool", Price: schema.Price{Currency: "CHF"}, SLO: 99, Capacity: 1,
				Limits: map[string]resource.Value{"agents": value(1), "sso": value(false), "trial_days": days(14)},
				Backup: map[string]resource.Value{"everyHours": days(24), "retentionDays": days(7)},
			},
		},
		Tenants:  []schema.Tenant{{Name: "a", Plan: "free"}, {Name: "b", Plan: "free"}, {Name: "c", Plan: "big"}},
		Glossary: map[string]schema.Term{"storageGiB": {Title: "Storage", Unit: "GiB", Description: "For <files> & more."}},
		Broken:   map[resource.Owner]string{resource.Tenant("d"): "a mistake", resource.Cell("eu-1"): "another"},
	}
}

func TestGolden(t *testing.T) {
	small, err := fleetexample.Small()
	if err != nil {
		t.Fatal(err)
	}
	fleet, found := schema.Load(small, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	if fleet == nil {
		t.Fatal(found)
	}
	for name, f := range map[string]*schema.Fleet{"corner": example(), "brightdesk": fleet} {
		c := Compare(f)
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		for file, got := range map[string]string{name + ".md": c.Markdown(), name + ".txt": c.Text(34), name + ".json": string(text) + "\n"} {
			golden := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s: %s", file, diff)
			}
		}
	}
}

// No limit is hidden: each limit of each plan has a row, with the plan's value in the plan's column.
func TestEveryLimitHasARow(t *testing.T) {
	f := example()
	c := Compare(f)
	at := slices.IndexFunc(c.Parts, func(p Part) bool { return p.Title == "Limits" })
	rows := c.Parts[at].Rows
	if len(rows) != 4 {
		t.Errorf("%d rows", len(rows))
	}
	for i, p := range c.Plans {
		for name, v := range p.Limits {
			title := name
			if term := f.Glossary[name]; term.Title != "" {
				title = term.Title
			}
			n := slices.IndexFunc(rows, func(r Row) bool { return r.Title == title })
			if n < 0 || rows[n].Cells[i] != limit(v, f.Glossary[name].Unit) || rows[n].Cells[i] == Absent {
				t.Errorf("%s of %s: row %d", name, p.Name, n)
			}
		}
	}
	for _, part := range c.Parts {
		for _, r := range part.Rows {
			if len(r.Cells) != len(c.Plans) || slices.Contains(r.Cells, "") {
				t.Errorf("%s: %q", r.Title, r.Cells)
			}
			if slices.Contains(r.Cells, Absent) && !slices.ContainsFunc(c.Notes, func(n Note) bool { return n.Of == r.Title || n.Of == part.Title }) {
				t.Errorf("%s isn't explained", r.Title)
			}
		}
	}
}

func TestNoPlans(t *testing.T) {
	c := Compare(&schema.Fleet{Name: "empty"})
	if len(c.Plans) != 0 || !strings.Contains(c.Markdown(), "# Plans of empty") || c.Text(20) == "" {
		t.Errorf("%+v", c)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		availability(99.9): "99.9 %, at most 43 min 12 s down", availability(100): "100 %, at most 0 s down", availability(90): "90 %, at most 3 d down",
		availability(95.5): "95.5 %, at most 1 d 8 h down",
		amount(0):          "0.00", amount(123456789): "1,234,567.89", amount(4990): "49.90", amount(100005): "1,000.05",
		within(0.5): "within 30 minutes", within(1): "within 1 hour", within(1.5): "within 90 minutes", within(8): "within 8 hours",
		thousands("-1234"): "-1,234", thousands("-123"): "-123", thousands("1000000"): "1,000,000",
		escape("a|b *c* <d>\ne"): `a\|b \*c\* &lt;d&gt; e`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
