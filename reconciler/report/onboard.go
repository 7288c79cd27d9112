package report

import (
	"fmt"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// An Onboarding is what a pull request that adds a tenant tells its readers.
type Onboarding struct {
	Tenant      string // the name
	DisplayName string // as people know it
	File        string
	Facts       []Fact // what the tenant gets, in the order in which to say it
	Resources   []resource.Address
}

// A Fact is a row of two columns. One without a value isn't shown.
type Fact struct{ What, Value string }

// Title is the title of the pull request, in one line.
func (o Onboarding) Title() string { return "Onboard " + visible(o.DisplayName) }

// Markdown is the body of the pull request. Whatever the names are, they stay text.
func (o Onboarding) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Onboards **%s** as tenant %s, in %s.\n\n", prose(o.DisplayName), code(o.Tenant), code(o.File))
	var rows [][]string
	for _, f := range o.Facts {
		if f.Value != "" {
			rows = append(rows, []string{prose(f.What), prose(f.Value)})
		}
	}
	b.WriteString(table([]string{"", ""}, rows))
	fmt.Fprintf(&b, "\nMerging makes %s:\n\n", count(len(o.Resources), "resource"))
	for _, a := range o.Resources {
		fmt.Fprintf(&b, "- %s %s\n", code(a.Kind), code(a.Name))
	}
	return b.String()
}
