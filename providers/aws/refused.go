package aws

import (
	"context"
	"fmt"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A refused is the driver of a type that can't be managed, though something of it was once applied: AWS's
// table has changed since. It looks at nothing and writes nothing, so that its places are unseen and what
// lies there is left alone; everything else goes on.
type refused struct {
	kind resource.Kind
	why  error
}

func newRefused(name string, global bool, why error) *refused {
	return &refused{resource.Kind{Name: name, Global: global}, why}
}

func (d *refused) refuse(operation string) error {
	return fmt.Errorf("%s %s: %w", operation, d.kind.Name, d.why)
}

// Kind has a name and nothing else.
func (d *refused) Kind() resource.Kind { return d.kind }

// Observe refuses.
func (d *refused) Observe(context.Context, resource.Scope, string) ([]resource.Observed, error) {
	return nil, d.refuse("list")
}

// Create refuses.
func (d *refused) Create(context.Context, resource.Desired, string) (resource.Observed, error) {
	return resource.Observed{}, d.refuse("create")
}

// Update refuses.
func (d *refused) Update(context.Context, resource.Observed, resource.Desired) (resource.Observed, error) {
	return resource.Observed{}, d.refuse("update")
}

// Delete refuses.
func (d *refused) Delete(context.Context, resource.Observed) error { return d.refuse("delete") }

var _ providers.Driver = (*refused)(nil)
