// Package offers compares what the plans of a fleet promise, for a sales person or a customer to read. It is
// pure: the same fleet gives the same comparison.
package offers

import (
	"cmp"
	"slices"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A Comparison is the plans of a fleet side by side.
type Comparison struct {
	Fleet string `json:"fleet"`
	Plans []Plan `json:"plans"` // the cheapest first, as the columns of the table
	Parts []Part `json:"table"`
	Notes []Note `json:"notes"`
}

// A Plan is what one plan promises, as data.
type Plan struct {
	Name        string                    `json:"name"`
	DisplayName string                    `json:"display_name"`
	Tenants     int                       `json:"tenants"` // those whose definitions are sound
	Price       Price                     `json:"price"`
	Isolation   string                    `json:"isolation"`
	SLO         float64                   `json:"slo_percent"`
	Capacity    int                       `json:"places_in_a_cell"`
	Limits      map[string]resource.Value `json:"limits"`
	Backup      map[string]resource.Value `json:"backup"`
	Retention   Retention                 `json:"retention"`
	Support     *Support                  `json:"support"` // null if it promises none
	Options     []Option                  `json:"options"` // what a tenant may choose
}

// A Price is what a plan costs a month.
type Price struct {
	Amount   string `json:"amount"` // with two decimals
	Currency string `json:"currency"`
}

// A Retention says how long things are kept; null if the plan doesn't say.
type Retention struct {
	AfterLeavingDays *int `json:"after_leaving_days"`
	AuditLogDays     *int `json:"audit_log_days"`
}

// A Support is what help a plan promises.
type Support struct {
	Hours         string   `json:"hours"`
	ResponseHours float64  `json:"response_hours"`
	Channels      []string `json:"channels"`
}

// An Option is what a tenant may choose of a resource.
type Option struct {
	Resource  string   `json:"resource"`
	Attribute string   `json:"attribute"`
	Default   string   `json:"default,omitempty"` // as CUE; absent if the tenant must choose
	Choices   []string `json:"choices,omitempty"` // as CUE, if these are all
	Words     string   `json:"words"`
	// Implied tells that the plan doesn't write it: it follows from what the plan says around it.
	Implied bool `json:"implied,omitempty"`
}

// A Part is some rows of the table under a title.
type Part struct {
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
}

// A Row is one promise, with a cell for each plan. A cell that is Absent promises nothing.
type Row struct {
	Title string   `json:"title"`
	About string   `json:"about,omitempty"` // what it means
	Cells []string `json:"cells"`
}

// Absent stands in a cell if the plan has nothing to say.
const Absent = "—"

// A Note explains something of the table.
type Note struct {
	Of   string `json:"of"`
	Text string `json:"text"`
}

// Compare compares the plans of a fleet. Every limit of every plan has a row.
func Compare(f *schema.Fleet) Comparison {
	plans := slices.Clone(f.Plans)
	slices.SortStableFunc(plans, func(a, b schema.Plan) int {
		return cmp.Or(cmp.Compare(a.Price.Amount, b.Price.Amount), cmp.Compare(a.Name, b.Name))
	})
	on := map[string]int{}
	for _, t := range f.Tenants {
		on[t.Plan]++
	}
	c := Comparison{Fleet: f.Name, Plans: make([]Plan, 0, len(plans)), Notes: []Note{}}
	for _, p := range plans {
		c.Plans = append(c.Plans, data(p, on[p.Name]))
	}
	t := table{fleet: f, plans: plans, on: on}
	c.Parts = []Part{t.price(), t.promises(), t.limits(), t.choices()}
	c.Parts = slices.DeleteFunc(c.Parts, func(p Part) bool { return len(p.Rows) == 0 })
	c.Notes = t.notes(c.Parts)
	return c
}

// data is a plan as JSON has it.
func data(p schema.Plan, tenants int) Plan {
	out := Plan{
		Name: p.Name, DisplayName: p.DisplayName, Tenants: tenants, Price: Price{amount(p.Price.Amount), p.Price.Currency},
		Isolation: p.Isolation, SLO: p.SLO, Capacity: p.Capacity, Limits: p.Limits, Backup: p.Backup,
		Retention: Retention{given(p.Retention.AfterLeaving), given(p.Retention.AuditLog)}, Options: []Option{},
	}
	if p.Support.Hours != "" {
		out.Support = &Support{p.Support.Hours, p.Support.Response, append([]string{}, p.Support.Channels...)}
	}
	for _, o := range p.Options {
		out.Options = append(out.Options, Option{o.Resource, o.Attribute, o.Default, o.Choices, o.Words, o.Implied})
	}
	return out
}

func given(days int) *int {
	if days == 0 {
		return nil
	}
	return &days
}
