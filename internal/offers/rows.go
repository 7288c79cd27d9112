package offers

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A table writes the rows of a comparison.
type table struct {
	fleet *schema.Fleet
	plans []schema.Plan
	on    map[string]int // how many tenants each plan has
}

// row has a cell for each plan; an empty one is Absent.
func (t *table) row(title, about string, cell func(p schema.Plan) string) Row {
	r := Row{Title: title, About: about}
	for _, p := range t.plans {
		r.Cells = append(r.Cells, cmp.Or(cell(p), Absent))
	}
	return r
}

func (t *table) price() Part {
	return Part{"Price", []Row{
		t.row("A month", "", func(p schema.Plan) string {
			return strings.TrimSuffix(amount(p.Price.Amount), ".00") + " " + p.Price.Currency
		}),
		t.row("Customers", "How many are on the plan.", func(p schema.Plan) string { return strconv.Itoa(t.on[p.Name]) }),
	}}
}

// isolations are the words for how much is shared.
var isolations = map[string]string{
	"silo": "silo: all of its own", "bridge": "bridge: some of its own, some shared", "pool": "pool: shared",
}

// hours are the words for when somebody answers.
var hours = map[string]string{"business": "in the hours of business", "extended": "evenings and Saturdays, too", "always": "around the clock"}

func (t *table) promises() Part {
	days := func(n int) string {
		if n == 0 {
			return ""
		}
		return counted(n, "day")
	}
	rows := []Row{
		t.row("Isolation", "What the customer shares with others.", func(p schema.Plan) string { return isolations[p.Isolation] }),
		t.row("Availability", "Of 30 days.", func(p schema.Plan) string { return availability(p.SLO) }),
		t.row("Backup", "At most so much is lost.", func(p schema.Plan) string { return every(p.Backup["everyHours"]) }),
		t.row("Backups are kept", "", func(p schema.Plan) string { return days(whole(p.Backup["retentionDays"])) }),
		t.row("Data after leaving", "How long it is kept for a return or an export.", func(p schema.Plan) string { return days(p.Retention.AfterLeaving) }),
		t.row("Audit log", "How long the record of who did what is kept.", func(p schema.Plan) string { return days(p.Retention.AuditLog) }),
		t.row("Support", "When somebody answers.", func(p schema.Plan) string { return hours[p.Support.Hours] }),
		t.row("First answer", "To an urgent question.", func(p schema.Plan) string { return within(p.Support.Response) }),
		t.row("Ways to ask", "", func(p schema.Plan) string { return strings.Join(p.Support.Channels, ", ") }),
		t.row("Places in a cell", "How much of a cell's room the customer takes.", func(p schema.Plan) string { return strconv.Itoa(p.Capacity) }),
	}
	return Part{"Promises", rows}
}

// limits has a row for every limit that a plan has.
func (t *table) limits() Part {
	names := map[string]bool{}
	for _, p := range t.plans {
		for name := range p.Limits {
			names[name] = true
		}
	}
	out := Part{Title: "Limits"}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		term := t.fleet.Glossary[name]
		out.Rows = append(out.Rows, t.row(cmp.Or(term.Title, name), term.Description, func(p schema.Plan) string {
			return limit(p.Limits[name], term.Unit)
		}))
	}
	return out
}

// choices has a row for what customers may choose in any plan, and one for what is open besides.
func (t *table) choices() Part {
	names := map[string]bool{}
	for _, p := range t.plans {
		for _, o := range p.Options {
			if !o.Implied {
				names[o.Resource+"."+o.Attribute] = true
			}
		}
	}
	out := Part{Title: "May be chosen"}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out.Rows = append(out.Rows, t.row(name, "", func(p schema.Plan) string {
			i := slices.IndexFunc(p.Options, func(o schema.Option) bool { return o.Resource+"."+o.Attribute == name })
			if i < 0 {
				return ""
			}
			return p.Options[i].Words
		}))
	}
	implied := t.row("Besides", "", func(p schema.Plan) string {
		var open []string
		for _, o := range p.Options {
			if o.Implied {
				open = append(open, o.Attribute)
			}
		}
		slices.Sort(open)
		return strings.Join(slices.Compact(open), ", ")
	})
	if slices.ContainsFunc(implied.Cells, func(cell string) bool { return cell != Absent }) {
		out.Rows = append(out.Rows, implied)
	}
	return out
}

