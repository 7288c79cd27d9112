package report

import (
	"encoding/json"
	"strings"
	"time"
)

// A Deed is a write to a resource that the cloud logged: who did it, from where and when. Being close to a
// difference is no proof that it made it, so that reports list deeds and conclude nothing. No part of it
// goes into a digest: the same drift stays the same, whoever is found to have made it.
type Deed struct {
	Action  string    `json:"action"` // what the service calls it, such as "iam:AttachRolePolicy"
	By      string    `json:"by"`     // the ARN of who did it
	Session string    `json:"session,omitempty"`
	From    string    `json:"from,omitempty"` // the source address, or a service
	At      time.Time `json:"at"`
}

// deeds is the table of who wrote to the resources of a cause. All of its text comes from outside: people
// choose the names of sessions, and programs those of users.
func deeds(cause Cause, o DriftOptions) section {
	s := section{noun: "write", most: 8_000, foot: "\n"}
	s.head = "### Who did it\n\nThe writes that CloudTrail logged of what differs, the newest first:\n\n" +
		table([]string{"Resource", "Call", "Who", "Session", "From", "When"}, nil)
	for _, change := range cause.Changes {
		for _, d := range o.Deeds[change.Address] {
			cells := []string{
				code(change.Address.String()), code(cut(d.Action, 100)), code(cut(d.By, 160)), code(cut(d.Session, 80)),
				code(cut(d.From, 80)), d.At.UTC().Format("2006-01-02 15:04:05 UTC"),
			}
			s.items = append(s.items, "| "+strings.Join(cells, " | ")+" |\n")
		}
	}
	return s
}

// MarshalJSON writes the time without fractions of a second, which logs don't have either.
func (d Deed) MarshalJSON() ([]byte, error) {
	type plain Deed
	d.At = d.At.UTC().Truncate(time.Second)
	return json.Marshal(plain(d))
}
