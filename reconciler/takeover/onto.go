package takeover

import (
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Onto takes what was picked over onto a plan that there is: each thing becomes the resource of the
// plan that it is most like, and what differs is overridden as far as the plan lets a tenant.
func Onto(o Order) (Takeover, error) {
	free, left := o.available()
	first, err := o.trial(nil, nil)
	if err != nil {
		return Takeover{}, err
	}
	t := Takeover{Left: left, Objections: first.Objections}
	if fatal(first.Objections) {
		return t, nil
	}
	m, err := o.match(o.mine(first.Desired), free)
	if err != nil {
		return Takeover{}, err
	}
	t.Questions = m.questions
	for _, f := range m.left {
		if !asked(m.questions, f) {
			t.Left = append(t.Left, Left{f, "nothing of the plan is like it"})
		}
	}
	if len(t.Questions) > 0 {
		t.Pairs = m.pairs
		return t, nil
	}
	return o.onto(t, first, m.pairs)
}

// asked tells whether something is what a question is about.
func asked(questions []Question, f providers.Found) bool {
	return slices.ContainsFunc(questions, func(q Question) bool {
		return slices.ContainsFunc(q.Candidates, func(c providers.Found) bool { return c.ID == f.ID })
	})
}

// onto finds the overrides for the pairs. What can't be adopted because it would become something
// else is left, and the rest is looked at again without it.
func (o Order) onto(t Takeover, first Tried, pairs []Pair) (Takeover, error) {
	for {
		all, err := o.overriding(first.Desired, pairs)
		if err != nil {
			return t, err
		}
		overrides, err := o.allowed(first, pairs, all)
		if err != nil {
			return t, err
		}
		last, err := o.trial(pairs, overrides)
		if err != nil {
			return t, err
		}
		changes, err := o.compare(last.Desired, pairs)
		if err != nil {
			return t, err
		}
		change, created, misfits := o.split(changes)
		if len(misfits) > 0 {
			pairs = o.without(&t, pairs, misfits)
			continue
		}
		file, err := o.tenantFile(pairs, overrides)
		if err != nil {
			return t, err
		}
		t.Files = map[string][]byte{o.Path: file}
		t.Pairs, t.Overrides, t.Changes, t.Created = pairs, overrides, change, created
		t.Objections, t.Notes = last.Objections, slices.Concat(t.Notes, o.secrets(pairs), stacks(pairs))
		return t, nil
	}
}

// without moves pairs that don't fit to what is left.
func (o Order) without(t *Takeover, pairs []Pair, misfits map[string]string) []Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool {
		why, misfit := misfits[p.Name]
		if misfit {
			t.Left = append(t.Left, Left{p.Found, fmt.Sprintf("it can't become %s: %s", p.Name, why)})
		}
		return misfit
	})
}

// allowed returns the overrides that the plan allows and that bring the definitions nearer to what
// exists. The evaluator is asked about all of them at once, then without those that it objects to,
// and in the end, if that leads nowhere, about one after the other.
func (o Order) allowed(first Tried, pairs []Pair, overrides []Override) ([]Override, error) {
	for len(overrides) > 0 {
		tried, err := o.trial(pairs, overrides)
		if err != nil {
			return nil, err
		}
		if !fatal(tried.Objections) {
			return o.useful(first, tried, pairs, overrides)
		}
		refused, err := o.refused(pairs, overrides, tried.Objections)
		if err != nil {
			return nil, err
		}
		if len(refused) == 0 {
			return o.oneByOne(first, pairs, overrides)
		}
		overrides = slices.DeleteFunc(slices.Clone(overrides), func(v Override) bool { return refused[v.Name+"."+v.Attribute] })
	}
	return nil, nil
}

// refused are the overrides on whose lines objections stand.
func (o Order) refused(pairs []Pair, overrides []Override, objections []Objection) (map[string]bool, error) {
	file, err := o.tenantFile(pairs, overrides)
	if err != nil {
		return nil, err
	}
	on := map[string]bool{}
	resources := fields(file, "tenant", o.Tenant.Name, "overrides")
	for _, objection := range objections {
		if !objection.Fatal || objection.File != o.Path {
			continue
		}
		if name := at(resources, objection.Line); name != "" {
			if attribute := at(fields(file, "tenant", o.Tenant.Name, "overrides", name), objection.Line); attribute != "" {
				on[name+"."+attribute] = true
			}
		}
	}
	return on, nil
}

func (o Order) oneByOne(first Tried, pairs []Pair, overrides []Override) ([]Override, error) {
	var kept []Override
	for _, v := range overrides {
		tried, err := o.trial(pairs, append(slices.Clip(kept), v))
		if err != nil {
			return nil, err
		}
		if !fatal(tried.Objections) {
			kept = append(kept, v)
		}
	}
	tried, err := o.trial(pairs, kept)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	return o.useful(first, tried, pairs, kept)
}

// useful keeps the overrides with which less differs than without.
func (o Order) useful(first, tried Tried, pairs []Pair, overrides []Override) ([]Override, error) {
	before, err := o.compare(first.Desired, pairs)
	if err != nil {
		return nil, err
	}
	after, err := o.compare(tried.Desired, pairs)
	if err != nil {
		return nil, err
	}
	had, has := differences(before), differences(after)
	kept := slices.DeleteFunc(slices.Clone(overrides), func(v Override) bool {
		key := v.Name + "." + v.Attribute
		return has[key] >= had[key]
	})
	if len(kept) == len(overrides) {
		return kept, nil
	}
	again, err := o.trial(pairs, kept)
	if err == nil && fatal(again.Objections) {
		return overrides, nil
	}
	return kept, err
}

// trial evaluates the fleet with the tenant.
func (o Order) trial(pairs []Pair, overrides []Override) (Tried, error) {
	file, err := o.tenantFile(pairs, overrides)
	if err != nil {
		return Tried{}, err
	}
	return o.Try(map[string][]byte{o.Path: file})
}

// mine are the tenant's resources.
func (o Order) mine(desired []resource.Desired) []resource.Desired {
	return slices.DeleteFunc(slices.Clone(desired), func(d resource.Desired) bool { return d.Address.Owner != o.owner() })
}

func fatal(objections []Objection) bool {
	return slices.ContainsFunc(objections, func(o Objection) bool { return o.Fatal })
}

// Better tells whether a takeover onto one plan fits better than one onto another: it adopts more,
// makes less that is new, and changes less.
func (t Takeover) Better(other Takeover) bool {
	if t.Ready() != other.Ready() {
		return t.Ready()
	}
	score := func(t Takeover) []int {
		return []int{-len(t.Pairs), len(t.Left), len(t.Created), changed(t.Changes), len(t.Overrides)}
	}
	return slices.Compare(score(t), score(other)) < 0
}

func changed(changes []changeset.Change) (n int) {
	for v := range maps.Values(differences(changes)) {
		n += v
	}
	return n
}
