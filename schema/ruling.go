package schema

import (
	"slices"
	"strings"
)

// A ruling is a policy as it holds for one owner: with what exceptions take off it. It is plain data, and equal
// rulings judge equally.
type ruling struct {
	*policyDef

	lifted bool     // an exception takes it off altogether
	spared []string // the resources that exceptions take it off, sorted
}

// denies tells whether what breaks the ruling is refused.
func (r ruling) denies() bool { return r.Severity == string(Deny) && !r.lifted }

// excepted tells whether an exception takes anything off.
func (r ruling) excepted() bool { return r.lifted || len(r.spared) > 0 }

// spares tells whether the ruling doesn't hold for a resource.
func (r ruling) spares(name string) bool { return r.lifted || slices.Contains(r.spared, name) }

// rulings are the policies that select an owner, by name. tenant is empty for a cell.
func (d *definitions) rulings(at place, tenant string) []ruling {
	out := make([]ruling, 0, len(d.policies))
	for _, p := range d.policies {
		if p.selects(at, tenant, d.cells[at.cell].Environment) {
			out = append(out, p.ruling(at, tenant))
		}
	}
	return out
}

// ruling is a policy after the exceptions that are active.
func (p *policyDef) ruling(at place, tenant string) ruling {
	r := ruling{policyDef: p}
	for _, x := range p.exceptions {
		switch {
		case !x.Active || !x.covers(tenant, at.cell):
		case x.Resource == "":
			r.lifted = true
		default:
			r.spared = append(r.spared, x.Resource)
		}
	}
	slices.Sort(r.spared)
	return r
}

// rulingsKey identifies rulings among those of one fleet.
func rulingsKey(rulings []ruling) string {
	var b strings.Builder
	for _, r := range rulings {
		b.WriteString(r.Name)
		if r.lifted {
			b.WriteByte('!')
		}
		for _, name := range r.spared {
			b.WriteByte('-')
			b.WriteByte('/')
			b.WriteString(name)
		}
		b.WriteByte(' ')
	}
	return b.String()
}
