package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// This file is about what was renamed. Names in the cloud derive from the oldest name that Git has for a
// resource and its owner, so that they don't change; and a rendered resource has all addresses that it
// may have had, for whoever compares it with the cloud.

// previously is the field in which tenants and resources say what they were called before.
const previously = "previously"

// A Rename is what a tenant says that it was called before.
type Rename struct {
	From resource.Owner
	At   resource.Origin
}

// Renamed returns what tenants were called before, by the earlier name. It has the tenants that are
// broken too, as far as their files say it, so that nobody takes what they had for left behind.
func (f *Fleet) Renamed() map[resource.Owner]resource.Owner {
	out := map[resource.Owner]resource.Owner{}
	for owner, k := range f.files.owners {
		for _, r := range k.Renames {
			if other, twice := out[r.From]; !twice || owner < other {
				out[r.From] = owner
			}
		}
	}
	return out
}

// Earlier returns, of the owners that were called otherwise before, all that they were called: of those that are
// broken too.
func (f *Fleet) Earlier() map[resource.Owner][]resource.Owner {
	out := map[resource.Owner][]resource.Owner{}
	for owner, k := range f.files.owners {
		for _, r := range k.Renames {
			out[owner] = append(out[owner], r.From)
		}
	}
	return out
}

// renames are what a tenant's file says that the tenant was called before. If the tenant is broken, the
// file's text counts as well, whatever else is wrong with it: better one name too many than one tenant's
// resources taken away.
func (a *answer) renames() []Rename {
	if a.owner.Class() != "tenant" {
		return nil
	}
	var out []Rename
	add := func(name string, at resource.Origin) {
		from := resource.Tenant(name)
		if from != a.owner && !slices.ContainsFunc(out, func(r Rename) bool { return r.From == from }) {
			out = append(out, Rename{from, at})
		}
	}
	if n := a.body.get(previously); n != nil {
		for _, name := range n.names() {
			add(name, a.source.at(a.body.label(previously)))
		}
	}
	if a.broken == "" {
		return out
	}
	for _, m := range writtenBefore.FindAllSubmatch(a.source.text, -1) {
		for _, name := range writtenName.FindAllSubmatch(m[1], -1) {
			add(string(name[1]), resource.Origin{File: a.source.path, Line: 1})
		}
	}
	return out
}

var (
	writtenBefore = regexp.MustCompile(`previously"?\s*:\s*("[^"\n]*"|\[[^\]]*)`)
	writtenName   = regexp.MustCompile(`"([a-z][a-z0-9-]*)"`)
)

// names are a text, or the texts of a list.
func (n *node) names() []string {
	list := []*node{n}
	if n.kind == listNode {
		list = n.list
	}
	var out []string
	for _, one := range list {
		if name, ok := one.scalar.(string); ok {
			out = append(out, name)
		}
	}
	return out
}

// firstName is what a tenant was called at first; name is what it is called now.
func (n *node) firstName(name string) string {
	if before := n.get(previously); before != nil {
		if names := before.names(); len(names) > 0 {
			return names[0]
		}
	}
	return name
}

// checkRenames refuses tenants that say they were one that there is, or one that another says it was.
func checkRenames(rows []row, about map[*kept][]Finding) {
	files, by := map[resource.Owner]*kept{}, map[resource.Owner][]*kept{}
	for _, r := range rows {
		for _, x := range r.answer.Renames {
			by[x.From] = append(by[x.From], r.answer)
		}
	}
	if len(by) == 0 {
		return
	}
	for _, r := range rows {
		files[r.answer.Owner] = r.answer
	}
	say := func(k *kept, at resource.Origin, format string, args ...any) {
		about[k] = append(about[k], Finding{Origin: at, Severity: Error, Tenant: k.Owner.Name(), Message: previously + ": " + fmt.Sprintf(format, args...)})
	}
	for _, from := range sortedKeys(by) {
		for i, k := range by[from] {
			at := k.Renames[slices.IndexFunc(k.Renames, func(x Rename) bool { return x.From == from })].At
			if other := files[from]; other != nil && other != k {
				say(k, at, "there still is a tenant %q (%s), so that this one can't have been it; remove that file, or write another name", from.Name(), other.At)
			}
			if other := by[from][(i+1)%len(by[from])]; other != k {
				says := other.Renames[slices.IndexFunc(other.Renames, func(x Rename) bool { return x.From == from })].At
				say(k, at, "the tenant %s says that it was %q as well (%s); only one of them can have been", other.Owner.Name(), from.Name(), says)
			}
		}
	}
}

