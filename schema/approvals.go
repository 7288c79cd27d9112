package schema

import (
	"fmt"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// decisions are what people decided that isn't in the definitions: the files in approvals/.
type decisions struct {
	approvals []changeset.Approval
	waivers   []changeset.Waiver
	until     time.Time // when the first of the waivers ends
}

// decisions reads the folder of approvals: plain data, as tenants are. What ended by a time has no effect.
func (e *engine) decisions(at time.Time) (decisions, []Finding) {
	var out decisions
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
		approved, waived := root.get("approval"), root.get("waiver")
		if (approved == nil || approved.kind != structNode) && (waived == nil || waived.kind != structNode) {
			refuse(src.syntax, "the file decides nothing; write approval: %q: {digest: …, by: …, reason: …, expires: …}", src.name())
			continue
		}
		if approved != nil {
			for _, f := range approved.fields {
				if a, ok := e.approval(src, f, refuse); ok {
					out.approvals = append(out.approvals, a)
				}
			}
		}
		if waived != nil {
			for _, f := range waived.fields {
				if w, ok := e.waiver(src, f, refuse); ok {
					out.add(w, at)
				}
			}
		}
	}
	return out, found
}

// add takes up a waiver that hasn't ended.
func (d *decisions) add(w changeset.Waiver, at time.Time) {
	if !at.Before(w.Until) {
		return
	}
	d.waivers = append(d.waivers, w)
	if d.until.IsZero() || w.Until.Before(d.until) {
		d.until = w.Until
	}
}

// fits tells whether a record is as its definition wants it, and says what isn't.
func (e *engine) fits(record, definition string, f field, refuse func(ast.Node, string, ...any)) bool {
	def := e.definition(definition)
	if err := e.ctx.BuildExpr(f.value.expression()).Unify(def).Validate(cue.Concrete(true)); err == nil {
		return true
	}
	for _, r := range diagnose(e.ctx, f.value, slot{def: def, path: []string{record, f.name}, at: f.label}) {
		refuse(r.at, "%s", r.message)
	}
	return false
}

// moment reads a time of a record.
func moment(f field, name string, refuse func(ast.Node, string, ...any)) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, f.value.text(name))
	if err != nil {
		refuse(f.value.label(name), "%s: %q is not a time such as \"2026-12-31T18:00:00Z\"", name, f.value.text(name))
	}
	return at, err == nil
}

func (e *engine) approval(src *source, f field, refuse func(ast.Node, string, ...any)) (changeset.Approval, bool) {
	if !e.fits("approval", "#Approval", f, refuse) {
		return changeset.Approval{}, false
	}
	expires, ok := moment(f, "expires", refuse)
	at := src.at(f.label)
	return changeset.Approval{
		Digest: f.value.text("digest"), By: f.value.text("by"), Reason: f.value.text("reason"), Expires: expires,
		Origin: resource.Origin{File: at.File, Line: at.Line, Col: at.Col},
	}, ok
}

func (e *engine) waiver(src *source, f field, refuse func(ast.Node, string, ...any)) (changeset.Waiver, bool) {
	if !e.fits("waiver", "#Waiver", f, refuse) {
		return changeset.Waiver{}, false
	}
	until, ok := moment(f, "until", refuse)
	at := src.at(f.label)
	w := changeset.Waiver{
		Attributes: f.value.texts("attributes"), By: f.value.text("by"), Reason: f.value.text("reason"), Until: until,
		Origin: resource.Origin{File: at.File, Line: at.Line, Col: at.Col},
	}
	for _, text := range f.value.texts("resources") {
		address, err := resource.ParseAddress(text)
		if err != nil {
			refuse(f.value.label("resources"), "waiver.%s.resources: %v", f.name, err)
			ok = false
			continue
		}
		w.Addresses = append(w.Addresses, address)
	}
	if ok && (len(w.Addresses) == 0 || len(w.Attributes) == 0) {
		refuse(f.label, "waiver.%s waives nothing: name at least one resource and one attribute", f.name)
		return w, false
	}
	return w, ok
}
