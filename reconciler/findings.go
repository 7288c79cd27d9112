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

// pullChecks are the checks on every pull request.
func pullChecks() []string { return []string{checkValidate, checkPolicy, checkPlan} }

// apart parts mistakes in the definitions from breaches of policies.
func apart(findings []schema.Finding) (mistakes, breaches []schema.Finding) {
	for _, f := range findings {
		if f.Policy == "" {
			mistakes = append(mistakes, f)
		} else {
			breaches = append(breaches, f)
		}
	}
	return mistakes, breaches
}

// validity is the check on whether the definitions say something.
func validity(t Target, mistakes []schema.Finding) Check {
	c := Check{Name: checkValidate, Conclusion: "success", Title: "The definitions are valid", Summary: findingsSummary(mistakes), Annotations: annotations(mistakes)}
	switch {
	case t.Fleet == nil || invalid(mistakes):
		c.Conclusion, c.Title = "failure", fmt.Sprintf("%d finding%s", len(mistakes), plural(len(mistakes)))
	case len(mistakes) > 0:
		c.Title = fmt.Sprintf("Valid, with %d remark%s", len(mistakes), plural(len(mistakes)))
	default:
		c.Summary = fmt.Sprintf("%d tenants, %d plans, %d cells.", len(t.Fleet.Tenants), len(t.Fleet.Plans), len(t.Fleet.Cells))
	}
	return c
}

// obedience is the check on whether the definitions keep to the fleet's policies: what one denies fails
// it, what one wants a person to look at first asks for that, and a warning is no more than that.
func obedience(t Target, breaches []schema.Finding) Check {
	c := Check{Name: checkPolicy, Conclusion: "success", Title: "All policies are kept", Summary: findingsSummary(breaches), Annotations: annotations(breaches)}
	count := map[schema.Severity]int{}
	for _, f := range breaches {
		count[f.Severity]++
	}
	switch {
	case t.Fleet == nil && len(breaches) == 0:
		c.Conclusion, c.Title = "failure", "Not examined: the definitions can't be used"
	case invalid(breaches):
		n := count[schema.Deny] + count[schema.Error]
		c.Conclusion, c.Title = "failure", fmt.Sprintf("%d breach%s of policies", n, plurals(n))
	case count[schema.Hold] > 0:
		c.Conclusion, c.Title = "action_required", fmt.Sprintf("%d case%s for a person to decide on", count[schema.Hold], plural(count[schema.Hold]))
	case len(breaches) > 0:
		c.Title = fmt.Sprintf("Kept, with %d warning%s", len(breaches), plural(len(breaches)))
	case t.Fleet != nil:
		c.Summary = fmt.Sprintf("%d policies.", len(t.Fleet.Policies))
	}
	return c
}

func plurals(n int) string {
	if n == 1 {
		return ""
	}
	return "es"
}

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
