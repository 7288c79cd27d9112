package report

import (
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

type auditJSON struct {
	FormatVersion string                    `json:"format_version"`
	Title         string                    `json:"title"`
	From          time.Time                 `json:"from"`
	To            time.Time                 `json:"to"`
	FirstSeq      int64                     `json:"first_seq"`
	LastSeq       int64                     `json:"last_seq"`
	Head          []string                  `json:"head,omitempty"`
	Total         tally                     `json:"total"`
	Commits       map[string]*tally         `json:"commits"`
	Owners        map[resource.Owner]*tally `json:"owners"`
	Writes        []writeJSON               `json:"writes"`
	Notes         []noteJSON                `json:"notes"`
	PullRequests  []passageJSON             `json:"pull_requests"`
}

type writeJSON struct {
	Seq     int64            `json:"seq"`
	Time    time.Time        `json:"time"`
	Run     string           `json:"run"`
	Commit  string           `json:"commit,omitempty"`
	Digest  string           `json:"digest,omitempty"`
	Address resource.Address `json:"address"`
	Scope   resource.Scope   `json:"scope"`
	Action  changeset.Action `json:"action"`
	Cause   changeset.Cause  `json:"cause,omitempty"`
	Paths   []string         `json:"paths,omitempty"`
	Result  changeset.Result `json:"result"`
	Detail  string           `json:"detail,omitempty"`
	Actor   string           `json:"actor,omitempty"`
}

type noteJSON struct {
	Seq    int64     `json:"seq"`
	Time   time.Time `json:"time"`
	Commit string    `json:"commit,omitempty"`
	Actor  string    `json:"actor,omitempty"`
	Detail string    `json:"detail"`
}

func (a audit) json(title string, o AuditOptions) []byte {
	out := auditJSON{
		FormatVersion: formatVersion, Title: title, From: o.From.UTC(), To: o.To.UTC(), Head: o.Head,
		Writes: make([]writeJSON, len(a.writes)), Notes: make([]noteJSON, len(a.notes)), PullRequests: passagesJSON(o.Passages),
	}
	if n := len(a.entries); n > 0 {
		out.FirstSeq, out.LastSeq = a.entries[0].Seq, a.entries[n-1].Seq
	}
	_, out.Commits = tallies(a.writes, commitOf)
	_, out.Owners = tallies(a.writes, ownerOf)
	for i, w := range a.writes {
		out.Total.add(w)
		out.Writes[i] = newWriteJSON(w)
	}
	for i, e := range a.notes {
		out.Notes[i] = newNoteJSON(e)
	}
	data, _ := indented(out) // texts, numbers and times alone: this can't fail
	return data
}
