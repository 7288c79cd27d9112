package report

import (
	"fmt"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const (
	shadowTenants = 50 // names in a list of a group's tenants
	shadowLines   = 60 // lines of an example
)

// shadow writes the verdict on everybody, the table of the groups, those that are never folded, and
// the others folded with one example each. What doesn't fit is left out by whole groups, and counted.
func (p *page) shadow(s *Shadow) {
	if !s.Tells() {
		return
	}
	p.write("**" + prose(s.Line()) + "**\n\n")
	rows := section{noun: "group", most: 8_000, head: table([]string{"Tenants", "What becomes of them", ""}, nil), foot: "\n"}
	open := section{noun: "group", most: 15_000, head: "### Unusual, or not to be undone\n\n"}
	folded := section{noun: "group", most: 15_000}
	for _, g := range s.Groups {
		rows.items = append(rows.items, fmt.Sprintf("| %d | %s | %s |\n", len(g.Tenants), prose(g.Label()), g.note()))
		if g.shown() {
			open.items = append(open.items, "**"+prose(count(len(g.Tenants), "tenant"))+"** ("+names(g.Tenants)+"): "+prose(g.Label())+"\n\n"+g.example())
		} else {
			folded.items = append(folded.items, fmt.Sprintf("<details><summary><b>%s</b>: %s</summary>\n\n%s\n\n%s</details>\n\n",
				count(len(g.Tenants), "tenant"), prose(g.Label()), names(g.Tenants), g.example()))
		}
	}
	p.section(rows)
	p.section(open)
	p.section(folded)
}

// note says in the table why a group is shown.
func (g ShadowGroup) note() string {
	switch {
	case g.Broken != "":
		return "can't be used"
	case g.grave():
		return "destroys, replaces or retires"
	case g.Unusual:
		return "unusual"
	}
	return ""
}

func names(tenants []resource.Owner) string {
	var list []string
	for _, tenant := range tenants[:min(len(tenants), shadowTenants)] {
		list = append(list, code(tenant.Name()))
	}
	text := strings.Join(list, ", ")
	if more := len(tenants) - shadowTenants; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// example is what becomes of a group's first tenant, as a diff; nothing for a group without effects.
func (g ShadowGroup) example() string {
	if len(g.Example) == 0 {
		return ""
	}
	lines := []string{"# " + visible(string(g.Tenants[0]))}
	for _, e := range g.Example {
		lines = append(lines, e.lines()...)
	}
	if more := len(lines) - shadowLines; more > 0 {
		lines = append(lines[:shadowLines], fmt.Sprintf("# and %d more lines", more))
	}
	return fence("diff", strings.Join(lines, "\n")) + "\n"
}

func (e Effect) lines() []string {
	change := changeset.Change{Action: e.Action, Address: resource.Address{Kind: e.Kind, Name: e.Name}, Replacing: e.Replacing}
	if e.Action == changeset.Adopt {
		change.Want = &resource.Desired{}
	}
	lines := diffLines(change)
	for _, d := range e.Attributes {
		lines = append(lines, differenceLines(change, d)...)
	}
	return lines
}

// examples gives, for every tenant of a folded group, the tenant that is its group's example.
func (s *Shadow) examples() map[resource.Owner]resource.Owner {
	if !s.Tells() {
		return nil
	}
	list := map[resource.Owner]resource.Owner{}
	for _, g := range s.Groups {
		for _, tenant := range g.Tenants {
			if !g.shown() {
				list[tenant] = g.Tenants[0]
			}
		}
	}
	return list
}

// ShadowComment is the shadow alone, as Markdown shorter than 60,000 bytes, for a pull request that has
// no plan; empty if it tells nothing.
func ShadowComment(s *Shadow) string {
	p := &page{}
	p.shadow(s)
	return p.String()
}

// ShadowText is the shadow as a terminal shows it; empty if it tells nothing.
func ShadowText(s *Shadow, color bool) string {
	if !s.Tells() {
		return ""
	}
	t := terminal{color: color}
	t.line(bold, "%s", s.Line())
	for _, g := range s.Groups {
		look, note := style(""), g.note()
		if g.shown() {
			look, note = yellow, " ("+note+")"
		}
		t.line(look, "  %5d  %s%s", len(g.Tenants), g.Label(), note)
		switch {
		case g.shown():
			for _, tenant := range g.Tenants[:min(len(g.Tenants), shadowTenants)] {
				t.line("", "         %s", tenant)
			}
			if more := len(g.Tenants) - shadowTenants; more > 0 {
				t.line(dim, "         and %d more", more)
			}
		default:
			t.line(dim, "         for example %s", g.Tenants[0])
		}
	}
	return t.String()
}

type shadowJSON struct {
	Against   string            `json:"against"`
	Files     []string          `json:"files"`
	Tenants   int               `json:"tenants"`
	Unchanged int               `json:"unchanged"`
	Edited    int               `json:"edited"`
	Verdict   string            `json:"verdict"`
	Groups    []shadowGroupJSON `json:"groups"`
}

type shadowGroupJSON struct {
	Count   int          `json:"count"`
	Tenants []string     `json:"tenants"`
	Unusual bool         `json:"unusual"`
	Broken  string       `json:"broken,omitempty"`
	Mended  bool         `json:"mended,omitempty"`
	Effects []effectJSON `json:"effects"`
	Example []effectJSON `json:"example"` // of the first tenant
}

type effectJSON struct {
	Action     changeset.Action `json:"action"`
	Kind       string           `json:"kind"`
	Name       string           `json:"name"`
	Attributes []spotJSON       `json:"attributes"`
}

type spotJSON struct {
	Path   string         `json:"path"`
	Before resource.Value `json:"before"`
	After  resource.Value `json:"after"`
}

// newShadowJSON has everything, however long; nil if the shadow tells nothing.
func newShadowJSON(s *Shadow) *shadowJSON {
	if !s.Tells() {
		return nil
	}
	out := &shadowJSON{
		Against: s.Against, Files: append([]string{}, s.Files...), Tenants: s.Tenants, Unchanged: s.Unchanged, Edited: s.Edited,
		Verdict: s.Line(), Groups: []shadowGroupJSON{},
	}
	for _, g := range s.Groups {
		group := shadowGroupJSON{
			Count: len(g.Tenants), Unusual: g.Unusual, Broken: g.Broken, Mended: g.Mended,
			Effects: newEffectsJSON(g.Effects), Example: newEffectsJSON(g.Example),
		}
		for _, tenant := range g.Tenants {
			group.Tenants = append(group.Tenants, tenant.Name())
		}
		out.Groups = append(out.Groups, group)
	}
	return out
}

func newEffectsJSON(effects []Effect) []effectJSON {
	list := []effectJSON{}
	for _, e := range effects {
		out := effectJSON{Action: e.Action, Kind: e.Kind, Name: e.Name, Attributes: []spotJSON{}}
		for _, d := range e.Attributes {
			out.Attributes = append(out.Attributes, spotJSON{d.Path, d.Before, d.After})
		}
		list = append(list, out)
	}
	return list
}
