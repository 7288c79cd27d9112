package awsbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// TestConformanceOfTypes puts the suite to the resource types that have no driver of their own.
func TestConformanceOfTypes(t *testing.T) {
	types := providertest.Types()
	set := must[providers.Set](t)(typedCloud(awsbox.Conditions{}, types...).Drivers())
	kinds := map[string]resource.Kind{}
	for _, name := range types {
		kinds[name] = set[name].Kind()
	}
	for _, check := range providertest.Checks(kinds) {
		t.Run(check.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := typedCloud(awsbox.Conditions{PageSize: 1}, check.Types()...)
				c.Settle = 3 * time.Minute // what was made a minute ago and is gone is asked for anew
				if err := check.Run(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
