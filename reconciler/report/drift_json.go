package report

import (
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

type driftReport struct {
	FormatVersion string `json:"format_version"`
	Fleet         string `json:"fleet"`
	Commit        string `json:"commit"`
	Cause         string `json:"cause"`
	Sort          Sort   `json:"sort"`
	Digest        string `json:"digest"`
	Title         string `json:"title"`
	Severity      string `json:"severity"`
	SeverityWhy   string `json:"severity_why"`
	correction
	Resources []driftResource `json:"resources"`
}

// correction says that Git's values were put back without asking: when, and in which run of the log.
type correction struct {
	At  string `json:"corrected_at,omitempty"`
	Run string `json:"run,omitempty"`
}

type driftResource struct {
	Address    resource.Address  `json:"address"`
	Scope      resource.Scope    `json:"scope"`
	ID         string            `json:"id,omitempty"`
	Action     changeset.Action  `json:"action"` // what putting Git's value back would be
	Hold       string            `json:"hold,omitempty"`
	Since      string            `json:"since,omitempty"`
	Refused    string            `json:"refused,omitempty"` // why the cloud's state can't be kept by merging
	Left       string            `json:"left,omitempty"`    // why it wasn't put back, in a fleet that corrects drift
	Deeds      []Deed            `json:"deeds,omitempty"`   // the writes to it that the cloud told of, the newest first
	Attributes []driftDifference `json:"attributes"`
}

type driftDifference struct {
	Path    string         `json:"path"`
	Git     resource.Value `json:"git"`
	Cloud   resource.Value `json:"cloud"`
	Origin  string         `json:"origin,omitempty"`
	Since   string         `json:"since,omitempty"`
	Kept    string         `json:"kept,omitempty"`    // the file whose edit keeps the cloud's value
	Refused string         `json:"refused,omitempty"` // or why there is no such edit
}

func driftJSON(cause Cause, o DriftOptions, title, level, why string, done correction) []byte {
	out := driftReport{
		FormatVersion: formatVersion, Fleet: o.Fleet, Commit: o.Commit, Cause: cause.Slug, Sort: cause.Sort,
		Digest: cause.Digest, Title: title, Severity: level, SeverityWhy: why, correction: done,
		Resources: make([]driftResource, len(cause.Changes)),
	}
	for i, change := range cause.Changes {
		out.Resources[i] = newDriftResource(change, o)
	}
	data, _ := indented(out) // texts and values that encode themselves: this can't fail
	return data
}

func newDriftResource(change changeset.Change, o DriftOptions) driftResource {
	out := driftResource{
		Address: change.Address, Scope: change.Scope, Action: change.Action,
		Refused: o.Refused[change.Address.String()], Left: o.Left[change.Address], Deeds: o.Deeds[change.Address], Attributes: []driftDifference{},
	}
	if change.HoldKind != changeset.HoldDrift {
		out.Hold = change.Hold
	}
	if change.Have != nil {
		out.ID = change.Have.ID
	}
	if whole(change) {
		out.Since = timeText(o.Since, Keys(change)[0])
		return out
	}
	for _, d := range change.Attributes {
		key := change.Address.String() + " " + changeset.SplitPath(d.Path)[0]
		out.Attributes = append(out.Attributes, driftDifference{
			Path: d.Path, Git: d.After, Cloud: d.Before, Origin: d.Origin.String(), Since: timeText(o.Since, Key(change, d)),
			Kept: o.Kept[key], Refused: o.Refused[key],
		})
	}
	return out
}

func timeText(times map[string]time.Time, key string) string {
	at, known := times[key]
	if !known {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
