package schema

import (
	"strings"
	"testing"
)

// A fleet may say how many pull requests about drift are open at a time; ten, if it doesn't.
func TestHowMuchDriftIsAskedAbout(t *testing.T) {
	fleet := string(with(t, "x", "")["fleet.cue"].Data)
	for text, want := range map[string]int{"": 10, "reports: openDrift: 2": 2, "reports: openDrift: 100": 100} {
		f, found := Load(with(t, "fleet.cue", fleet+"\n"+text+"\n"), today)
		if f == nil || f.OpenDrift != want {
			t.Errorf("%s: %v, want %d", text, found, want)
		}
	}
	for _, number := range []string{"0", "1", "101", "2.5", `"many"`} {
		f, found := Load(with(t, "fleet.cue", fleet+"\nreports: openDrift: "+number+"\n"), today)
		if f != nil || len(found) != 1 || !strings.Contains(found[0].Message, "reports.openDrift") {
			t.Errorf("%s: %v", number, found)
		}
	}
}
