package report

import (
	"fmt"
	"time"
)

// Waiver is the title and the text of a report of drift that somebody wants to waive until a day.
func Waiver(title, markdown, by, reason string, until time.Time) (string, string) {
	day := until.UTC().Format(time.DateOnly)
	return "Waive until " + day + ": " + title,
		fmt.Sprintf("**Merging this waives the drift until %s**, as %s asked for: %s. Nothing is changed in the cloud, and the drift is "+
			"reported again then. Closing it puts Git's values back, as before.\n\n", day, prose(by), prose(reason)) + markdown
}
