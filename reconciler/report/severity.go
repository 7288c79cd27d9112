package report

import "tenantry.dev/reconciler/changeset"

// severity guesses how grave a cause is, and says why.
func severity(cause Cause) (level, why string) {
	switch cause.Sort {
	case Duplicate:
		return "high", "nobody can tell which of the resources is meant"
	case Missing:
		return "high", "something that Git asks for is gone"
	case Stray, Absent:
		return "medium", "it costs money, and nobody looks after it"
	}
	for _, change := range cause.Changes {
		if change.Action == changeset.Replace {
			return "high", "it can't be changed back in place"
		}
	}
	level, why = "low", "it changes how things are named, not what they do"
	for _, path := range cause.Paths {
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

// guards tells whether an attribute guards access or data.
func guards(attribute string) bool {
	switch attribute {
	case "publicAccessBlock", "policy", "encryption", "kmsKey", "assumeRolePolicy", "inlinePolicies",
		"managedPolicies", "permissionsBoundary", "rotation", "subscriptions", "objectOwnership", "replication", "notifications",
		"eventBridge", "grants", "subscriptionFilters", "replicas", "redriveAllow", changeset.Retirement:
		return true
	}
	return false
}

// harmless tells whether an attribute only says how a thing is called.
func harmless(attribute string) bool {
	return attribute == "tags" || attribute == "description" || attribute == "displayName"
}
