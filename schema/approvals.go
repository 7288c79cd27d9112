package schema

import (
	"fmt"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// approvals reads the folder of approvals: plain data, as tenants are.
func (e *engine) approvals() ([]changeset.Approval, []Finding) {
	var out []changeset.Approval
	var found []Finding
	for _, src := range e.tree.sources[approvalsDir] {
		if src.syntax == nil {
			continue // said when it was read
		}
		refuse := func(at ast.Node, format string, args ...any) {
			found = append(found, Finding{Origin: src.at(at), Severity: Error, Message: fmt.Sprintf(format, args...)})
		}
		root, refused := readData(src.syntax)
		for _, r := range refused {
			refuse(r.at, "%s", r.message)
		}
		if src.syntax.PackageName() != "fleet" {
			refuse(src.syntax, "the file must begin with \"package fleet\"")
		}
		all := root.get("approval")
		if all == nil || all.kind != structNode {
			refuse(src.syntax, "the file approves nothing; write approval: %q: {digest: …, by: …, reason: …, expires: …}", src.name())
			continue
		}
		for _, f := range all.fields {
			if a, ok := e.approval(src, f, refuse); ok {
				out = append(out, a)
			}
		}
	}
	return out, found
}

func (e *engine) approval(src *source, f field, refuse func(ast.Node, string, ...any)) (changeset.Approval, bool) {
	def := e.definition("#Approval")
	if err := e.ctx.BuildExpr(f.value.expression()).Unify(def).Validate(cue.Concrete(true)); err != nil {
		for _, r := range diagnose(e.ctx, f.value, slot{def: def, path: []string{"approval", f.name}, at: f.label}) {
			refuse(r.at, "%s", r.message)
		}
		return changeset.Approval{}, false
	}
	expires, err := time.Parse(time.RFC3339, f.value.text("expires"))
	if err != nil {
		refuse(f.value.label("expires"), "expires: %q is not a time such as \"2026-12-31T18:00:00Z\"", f.value.text("expires"))
		return changeset.Approval{}, false
	}
	at := src.at(f.label)
	return changeset.Approval{
		Digest: f.value.text("digest"), By: f.value.text("by"), Reason: f.value.text("reason"), Expires: expires,
		Origin: resource.Origin{File: at.File, Line: at.Line, Col: at.Col},
	}, true
}
