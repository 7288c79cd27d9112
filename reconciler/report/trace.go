package report

import (
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Traced is one write to the cloud as the log has it: what was written, why, and for whom.
type Traced struct {
	Entry      int64              `json:"entry"` // its number in the log
	Time       time.Time          `json:"time"`  // when it was sent
	Answered   time.Time          `json:"answered,omitzero"`
	Run        string             `json:"run"`
	Commit     string             `json:"commit"`
	Digest     string             `json:"digest,omitempty"`
	Address    resource.Address   `json:"address"`
	Scope      resource.Scope     `json:"scope,omitzero"`
	Action     changeset.Action   `json:"action"`
	Cause      changeset.Cause    `json:"cause"`
	Attributes []string           `json:"attributes,omitempty"` // never their values
	Result     changeset.Result   `json:"result"`
	Detail     string             `json:"detail,omitempty"`
	Actor      string             `json:"actor"`
	Approved   changeset.Approved `json:"approved,omitzero"`
}

// Trace returns the writes that the log has of what keep wants, in the order in which they were sent. One
// without an answer is unsure.
func Trace(entries []changeset.Entry, keep func(changeset.Entry) bool) []Traced {
	answered := map[int64]time.Time{}
	for _, e := range entries {
		if e.Phase == changeset.After {
			answered[e.Before] = e.Time
		}
	}
	var out []Traced
	for _, w := range newAudit(entries).writes {
		e := w.entry
		if !keep(e) {
			continue
		}
		out = append(out, Traced{
			Entry: e.Seq, Time: e.Time, Answered: answered[e.Seq], Run: e.Run, Commit: e.Commit, Digest: e.Digest,
			Address: e.Address, Scope: e.Scope, Action: e.Action, Cause: e.Cause, Attributes: e.Paths,
			Result: w.result, Detail: w.detail, Actor: e.Actor, Approved: e.Approved,
		})
	}
	return out
}
