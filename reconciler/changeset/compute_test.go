package changeset

import (
	"testing"
)

func TestEmptySnapshot(t *testing.T) {
	c, err := Compute(Snapshot{Fleet: "f"})
	if err != nil || !c.Empty() {
		t.Fatalf("Compute(nothing) = %v, %v", c, err)
	}
}
