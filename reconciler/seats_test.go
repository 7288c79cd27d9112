package reconciler

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/schema"
)

// Of five hundred causes that come, go and are decided on, never more are open than the fleet says; who has a pull
// request keeps it; and no place stays empty while somebody waits.
func TestSeatsNeverFlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet := &schema.Fleet{OpenDrift: rapid.IntRange(2, 20).Draw(t, "places")}
		open, reports := map[int]bool{}, rapid.IntRange(0, fleet.OpenDrift/2).Draw(t, "reports on what was put back")
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			there := rapid.SliceOfNDistinct(rapid.IntRange(0, 500), 0, 500, rapid.ID[int]).Draw(t, "causes")
			var proposals []ProposalState
			for i := range 501 {
				switch {
				case open[i] && !slices.Contains(there, i):
					delete(open, i)
					proposals = append(proposals, ProposalState{Branch: fmt.Sprint(driftBranches, i), State: "closed", ByUs: true})
				case open[i]:
					proposals = append(proposals, ProposalState{Branch: fmt.Sprint(driftBranches, i), State: "open"})
				}
			}
			for i := range reports {
				proposals = append(proposals, ProposalState{Branch: fmt.Sprint(driftBranches, "r", i), State: "open", Digest: correctedDigest})
			}
			proposals = append(proposals, ProposalState{Branch: overviewBranch, State: "open", Digest: overviewDigest})
			s := scan{target: Target{Fleet: fleet}, proposals: proposals}.take()
			waiting := 0
			for _, cause := range there {
				if !open[cause] && s.question() {
					open[cause] = true
				} else if !open[cause] {
					waiting++
				}
			}
			if len(open)+reports > fleet.OpenDrift {
				t.Fatalf("%d are open, and %d reports; the fleet says %d", len(open), reports, fleet.OpenDrift)
			}
			if waiting > 0 && len(open)+reports < fleet.OpenDrift {
				t.Fatalf("%d wait while %d are open", waiting, len(open))
			}
		}
	})
}

// Reports on what was put back leave half of the places to questions, and take none that isn't there.
func TestReportsLeaveRoomForQuestions(t *testing.T) {
	s := scan{target: Target{Fleet: &schema.Fleet{OpenDrift: 5}}}.take()
	for want, got := range []bool{s.report(), s.report(), !s.report(), s.question(), s.question(), s.question(), !s.question(), !s.report()} {
		if !got {
			t.Errorf("step %d went otherwise", want)
		}
	}
}
