package reconciler

import (
	"context"
	"slices"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// keep makes the edits after which Git wants what the cloud has. What was kept is listed with the
// file that keeps it, what can't be kept with the reason, both by the key that the report uses.
func keep(ctx context.Context, t Target, cause report.Cause) (files map[string][]byte, kept, refused map[string]string) {
	files, kept, refused = map[string][]byte{}, map[string]string{}, map[string]string{}
	desired := map[resource.Address]resource.Desired{}
	for _, d := range t.Rendered().Desired {
		desired[d.Address] = d
	}
	fleet, edited := t.Fleet, map[resource.Owner]bool{}
	for _, change := range cause.Changes {
		want, ok := desired[change.Address]
		if !ok || change.Have == nil || change.HoldKind != changeset.HoldDrift {
			refused[change.Address.String()] = "there is no value to keep: " + nothingToKeep(change)
			continue
		}
		for _, name := range attributesOf(change) {
			key := change.Address.String() + " " + name
			if name == changeset.Retirement {
				refused[key] = "Git has no word for what is kept out of service: take the resource out of Git, and it is retired"
				continue
			}
			if edited[change.Address.Owner] {
				// A second edit of the same file must see the first.
				if next, _, err := t.Fleet.With(ctx, files); err == nil && next != nil {
					fleet = next
				}
				edited = map[resource.Owner]bool{}
			}
			path, content, err := fleet.Keep(ctx, want, name, change.Have.Attributes[name])
			if err != nil {
				refused[key] = err.Error()
				continue
			}
			files[path], kept[key] = content, path
			edited[change.Address.Owner] = true
		}
	}
	return files, kept, refused
}

func nothingToKeep(change changeset.Change) string {
	switch {
	case change.Have == nil:
		return "the resource is gone from the cloud"
	case change.Cause == changeset.Orphan:
		return "nothing in Git describes the resource"
	}
	return "the change is held for another reason"
}

// attributesOf are the attributes that a change's differences lie in, each once.
func attributesOf(change changeset.Change) []string {
	var names []string
	for _, difference := range change.Attributes {
		name := changeset.SplitPath(difference.Path)[0]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
