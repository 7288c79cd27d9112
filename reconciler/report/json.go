package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// formatVersion is that of all JSON of this package. It changes when a field changes its meaning
// or goes away, and not when one is added.
const formatVersion = "1"

type planJSON struct {
	FormatVersion string              `json:"format_version"`
	Fleet         string              `json:"fleet"`
	Commit        string              `json:"commit"`
	Digest        string              `json:"digest"`
	Approval      string              `json:"approval,omitempty"`
	Summary       summaryJSON         `json:"summary"`
	Changes       []changeJSON        `json:"changes"`
	Unseen        []unseenJSON        `json:"unseen"`
	Broken        []brokenJSON        `json:"broken"`
	Abandoned     []abandonedJSON     `json:"abandoned,omitempty"`
	Waived        []changeset.Waived  `json:"waived,omitempty"` // drift that is left as it is
	Again         *time.Time          `json:"again,omitempty"`  // when to look at what is held again
	Outcomes      []changeset.Outcome `json:"outcomes,omitempty"`
	Shadow        *shadowJSON         `json:"shadow,omitempty"`
	Cost          *costJSON           `json:"cost,omitempty"`
	Radius        *radiusJSON         `json:"blast_radius,omitempty"`
}

type summaryJSON struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	Replace   int `json:"replace"`
	Delete    int `json:"delete"`
	Retire    int `json:"retire"`
	Adopt     int `json:"adopt"`
	Move      int `json:"move"`
	Held      int `json:"held"`
	Owners    int `json:"owners"`
	Unchanged int `json:"unchanged"`
}

type changeJSON struct {
	Address    string             `json:"address"`
	Action     changeset.Action   `json:"action"`
	Cause      changeset.Cause    `json:"cause"`
	Hold       string             `json:"hold"`
	HoldKind   string             `json:"hold_kind,omitempty"`
	Origin     string             `json:"origin"`
	Scope      resource.Scope     `json:"scope"`
	Cell       string             `json:"cell,omitempty"`
	ID         string             `json:"id,omitempty"`   // what the cloud knows it by, if it is there
	From       string             `json:"from,omitempty"` // of a move: the address before
	HoldsData  bool               `json:"holds_data,omitempty"`
	Replacing  []string           `json:"replacing,omitempty"`
	Attributes []attributeJSON    `json:"attributes"`
	Needs      []resource.Address `json:"needs,omitempty"`
}

type attributeJSON struct {
	Path   string          `json:"path"`
	Before resource.Value  `json:"before"`
	After  resource.Value  `json:"after"`
	Cause  changeset.Cause `json:"cause"`
	Origin string          `json:"origin,omitempty"`
}

type unseenJSON struct {
	Scope resource.Scope `json:"scope"`
	Kind  string         `json:"kind,omitempty"`
	Error string         `json:"error"`
}

type abandonedJSON struct {
	Address resource.Address `json:"address"`
	Scope   resource.Scope   `json:"scope"`
	Reason  string           `json:"reason"`
}

type brokenJSON struct {
	Owner resource.Owner `json:"owner"`
	Error string         `json:"error"`
}

// JSON is the changeset for programs, as docs/reference describes it, and the outcomes of applying
// it if there are any. Secrets are masked. Held changes are counted under their action as well.
func JSON(c changeset.Changeset, outcomes ...changeset.Outcome) ([]byte, error) {
	return JSONWith(c, nil, Facts{}, outcomes...)
}

// JSONWith is JSON with what a change to something shared does to everybody, and what the changes come to, as far as
// that is known.
func JSONWith(c changeset.Changeset, shadow *Shadow, f Facts, outcomes ...changeset.Outcome) ([]byte, error) {
	s := c.Summary()
	out := planJSON{
		FormatVersion: formatVersion, Fleet: c.Fleet, Commit: c.Commit, Digest: c.Digest, Approval: c.Approval,
		Summary: summaryJSON{s.Create, s.Update, s.Replace, s.Delete, s.Retire, s.Adopt, s.Move, s.Held, s.Owners, c.Unchanged},
		Changes: make([]changeJSON, len(c.Changes)), Unseen: []unseenJSON{}, Broken: []brokenJSON{},
		Outcomes: outcomes, Shadow: newShadowJSON(shadow), Cost: newCostJSON(f.Cost), Radius: newRadiusJSON(f.Radius),
	}
	for i, change := range c.Changes {
		out.Changes[i] = newChangeJSON(change)
	}
	for _, u := range c.Unseen {
		out.Unseen = append(out.Unseen, unseenJSON{u.Scope, u.Kind, u.Error})
	}
	for _, b := range c.Broken {
		out.Broken = append(out.Broken, brokenJSON(b))
	}
	for _, a := range c.Abandoned {
		out.Abandoned = append(out.Abandoned, abandonedJSON{a.Address, a.Scope, a.Why})
	}
	out.Waived = c.Waived
	if !c.Again.IsZero() {
		out.Again = &c.Again
	}
	return indented(out)
}

func newChangeJSON(c changeset.Change) changeJSON {
	out := changeJSON{
		Address: c.Address.String(), Action: c.Action, Cause: c.Cause, Hold: c.Hold, HoldKind: c.HoldKind,
		Origin: c.Origin.String(), Scope: c.Scope, Cell: c.Cell, Replacing: c.Replacing, Needs: c.Needs,
		Attributes: make([]attributeJSON, len(c.Attributes)), HoldsData: c.HoldsData,
	}
	if c.Action == changeset.Move {
		out.From = c.From.String()
	}
	if c.Have != nil {
		out.ID = c.Have.ID
	}
	for i, d := range c.Attributes {
		out.Attributes[i] = attributeJSON{d.Path, d.Before, d.After, d.Cause, d.Origin.String()}
	}
	return out
}

// indented is JSON for files: two spaces, no HTML escapes, a newline at the end.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return b.Bytes(), nil
}

// Saved reads, from what JSON wrote, which commit the changeset was computed for and its digest.
// Whoever applies a saved changeset computes it again and compares; nothing else in the file is
// believed.
func Saved(text []byte) (commit, digest string, err error) {
	var in struct {
		FormatVersion string `json:"format_version"`
		Commit        string `json:"commit"`
		Digest        string `json:"digest"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return "", "", fmt.Errorf("saved plan: %w", err)
	}
	if in.FormatVersion != formatVersion {
		return "", "", fmt.Errorf("saved plan: format_version is %q, this version reads %q", in.FormatVersion, formatVersion)
	}
	if !strings.HasPrefix(in.Digest, "sha256:") {
		return "", "", fmt.Errorf("saved plan: digest is %q, which is none", in.Digest)
	}
	return in.Commit, in.Digest, nil
}
