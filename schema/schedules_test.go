package schema

import (
	"strings"
	"testing"
)

// Weekly reports come on Mondays unless the fleet says otherwise, and can be switched off.
func TestWhenTheWeeklyReportIsWritten(t *testing.T) {
	fleet := string(with(t, "x", "")["fleet.cue"].Data)
	for text, want := range map[string]string{
		"": "0 6 * * MON", `schedules: weekly: "30 7 * * 5"`: "30 7 * * 5", `schedules: weekly: "never"`: "",
	} {
		f, found := Load(with(t, "fleet.cue", fleet+"\n"+text+"\n"), today)
		if f == nil || f.Schedules.Weekly != want || f.Schedules.Drift == "" || f.Schedules.Audit == "" {
			t.Errorf("%s: %v, want %q, with the others as they are", text, found, want)
		}
	}
	for _, text := range []string{"often", "", "Never", "0 6 * *"} {
		f, found := Load(with(t, "fleet.cue", fleet+"\nschedules: weekly: \""+text+"\"\n"), today)
		if f != nil || len(found) != 1 || !strings.Contains(found[0].Message, "schedules.weekly: ") {
			t.Errorf("%q: %v", text, found)
		}
	}
}
