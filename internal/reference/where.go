package reference

import (
	"fmt"
	"strings"
	"time"

	"tenantry.dev/schema"
)

// Where tells where a value of a fleet comes from, and then what the schema says of it, if it does.
func Where(t schema.Trace, d *schema.Doc, style Style) string {
	var b strings.Builder
	b.WriteString(style.bold(t.Path))
	value := t.Value
	if value == "" && d != nil && t.Origin.File == "" && !d.Derived {
		value = d.Default
	}
	if value != "" {
		b.WriteString(" · " + value)
	}
	b.WriteString("\n\n")
	rows := [][]string{{"comes from", strings.TrimPrefix(fmt.Sprintf("%s, %s", t.Origin, t.From), ", ")}}
	if t.From == t.Origin.File {
		rows[0][1] = t.Origin.String()
	}
	if t.Template != "" {
		rows = append(rows, []string{"template", fmt.Sprintf("%s says %s", t.Says, clip(t.Template))})
	}
	if t.MayChoose != "" {
		rows = append(rows, []string{"a tenant may choose", t.MayChoose})
	}
	if t.Tenants > 0 && t.Template != "" {
		rows = append(rows, []string{"tenants", chosen(t)})
	}
	for i, p := range t.Policies {
		name := ""
		if i == 0 {
			name = "policies"
		}
		text := fmt.Sprintf("%s (%s): %s, %s", p.Name, p.Severity, p.Title, p.Origin)
		if p.Mentions {
			text = fmt.Sprintf("%s (%s) constrains it: %s, %s", p.Name, p.Severity, p.Title, p.Origin)
		}
		rows = append(rows, []string{name, text})
		for _, x := range p.Exceptions {
			rows = append(rows, []string{"", exception(x)})
		}
	}
	b.WriteString(table(rows, "  ", style))
	if d != nil {
		b.WriteString("\n" + Text(*d, style))
	}
	return b.String()
}

// exception says what a policy doesn't hold for.
func exception(x schema.ExceptionNote) string {
	return fmt.Sprintf("but not for %s until %s: %s (owner: %s, %s)", x.Whom, x.Expires.Format(time.RFC3339), x.Reason, x.Owner, x.Origin)
}

// chosen says how many tenants on a plan chose something of their own.
func chosen(t schema.Trace) string {
	if len(t.Choices) == 0 {
		return fmt.Sprintf("none of %d on the plan chose another", t.Tenants)
	}
	const most = 5
	var list []string
	for _, c := range t.Choices[:min(most, len(t.Choices))] {
		list = append(list, fmt.Sprintf("%s chose %s (%s)", c.Tenant, clip(c.Value), c.Origin))
	}
	if more := len(t.Choices) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%d of %d on the plan chose: %s", len(t.Choices), t.Tenants, strings.Join(list, ", "))
}

// clip shortens what is long.
func clip(text string) string {
	const most = 120
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
