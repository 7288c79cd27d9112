package providertest

import (
	"strings"
	"testing"
)

// TestMemory shows that the suite can be passed.
func TestMemory(t *testing.T) {
	Run(t, kinds(), func(*testing.T, Check) Cloud { return newMemory("").cloud() })
}

// TestFaults shows that the suite can't be passed by a driver that breaks one promise.
func TestFaults(t *testing.T) {
	for fault, reason := range map[string]string{
		"all regions":           "another region",
		"blind":                 "tags",
		"cached":                "read by the set that made the changes",
		"create leaves":         "create finishes",
		"create once":           "create finishes",
		"deaf":                  "cancelled",
		"delete once":           "gone is gone",
		"deletes data":          "never deleted",
		"echo":                  "refresh",
		"extra attribute":       "which the kind doesn't",
		"grabs names":           "create refuses",
		"moves and resets":      "move changes the address and nothing else",
		"moves anything":        "move refuses what isn't at its address",
		"moves once":            "move to",
		"never retired":         "retired",
		"never unsets":          "walk",
		"no output":             "outputs",
		"plain secret":          "canonical",
		"prefix":                "another fleet",
		"read writes":           "nothing to change",
		"stays retired":         "retired",
		"surveys nobody's":      "the survey has",
		"surveys twice":         "2 times",
		"surveys without marks": "surveyed",
		"takes over":            "adopt refuses",
		"touches others":        "under the address that it had",
		"touches unmarked":      "lost our mark",
		"unmarked":              "no mark",
		"writes anyway":         "nothing to change",
	} {
		t.Run(fault, func(t *testing.T) {
			var failures []string
			for _, c := range Checks(kinds()) {
				if c.Kind != "aws.secretsmanager.secret" && c.Kind != "aws.sqs.queue" {
					continue
				}
				if err := c.Run(t.Context(), newMemory(fault).cloud()); err != nil {
					failures = append(failures, c.String()+": "+err.Error())
				}
			}
			if all := strings.Join(failures, "\n"); !strings.Contains(all, reason) {
				t.Errorf("want a failure that speaks of %q, got:\n%s", reason, all)
			}
		})
	}
}

// TestWalksStandOnTheirOwn: references are by name, so a name means one thing in a state.
func TestWalksStandOnTheirOwn(t *testing.T) {
	for _, w := range Walks() {
		names := map[string]bool{}
		for _, step := range w.Steps {
			clear(names)
			for _, r := range step.State {
				if names[r.Name] {
					t.Errorf("%s, walk %s, step %s: two resources are called %s", w.Kind, w.Name, step.Name, r.Name)
				}
				names[r.Name] = true
			}
		}
	}
}
