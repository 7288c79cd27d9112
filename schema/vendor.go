package schema

import "embed"

// modulePath is the import path of this package's definitions in CUE.
const modulePath = "tenantry.dev/schema"

// vendorDir is where a fleet keeps its copy of them, so that the cue command line finds them offline.
const vendorDir = "cue.mod/pkg/" + modulePath

//go:embed *.cue
var definitionFiles embed.FS

// Vendor returns the definitions as they are vendored into a fleet: by path from the fleet's root.
// Load evaluates with the definitions of this package whatever a fleet's copy says.
func Vendor() map[string][]byte {
	out := map[string][]byte{}
	entries, _ := definitionFiles.ReadDir(".") // embedded: can't fail
	for _, e := range entries {
		text, _ := definitionFiles.ReadFile(e.Name())
		out[vendorDir+"/"+e.Name()] = text
	}
	return out
}
