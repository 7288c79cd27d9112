package report

import "time"

// mostDays bounds the days of a chart: more can't be read.
const mostDays = 35

// charts draws the week. What there was none of isn't drawn.
func (k week) charts() string {
	return chartBar("Writes per day", "writes", k.writesByDay()) +
		chartPie("Applied writes by action", k.writesByAction()) +
		chartLine("Drift open at the end of the day", "open", k.driftByDay()) +
		chartBar("Exceptions and grants by age", "in force", k.permitsByAge())
}

// calendar is the days that the charts are about, each by the time of its begin.
func (k week) calendar() []time.Time {
	const whole = 24 * time.Hour
	first, last := k.At.Add(-6*whole), k.At // seven days at least
	if !k.From.IsZero() && k.From.Before(first) {
		first = k.From
	}
	for _, w := range k.writes {
		if w.entry.Time.Before(first) {
			first = w.entry.Time
		}
	}
	first, last = first.UTC().Truncate(whole), last.UTC().Truncate(whole)
	if least := last.Add(-(mostDays - 1) * whole); first.Before(least) {
		first = least
	}
	var list []time.Time
	for at := first; !at.After(last); at = at.Add(whole) {
		list = append(list, at)
	}
	return list
}

func (k week) writesByDay() []slice {
	n := map[string]int{}
	for _, w := range k.writes {
		n[day(w.entry.Time)]++
	}
	list := make([]slice, 0, mostDays)
	for _, at := range k.calendar() {
		list = append(list, slice{at.Format("2 Jan"), n[day(at)]})
	}
	return list
}

// driftByDay counts the drift that was found by the end of each day and hadn't ended then.
func (k week) driftByDay() []slice {
	var list []slice
	for _, at := range k.calendar() {
		end, n := at.Add(24*time.Hour), 0
		for _, e := range k.ends {
			if e.Found.Before(end) && !e.Ended.Before(end) {
				n++
			}
		}
		for _, d := range k.Drift {
			if d.Found.Before(end) {
				n++
			}
		}
		list = append(list, slice{at.Format("2 Jan"), n})
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
