package reconciler_test

import (
	"context"
	"testing"
	"time"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// A busy evaluator has to stop evaluating one tenant for a while.
type busy struct {
	schema.Evaluator
	victim string
	until  time.Time
}

func (b busy) Tenants(ctx context.Context, d schema.Definitions, files []schema.File, take func(*schema.Answer)) error {
	return b.Evaluator.Tenants(ctx, d, files, func(a *schema.Answer) {
		if a.File == "tenants/"+b.victim+".cue" && time.Now().Before(b.until) {
			f := schema.Finding{Origin: resource.Origin{File: a.File, Line: 1}, Severity: schema.Error, Tenant: b.victim, Message: "it takes too long"}
			a = &schema.Answer{File: a.File, Owner: resource.Tenant(b.victim), At: f.Origin, Stopped: true, Found: []schema.Finding{f}, Broken: f.String()}
		}
		take(a)
	})
}

// Who was left out of a commit because the machine was busy is served when it isn't any more, with
// nobody asking.
func TestWhoWasLeftOutByAccidentIsServedLater(t *testing.T) {
	inOffice(t, func(o *office) {
		o.Loader = &schema.Loader{Evaluator: busy{schema.InProcess(), "cedar-clinic", time.Now().Add(20 * time.Minute)}}
		o.restart()
		o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("while its definition can't be evaluated, the logs are kept for %s days", got)
		}
		o.wait(time.Hour)
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days", got)
		}
	})
}
