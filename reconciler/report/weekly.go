package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Week is what a weekly report is made of.
type Week struct {
	Name   string // of the week that most of it is about: "2026-W47"
	Fleet  string
	Commit string    // the newest that was applied; empty if none was
	From   time.Time // the period begins after it
	At     time.Time // it ends then, and as of then is said what waits and what is allowed
	// Entries are the log's in the period, and Passages the pull requests that came in it, or that something
	// was written with in it.
	Entries  []changeset.Entry
	Passages []Passage
	Homes    map[resource.Owner]Home

	OnHold   string // who stopped all writes, and why; empty if nobody did
	Held     []Held
	Waiting  []Delayed
	Unseen   []changeset.Unseen
	Permits  []Permit
	Drift    []OpenDrift
	Arrivals []Arrival
}

// A Home is where a tenant is at home: what it bought, and its cell.
type Home struct{ Plan, Cell string }

// Held is a change, or all that an owner wants, that isn't made until something happens.
type Held struct {
	What   string           `json:"what"` // an address, or an owner
	Action changeset.Action `json:"action,omitempty"`
	Why    string           `json:"why"`
	Kind   string           `json:"kind"` // the guard: a Hold… constant of changesets, or HeldOwner
	Since  time.Time        `json:"since"`
	Commit string           `json:"commit,omitempty"` // that first asked for it
}

// HeldOwner is the kind of what is held for an owner as a whole: by a policy, or because its definitions
// can't be used.
const HeldOwner = "owner"

// Delayed is a write that the cloud isn't done with, or not ready for.
type Delayed struct {
	Address resource.Address `json:"address"`
	Action  changeset.Action `json:"action"`
	What    string           `json:"what"`
	Since   time.Time        `json:"since"`
}

// OpenDrift is drift that nobody decided on yet.
type OpenDrift struct {
	Cause    string    `json:"cause"`
	Title    string    `json:"title"`
	Severity string    `json:"severity,omitempty"`
	Pull     int       `json:"pull,omitempty"` // 0 if it has none of its own
	Found    time.Time `json:"found,omitzero"`
}

// An Arrival is a commit that all of was seen in the cloud.
type Arrival struct {
	Commit string    `json:"commit"`
	At     time.Time `json:"at"`
}

// soonEnd is how long before its end what is allowed for a time comes first in the report, and oldAge from
// when on it does because it is old.
const (
	soonEnd = 14 * 24 * time.Hour
	oldAge  = 30 * 24 * time.Hour
)

// A week is a Week with what follows from it.
type week struct {
	Week
	audit
	ends    []DriftEnd
	failed  []write // whose last write in the period failed
	permits permits
}

// Weekly reports on a week: what has to be done first, then what changed and who let it in. The Markdown is
// shorter than 60,000 bytes; the JSON has everything. Equal data gives equal reports.
func Weekly(w Week) (title, markdown string, data []byte) {
	k := newWeek(w)
	title = fmt.Sprintf("Week %s: %s", visible(w.Name), k.headline())
	p := &page{tail: k.footer()}
	p.write("**" + prose(title) + "**\n\n")
	p.write(k.toDo())
	p.write(k.charts())
	k.waits(p)
	p.section(k.driftOpen())
	p.section(k.permits.first(w.At))
	k.changed(p)
	p.section(k.driftEnded())
	p.section(k.arrived())
	p.section(k.others())
	p.section(k.permits.rest(w.At))
	return title, p.String(), k.json(title)
}

func newWeek(w Week) week {
	k := week{Week: w, audit: newAudit(w.Entries), ends: DriftEnds(w.Entries), permits: sortPermits(w.Permits, w.At)}
	last := map[resource.Address]write{}
	for _, w := range k.writes {
		last[w.entry.Address] = w
	}
	for _, w := range last {
		if w.result == changeset.Failed {
			k.failed = append(k.failed, w)
		}
	}
	slices.SortFunc(k.failed, func(a, b write) int { return cmp.Compare(a.entry.Seq, b.entry.Seq) })
	return k
}

// Empty tells whether a week has nothing that anybody would want to read of: nothing happened, nothing waits,
// and nothing that is allowed for a time ends soon.
func (w Week) Empty() bool {
	return !w.Happened() && w.OnHold == "" && len(w.Held)+len(w.Waiting)+len(w.Unseen)+len(w.Drift) == 0 && sortPermits(w.Permits, w.At).urgent() == 0
}

// Happened tells whether there is news in it: something in the log, or a pull request that wasn't one of ours.
func (w Week) Happened() bool {
	return len(w.Entries) > 0 || slices.ContainsFunc(w.Passages, func(p Passage) bool { return !p.Ours || p.Commit != "" })
}

// headline is what happened and what is left, in numbers.
func (k week) headline() string {
	parts := []string{count(len(k.writes), "write"), count(len(k.theirs()), "pull request") + " merged"}
	for _, part := range []struct {
		n    int
		noun string
	}{{len(k.failed), "failed"}, {len(k.Held), "held"}, {len(k.Waiting), "waiting"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.noun))
		}
	}
	if n := len(k.Drift); n > 0 {
		parts = append(parts, count(n, "drift")+" open")
	}
	if n := k.permits.urgent(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d ended or end soon", n))
	}
	return strings.Join(parts, " · ")
}

// theirs are the pull requests that people made.
func (k week) theirs() []Passage {
	return slices.DeleteFunc(slices.Clone(k.Passages), func(p Passage) bool { return p.Ours })
}

