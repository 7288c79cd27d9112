package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// AuditOptions is what an audit report says beside the log.
type AuditOptions struct {
	From, To time.Time
	Head     []string  // what the log says of its newest state, to compare a copy with; may be empty
	Passages []Passage // the pull requests that the commits of the log came with, as far as they are known
}

// Audit reports on the entries of the log in a period: what was written to the cloud, by which
// commit and for whom, who let that in, what failed, what never had an answer, and what was decided. The
// Markdown is shorter than 60,000 bytes; the JSON has every write.
func Audit(entries []changeset.Entry, o AuditOptions) (title, markdown string, data []byte) {
	a := newAudit(entries)
	title = fmt.Sprintf("Audit %s to %s: %s", day(o.From), day(o.To), a.verdict())
	p := &page{tail: a.foot(o.Head)}
	p.write("**" + prose(title) + "**\n\n")
	p.write(a.chart())
	p.section(a.list("### Failed\n\n", 10_000, changeset.Failed))
	p.section(a.list("### Without an answer\n\nThese were sent, and their answer is not in this period. Each is looked at again before anything else is sent for it.\n\n", 5_000, changeset.Unsure))
	p.section(a.list("### Not done yet\n\nThe cloud wasn't done with these, or not ready for them, when it was last asked.\n\n", 5_000, changeset.Waiting))
	p.section(a.decisions())
	p.section(passages(o.Passages, "### Who let it in\n\n", 10_000))
	p.write(unasked(o.Passages))
	p.section(a.byCommit(o.Passages))
	p.section(a.byOwner())
	all := a.list("<details><summary>Every write</summary>\n\n", 0, changeset.Applied)
	all.foot = "\n</details>\n\n"
	p.fold(all)
	return title, p.String(), a.json(title, o)
}

// A write is one write to the cloud: the entry before it with the result of the one after.
type write struct {
	entry  changeset.Entry
	result changeset.Result
	detail string
}

type audit struct {
	entries []changeset.Entry
	writes  []write
	notes   []changeset.Entry
}

// newAudit pairs the entries before and after each write. An answer whose question came before the
// period stands for the write itself.
func newAudit(entries []changeset.Entry) audit {
	a := audit{entries: entries}
	answers := map[int64]changeset.Entry{}
	asked, last := map[int64]bool{}, map[resource.Address]int64{}
	for _, e := range entries {
		switch e.Phase {
		case changeset.After:
			answers[e.Before] = e
		case changeset.Before:
			asked[e.Seq], last[e.Address] = true, e.Seq
		}
	}
	for _, e := range entries {
		switch {
		case e.Phase == changeset.Note:
			a.notes = append(a.notes, e)
		case e.Phase == changeset.Before:
			w := write{entry: e, result: changeset.Unsure, detail: "no answer"}
			if answer, ok := answers[e.Seq]; ok {
				w.result, w.detail = answer.Result, answer.Detail
			}
			if w.result != changeset.Waiting || last[e.Address] == e.Seq { // otherwise it was tried again
				a.writes = append(a.writes, w)
			}
		case !asked[e.Before]:
			a.writes = append(a.writes, write{entry: e, result: e.Result, detail: e.Detail})
		}
	}
	return a
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (a audit) verdict() string {
	commits, failed := map[string]bool{}, 0
	for _, w := range a.writes {
		commits[w.entry.Commit] = true
		if w.result == changeset.Failed {
			failed++
		}
	}
	text := fmt.Sprintf("%s by %s", count(len(a.writes), "write"), count(len(commits), "commit"))
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if n := len(a.notes); n > 0 {
		text += ", " + count(n, "note")
	}
	return text
}

// chart is a pie of what was applied.
func (a audit) chart() string { return chartPie("Applied writes by action", a.writesByAction()) }

func actions() []changeset.Action {
	return []changeset.Action{
		changeset.Create, changeset.Update, changeset.Replace, changeset.Delete, changeset.Retire, changeset.Adopt, changeset.Move,
	}
}

// list has the writes of one result.
func (a audit) list(head string, most int, result changeset.Result) section {
	s := section{noun: "write", most: most, foot: "\n"}
	s.head = head + table([]string{"Entry", "When", "What", "Attributes", "Commit", "Detail"}, nil)
	for _, w := range a.writes {
		if w.result != result {
			continue
		}
		e := w.entry
		s.items = append(s.items, fmt.Sprintf("| %d | %s | %s %s | %s | %s | %s |\n", e.Seq, moment(e.Time), prose(string(e.Action)),
			code(e.Address.String()), code(cut(strings.Join(e.Paths, ", "), 200)), code(shortID(e.Commit)), prose(cut(w.detail, 300))))
	}
	return s
}

func (a audit) decisions() section {
	s := section{noun: "note", most: 8_000, foot: "\n"}
	s.head = "### Decisions and notes\n\n" + table([]string{"Entry", "When", "Who", "What"}, nil)
	for _, e := range a.notes {
		s.items = append(s.items, fmt.Sprintf("| %d | %s | %s | %s |\n", e.Seq, moment(e.Time), code(e.Actor), noteText(e)))
	}
	return s
}

func (a audit) writesByAction() []slice {
	n := map[changeset.Action]int{}
	for _, w := range a.writes {
		if w.result == changeset.Applied {
			n[w.entry.Action]++
		}
	}
	list := make([]slice, 0, len(n))
	for _, action := range actions() {
		list = append(list, slice{string(action), n[action]})
	}
	return list
}

// noteText is a note in Markdown; one that is kept for programs is put in words.
func noteText(e changeset.Entry) string {
	for _, end := range DriftEnds([]changeset.Entry{e}) {
		return fmt.Sprintf("drift ended after %s: %s; %s", long(end.Ended.Sub(end.Found)), prose(cut(end.Title, 200)), howEnded(end.How))
	}
	return prose(cut(e.Detail, 500))
}

// A tally counts writes by action, and those that weren't applied.
type tally struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Retire  int `json:"retire"`
	Adopt   int `json:"adopt"`
	Move    int `json:"move,omitempty"`
	Failed  int `json:"failed"`
	Unsure  int `json:"unsure"`
}

