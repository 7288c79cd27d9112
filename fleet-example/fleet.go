// Package fleetexample holds the example fleet: a config repository to read, to run in the demo
// and to test with. The CUE files beside this one are the fleet.
package fleetexample

import "embed"

//go:embed all:cue.mod all:access all:cells all:plans all:policies all:releases all:tenants *.cue README.md CODEOWNERS
var files embed.FS

// Files returns the example fleet as the first commit of its repository.
func Files() embed.FS { return files }
