package reconciler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// annotations puts findings on their lines, worst first.
func annotations(findings []schema.Finding) []Annotation {
	list := make([]Annotation, 0, len(findings))
	for _, f := range findings {
		a := Annotation{Origin: f.Origin, Level: "failure", Title: "Tenantry", Message: f.Message}
		if f.Policy != "" {
			a.Title = "Policy " + f.Policy
		}
		switch f.Severity {
		case schema.Hold:
			a.Level = "warning"
		case schema.Warn:
			a.Level = "notice"
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b Annotation) int {
		return cmp.Compare(weight(a.Level), weight(b.Level))
	})
	return list
}

func weight(level string) int {
	return slices.Index([]string{"failure", "warning", "notice"}, level)
}

// findingsSummary lists findings as Markdown. The whole list is in the annotations.
func findingsSummary(findings []schema.Finding) string {
	const most = 50
	var b strings.Builder
	for i, f := range findings {
		if i == most {
			fmt.Fprintf(&b, "- … and %d more\n", len(findings)-most)
			break
		}
		fmt.Fprintf(&b, "- `%s` %s\n", f.Origin, strings.ReplaceAll(f.Message, "\n", " "))
	}
	return b.String()
}

// invalid tells whether findings make a pull request unfit to merge.
func invalid(findings []schema.Finding) bool {
	return slices.ContainsFunc(findings, func(f schema.Finding) bool {
		return f.Severity == schema.Error || f.Severity == schema.Deny
	})
}

func sortedOutcomes(byAddress map[resource.Address]changeset.Outcome) []changeset.Outcome {
	return slices.SortedFunc(maps.Values(byAddress), func(a, b changeset.Outcome) int {
		return a.Address.Compare(b.Address)
	})
}
