package report

import (
	"slices"
	"time"
)

// mostBars is how many days can be told apart in a chart. What is longer is drawn by weeks.
const mostBars = 14

// charts draws the week. What there was none of isn't drawn.
func (k week) charts() string {
	spans, noun := k.calendar()
	return chartBar("Writes per "+noun, "writes", k.writesBy(spans)) +
		chartPie("Applied writes by action", k.writesByAction()) +
		chartBar("Drift open at the end of each "+noun, "open", k.driftBy(spans)) +
		chartBar("Exceptions and grants by age", "in force", k.permitsByAge())
}

// A stretch is a part of the time that the charts are about.
type stretch struct{ from, to time.Time }

func (s stretch) has(at time.Time) bool { return !at.Before(s.from) && at.Before(s.to) }

func (s stretch) label() string {
	if s.to.Sub(s.from) > 24*time.Hour {
		return "from " + s.from.Format("2 Jan")
	}
	return s.from.Format("2 Jan")
}

// calendar is what the charts are about: days, or weeks if those would be too many. It ends with the day of the
// report and goes back for seven days at least.
func (k week) calendar() (list []stretch, noun string) {
	const whole = 24 * time.Hour
	first, end := k.At.Add(-6*whole), k.At.UTC().Truncate(whole).Add(whole)
	if !k.From.IsZero() && k.From.Before(first) {
		first = k.From
	}
	for _, w := range k.writes {
		if w.entry.Time.Before(first) {
			first = w.entry.Time
		}
	}
	first = first.UTC().Truncate(whole)
	step, noun := whole, "day"
	if end.Sub(first) > mostBars*whole {
		step, noun = 7*whole, "week"
	}
	for at := end; at.After(first); at = at.Add(-step) {
		list = append(list, stretch{at.Add(-step), at})
	}
	slices.Reverse(list)
	return list, noun
}

func (k week) writesBy(spans []stretch) []slice {
	list := make([]slice, len(spans))
	for i, s := range spans {
		list[i].label = s.label()
		for _, w := range k.writes {
			if s.has(w.entry.Time) {
				list[i].n++
			}
		}
	}
	return list
}

// driftBy counts the drift that was found by the end of each stretch and hadn't ended then.
func (k week) driftBy(spans []stretch) []slice {
	list := make([]slice, len(spans))
	for i, s := range spans {
		list[i].label = s.label()
		for _, e := range k.ends {
			if e.Found.Before(s.to) && !e.Ended.Before(s.to) {
				list[i].n++
			}
		}
		for _, d := range k.Drift {
			if d.Found.Before(s.to) {
				list[i].n++
			}
		}
	}
	return list
}

func (k week) permitsByAge() []slice {
	list := []slice{{"up to 7 days", 0}, {"8 to 30 days", 0}, {"31 to 90 days", 0}, {"older", 0}}
	for _, p := range k.permits.all() {
		if p.Since.IsZero() {
			continue
		}
		switch age := k.At.Sub(p.Since); {
		case age < 8*24*time.Hour:
			list[0].n++
		case age < 31*24*time.Hour:
			list[1].n++
		case age < 91*24*time.Hour:
			list[2].n++
		default:
			list[3].n++
		}
	}
	return list
}
