package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// effects compares two renderings of one tenant, sorted by kind and name.
func effects(before, after []resource.Desired, kinds map[string]resource.Kind) []Effect {
	was := map[resource.Address]resource.Desired{}
	for _, d := range before {
		was[d.Address] = d
	}
	var list []Effect
	for _, d := range after {
		old, there := was[d.Address]
		for _, address := range d.Previously {
			if !there {
				old, there = was[address]
			}
		}
		if there {
			delete(was, old.Address)
		}
		if e := effect(old, there, d, kinds[d.Address.Kind]); e.Action != changeset.None {
			list = append(list, e)
		}
	}
	for address := range was {
		e := Effect{Action: changeset.Delete, Kind: address.Kind, Name: address.Name}
		if kinds[address.Kind].DataBearing {
			e.Action = changeset.Retire
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Effect) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return list
}

// effect is what becomes of one resource that is wanted.
func effect(old resource.Desired, there bool, now resource.Desired, kind resource.Kind) Effect {
	e := Effect{Action: changeset.None, Kind: now.Address.Kind, Name: now.Address.Name}
	e.HoldsData = kind.DataBearing
	differ := func(path string, before, after resource.Value, immutable bool) {
		e.Attributes = append(e.Attributes, changeset.Difference{Path: path, Before: before, After: after})
		if there && immutable {
			e.Replacing = append(e.Replacing, path)
		}
	}
	names := maps.Clone(now.Attributes)
	if names == nil {
		names = resource.Attributes{}
	}
	maps.Copy(names, old.Attributes)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, _ := kind.Attribute(name)
		x, y := a.Normal(old.Attributes[name]), a.Normal(now.Attributes[name])
		if !there {
			x = resource.Value{}
		}
		spots([]string{name}, x, y, func(path string, x, y resource.Value) { differ(path, x, y, a.Immutable) })
	}
	if there && old.Scope != now.Scope {
		differ("scope", resource.String(old.Scope.String()), resource.String(now.Scope.String()), true)
	}
	if there && old.Address != now.Address {
		differ("address", resource.String(old.Address.Name), resource.String(now.Address.Name), false)
	}
	switch {
	case !there && now.Adopt != "":
		e.Action = changeset.Adopt
	case !there:
		e.Action = changeset.Create
	case len(e.Replacing) > 0:
		e.Action = changeset.Replace
	case len(e.Attributes) > 0:
		e.Action = changeset.Update
	}
	return e
}

// spots visits the places at which two values differ, going down into objects. Lists, secrets and
// policy documents are compared as a whole.
func spots(keys []string, before, after resource.Value, visit func(path string, before, after resource.Value)) {
	if before.Equal(after) {
		return
	}
	x, ok1 := before.Members()
	y, ok2 := after.Members()
	_, document1 := x["Statement"]
	_, document2 := y["Statement"]
	if !ok1 || !ok2 || document1 || document2 || before.IsSecret() || after.IsSecret() {
		visit(changeset.Path(keys...), before, after)
		return
	}
	names := maps.Clone(x)
	maps.Copy(names, y)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		spots(append(slices.Clone(keys), name), x[name], y[name], visit)
	}
}

// general writes a word in place of what is a tenant's own, wherever it stands alone: not as a part of
// a longer word. Secrets stay as they are.
func general(v resource.Value, own map[string]string) resource.Value {
	if !v.IsSet() || v.IsSecret() || len(own) == 0 {
		return v
	}
	text := v.Sealed()
	names := slices.SortedFunc(maps.Keys(own), func(a, b string) int {
		return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) // the longest first: one may hold another
	})
	for _, name := range names {
		if quoted := resource.String(name).Sealed(); name != "" {
			text = replaceWord(text, quoted[1:len(quoted)-1], own[name])
		}
	}
	out, err := resource.ParseValue([]byte(text))
	if err != nil {
		return v // the word stood in a number's place
	}
	return out
}

// replaceWord replaces a text where no letter or digit is next to it.
func replaceWord(text, old, word string) string {
	var b strings.Builder
	for done := 0; ; {
		at := strings.Index(text[done:], old)
		if at < 0 {
			b.WriteString(text[done:])
			return b.String()
		}
		from, to := done+at, done+at+len(old)
		before, _ := utf8.DecodeLastRuneInString(text[:from])
		after, _ := utf8.DecodeRuneInString(text[to:])
		b.WriteString(text[done:from])
		if wordy(before) || wordy(after) {
			b.WriteString(old)
		} else {
			b.WriteString(word)
		}
		done = to
	}
}

func wordy(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
