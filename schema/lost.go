package schema

import (
	"fmt"

	"cuelang.org/go/cue"

	"tenantry.dev/reconciler/resource"
)

// A LostAccount is an account that is lost or closed: what was made there is out of reach for good.
type LostAccount struct {
	ID     string // 12 digits
	Reason string
	By     string
	Origin resource.Origin
}

// takeLost fills in the accounts that are lost, and refuses those that are in use.
func (e *engine) takeLost(f *Fleet, v cue.Value, src *source) []Finding {
	in := map[string]struct{ Reason, By string }{}
	if err := decode(v.LookupPath(cue.MakePath(cue.Str("lost"))), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	var found []Finding
	for _, id := range sortedKeys(in) {
		at := src.at(locate(src.syntax, []string{"lost", id}).label)
		f.Lost = append(f.Lost, LostAccount{ID: id, Reason: in[id].Reason, By: in[id].By, Origin: at})
		for _, a := range f.Accounts {
			if a.ID == id {
				found = append(found, Finding{Origin: at, Severity: Error, Message: fmt.Sprintf(
					"lost: %s is the account %s (%s); an account that is lost can't be used, so take it out of one of the two", id, a.Name, a.Origin)})
			}
		}
	}
	return found
}
