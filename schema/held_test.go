package schema

import (
	"slices"
	"strings"
	"testing"

	"tenantry.dev/reconciler/resource"
)

// A policy that wants a person to look first holds everybody who breaks it, though the finding about a
// line that they have in common is only said once, and about nobody.
func TestEveryoneThatAPolicyHoldsIsHeld(t *testing.T) {
	f, found := Load(with(t, "policies/slow.cue", `package policies

import "tenantry.dev/schema"

slow: schema.#Policy & {
	title:    "Queues wait"
	severity: "hold"
	message:  "Let queues wait 11 seconds."
	select: kinds: ["aws.sqs.queue"]
	resource?: delay: 11
}
`), today)
	if f == nil || Invalid(found) {
		t.Fatal(found)
	}
	var queues []resource.Owner
	for _, d := range f.Render().Desired {
		if d.Address.Kind == "aws.sqs.queue" {
			queues = append(queues, d.Address.Owner)
		}
	}
	if len(queues) < 2 {
		t.Fatal("the fleet has too few queues for the test")
	}
	if !slices.ContainsFunc(found, func(x Finding) bool { return x.Policy == "slow" && x.Tenant == "" }) {
		t.Errorf("no finding is about several: %v", found)
	}
	for _, owner := range queues {
		if !strings.Contains(f.Held[owner], "held by policy slow: ") {
			t.Errorf("%s isn't held: %q", owner, f.Held[owner])
		}
	}
}