func (t *tally) add(w write) {
	switch w.result {
	case changeset.Failed:
		t.Failed++
		return
	case changeset.Unsure:
		t.Unsure++
		return
	case changeset.Waiting:
		return
	}
	switch w.entry.Action {
	case changeset.Create:
		t.Create++
	case changeset.Update:
		t.Update++
	case changeset.Replace:
		t.Replace++
	case changeset.Delete:
		t.Delete++
	case changeset.Retire:
		t.Retire++
	case changeset.Adopt:
		t.Adopt++
	case changeset.Move:
		t.Move++
	}
}

func (t tally) cells() string {
	return fmt.Sprintf("%d | %d | %d | %d | %d", t.Create+t.Adopt, t.Update+t.Move, t.Delete+t.Replace, t.Retire, t.Failed+t.Unsure)
}

// tallies counts the writes by a key.
func tallies[K cmp.Ordered](writes []write, key func(changeset.Entry) K) ([]K, map[K]*tally) {
	by := map[K]*tally{}
	for _, w := range writes {
		k := key(w.entry)
		if by[k] == nil {
			by[k] = &tally{}
		}
		by[k].add(w)
	}
	return slices.Sorted(maps.Keys(by)), by
}

func ownerOf(e changeset.Entry) resource.Owner { return e.Address.Owner }

func commitOf(e changeset.Entry) string { return e.Commit }

func (a audit) byOwner() section {
	s := section{noun: "owner", most: 10_000, foot: "\n"}
	s.head = "### For whom\n\n" + table([]string{"Whose", "Added", "Changed", "Destroyed", "Retired", "Failed"}, nil)
	keys, by := tallies(a.writes, ownerOf)
	for _, owner := range keys {
		s.items = append(s.items, fmt.Sprintf("| %s | %s |\n", code(string(owner)), by[owner].cells()))
	}
	return s
}

// byCommit lists the commits in the order of their first write.
func (a audit) byCommit(passed []Passage) section {
	s := section{noun: "commit", most: 10_000, foot: "\n"}
	s.head = "### By commit\n\n" + table([]string{"Commit", "First write", "Added", "Changed", "Destroyed", "Retired", "Failed", "Caused by", "Came with"}, nil)
	came := cameWith(passed)
	_, by := tallies(a.writes, commitOf)
	actors := a.actors()
	seen := map[string]bool{}
	for _, w := range a.writes {
		commit := w.entry.Commit
		if seen[commit] {
			continue
		}
		seen[commit] = true
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", code(shortID(commit)), moment(w.entry.Time), by[commit].cells(),
			code(strings.Join(actors[commit], ", ")), came[commit]))
	}
	return s
}

// actors names, by commit, who caused its writes.
func (a audit) actors() map[string][]string {
	names := map[string][]string{}
	for _, w := range a.writes {
		e := w.entry
		if e.Actor != "" && !slices.Contains(names[e.Commit], e.Actor) {
			names[e.Commit] = append(names[e.Commit], e.Actor)
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names
}

func (a audit) foot(head []string) string {
	text := "no entries"
	if n := len(a.entries); n > 0 {
		text = fmt.Sprintf("entries %d to %d of the log", a.entries[0].Seq, a.entries[n-1].Seq)
	}
	for _, line := range head {
		text += " · " + prose(line)
	}
	return "<sub>" + text + " · `tenantry audit verify` checks them</sub>\n"
}
