package takeover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// AsPlan makes a plan of what was picked, and the tenant's file with it, so that nothing is changed
// by adopting, and a second tenant of the same shape fits the plan. What a definition can't say is
// left out, and is among the changes or what is left.
func AsPlan(o Order) (Takeover, error) {
	free, left := o.available()
	t := Takeover{Left: left}
	parts := o.shape(free)
	for len(parts) > 0 {
		files, err := o.planFiles(parts)
		if err != nil {
			return t, err
		}
		tried, err := o.Try(files)
		if err != nil {
			return t, err
		}
		t.Objections = tried.Objections
		if fatal(tried.Objections) {
			var mended bool
			if parts, mended = o.mend(&t, parts, files[o.Plan], tried.Objections); mended {
				continue
			}
			return t, nil
		}
		pairs := pairsOf(parts)
		changes, err := o.compare(tried.Desired, pairs)
		if err != nil {
			return t, err
		}
		change, created, misfits := o.split(changes)
		if len(misfits) > 0 {
			fitting := o.without(&t, pairs, misfits)
			parts = slices.DeleteFunc(parts, func(p part) bool {
				return !slices.ContainsFunc(fitting, func(f Pair) bool { return f.Name == p.Name })
			})
			continue
		}
		t.Files, t.Pairs, t.Changes, t.Created = files, pairs, change, created
		for _, p := range parts {
			t.Overrides = append(t.Overrides, p.own...)
		}
		t.Notes = slices.Concat(t.Notes, o.secrets(pairs), stacks(pairs))
		return t, nil
	}
	return t, nil
}

func pairsOf(parts []part) []Pair {
	pairs := make([]Pair, len(parts))
	for i, p := range parts {
		pairs[i] = p.Pair
	}
	return pairs
}

// planFiles writes the plan and the tenant's file.
func (o Order) planFiles(parts []part) (map[string][]byte, error) {
	plan, err := o.planFile(parts)
	if err != nil {
		return nil, err
	}
	var own []Override
	for _, p := range parts {
		own = append(own, p.own...)
	}
	tenant, err := o.tenantFile(pairsOf(parts), own)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{o.Plan: plan, o.Path: tenant}, nil
}

// mend takes out of the plan what a definition can't say: the attribute that an objection stands on,
// or the resource, if that is no help. What a policy objects to stays: what to do about it is for
// people. false if nothing could be done.
func (o Order) mend(t *Takeover, parts []part, plan []byte, objections []Objection) (rest []part, mended bool) {
	resources := fields(plan, o.Tenant.Plan, "resources")
	gone := map[string]string{}
	for _, objection := range objections {
		line := o.planLine(objection)
		name := at(resources, line)
		i := slices.IndexFunc(parts, func(p part) bool { return p.Name == name })
		if !objection.Fatal || objection.Policy != "" || i < 0 {
			continue
		}
		p := parts[i]
		attribute := at(fields(plan, o.Tenant.Plan, "resources", name), line)
		if attribute == "" || attribute == "kind" || p.without[attribute] || identity(o.Kinds[p.Found.Kind], attribute) {
			gone[name] = objection.Message
		} else if !p.without[attribute] {
			p.without[attribute] = true
			t.Notes = append(t.Notes, fmt.Sprintf("%s.%s is left out, as a definition can't say it: %s", name, attribute, objection.Message))
		}
		mended = true
	}
	rest = slices.DeleteFunc(slices.Clone(parts), func(p part) bool {
		why, out := gone[p.Name]
		if out {
			t.Left = append(t.Left, Left{p.Found, "a definition can't say what it is: " + why})
		}
		return out
	})
	return rest, mended
}

// planLine is the line of the plan that an objection is about: its own, or the one that it names when
// it stands on the tenant's, whose resource it is. 0 if it is about something else.
func (o Order) planLine(objection Objection) int {
	if objection.File == o.Plan {
		return objection.Line
	}
	_, after, named := strings.Cut(objection.Message, "("+o.Plan+":")
	if !named || objection.File != o.Path {
		return 0
	}
	digits, _, _ := strings.Cut(strings.TrimSuffix(after, ")"), ":")
	line, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return line
}

