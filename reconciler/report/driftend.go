package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// A DriftEnd is how a cause of drift ended: one line of the history of drift.
type DriftEnd struct {
	Cause     string    `json:"cause"` // its slug, which is also the name of its report in reports/drift/
	Title     string    `json:"title"` // of the report, as it was last
	Severity  string    `json:"severity"`
	Resources int       `json:"resources"`        // how many differed when it was last seen
	Owners    []string  `json:"owners,omitempty"` // whose they are, sorted; the first ones of very many
	Pull      int       `json:"pull,omitempty"`   // the pull request that it was decided on; 0 if there never was one
	Found     time.Time `json:"found"`
	Ended     time.Time `json:"ended"`
	How       Ending    `json:"how"`
	By        string    `json:"by,omitempty"`  // the login of who decided; empty if nobody did, or if it isn't known
	Who       []string  `json:"who,omitempty"` // the ARNs of those whose writes the cloud told of; it is no proof that they made it
}

// An Ending is how drift came to its end.
type Ending string

// The ways in which drift ends.
const (
	Restored     Ending = "restored"     // a person had Git's values put back
	Kept         Ending = "kept"         // a person merged the report, and Git says what the cloud has
	Acknowledged Ending = "acknowledged" // a person merged the report, and the cloud stays as it is until it changes
	Waived       Ending = "waived"       // a person merged a waiver, after which it is reported again
	Healed       Ending = "healed"       // Tenantry put Git's values back by itself, because the fleet says so
	Gone         Ending = "gone"         // it went away with nobody deciding
)

// endWords begin the note in the audit log that has an end.
const endWords = "drift ended: "

// Note is the detail of the audit log's entry for an end. Who decided is that entry's actor as well.
func (e DriftEnd) Note() string {
	const most = 20
	e.Found, e.Ended = e.Found.UTC().Truncate(time.Second), e.Ended.UTC().Truncate(time.Second)
	e.Owners, e.Who = e.Owners[:min(len(e.Owners), most)], e.Who[:min(len(e.Who), most)]
	text, _ := json.Marshal(e) // texts, numbers and times: this can't fail
	return endWords + string(text)
}

// DriftEnds are the ends that a part of the audit log tells of, by when they were, the oldest first. One that was
// noted twice, because the process died in between, is there once.
func DriftEnds(entries []changeset.Entry) []DriftEnd {
	type key struct {
		cause string
		found time.Time
		how   Ending
	}
	seen := map[key]bool{}
	var ends []DriftEnd
	for _, entry := range entries {
		text, ok := strings.CutPrefix(entry.Detail, endWords)
		if !ok || entry.Phase != changeset.Note {
			continue
		}
		var e DriftEnd
		if json.Unmarshal([]byte(text), &e) != nil || seen[key{e.Cause, e.Found, e.How}] {
			continue
		}
		seen[key{e.Cause, e.Found, e.How}] = true
		ends = append(ends, e)
	}
	slices.SortStableFunc(ends, func(a, b DriftEnd) int {
		return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.Cause, b.Cause))
	})
	return ends
}
