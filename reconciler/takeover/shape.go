package takeover

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A part is one resource of a plan in the making.
type part struct {
	Pair
	own     []Override      // what each tenant says for itself
	without map[string]bool // attributes that can't be said
}

// shape names what exists as the resources of a plan are named: by what is left of the name without
// the tenant's, or else by the kind.
func (o Order) shape(free []providers.Found) []part {
	var parts []part
	used := map[string]bool{"cell": true}
	for _, f := range free {
		name := o.nameFor(f, used)
		used[name] = true
		p := part{Pair: Pair{Name: name, Found: f}, without: map[string]bool{}}
		for _, a := range o.Kinds[f.Kind].Attributes {
			if value := f.Attributes[a.Name]; value.IsSet() && o.tenantsOwn(f, a.Name) {
				p.own = append(p.own, Override{name, a.Name, value})
			}
		}
		parts = append(parts, p)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return strings.Compare(a.Name, b.Name) })
	return parts
}

func (o Order) nameFor(f providers.Found, used map[string]bool) string {
	general := words(o.Tenant.Name, o.Fleet, f.Scope.Account, f.Scope.Region)
	var left []string
	for _, w := range wordsOf(bare(f.Name)) {
		if !slices.Contains(general, w) && !unlikely.MatchString(w) {
			left = append(left, w)
		}
	}
	kind := shortKind(f.Kind)
	base := or(asName(strings.Join(left, "-")), kind)
	base = strings.TrimRight(base[:min(len(base), 20)], "-") // with room for what tells it from others
	for _, name := range []string{base, base + "-" + kind} {
		if !used[name] {
			return name
		}
	}
	for n := 2; ; n++ {
		if name := fmt.Sprintf("%s-%s-%d", base, kind, n); !used[name] {
			return name
		}
	}
}

func words(texts ...string) (all []string) {
	for _, t := range texts {
		all = append(all, wordsOf(t)...)
	}
	return all
}

// shortKind is what people call a thing of a kind.
func shortKind(kind string) string {
	if kind == "aws.logs.group" {
		return "logs"
	}
	return kind[strings.LastIndexByte(kind, '.')+1:]
}

// unlikely is a part of a name that nobody chose: a date, a number, a piece of a hash.
var unlikely = regexp.MustCompile(`^([0-9]{4,}|[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]*[0-9]?[0-9a-f]*|[0-9]+[a-z]+[0-9a-z]*[0-9][0-9a-z]*)$`)

// tenantsOwn tells whether an attribute is each tenant's own, so that a plan can't say it for all: a
// name that the tenant's isn't part of, or that has a part that nobody chose; and the subscriptions of
// a topic, which are people's addresses.
func (o Order) tenantsOwn(f providers.Found, attribute string) bool {
	kind := o.Kinds[f.Kind]
	value := f.Attributes[attribute]
	if attribute == "subscriptions" {
		return value.Text() != "[]"
	}
	a, _ := kind.Attribute(attribute)
	if !identity(kind, attribute) || a.Normal(resource.Value{}).Equal(value) {
		return false
	}
	if !a.Immutable || slices.Contains(kind.Outputs, attribute) {
		has := false
		for _, p := range generalise([]piece{{literal, value.Text()}}, []word{{o.Tenant.Name, "#tenant.name"}}) {
			has = has || p.kind == expression
		}
		general := words(o.Tenant.Name, o.Fleet, f.Scope.Account, f.Scope.Region)
		odd := slices.ContainsFunc(wordsOf(value.Text()), func(w string) bool {
			return !slices.Contains(general, w) && unlikely.MatchString(w)
		})
		return !has || odd
	}
	return false // a path, which says what sort of thing it is
}
