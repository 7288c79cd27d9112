package schema

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// needs identifies all that the evaluation of a sound tenant in a place depends on, besides the
// tenant's own file and this program. Two sets of definitions that agree on it render the tenant
// equally. The zero Sum means that the place isn't sound.
//
// What the template is made of says most: it has the facts that are filled in and names the
// policies. The rest is the text of the files that it draws on.
func (e *engine) needs(at place) Sum {
	plan, cell := e.def.plans[at.plan], e.def.cells[at.cell]
	if plan == nil || cell == nil {
		return Sum{}
	}
	if sum, known := e.needed[at]; known {
		return sum
	}
	h := sha256.New()
	add := func(format string, args ...any) {
		_, _ = fmt.Fprintf(h, format+"\x00", args...) // a hash never fails to be written to
	}
	text := templateText{def: e.def, at: at, rules: e.mayRule(at)}
	add("%s", text.fused())
	for _, p := range text.rules { // which exceptions are active is in no text
		for _, x := range p.exceptions {
			add("%q %q %q %q %t", p.Name, x.Tenant, x.Cell, x.Resource, x.Active)
		}
	}
	for _, key := range sortedKeys(e.def.spoiled) {
		name, isPolicy := strings.CutPrefix(key, policiesDir+"/")
		if p := e.def.unsound[name]; isPolicy && (p == nil || p.maySelect(at, cell.Environment)) {
			add("%q", e.def.spoiled[key])
		}
	}
	facts, account := cell.Cell, *e.def.accounts[cell.Account]
	facts.Origin, facts.Capacity, account.Origin, account.Quotas = resource.Origin{}, 0, resource.Origin{}, nil
	add("%q %+v %+v %q %q %s", at, facts, account, e.def.fleet.name, e.def.fleet.environments, e.def.module)
	add("%q", sortedKeys(e.def.accounts[cell.Account].Quotas)) // which kinds are counted
	shared := e.def.shared[at.cell]
	for _, name := range sortedKeys(shared) {
		add("%q %q", name, shared[name])
	}
	reached := map[string]*source{}
	e.tree.reach(plan.source, e.def.module, reached)
	for _, p := range text.rules {
		for _, s := range e.tree.sources[policiesDir] {
			if s.path == p.Origin.File {
				e.tree.reach(s, e.def.module, reached)
			}
		}
	}
	for _, name := range sortedKeys(reached) {
		add("%q %t %d", name, e.def.left[name], len(reached[name].text))
		_, _ = h.Write(reached[name].text)
	}
	sum := Sum(h.Sum(nil))
	e.needed[at] = sum
	return sum
}

// reach collects the files that a definition's value can depend on. The files of a folder are one
// package, in which any name may be another file's; so all files that write one of the names in
// this one count, and those that write something without a name. Of a folder that is imported, all
// files count.
func (t *tree) reach(from *source, module string, into map[string]*source) {
	if into[from.path] != nil {
		return
	}
	into[from.path] = from
	if from.syntax == nil {
		return
	}
	used := map[string]bool{}
	ast.Walk(from.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			used[n.Name] = true
		case *ast.ImportSpec:
			t.reachFolder(n.Path.Value, module, into)
		}
		return true
	}, nil)
	own, _ := topNames(from.syntax)
	for _, name := range own {
		used[name] = true
	}
	for _, s := range t.sources[from.dir()] {
		if s.syntax == nil {
			continue
		}
		names, nameless := topNames(s.syntax)
		if nameless || slices.ContainsFunc(names, func(name string) bool { return used[name] }) {
			t.reach(s, module, into)
		}
	}
}

func (t *tree) reachFolder(quoted, module string, into map[string]*source) {
	target, _, _ := strings.Cut(strings.Trim(quoted, "\"`#"), ":")
	target, _, _ = strings.Cut(target, "@")
	if folder, ours := strings.CutPrefix(target, module+"/"); ours {
		for _, s := range t.sources[folder] {
			t.reach(s, module, into)
		}
	}
}

// topNames are the names that a file writes at its top, and whether it writes anything there that
// has none, such as a pattern or a value for all.
func topNames(f *ast.File) (names []string, nameless bool) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.Field:
			if name, _, err := ast.LabelName(d.Label); err == nil {
				names = append(names, name)
			} else {
				nameless = true
			}
		case *ast.EmbedDecl, *ast.Comprehension, *ast.Ellipsis:
			nameless = true
		}
	}
	return names, nameless
}
