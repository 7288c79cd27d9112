package attacks

import (
	"slices"
	"strings"
	"testing"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Every change is found, as what it is, and put back where one update can. Those of a kind that can be put
// back follow each other in one world, which is as it was after each.
func TestEveryChangeIsFound(t *testing.T) {
	byKind := map[string][]Attack{}
	for _, a := range All() {
		byKind[a.Kind] = append(byKind[a.Kind], a)
	}
	for kind, list := range byKind {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var more []part
			if kind == function {
				more = append(more, program)
			}
			whole := newWorld(t, more...)
			for _, a := range list {
				t.Run(strings.ReplaceAll(a.What, " ", "_"), func(t *testing.T) {
					w := *whole
					if a.Stays != "" {
						w = *newWorld(t, more...)
					}
					w.t = t
					w.suffer(a)
				})
			}
		})
	}
}

// suffer has the attack happen, finds it, and puts it back.
func (w *world) suffer(a Attack) {
	w.t.Helper()
	if err := a.Do(w.t.Context(), w.hand); err != nil {
		w.t.Fatalf("the change itself: %v", err)
	}
	cs, _ := w.changes(w.t.Context())
	c := about(cs, a)
	if c == nil {
		w.t.Fatalf("nothing is said of it: %v", describe(cs))
	}
	found := a.Finds == "" || slices.ContainsFunc(c.Attributes, func(d changeset.Difference) bool {
		return d.Path == a.Finds && d.Cause == a.Cause
	})
	if c.Action != a.Action || c.Cause != a.Cause || !found {
		w.t.Fatalf("want %s %s %s, got %v", a.Action, a.Cause, a.Finds, describe(cs))
	}
	if c.Hold == "" {
		w.t.Error("nobody is asked")
	}
	if a.Stays == "" {
		w.putBack(*c)
	}
}

// A tenant that nobody touches has no changes, and an update of it writes nothing.
func TestNothingIsFoundWhereNothingHappened(t *testing.T) {
	w := newWorld(t, program)
	cs, observed := w.changes(t.Context())
	if said := describe(cs); len(said) > 0 || len(observed) != len(tenant)+1 {
		t.Errorf("%d resources, %v", len(observed), said)
	}
}

// putBack makes the change that the changeset has, and demands that nothing is left of the attack.
func (w *world) putBack(c changeset.Change) {
	w.t.Helper()
	set := w.drivers()
	if _, err := set[c.Address.Kind].Update(w.t.Context(), *c.Have, *c.Want); err != nil {
		w.t.Fatalf("put it back: %v", err)
	}
	if cs, _ := w.changes(w.t.Context()); len(describe(cs)) > 0 {
		w.t.Errorf("put back, and there is still %v", describe(cs))
	}
}

// about is the change of the resource that an attack is about.
func about(cs changeset.Changeset, a Attack) *changeset.Change {
	for i, c := range cs.Changes {
		name := c.Address.Kind + "/" + c.Address.Name
		if c.Address.Owner == owner && c.Address.Kind == a.Kind && (a.Of == "" || a.Of == c.Address.Name) && (a.At == "" || a.At == name) {
			return &cs.Changes[i]
		}
	}
	return nil
}

func describe(cs changeset.Changeset) []string {
	var said []string
	for _, c := range cs.Changes {
		if c.Action == changeset.None && c.Hold == "" {
			continue
		}
		text := string(c.Action) + " " + string(c.Cause) + " " + c.Address.String()
		for _, d := range c.Attributes {
			text += " " + d.Path + "(" + string(d.Cause) + ")"
		}
		said = append(said, text+" "+c.Hold)
	}
	return said
}

// The list is long enough, says everything once, and leaves no kind and no attribute out.
func TestTheListIsComplete(t *testing.T) {
	w := newWorld(t)
	all := All()
	if len(all) < 60 {
		t.Errorf("%d changes", len(all))
	}
	said, touched := map[string]bool{}, map[string]bool{}
	for _, a := range all {
		if a.What == "" || a.Why == "" || said[a.Kind+a.What] {
			t.Errorf("%s: %q is said twice, or without a reason", a.Kind, a.What)
		}
		said[a.Kind+a.What] = true
		touched[a.Kind+" "+strings.Split(a.Finds, ".")[0]] = true
	}
	for name, driver := range w.set {
		for _, attribute := range driver.Kind().Attributes {
			if guarded(attribute) && !touched[name+" "+attribute.Name] {
				t.Errorf("nothing in the list changes %s of %s", attribute.Name, name)
			}
		}
	}
}

// guarded leaves out what can't be changed, or can only be changed in ways that others in the list have.
func guarded(a resource.Attribute) bool {
	return !a.Immutable && !slices.Contains([]string{
		"description", "period", "datapointsToAlarm", "namespace", "metric", "maxMessageSize", "receiveWait",
	}, a.Name)
}
