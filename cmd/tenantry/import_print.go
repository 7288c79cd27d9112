package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

// printTakeover says what would be adopted, what that would change, and what is left alone.
func (i *importing) printTakeover(t takeover.Takeover, findings []schema.Finding, wrote bool) error {
	if i.asJSON {
		return i.printJSON(i.takeoverJSON(t, findings, wrote))
	}
	p := &pageWriter{}
	p.objections(t, findings)
	p.pairs(t)
	p.overrides(t)
	p.changes(t)
	p.left(t)
	p.questions(t)
	for _, note := range t.Notes {
		p.line("Note: %s", note)
	}
	p.files(i, t, wrote)
	_, err := fmt.Fprint(i.out, p.String())
	return err
}

// A pageWriter gathers lines.
type pageWriter struct{ strings.Builder }

func (p *pageWriter) line(format string, args ...any) {
	p.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n")
}

// oneLine shows what would break a line or move the cursor.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '·'
		}
		return r
	}, text)
}

func (p *pageWriter) objections(t takeover.Takeover, findings []schema.Finding) {
	texts := map[string]bool{}
	for _, o := range t.Objections {
		texts[o.String()] = true
	}
	for _, f := range findings {
		texts[f.String()] = true
	}
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		p.line("%s", text)
	}
	if slices.ContainsFunc(t.Objections, func(o takeover.Objection) bool { return o.Fatal && o.Policy != "" }) {
		p.line("What exists breaks a policy of the fleet. Mend it in the cloud first, or let the policy warn until then.")
	}
}

func (p *pageWriter) pairs(t takeover.Takeover) {
	if len(t.Pairs) == 0 {
		return
	}
	p.line("To be adopted:")
	wide := 0
	for _, pair := range t.Pairs {
		wide = max(wide, len(pair.Found.Kind)+1+len(pair.Name))
	}
	for _, pair := range t.Pairs {
		why := ""
		if pair.Why != "" {
			why = " (" + pair.Why + ")"
		}
		p.line("  ←   %-*s  %s%s", wide, pair.Found.Kind+"/"+pair.Name, pair.Found.Name, why)
	}
}

func (p *pageWriter) overrides(t takeover.Takeover) {
	if len(t.Overrides) == 0 {
		return
	}
	p.line("As it is today, by overrides:")
	for _, v := range t.Overrides {
		p.line("        %s.%s: %s", v.Name, v.Attribute, brief(v.Value))
	}
}

// changes are what adopting does besides putting the fleet's mark on.
func (p *pageWriter) changes(t takeover.Takeover) {
	if len(t.Changes) > 0 {
		p.line("Would change on adoption:")
	}
	for _, c := range t.Changes {
		for _, d := range c.Attributes {
			p.line("  ~   %s", changeText(c.Address.Name, d))
		}
	}
	if len(t.Created) > 0 {
		p.line("Would be created, as the plan has it and nothing like it was selected:")
	}
	for _, d := range t.Created {
		p.line("  +   %s/%s", d.Address.Kind, d.Address.Name)
	}
}

func changeText(name string, d changeset.Difference) string {
	text := fmt.Sprintf("%s.%s: %s → %s", name, d.Path, none(brief(d.Before)), none(brief(d.After)))
	if at := d.Origin.String(); at != "" {
		text += "  (" + at + ")"
	}
	return text
}

func none(text string) string { return or(text, "(none)") }

