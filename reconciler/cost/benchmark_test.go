package cost

import (
	"fmt"
	"testing"

	"tenantry.dev/reconciler/resource"
)

// BenchmarkCompare prices 10,000 tenants of ten resources each on both sides, as a change to everybody's plan does.
func BenchmarkCompare(b *testing.B) {
	var before, after []resource.Desired
	key, bucket := want("aws.kms.key", "us-east-1", `{}`), want("aws.s3.bucket", "us-east-1", `{}`)
	alarm, fast := want("aws.cloudwatch.alarm", "us-east-1", `{"period":60}`), want("aws.cloudwatch.alarm", "us-east-1", `{"period":10}`)
	for i := range 10_000 {
		owner := resource.Tenant(fmt.Sprint("t", i))
		for j := range 8 {
			d := named([]resource.Desired{key, bucket}[j%2], owner, fmt.Sprint(j))
			before, after = append(before, d), append(after, d)
		}
		before, after = append(before, named(alarm, owner, "a")), append(after, named(fast, owner, "a"))
		after = append(after, named(key, owner, "new"))
	}
	for b.Loop() {
		if d := Compare(Book{}, before, after, nil); d.Change() != 10_000*1_200_000 {
			b.Fatal(d.Change())
		}
	}
}
