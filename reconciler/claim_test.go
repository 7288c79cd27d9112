package reconciler_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenantry.dev/internal/work"
	"tenantry.dev/schema"
)

// A fleet that another one stands in the way of is left alone, whatever its commits say, and served once the way
// is free.
func TestAFleetThatIsNotOursIsNotApplied(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		before := o.cloud.writeCount()
		var refused atomic.Bool
		refused.Store(true)
		o.Daemon.Queue = turns{work.NewMemory()}
		o.Daemon.Claim = func(_ context.Context, fleet *schema.Fleet) error {
			if refused.Load() {
				return errors.New("the fleet " + fleet.Name + " is somebody else's")
			}
			return nil
		}
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.start()
		o.wait(30 * time.Minute)
		if n := o.cloud.writeCount(); n != before {
			t.Errorf("%d writes for a fleet that isn't ours", n-before)
		}
		check := o.board.check("tenantry/apply", second)
		if check.Conclusion != "failure" || !strings.Contains(check.Summary, "the fleet brightdesk is somebody else's") {
			t.Errorf("tenantry/apply is %s: %s\n%s", check.Conclusion, check.Title, check.Summary)
		}
		refused.Store(false)
		o.wait(30 * time.Minute)
		if check := o.board.check("tenantry/apply", second); check.Conclusion != "success" {
			t.Errorf("tenantry/apply is %s: %s\n%s", check.Conclusion, check.Title, check.Summary)
		}
	})
}