// planFile writes the plan. What is the tenant's becomes an expression, what is another resource's a
// reference, and numbers, but for those of roles, may be chosen by a tenant.
func (o Order) planFile(parts []part) ([]byte, error) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	links := o.linker(pairsOf(parts))
	used := map[string]bool{}
	for i, p := range parts {
		if i > 0 {
			line("")
		}
		line("// As %s was found in %s.", p.Found.Name, p.Found.Scope)
		line("%s: {\nkind: %s", label(p.Name), text(p.Found.Kind))
		w := writer{func(path []string, text string) []piece {
			pieces := o.general(links.link(p.Pair, path, text), path[0], text)
			for _, piece := range pieces {
				if input, _, ok := strings.Cut(piece.text, "."); ok && piece.kind == expression {
					used[input] = true
				}
			}
			return pieces
		}}
		for _, a := range o.Kinds[p.Found.Kind].Attributes {
			written, err := o.attribute(w, p, a)
			if err != nil {
				return nil, err
			}
			if written != "" {
				line("%s: %s", label(a.Name), written)
			}
		}
		line("}")
	}
	return formatted(o.planHead(used) + b.String() + "}\n}\n")
}

// planHead is what stands before the resources.
func (o Order) planHead(used map[string]bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := o.Tenant.Plan
	line("package plans\n\nimport \"tenantry.dev/schema\"\n")
	line("// %s was made of what existed for %s. Where the tenant's name was part of a name, every", titled(name), o.Tenant.DisplayName)
	line("// tenant's own stands there now, so that others of the same shape fit it. Where it says")
	line("// *30 | number, a tenant may choose another, and 30 is what it gets otherwise.")
	line("%s: schema.#Plan & {", label(name))
	line("displayName: %s", text(titled(name)))
	line("isolation: \"silo\" // every tenant has these of its own\n")
	line("// What customers pay and are promised isn't in the cloud. Say it here.")
	line("price: {amount: 0, currency: \"EUR\"}\nlimits: {}\nslo: 99")
	line("backup: {everyHours: 24, retentionDays: 7}\n")
	for _, input := range []string{"#tenant", "#account", "#cell"} {
		if used[input] {
			line("%s: _", input)
		}
	}
	line("resources?: {")
	return b.String()
}

// attribute writes an attribute as the plan has it; "" for what the kind's default says.
func (o Order) attribute(w writer, p part, a resource.Attribute) (string, error) {
	value := p.Found.Attributes[a.Name]
	switch {
	case p.without[a.Name]:
		return "", nil
	case slices.ContainsFunc(p.own, func(v Override) bool { return v.Attribute == a.Name }):
		if a.Name == "subscriptions" {
			return "[...] // a tenant says whom to tell", nil
		}
		return "string // a tenant that has one already says which; others get a name of the fleet's", nil
	case !value.IsSet() || value.IsSecret() || a.Normal(resource.Value{}).Equal(value):
		return "", nil
	}
	written, err := w.value(a.Name, value)
	if err == nil && choice(p, a) && isNumber(written) {
		written = "*" + written + " | number"
	}
	return written, err
}

// choice tells whether a tenant may have another value: of numbers that grant nobody anything.
func choice(p part, a resource.Attribute) bool {
	return p.Found.Kind != "aws.iam.role" && !a.Immutable
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.") == ""
}

// general replaces what is the tenant's, the account's and the cell's in a text. Of a tenant, names
// have the one that stays when it is renamed. An e-mail address is somebody's and stays.
func (o Order) general(pieces []piece, attribute, text string) []piece {
	if strings.Contains(text, "@") && !strings.Contains(text, ":") {
		return pieces
	}
	name := "#tenant.#id"
	if slices.Contains([]string{"tags", "description", "displayName"}, attribute) {
		name = "#tenant.name"
	}
	words := []word{{o.Scope.Account, "#account.id"}, {o.Scope.Region, "#cell.region"}, {o.Tenant.DisplayName, "#tenant.displayName"}, {o.Tenant.Name, name}}
	if o.Tenant.DisplayName == o.Tenant.Name {
		words = slices.Delete(words, 2, 3)
	}
	return generalise(pieces, words)
}

// titled is a name as a person would write it.
func titled(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// Titled is a tenant's name as a person would write it, for want of a better one.
func Titled(name string) string { return titled(name) }