// oldest has, by the names of a template's resources that were renamed, the oldest name of each. It is
// read from the file, because names in the cloud hang on it and must not depend on anything.
func oldest(src *source) map[string]string {
	out := map[string]string{}
	for name, before := range renamedIn(src) {
		out[name] = before[0]
	}
	return out
}

// renamedIn has the earlier names of a template's resources as they are written, the oldest first.
func renamedIn(src *source) map[string][]string {
	out := map[string][]string{}
	if src == nil || src.syntax == nil {
		return out
	}
	for _, f := range keys(locate(src.syntax, []string{src.name(), "resources"}).value) {
		name, _, err := ast.LabelName(f.Label)
		if err != nil {
			continue
		}
		for _, inner := range keys(f.Value) {
			label, _, err := ast.LabelName(inner.Label)
			if err != nil || label != previously {
				continue
			}
			r := &dataReader{}
			if n := r.value(inner.Value, 1); len(r.refused) == 0 && len(n.names()) > 0 {
				out[name] = n.names()
			}
		}
	}
	return out
}

// A before is what one rendered resource and its owner were called before.
type before struct {
	names  []string
	owners []resource.Owner
}

// addresses are all that a resource may have had, in a fixed order, without the one that it has.
func (b before) addresses(now resource.Address) []resource.Address {
	var out []resource.Address
	for _, owner := range append(slices.Clip(b.owners), now.Owner) {
		for _, name := range append(slices.Clip(b.names), now.Name) {
			if was := (resource.Address{Owner: owner, Kind: now.Kind, Name: name}); was != now && !slices.Contains(out, was) {
				out = append(out, was)
			}
		}
	}
	return out
}

// earlier finds out what a rendered resource was called before, and refuses what can't be meant. all
// has what is rendered beside it.
func (o *evaluation) earlier(name string, all map[string]map[string]any) before {
	var b before
	for _, x := range o.answer.renames() {
		b.owners = append(b.owners, x.From)
	}
	value, says := all[name][previously]
	if !says {
		return b
	}
	b.names = textsOf(value)
	refuse := func(format string, args ...any) {
		o.answer.refuse(o.line([]string{name, previously}), "%s.%s: %s", name, previously, fmt.Sprintf(format, args...))
	}
	if written := renamedIn(o.text)[name]; !slices.Equal(written, b.names) {
		refuse("write it as a text, or a list of texts, beside the other fields of the resource: names in the cloud hang on it")
	}
	for i, was := range b.names {
		switch other, there := all[was]; {
		case was == name || slices.Contains(b.names[:i], was):
			refuse("%q is no earlier name of %s", was, name)
		case there && other["kind"] == all[name]["kind"]:
			refuse("%q is another resource (%s), so that this one can't have been it; rename that one, or write another name", was, o.line([]string{was}))
		}
		for _, other := range sortedKeys(all) {
			if other != name && all[other]["kind"] == all[name]["kind"] && slices.Contains(textsOf(all[other][previously]), was) {
				refuse("%s says that it was %q as well (%s); only one of them can have been", other, was, o.line([]string{other, previously}))
			}
		}
	}
	return b
}

// textsOf are a text, or the texts of a list, of decoded JSON.
func textsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// keyName is the CUE expression, in a text, of what the resource Key was called at first.
func keyName(oldest map[string]string) string {
	if len(oldest) == 0 {
		return `\(Key)`
	}
	text, _ := json.Marshal(oldest) // texts alone: this can't fail
	return fmt.Sprintf(`\([for k, was in %s if k == Key {was}, Key][0])`, text)
}

// written is the file of the plan or the cell that the template is of.
func (t *templateText) written() *source {
	if t.at.plan == "" {
		return t.def.cells[t.at.cell].source
	}
	return t.def.plans[t.at.plan].source
}
