package schema

import (
	"cmp"
	"fmt"
	"slices"
)

// sorted orders findings by place, and drops repetitions: what many tenants have in common is said once. Of a
// file with very many it leaves some out; see fewer.
func sorted(found []Finding) []Finding {
	slices.SortStableFunc(found, byPlace)
	out := found[:0]
	for _, f := range found {
		if last := len(out) - 1; last >= 0 && out[last].Origin == f.Origin && out[last].Message == f.Message {
			if out[last].Tenant != f.Tenant {
				out[last].Tenant = "" // it is not about one tenant
			}
			continue
		}
		out = append(out, f)
	}
	var listed []Finding
	for len(out) > 0 {
		end := slices.IndexFunc(out, func(f Finding) bool { return f.File != out[0].File })
		if end < 0 {
			end = len(out)
		}
		listed = append(listed, fewer(out[:end])...)
		out = out[end:]
	}
	return listed
}

func byPlace(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
		cmp.Compare(a.Message, b.Message), cmp.Compare(a.Tenant, b.Tenant))
}

// mostFindings is how many findings of one file are listed. Nobody reads more, and pull requests have to carry them.
const mostFindings = 50

// fewer leaves out what one file has beyond mostFindings, the least grave first, and says in a last finding how many
// those are. That weighs as much as the gravest of them, so that what is broken stays broken. A finding that holds a
// tenant for a person's approval is never left out, because the tenant would not be held then.
func fewer(found []Finding) []Finding {
	if len(found) <= mostFindings {
		return found
	}
	gravest := slices.Clone(found)
	slices.SortStableFunc(gravest, func(a, b Finding) int { return cmp.Compare(gravity(a), gravity(b)) })
	kept, rest := gravest[:mostFindings:mostFindings], gravest[mostFindings:]
	var out []Finding
	for _, f := range rest {
		if f.Severity == Hold {
			kept = append(kept, f)
		} else {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(kept, byPlace)
	if len(out) == 0 {
		return kept
	}
	last := Finding{Origin: out[0].Origin, Severity: out[0].Severity, Tenant: out[0].Tenant}
	if slices.ContainsFunc(out, func(f Finding) bool { return f.Tenant != last.Tenant }) {
		last.Tenant = ""
	}
	last.Message = fmt.Sprintf("there are more findings in this file; %d are not listed", len(out))
	return append(kept, last)
}

// gravity orders findings by how much they weigh, the gravest first.
func gravity(f Finding) int { return slices.Index([]Severity{Error, Deny, Hold, Warn}, f.Severity) }
