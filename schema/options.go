package schema

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// options finds what a template leaves to tenants of a resource: choices, ranges, and names to add.
func (c *templateCheck) options(name, kind string, r cue.Value) {
	o := optioner{c: c, resource: name}
	def := c.kind(kind)
	for _, attribute := range fieldNames(r) {
		if attribute != "kind" && lookup(def, []string{attribute}).Exists() {
			o.look(lookup(r, []string{attribute}), lookup(def, []string{attribute}), []string{attribute}, slices.Contains(c.def.kinds[kind].named, attribute))
		}
	}
}

type optioner struct {
	c        *templateCheck
	resource string
}

// look finds the options at a path and inside of it. closed tells that a tenant can't add names.
func (o *optioner) look(v, def cue.Value, path []string, closed bool) {
	root := []string{o.c.src.name(), "resources", o.resource}
	at := locate(o.c.src.syntax, slices.Concat(root, path))
	words := ""
	if at.depth == len(root)+len(path) {
		words = offer(&page{o.c.src.path, o.c.src.text, o.c.src.syntax}, at.value)
	}
	if list := choices(v); words == "" && len(list) > 1 {
		words = oneOf(list)
	}
	out := Option{Resource: o.resource, Attribute: strings.Join(path, "."), Words: words, Choices: choices(v), Origin: o.c.src.at(at.label)}
	if preset, has := v.Default(); has && preset.IsConcrete() && words != "" {
		text, _ := preset.MarshalJSON()
		out.Default = string(text)
	}
	if words != "" {
		o.c.open = append(o.c.open, out)
		return
	}
	if v.IncompleteKind() != cue.StructKind || def.IncompleteKind() != cue.StructKind {
		return
	}
	written := fieldNames(v)
	if _, step := elementAt(def); step == anyKey {
		if !closed {
			out.Words, out.Implied = "more of them", true
			if len(written) > 0 {
				out.Words += ", by other names than " + allOf(written)
			}
			o.c.open = append(o.c.open, out)
		}
		return
	}
	for _, name := range fieldNames(def) {
		inner := append(slices.Clip(path), name)
		field := lookup(def, []string{name})
		if slices.Contains(written, name) {
			o.look(lookup(v, []string{name}), field, inner, false)
			continue
		}
		out := Option{Resource: o.resource, Attribute: strings.Join(inner, "."), Words: wanted(field), Choices: choices(field), Implied: true, Origin: out.Origin}
		if preset, has := field.Default(); has && preset.IsConcrete() {
			text, _ := preset.MarshalJSON()
			out.Default = string(text)
			out.Words += " (" + out.Default + " by default)"
		}
		o.c.open = append(o.c.open, out)
	}
}
