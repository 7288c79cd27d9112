package schema

import (
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Correction is what a fleet has put back without asking although it has drift reported.
type Correction struct {
	Kind        string // "aws.s3.bucket"
	Attribute   string // of the first level; "*" is all of them, and a resource that is gone
	Environment string // empty for any
	Reason      string
	Origin      resource.Origin
}

// Same tells whether two rules have the same put back.
func (c Correction) Same(other Correction) bool {
	return c.Kind == other.Kind && c.Attribute == other.Attribute && c.Environment == other.Environment
}

// correctionFields is a Correction as JSON.
type correctionFields struct{ Reason, Kind, Attribute, Environment string }

// takeCorrections checks what CUE can't: a rule about something that there isn't would protect nothing, and
// nobody would notice.
func (d *definitions) takeCorrections(f *Fleet, in fleetParts, n *sheet) {
	for i, rule := range in.Correct {
		path := []string{"correct", itoa(i)}
		at := func(name string) []string { return append(slices.Clip(path), name) }
		if _, known := d.kinds[rule.Kind]; !known && !IsType(rule.Kind) {
			n.say(at("kind"), "correct: %s", unknownKind(rule.Kind, sortedKeys(d.kinds)))
		}
		if rule.Environment != "" {
			known := func(name string) bool { _, is := d.environments[name]; return is }
			n.names([]string{rule.Environment}, "environment", known, sortedKeys(d.environments), at("environment")...)
		}
		f.Corrections = append(f.Corrections, Correction{
			Kind: rule.Kind, Attribute: rule.Attribute, Environment: rule.Environment, Reason: rule.Reason, Origin: n.at(path...),
		})
	}
}

// Heals tells whether anything is put back without asking.
func (f *Fleet) Heals() bool { return f.CorrectDrift || len(f.Corrections) > 0 }

// Corrects tells whether a change, which nobody asked for in Git, is put back without asking: in a fleet that has
// everything put back, and otherwise if rules name its kind and all of its attributes that differ.
func (f *Fleet) Corrects(c changeset.Change) bool {
	if f.CorrectDrift {
		return true
	}
	covered := func(attribute string) bool {
		return slices.ContainsFunc(f.Corrections, func(rule Correction) bool {
			return rule.Kind == c.Address.Kind && (rule.Attribute == "*" || rule.Attribute == attribute) &&
				(rule.Environment == "" || rule.Environment == f.environmentOf(c.Cell))
		})
	}
	if c.Action != changeset.Update || len(c.Attributes) == 0 {
		return covered("*")
	}
	return !slices.ContainsFunc(c.Attributes, func(d changeset.Difference) bool {
		name, _, _ := strings.Cut(d.Path, ".")
		return !covered(name)
	})
}

func (f *Fleet) environmentOf(cell string) string {
	at := slices.IndexFunc(f.Cells, func(c Cell) bool { return c.Name == cell })
	if at < 0 {
		return ""
	}
	return f.Cells[at].Environment
}
