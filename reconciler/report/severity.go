package report

import (
	"cmp"
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// Severity guesses how grave a cause is, "high", "medium" or "low", and says why.
func (c Cause) Severity() (level, why string) {
	switch c.Sort {
	case Duplicate:
		return "high", "nobody can tell which of the resources is meant"
	case Missing, Mixed:
		return "high", "something that Git asks for is gone"
	case Stray, Absent:
		return "medium", "it costs money, and nobody looks after it"
	}
	for _, change := range c.Changes {
		if change.Action == changeset.Replace {
			return "high", "it can't be changed back in place"
		}
	}
	level, why = "low", "it changes how things are named, not what they do"
	for _, path := range c.Paths {
		attribute := changeset.SplitPath(path)[0]
		switch {
		case guards(attribute):
			return "high", attribute + " guards access or data"
		case !harmless(attribute):
			level, why = "medium", attribute+" changes how the service behaves"
		}
	}
	return level, why
}

// Graver orders causes: the gravest first, then those known longest, then by name.
func Graver(a, b Cause, since map[string]time.Time) int {
	weight := func(c Cause) int {
		level, _ := c.Severity()
		return slices.Index([]string{"high", "medium", "low"}, level)
	}
	return cmp.Or(cmp.Compare(weight(a), weight(b)), a.Since(since).Compare(b.Since(since)), cmp.Compare(a.Slug, b.Slug))
}

// Since is when the first difference of a cause was first seen; zero if that isn't known of any.
func (c Cause) Since(since map[string]time.Time) time.Time {
	var first time.Time
	for _, change := range c.Changes {
		for _, key := range Keys(change) {
			if at, known := since[key]; known && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

// guards tells whether an attribute guards access or data.
func guards(attribute string) bool {
	switch attribute {
	case "publicAccessBlock", "policy", "encryption", "kmsKey", "assumeRolePolicy", "inlinePolicies",
		"managedPolicies", "permissionsBoundary", "rotation", "versioning", "subscriptions", "objectOwnership", "replication", "notifications",
		"eventBridge", "grants", "subscriptionFilters", "replicas", "redriveAllow", changeset.Retirement:
		return true
	}
	return false
}

// harmless tells whether an attribute only says how a thing is called.
func harmless(attribute string) bool {
	return attribute == "tags" || attribute == "description" || attribute == "displayName"
}
