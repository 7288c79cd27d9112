package takeover

import (
	"fmt"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// tenantFile writes the tenant's file: plain data.
func (o Order) tenantFile(pairs []Pair, overrides []Override) ([]byte, error) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	t := o.Tenant
	line("package fleet\n\ntenant: %s: {", label(t.Name))
	line("displayName: %s", text(t.DisplayName))
	line("plan: %s", text(t.Plan))
	line("cell: %s", text(t.Cell))
	line("residency: %s", text(t.Residency))
	contacts := make([]string, len(t.Contacts))
	for i, c := range t.Contacts {
		contacts[i] = fmt.Sprintf("{role: %s, email: %s}", text(c.Role), text(c.Email))
	}
	line("contacts: %s", wrap("[", contacts, "]"))
	if len(pairs) > 0 {
		line("\n// What existed before this file did, and is taken over as it is. The ids may stay here.")
		line("adopt: {")
		for _, p := range pairs {
			line("%s: %s", label(p.Name), text(p.Found.ID))
		}
		line("}")
	}
	if len(overrides) > 0 {
		line("\n// What differs from the plan, as it was found.")
		line("overrides: {")
		w := o.data(pairs)
		for i, v := range overrides {
			if i == 0 || overrides[i-1].Name != v.Name {
				line("%s: {", label(v.Name))
			}
			value, err := w(v).value(v.Attribute, v.Value)
			if err != nil {
				return nil, err
			}
			line("%s: %s", label(v.Attribute), value)
			if i == len(overrides)-1 || overrides[i+1].Name != v.Name {
				line("}")
			}
		}
		line("}")
	}
	line("}")
	return formatted(b.String())
}

// data gives the writers of overrides: plain data, with references to the tenant's other resources.
func (o Order) data(pairs []Pair) func(Override) writer {
	links := o.linker(pairs)
	byName := make(map[string]Pair, len(pairs))
	for _, p := range pairs {
		byName[p.Name] = p
	}
	return func(v Override) writer {
		return writer{func(path []string, text string) []piece { return links.link(byName[v.Name], path, text) }}
	}
}

// text writes a text that holds no reference.
func text(s string) string { return `"` + quoted(s) + `"` }

// secrets are notes about what is never written.
func (o Order) secrets(pairs []Pair) (notes []string) {
	for _, p := range pairs {
		for _, a := range o.Kinds[p.Found.Kind].Attributes {
			if p.Found.Attributes[a.Name].IsSecret() {
				notes = append(notes, fmt.Sprintf("%s.%s is a secret, and secrets are never written to Git", p.Name, a.Name))
			}
		}
	}
	return notes
}

// overriding lists the attributes in which the pairs differ from the definitions, as overrides.
// Secrets are never among them, nor what the cloud has no value for.
func (o Order) overriding(desired []resource.Desired, pairs []Pair) (overrides []Override, err error) {
	changes, err := o.compare(desired, pairs)
	if err != nil {
		return nil, err
	}
	differ := differences(changes)
	for _, p := range pairs {
		for _, a := range o.Kinds[p.Found.Kind].Attributes {
			value := p.Found.Attributes[a.Name]
			if differ[p.Name+"."+a.Name] > 0 && value.IsSet() && !value.IsSecret() {
				overrides = append(overrides, Override{p.Name, a.Name, value})
			}
		}
	}
	return overrides, nil
}
