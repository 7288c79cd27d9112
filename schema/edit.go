package schema

import (
	"errors"

	"tenantry.dev/reconciler/resource"
)

// SetField sets one field of a CUE file and leaves every other byte as it is, comments included.
// The path is the field's keys from the top of the file; missing structs on the way are added.
func SetField(file []byte, path []string, value any) ([]byte, error) {
	return nil, errors.New("not yet")
}

// Keep returns the edit of the owner's file after which Git wants the given value of an attribute.
// The edit is returned only if the fleet with it still loads and renders exactly that value;
// otherwise err says in a person's words what stands against it.
func (f *Fleet) Keep(d resource.Desired, attribute string, value resource.Value) (path string, edited []byte, err error) {
	return "", nil, errors.New("not yet")
}
