package takeover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
)

// A Selector picks things by a tag or by name.
type Selector struct {
	tag, value string // a tag's key and a pattern for its value
	name       string // a pattern
}

// ParseSelector reads "tag:KEY=PATTERN" or "name:PATTERN". In patterns * stands for any text.
func ParseSelector(text string) (Selector, error) {
	if pattern, ok := strings.CutPrefix(text, "name:"); ok && pattern != "" {
		return Selector{name: pattern}, nil
	}
	if tag, ok := strings.CutPrefix(text, "tag:"); ok {
		if key, value, ok := strings.Cut(tag, "="); ok && key != "" && value != "" {
			return Selector{tag: key, value: value}, nil
		}
	}
	return Selector{}, fmt.Errorf("%q selects nothing: write tag:KEY=VALUE, as in tag:customer=acme, or name:PATTERN, as in name:acme-*", text)
}

// Picks tells whether the selector is about a thing. A pattern for names also fits an alias without
// its "alias/" and a path without its first slash.
func (s Selector) Picks(f providers.Found) bool {
	if s.tag != "" {
		value, has := f.Tags[s.tag]
		return has && Glob(s.value, value)
	}
	return Glob(s.name, f.Name) || Glob(s.name, bare(f.Name))
}

// bare is a name without what its service puts before it.
func bare(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "alias/"), "/")
}

// Glob tells whether a text fits a pattern in which * stands for any text, slashes included.
func Glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) || len(text) < len(first)+len(last) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// A Group is things that seem to belong together.
type Group struct {
	Selector string // as ParseSelector reads it
	Name     string // a name for whom they belong to
	Found    []providers.Found
}

// Groups proposes whom unowned things belong to: first by the tag that most of them have in common
// and that tells several groups apart, and what that leaves by the first word of their names. A
// group has at least two members; what is in none isn't returned.
func Groups(found []providers.Found) []Group {
	found = slices.DeleteFunc(slices.Clone(found), func(f providers.Found) bool { return !f.Unowned() })
	var groups []Group
	if key := commonTag(found); key != "" {
		byValue := gather(found, func(f providers.Found) string { return f.Tags[key] })
		for _, value := range slices.Sorted(maps.Keys(byValue)) {
			groups = append(groups, Group{"tag:" + key + "=" + value, asName(value), byValue[value]})
		}
		found = slices.DeleteFunc(found, func(f providers.Found) bool { return len(byValue[f.Tags[key]]) > 0 })
	}
	byWord := gather(found, func(f providers.Found) string { return firstWord(f.Name) })
	for _, word := range slices.Sorted(maps.Keys(byWord)) {
		groups = append(groups, Group{"name:" + word + "*", asName(word), byWord[word]})
	}
	return groups
}

// gather groups by a text that isn't empty, in groups of two and more.
func gather(found []providers.Found, by func(providers.Found) string) map[string][]providers.Found {
	groups := map[string][]providers.Found{}
	for _, f := range found {
		if key := by(f); key != "" {
			groups[key] = append(groups[key], f)
		}
	}
	maps.DeleteFunc(groups, func(_ string, in []providers.Found) bool { return len(in) < 2 })
	return groups
}

// commonTag is the key of the tag that gathers most: of those that tell several groups apart if
// there are any.
func commonTag(found []providers.Found) string {
	type score struct {
		key             string
		several, covers int
	}
	var scores []score
	keys := map[string]bool{}
	for _, f := range found {
		for key := range f.Tags {
			keys[key] = true
		}
	}
	for key := range keys {
		groups := gather(found, func(f providers.Found) string { return f.Tags[key] })
		s := score{key: key, several: min(len(groups), 2)}
		for _, in := range groups {
			s.covers += len(in)
		}
		if s.covers > 0 {
			scores = append(scores, s)
		}
	}
	if len(scores) == 0 {
		return ""
	}
	slices.SortFunc(scores, func(a, b score) int {
		return cmp.Or(cmp.Compare(b.several, a.several), cmp.Compare(b.covers, a.covers), cmp.Compare(a.key, b.key))
	})
	return scores[0].key
}

func firstWord(name string) string {
	words := wordsOf(bare(name))
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// wordsOf are the words of a name, in lower case.
func wordsOf(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// asName makes a text into a name such as tenants and resources have; empty if nothing of it will do.
func asName(text string) string {
	name := strings.TrimLeft(strings.Join(wordsOf(text), "-"), "0123456789-")
	return strings.TrimRight(name[:min(len(name), 32)], "-")
}
