package report

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// PreviewOptions say of whom a preview speaks, and for whom.
type PreviewOptions struct {
	Owners  []resource.Owner // of whom
	Missing []string         // names that somebody asked for, and that neither side has
	Kinds   map[string]resource.Kind
	Head    string // the commit of the pull request
	By      string // who asked
}

// Preview is what a pull request asks for of some owners, resource by resource, as Markdown shorter than
// 60,000 bytes: what doesn't fit is left out at whole resources, and counted. It compares definitions with
// definitions: the cloud isn't asked, so that drift, limits and what is held don't show.
func Preview(before, after Side, o PreviewOptions) string {
	asked := slices.Clone(o.Owners)
	slices.Sort(asked)
	var groups []previewed
	for _, owner := range slices.Compact(asked) {
		g := previewed{owner: owner, broken: after.Broken[owner], wanted: len(after.Desired[owner])}
		if g.broken == "" {
			g.effects = effects(before.Desired[owner], after.Desired[owner], o.Kinds)
		}
		groups = append(groups, g)
	}
	p := &page{tail: previewFooter(o)}
	p.write("**" + prose(previewLine(groups)) + "**\n\n" +
		"This compares the definitions with those of the watched branch. The cloud was not asked, and nothing in it was changed: what drifted there, " +
		"and what a limit would hold, is in the plan.\n\n")
	p.section(missingSection(o.Missing))
	p.section(graveEffects(groups))
	p.section(previewTable(groups))
	for _, g := range groups {
		p.fold(g.section())
	}
	return p.String()
}

// A previewed is one owner in a preview.
type previewed struct {
	owner   resource.Owner
	effects []Effect
	broken  string // why its definitions can't be used
	wanted  int    // resources that it is to have
}

func previewLine(groups []previewed) string {
	if len(groups) == 0 {
		return "Preview: nobody is touched"
	}
	var changes []changeset.Change
	for _, g := range groups {
		changes = append(changes, g.changes()...)
	}
	if len(changes) == 0 {
		return "Preview: nothing changes"
	}
	return "Preview: " + counts(changes) + " · " + owners(changes)
}

func (g previewed) changes() []changeset.Change {
	list := make([]changeset.Change, len(g.effects))
	for i, e := range g.effects {
		list[i] = changeset.Change{Action: e.Action, Address: resource.Address{Owner: g.owner, Kind: e.Kind, Name: e.Name}}
	}
	return list
}

func missingSection(names []string) section {
	s := section{noun: "name", most: 4_000, foot: "\n"}
	for _, name := range names {
		s.items = append(s.items, "- There is no "+code(cut(name, 100))+", neither here nor on the watched branch.\n")
	}
	return s
}

// graveEffects lists what is destroyed, replaced or retired; it is never folded.
func graveEffects(groups []previewed) section {
	s := section{noun: "resource", most: 20_000, head: "### Destroyed, replaced or retired\n\n", foot: "\n"}
	for _, g := range groups {
		for _, e := range g.effects {
			if !e.Action.Destructive() && e.Action != changeset.Retire {
				continue
			}
			address := resource.Address{Owner: g.owner, Kind: e.Kind, Name: e.Name}
			line := fmt.Sprintf("- %s %s %s", code(e.Action.Symbol()), e.Action, code(address.String()))
			if len(e.Replacing) > 0 {
				line += " (as " + prose(strings.Join(e.Replacing, ", ")) + " can't be changed in place)"
			}
			s.items = append(s.items, line+"\n")
		}
	}
	return s
}

func previewTable(groups []previewed) section {
	s := section{noun: "owner", most: 8_000, foot: "\n"}
	columns := []string{"Whose", "Add", "Change", "Destroy", "Retire"}
	noted := slices.ContainsFunc(groups, func(g previewed) bool { return g.note() != "" })
	if noted {
		columns = append(columns, "Note")
	}
	s.head = table(columns, nil)
	for _, g := range groups {
		sum := (changeset.Changeset{Changes: g.changes()}).Summary()
		row := fmt.Sprintf("| %s | %d | %d | %d | %d |", code(string(g.owner)), sum.Create+sum.Replace+sum.Adopt, sum.Update, sum.Delete+sum.Replace, sum.Retire)
		if noted {
			row += " " + g.note() + " |"
		}
		s.items = append(s.items, row+"\n")
	}
	return s
}

// note says in the table what the numbers don't.
func (g previewed) note() string {
	switch {
	case g.broken != "":
		return "can't be used: " + prose(cut(g.broken, 500))
	case len(g.effects) == 0:
		return "all " + count(g.wanted, "resource") + " as before"
	}
	return ""
}

// section has the resources of one owner, folded; nothing if none changes.
func (g previewed) section() section {
	s := section{
		head: fmt.Sprintf("<details><summary><b>%s</b>: %s</summary>\n\n", prose(string(g.owner)), count(len(g.effects), "change")),
		foot: "</details>\n\n",
		noun: "resource",
	}
	for _, e := range g.effects {
		s.items = append(s.items, fence("diff", strings.Join(e.lines(), "\n")))
	}
	return s
}

func previewFooter(o PreviewOptions) string {
	parts := []string{"head " + code(shortID(o.Head))}
	if o.By != "" {
		parts = append(parts, code(o.By)+" asked")
	}
	return "<sub>" + strings.Join(append(parts, "after another push, ask again"), " · ") + "</sub>\n"
}
