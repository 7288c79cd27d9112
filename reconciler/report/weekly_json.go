package report

import (
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

type weeklyJSON struct {
	FormatVersion string                    `json:"format_version"`
	Title         string                    `json:"title"`
	Week          string                    `json:"week"`
	Fleet         string                    `json:"fleet"`
	Commit        string                    `json:"commit,omitempty"`
	From          time.Time                 `json:"from,omitzero"` // the period begins after it
	AsOf          string                    `json:"as_of"`
	FirstSeq      int64                     `json:"first_seq,omitempty"`
	LastSeq       int64                     `json:"last_seq,omitempty"`
	OnHold        string                    `json:"on_hold,omitempty"`
	Held          []Held                    `json:"held"`
	Failed        []int64                   `json:"failed"` // entries, of which no later one of their resource was applied
	Waiting       []Delayed                 `json:"waiting"`
	Unseen        []unseenPlace             `json:"unseen"`
	Drift         []OpenDrift               `json:"drift_open"`
	DriftEnded    []DriftEnd                `json:"drift_ended"`
	Permits       []permitJSON              `json:"exceptions_and_grants"`
	PullRequests  []passageJSON             `json:"pull_requests"`
	Arrivals      []arrivalJSON             `json:"arrivals"`
	Total         tally                     `json:"total"`
	Commits       map[string]*tally         `json:"commits"`
	Owners        map[resource.Owner]*tally `json:"owners"`
	Plans         map[string]*tally         `json:"plans"` // "" is whoever has none
	Cells         map[string]*tally         `json:"cells"`
	Days          map[string]*tally         `json:"days"`
	Writes        []writeJSON               `json:"writes"`
	Notes         []noteJSON                `json:"notes"`
}

type permitJSON struct {
	Sort   PermitSort `json:"sort"`
	What   string     `json:"what"`
	By     string     `json:"by"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"known_since,omitzero"`
	Until  time.Time  `json:"until,omitzero"`
	Origin string     `json:"origin"`
	State  string     `json:"state"` // ended, soon, old or fine
}

type unseenPlace struct {
	Scope resource.Scope `json:"scope"`
	Kind  string         `json:"kind,omitempty"`
	Error string         `json:"error"`
}

type arrivalJSON struct {
	Pull    int       `json:"pull"`
	Merged  time.Time `json:"merged_at"`
	Arrived time.Time `json:"arrived_at"`
	Seconds int       `json:"seconds"`
}

func (k week) json(title string) []byte {
	out := weeklyJSON{
		FormatVersion: formatVersion, Title: title, Week: k.Name, Fleet: k.Fleet, Commit: k.Commit, From: k.From.UTC(), AsOf: day(k.At), OnHold: k.OnHold,
		Held: list(k.Held), Failed: make([]int64, len(k.failed)), Waiting: list(k.Waiting), Unseen: make([]unseenPlace, len(k.Unseen)),
		Drift: list(k.Drift), DriftEnded: list(k.ends), Permits: []permitJSON{}, PullRequests: passagesJSON(k.Passages), Arrivals: []arrivalJSON{},
		Writes: make([]writeJSON, len(k.writes)), Notes: make([]noteJSON, len(k.notes)),
	}
	if n := len(k.Entries); n > 0 {
		out.FirstSeq, out.LastSeq = k.Entries[0].Seq, k.Entries[n-1].Seq
	}
	for i, w := range k.failed {
		out.Failed[i] = w.entry.Seq
	}
	for i, u := range k.Unseen {
		out.Unseen[i] = unseenPlace{u.Scope, u.Kind, u.Error}
	}
	for i, part := range [][]Permit{k.permits.ended, k.permits.soon, k.permits.old, k.permits.other} {
		for _, p := range part {
			out.Permits = append(out.Permits, permitJSON{
				p.Sort, p.What, p.By, p.Reason, p.Since.UTC(), p.Until.UTC(), p.Origin.String(), []string{"ended", "soon", "old", "fine"}[i],
			})
		}
	}
	for _, j := range k.journeys() {
		out.Arrivals = append(out.Arrivals, arrivalJSON{j.Number, j.Merged.UTC(), j.arrived.UTC(), int(j.took.Seconds())})
	}
	k.count(&out)
	data, _ := indented(out) // texts, numbers and times alone: this can't fail
	return data
}

// count fills in the writes, and how many there were by each of what they are counted by.
func (k week) count(out *weeklyJSON) {
	for i, w := range k.writes {
		out.Writes[i] = newWriteJSON(w)
		out.Total.add(w)
	}
	for i, e := range k.notes {
		out.Notes[i] = newNoteJSON(e)
	}
	_, out.Commits = tallies(k.writes, commitOf)
	_, out.Owners = tallies(k.writes, ownerOf)
	_, out.Plans = tallies(k.writes, k.planOf)
	_, out.Cells = tallies(k.writes, k.cellOf)
	_, out.Days = tallies(k.writes, dayOf)
}

// list is a list that JSON shows as one even if it is empty.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return slices.Clone(in)
}

func newWriteJSON(w write) writeJSON {
	e := w.entry
	return writeJSON{e.Seq, e.Time.UTC(), e.Run, e.Commit, e.Digest, e.Address, e.Scope, e.Action, e.Cause, e.Paths, w.result, w.detail, e.Actor}
}

func newNoteJSON(e changeset.Entry) noteJSON {
	return noteJSON{e.Seq, e.Time.UTC(), e.Commit, e.Actor, e.Detail}
}