// notes explain what isn't obvious.
func (t *table) notes(parts []Part) []Note {
	out := []Note{}
	for _, p := range parts {
		for _, r := range p.Rows {
			switch {
			case p.Title == "May be chosen" && r.Title == "Besides":
				out = append(out, Note{r.Title, "what no plan mentions, but what lies in something that it does: names that a customer may add, and fields that are left out."})
			case slices.Contains(r.Cells, Absent) && p.Title != "May be chosen":
				out = append(out, Note{r.Title, Absent + " means that the plan promises nothing: " + strings.Join(t.without(r), ", ") + "."})
			}
		}
		if p.Title == "May be chosen" && slices.ContainsFunc(p.Rows, func(r Row) bool { return slices.Contains(r.Cells, Absent) }) {
			out = append(out, Note{p.Title, Absent + " means that the plan has no such resource or leaves no choice. Policies can narrow a choice down."})
		}
	}
	broken := 0
	for owner := range t.fleet.Broken {
		if owner.Class() == "tenant" {
			broken++
		}
	}
	if broken > 0 {
		out = append(out, Note{"Customers", counted(broken, "customer") + " with mistakes in their definitions not counted."})
	}
	return out
}

// without are the plans that have nothing in a row.
func (t *table) without(r Row) []string {
	var out []string
	for i, cell := range r.Cells {
		if cell == Absent {
			out = append(out, t.plans[i].DisplayName)
		}
	}
	return out
}

// amount is hundredths as a number with two decimals, thousands apart.
func amount(hundredths int64) string {
	return fmt.Sprintf("%s.%02d", thousands(strconv.FormatInt(hundredths/100, 10)), hundredths%100)
}

// thousands puts a comma between each three digits of a whole number.
func thousands(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// availability is a percentage with the time that it leaves.
func availability(percent float64) string {
	const month = 30 * 24 * time.Hour
	down := time.Duration(math.Round(month.Seconds()*(100-percent)/100)) * time.Second
	return fmt.Sprintf("%s %%, at most %s down", strconv.FormatFloat(percent, 'f', -1, 64), span(down))
}

// span is a length of time in its two largest units.
func span(d time.Duration) string {
	units := []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	var parts []string
	for _, u := range units {
		if n := d / u.of; n > 0 && len(parts) < 2 {
			parts, d = append(parts, fmt.Sprintf("%d %s", n, u.name)), d%u.of
		} else if len(parts) > 0 {
			break
		}
	}
	return cmp.Or(strings.Join(parts, " "), "0 s")
}

func every(v resource.Value) string {
	if n := whole(v); n == 1 {
		return "every hour"
	} else if n > 0 {
		return "every " + counted(n, "hour")
	}
	return ""
}

// within is a number of hours, in minutes if it is less than two.
func within(hours float64) string {
	switch {
	case hours == 0:
		return ""
	case hours < 2 && hours != 1:
		return fmt.Sprintf("within %d minutes", int(math.Round(hours*60)))
	case hours == 1:
		return "within 1 hour"
	}
	return "within " + strconv.FormatFloat(hours, 'f', -1, 64) + " hours"
}

func whole(v resource.Value) int {
	n, _ := strconv.Atoi(v.Text())
	return n
}

// limit is a limit's value with its unit; empty if there is none.
func limit(v resource.Value, unit string) string {
	if !v.IsSet() {
		return ""
	}
	text := v.Text()
	switch text {
	case "true":
		return "yes"
	case "false":
		return "no"
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return text // such as "unlimited"
	}
	integer, fraction, dotted := strings.Cut(text, ".")
	text = thousands(integer)
	if dotted {
		text += "." + fraction
	}
	return strings.TrimSpace(text + " " + unit)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(strconv.Itoa(n)) + " " + noun + "s"
}