// toDo lists what waits for a person, the gravest first.
func (k week) toDo() string {
	var lines []string
	say := func(n int, noun, text string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("- **%s** %s\n", count(n, noun), text))
		}
	}
	permit := func(list []Permit, text string) {
		if n := len(list); n == 1 {
			lines = append(lines, "- **1 exception or grant** "+text+"\n")
		} else if n > 0 {
			lines = append(lines, fmt.Sprintf("- **%d exceptions and grants** %s\n", n, text))
		}
	}
	if k.OnHold != "" {
		lines = append(lines, fmt.Sprintf("- **All writes are on hold**: %s. `/tenantry resume` lets them go on.\n", prose(cut(k.OnHold, 300))))
	}
	say(len(k.Unseen), "place", "couldn't be read when it was last tried, so that nothing is done there.")
	say(len(k.failed), "write", "failed and wasn't mended since.")
	say(len(k.Held), "change", "held until somebody decides, or until time lets it go on.")
	say(len(k.Drift), "drift", "open: merge its report to keep what the cloud has, close it to restore Git's values.")
	permit(k.permits.ended, "ended and still in Git: to be removed, or renewed.")
	permit(k.permits.soon, fmt.Sprintf("ending within %s.", days(soonEnd)))
	permit(k.permits.old, fmt.Sprintf("known for %s or longer: still needed?", days(oldAge)))
	alone := slices.DeleteFunc(k.theirs(), func(p Passage) bool { return !p.alone() })
	say(len(alone), "pull request", "merged with nobody's approval of what was merged.")
	if len(lines) == 0 {
		return "Nothing waits for anybody.\n\n"
	}
	return "### To be done\n\n" + strings.Join(lines, "") + "\n"
}

// waits has what isn't done.
func (k week) waits(p *page) {
	held := section{noun: "change", most: 9_000, foot: "\n"}
	held.head = "### Held\n\n" + table([]string{"What", "Why", "Since", "Goes on"}, nil)
	for _, h := range k.Held {
		held.items = append(held.items, fmt.Sprintf("| %s%s | %s | %s | %s |\n",
			verb(h.Action), code(h.What), prose(cut(h.Why, 400)), aged(h.Since, k.At), goesOn(h.Kind)))
	}
	p.section(held)
	failed := section{noun: "write", most: 6_000, foot: "\n"}
	failed.head = "### Failed and not mended\n\n" + table([]string{"Entry", "When", "What", "Commit", "Why"}, nil)
	for _, w := range k.failed {
		failed.items = append(failed.items, fmt.Sprintf("| %d | %s | %s%s | %s | %s |\n", w.entry.Seq, moment(w.entry.Time),
			verb(w.entry.Action), code(w.entry.Address.String()), code(shortID(w.entry.Commit)), prose(cut(w.detail, 300))))
	}
	p.section(failed)
	late := section{noun: "write", most: 4_000, foot: "\n"}
	late.head = "### Waiting for the cloud\n\n" + table([]string{"What", "Since", "What it is about"}, nil)
	for _, d := range k.Waiting {
		late.items = append(late.items, fmt.Sprintf("| %s%s | %s | %s |\n", verb(d.Action), code(d.Address.String()), aged(d.Since, k.At), prose(cut(d.What, 300))))
	}
	p.section(late)
	p.section(unseenSection(changeset.Changeset{Unseen: k.Unseen}))
}

// others are the notes of the log that no other section tells of.
func (k week) others() section {
	a := k.audit
	a.notes = slices.DeleteFunc(slices.Clone(a.notes), func(e changeset.Entry) bool { return strings.HasPrefix(e.Detail, endWords) })
	return a.decisions()
}

func verb(a changeset.Action) string {
	if a == "" {
		return ""
	}
	return prose(string(a)) + " "
}

// goesOn says what lets a held change go on.
func goesOn(kind string) string {
	switch kind {
	case changeset.HoldLimit:
		return "with an approval in `approvals/`, or when earlier destruction leaves the window of the limit"
	case changeset.HoldData:
		return "not by itself: take back what would destroy data, or move the data first"
	case changeset.HoldUnseen, changeset.HoldPending, changeset.HoldUnsure:
		return "by itself, once the cloud answers"
	case changeset.HoldNotOurs:
		return "when Git says that it is adopted, or asks for another name"
	case changeset.HoldDouble:
		return "when only one of the resources carries the address"
	case changeset.HoldMove:
		return "when Git asks for it as it was at its earlier address"
	case changeset.HoldWaits:
		return "with what it waits for"
	case changeset.HoldDrift:
		return "when its drift is decided on"
	case HeldOwner:
		return "when the definitions are changed"
	}
	return "when the reason is gone"
}

func (k week) footer() string {
	text := fmt.Sprintf("fleet %s · as of %s", code(k.Fleet), day(k.At))
	if k.Commit != "" {
		text += " · commit " + code(shortID(k.Commit))
	}
	if n := len(k.Entries); n > 0 {
		text += fmt.Sprintf(" · entries %d to %d of the log", k.Entries[0].Seq, k.Entries[n-1].Seq)
	}
	return "<sub>" + text + " · the file beside this one has all of it as JSON</sub>\n"
}

// aged is an age in days, with the day that it began.
func aged(from, at time.Time) string {
	if from.IsZero() {
		return "not known"
	}
	return fmt.Sprintf("%s (%s)", day(from), days(at.Sub(from)))
}

// long is a duration that may be of days.
func long(d time.Duration) string {
	if d >= 48*time.Hour {
		return days(d)
	}
	return span(d)
}

// halves says how long half of some took, and the slowest.
func halves(took []time.Duration) string {
	took = slices.Sorted(slices.Values(took))
	switch n := len(took); n {
	case 0:
		return ""
	case 1:
		return "after " + long(took[0])
	default:
		return fmt.Sprintf("half of them within %s, the last after %s", long(took[(n-1)/2]), long(took[n-1]))
	}
}

// days is a duration in whole days.
func days(d time.Duration) string { return count(int(max(d, 0)/(24*time.Hour)), "day") }
