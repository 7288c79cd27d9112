package changeset

import (
	"fmt"
	"testing"

	"tenantry.dev/reconciler/resource"
)

// manyTenants is a fleet of tenants with fifteen resources each.
func manyTenants(n int) Snapshot {
	s := Snapshot{Fleet: "f", Kinds: kinds(), Settled: map[resource.Owner]bool{}, Now: now}
	alerts := want(alerts, `{"name":"alerts"}`)
	s.Desired = append(s.Desired, alerts)
	template := []resource.Desired{want("tenant/x/key/key", `{"alias":"alias/x"}`)}
	for i := range 4 {
		template = append(template,
			want(fmt.Sprintf("tenant/x/bucket/data%d", i), `{"name":"x","encryption":{"algorithm":"aws:kms","kmsKey":"@key.arn"},"tags":{"team":"red"}}`),
			want(fmt.Sprintf("tenant/x/queue/jobs%d", i), `{"name":"x","delay":5,"peers":["b","a"]}`),
			want(fmt.Sprintf("tenant/x/topic/events%d", i), `{"name":"x","kmsKey":"@key.arn"}`))
	}
	template = append(template, want("tenant/x/bucket/data", `{"name":"x"}`),
		want("tenant/x/role/app", `{"name":"x","policies":{"main":{"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"@data.arn"},{"Effect":"Allow","Action":"sns:Publish","Resource":"@cell.alerts.arn"}]}}}`))
	for i := range n {
		owner := resource.Tenant(fmt.Sprintf("tenant-%05d", i))
		s.Settled[owner] = true
		for _, d := range template {
			d.Address.Owner = owner
			attributes := resource.Attributes{}
			for name, v := range d.Attributes {
				attributes[name] = v.Resolve(func(r resource.Ref) (string, bool) {
					if r.Address.Owner.Class() == "tenant" {
						r.Address.Owner = owner
					}
					return r.Placeholder(), true
				})
			}
			d.Attributes = attributes
			s.Desired = append(s.Desired, d)
		}
	}
	s.Applied = s.Desired
	for _, d := range s.Desired {
		s.Observed = append(s.Observed, made(d))
	}
	return s
}

func BenchmarkCompute(b *testing.B) {
	s := manyTenants(10_000)
	run := func(name string, s Snapshot) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := Compute(s)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(c.Changes)), "changes")
			}
		})
	}
	run("unchanged", s)
	fresh := s
	fresh.Observed, fresh.Applied, fresh.Settled = nil, nil, nil
	run("all to create", fresh)
	removed := s
	removed.Desired = s.Desired[:1]
	removed.Removed = map[resource.Owner]string{}
	for owner := range s.Settled {
		removed.Removed[owner] = "commit 1234"
	}
	run("all to delete", removed)
}
