package schema

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// modulePath is the import path of this package's definitions in CUE.
const modulePath = "tenantry.dev/schema"

// vendorDir is where a fleet keeps its copy of them, so that the cue command line finds them offline.
const vendorDir = "cue.mod/pkg/" + modulePath

//go:embed *.cue
var definitionFiles embed.FS

// Vendor returns the definitions as they are vendored into every fleet: by path from the fleet's root.
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

// Revendor brings the copy of the definitions in the fleet in dir up to date, with those of the
// resource types that it names, and returns the paths that changed, sorted. Files that don't belong
// there any more are removed. It is idempotent.
func Revendor(dir string, types ...string) ([]string, error) {
	want, err := VendorTypes(types...)
	if err != nil {
		return nil, err
	}
	maps.Copy(want, Vendor())
	var changed []string
	entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(vendorDir)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the copy of the schema: %w", err)
	}
	for _, e := range entries {
		path := vendorDir + "/" + e.Name()
		if _, wanted := want[path]; wanted || e.IsDir() || !strings.HasSuffix(path, ".cue") {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			return nil, fmt.Errorf("remove from the copy of the schema: %w", err)
		}
		changed = append(changed, path)
	}
	for _, path := range sortedKeys(want) {
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err == nil && string(have) == string(want[path]) {
			delete(want, path)
			continue
		}
		changed = append(changed, path)
	}
	slices.Sort(changed)
	return changed, write(dir, want)
}