// brief is a value on a part of a line.
func brief(v resource.Value) string {
	const most = 100
	text := []rune(v.Text())
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

func (p *pageWriter) left(t takeover.Takeover) {
	if len(t.Left) > 0 {
		p.line("Left alone:")
	}
	for _, l := range t.Left {
		p.line("        %s %s: %s", l.Found.Kind, l.Found.Name, l.Why)
	}
}

func (p *pageWriter) questions(t takeover.Takeover) {
	for _, q := range t.Questions {
		p.line("The plan's %s (%s) could be:", q.Name, q.Kind)
		for _, f := range q.Candidates {
			p.line("        --match %s=%s", q.Name, quotedIfNeeded(f.Name))
		}
		p.line("        --match %s=%s  (none of them)", q.Name, takeover.Nothing)
	}
}

// quotedIfNeeded is a word for a shell.
func quotedIfNeeded(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,+") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// files shows the files or says that they are there, and what to do next.
func (p *pageWriter) files(i *importing, t takeover.Takeover, wrote bool) {
	if !t.Ready() || len(t.Pairs) == 0 {
		return
	}
	paths := slices.Sorted(maps.Keys(t.Files))
	if !wrote {
		for _, name := range paths {
			p.line("")
			p.line("-- %s --", name)
			p.WriteString(string(t.Files[name]))
		}
		return
	}
	p.line("")
	p.line("Wrote %s. Nothing in the cloud was touched.", strings.Join(paths, " and "))
	p.line("Next:")
	p.line("  tenantry plan %s    # adopts (←) what stands above, and changes and creates nothing else of it", quotedIfNeeded(i.dir))
	p.line("  git checkout -b import-%s && git add %s && git commit -m 'Take over %s'", i.tenant, strings.Join(paths, " "), i.tenant)
	p.line("and open a pull request: merging it is what adopts.")
}

// A takeoverDoc is what programs read of a takeover.
type takeoverDoc struct {
	Version   string            `json:"format_version"`
	Tenant    string            `json:"tenant"`
	Plan      string            `json:"plan"`
	Cell      string            `json:"cell"`
	Wrote     bool              `json:"wrote"`
	Adopt     []pairJSON        `json:"adopt"`
	Overrides []overrideJSON    `json:"overrides"`
	Changes   []changeJSON      `json:"changes"`
	Create    []string          `json:"create"`
	Left      []leftJSON        `json:"left"`
	Questions []questionJSON    `json:"questions"`
	Findings  []string          `json:"findings"`
	Notes     []string          `json:"notes"`
	Files     map[string]string `json:"files"`
}

// What a takeoverDoc consists of.
type (
	pairJSON struct {
		Name   string         `json:"name"`
		Kind   string         `json:"kind"`
		ID     string         `json:"id"`
		Scope  resource.Scope `json:"scope"`
		Reason string         `json:"reason,omitempty"`
	}
	leftJSON struct {
		Kind   string         `json:"kind"`
		ID     string         `json:"id"`
		Scope  resource.Scope `json:"scope"`
		Reason string         `json:"reason"`
	}
	overrideJSON struct {
		Name      string         `json:"name"`
		Attribute string         `json:"attribute"`
		Value     resource.Value `json:"value"`
	}
	changeJSON struct {
		Name   string         `json:"name"`
		Path   string         `json:"path"`
		Before resource.Value `json:"before"`
		After  resource.Value `json:"after"`
		Origin string         `json:"origin,omitempty"`
	}
	questionJSON struct {
		Name       string   `json:"name"`
		Kind       string   `json:"kind"`
		Candidates []string `json:"candidates"`
	}
)

// takeoverJSON is what programs read.
func (i *importing) takeoverJSON(t takeover.Takeover, findings []schema.Finding, wrote bool) any {
	doc := takeoverDoc{
		Version: formatVersion, Tenant: i.tenant, Plan: or(i.asPlan, i.plan), Cell: i.order.Tenant.Cell, Wrote: wrote,
		Adopt: []pairJSON{}, Overrides: []overrideJSON{}, Changes: []changeJSON{}, Create: []string{}, Left: []leftJSON{}, Questions: []questionJSON{},
		Findings: []string{}, Notes: append([]string{}, t.Notes...), Files: map[string]string{},
	}
	for _, p := range t.Pairs {
		doc.Adopt = append(doc.Adopt, pairJSON{p.Name, p.Found.Kind, p.Found.ID, p.Found.Scope, p.Why})
	}
	for _, v := range t.Overrides {
		doc.Overrides = append(doc.Overrides, overrideJSON{v.Name, v.Attribute, v.Value})
	}
	for _, c := range t.Changes {
		for _, d := range c.Attributes {
			doc.Changes = append(doc.Changes, changeJSON{c.Address.Name, d.Path, d.Before, d.After, d.Origin.String()})
		}
	}
	for _, d := range t.Created {
		doc.Create = append(doc.Create, d.Address.String())
	}
	for _, l := range t.Left {
		doc.Left = append(doc.Left, leftJSON{l.Found.Kind, l.Found.ID, l.Found.Scope, l.Why})
	}
	for _, q := range t.Questions {
		doc.Questions = append(doc.Questions, questionJSON{q.Name, q.Kind, names(q.Candidates, func(f providers.Found) string { return f.ID })})
	}
	for _, o := range t.Objections {
		doc.Findings = append(doc.Findings, o.String())
	}
	for _, f := range findings {
		if text := f.String(); !slices.Contains(doc.Findings, text) {
			doc.Findings = append(doc.Findings, text)
		}
	}
	for name, text := range t.Files {
		doc.Files[name] = string(text)
	}
	return doc
}
