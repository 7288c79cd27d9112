//go:build conformance

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page for people has every difference that the lane excuses, and no other.
func TestThePageHasEveryDifference(t *testing.T) {
	var b strings.Builder
	b.WriteString("| kind | what is walked | what moto does otherwise than AWS |\n|---|---|---|\n")
	for _, d := range motoDifferences {
		kind, walk, _ := strings.Cut(d.Check, "/walk ")
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", kind, walk, d.Reason)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "moto.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), b.String()) {
		t.Errorf("docs/moto.md must have this table:\n%s", b.String())
	}
}
