package main

import (
	"context"

	"tenantry.dev/schema"
)

// loader reads fleets. The returned function ends it.
func (a *app) loader(context.Context, string) (*schema.Loader, func() error, error) {
	return &schema.Loader{Evaluator: schema.InProcess()}, func() error { return nil }, nil
}
