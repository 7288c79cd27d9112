// Package changeset computes what would have to change in the cloud. It is pure: data in, data
// out, with no context, clock, logger or I/O, so that every decision can be repeated and tested.
package changeset

import (
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Snapshot is everything that a decision depends on, the time included.
type Snapshot struct {
	Fleet  string // the fleet's name, as its mark on resources has it
	Commit string // the commit that Desired was rendered from; empty for a plain folder
	Kinds  map[string]resource.Kind

	Desired []resource.Desired // what Git says now
	// Applied is what Git said of each resource when it was last brought to that. Nothing is known of
	// the owners that are missing in Settled: all their differences count as configuration.
	Applied []resource.Desired
	Settled map[resource.Owner]bool
	// Doubtful has the resources that something was begun on since, for another commit than this one:
	// all their differences count as configuration as well.
	Doubtful map[resource.Address]bool
	// Begun has what updates asked for that were begun on a resource since, for another commit than this
	// one, and may have left anything between that and what was applied. What they explain counts as
	// configuration; any other value is somebody's change.
	Begun map[resource.Address][]resource.Desired
	// Follows has the resources that refer to something that was written since they were applied, so
	// that their references may lead elsewhere now. Those count as configuration.
	Follows map[resource.Address]bool
	// Observed is what the cloud has, of all that carries the fleet's mark or was recognised as ours.
	Observed []resource.Observed

	// Adoptable has, by the address that it is to have, what Git allows to take over, as far as it
	// could be looked at. It carries no mark, or another fleet's.
	Adoptable map[resource.Address]resource.Observed

	// Unseen has the places that couldn't be read. What lies there is left alone.
	Unseen map[Place]string
	// Broken has the owners whose definitions couldn't be rendered, with the reason. What they
	// have is left alone: an unreadable definition asks for nothing, least of all a deletion.
	Broken map[resource.Owner]string
	// Lost has the accounts that Git says are lost or closed, with what it says. What was applied there
	// is abandoned: it is forgotten, and nothing is read or written there.
	Lost map[string]string
	// Removed has the owners whose definitions a commit removed, with that commit. Only such
	// owners lose their resources; an owner that is merely absent does not.
	Removed map[resource.Owner]string
	// Created has the addresses that our own log says we created. It tells an orphan that an
	// interrupted run left behind from a resource that only carries a copy of our mark.
	Created map[resource.Address]bool
	// Nonces has, of addresses of Unrepeatable kinds that the log has creates of, the marks that these
	// leave on what they make. What carries another one is no work of ours.
	Nonces map[resource.Address][]string
	// Made has the addresses, of kinds that can't carry a mark, that the log says we made or adopted: it has
	// the cloud's answer to that.
	Made map[resource.Address]bool
	// Unclear has the resources of such kinds for which it can't be told which one in the cloud is meant,
	// with the reason. Nothing is done to them. Recognise fills it in.
	Unclear map[resource.Address]string
	// UnderWay has the writes that the cloud has accepted and is still at, by address. Nothing else is
	// sent for an address before that has ended.
	UnderWay map[resource.Address]UnderWay
	// Unsure has creates that were sent and whose outcome may not show yet, by address, with the
	// time before which no second one may be sent.
	Unsure map[resource.Address]time.Time

	Waivers   []Waiver // what people decided to leave as it is
	Limits    Limits
	Spent     []Spent    // what was destroyed and retired within the window of the limits
	Approvals []Approval // recorded in Git
	// Used has, by the digest of an approval, the addresses that were destroyed or retired under it
	// and are done with. An approval is good for one time: it lets none of them go once more.
	Used map[string]map[resource.Address]bool
	// CorrectDrift lets Apply put back what was changed in the cloud. Without it, drift is held:
	// found, reported and left for a person to decide.
	CorrectDrift bool
	Now          time.Time
}

// UnderWay is a write that the cloud has accepted and is still at.
type UnderWay struct {
	Scope  resource.Scope
	Action Action
	What   string // in a person's words: "AWS is still creating it"
}

// A Place is a kind in a scope. An empty Kind means every kind in the scope.
type Place struct {
	Scope resource.Scope
	Kind  string
}

// Limits bound what one window may destroy, deletions and replacements together, and what it may
// retire, both counted per fleet and per cell. A window may destroy max(Count, Percent of what the
// fleet or cell had), and retire max(Count, Percent of what held data there); more is held until
// an approval names the changeset's digest.
type Limits struct {
	Window  time.Duration // 24 h if zero
	Count   int
	Percent float64 // of the resources observed, 0 to 100
}

// Spent is a change that was made and counts against the limits.
type Spent struct {
	Address resource.Address
	Cell    string // the cell it counted against; empty for none
	At      time.Time
	Retired bool // it was taken out of service; otherwise it was deleted or replaced
	// Again tells that the last attempt came to nothing, or that the cloud wasn't ready for it: the next one
	// is the same, and costs nothing more.
	Again bool
}

// Approved says which approval let a change through that a limit would have held.
type Approved struct {
	Digest string          `json:"digest"`
	By     string          `json:"by"`
	Origin resource.Origin `json:"origin"` // the approval's place in Git
}

// An Approval lets a held changeset through, once. It binds to the digest and to nothing else.
type Approval struct {
	Digest  string // "sha256:…", a changeset's Approval or its Digest
	By      string // who recorded it
	Reason  string
	Expires time.Time
	Origin  resource.Origin
}

// An Action is what a change does to its resource.
type Action string

// The actions. A Replace is a deletion followed by a creation. Retire takes a resource that holds
// data out of service and keeps it; it is what a deletion becomes for data-bearing kinds.
const (
	None    Action = "none"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Retire  Action = "retire"
	Adopt   Action = "adopt"
	// Move takes a resource over from an address that it had before: its mark is changed, and what
	// else differs is updated. It stays what it is, under the name that the cloud knows.
	Move Action = "move"
	// Abandon forgets what is in an account that is lost. It is only in entries of the log: nothing is
	// sent.
	Abandon Action = "abandon"
)

// Symbol is the sign that users of this field know: + ~ - -/+.
func (a Action) Symbol() string {
	switch a {
	case Create:
		return "+"
	case Update:
		return "~"
	case Replace:
		return "-/+"
	case Delete:
		return "-"
	case Retire:
		return "◌"
	case Adopt:
		return "←"
	case Move:
		return "→"
	}
	return " "
}

// Destructive tells whether the action counts against the limits.
func (a Action) Destructive() bool { return a == Delete || a == Replace }

// A Cause is why a change is there.
type Cause string

// The causes. Config: Git moved. Drift: the cloud was changed and Git was not. Orphan: the cloud
// has something with our mark that Git neither says nor said.
const (
	Config Cause = "config"
	Drift  Cause = "drift"
	Orphan Cause = "orphan"
)

// A Change is one resource's step.
type Change struct {
	Address resource.Address
	Scope   resource.Scope
	Cell    string
	Action  Action
	Cause   Cause
	// Hold says in a person's words why the change must not be made now; empty if it may.
	Hold string
	// HoldKind tells programs which guard it was; see the Hold… constants.
	HoldKind string
	// Again is the earliest time at which the hold could end by the passing of time alone; zero if
	// it can't, or if nobody knows when.
	Again time.Time
	// Approved is the approval without which a limit would hold what is destroyed or retired; zero
	// if none was needed.
	Approved Approved
	Origin   resource.Origin

	Attributes []Difference // what differs, sorted by path
	// From is the address that a Move takes the resource over from; Have carries it. Zero otherwise.
	From resource.Address
	// HoldsData tells that the kind holds data, so that losing the resource would lose that.
	HoldsData bool
	// Replacing has the paths of the immutable attributes that force a replacement.
	Replacing []string

	// Want is what a create or an update sends, in canonical form, references still open where
	// their output isn't known yet. Attributes that drifted and are not to be corrected have the
	// cloud's value in it, so that an update for one reason doesn't undo another.
	Want *resource.Desired
	// Have is the resource as observed; nil if there is none.
	Have *resource.Observed
	// Needs are the addresses in the same changeset that must be done before this one.
	Needs []resource.Address
}

// Reasons to hold a change, for programs.
const (
	HoldDrift    = "drift"      // found, and correcting it is a person's decision
	HoldLimit    = "limit"      // too much destruction for one window
	HoldData     = "data"       // would destroy what holds data
	HoldOrphan   = "orphan"     // carries our mark, but nothing says that we made it
	HoldUnseen   = "unseen"     // the place, or one that it needs, couldn't be read
	HoldUnsure   = "unsure"     // an earlier create may still arrive
	HoldDouble   = "duplicate"  // two resources carry this address
	HoldPending  = "pending"    // the cloud is still busy with it
	HoldNotOurs  = "not-ours"   // adoption was not asked for, or of something that isn't there
	HoldNotInGit = "not-in-git" // its owner is absent, and no commit removed it
	HoldWaits    = "waits"      // a change that it needs is held
	HoldMove     = "move"       // it can't be taken over from an earlier address as Git has it
)

// A Difference is one path inside a resource that differs.
type Difference struct {
	Path string // "versioning", "tags.team", "inlinePolicies.main"
	// Before is what the cloud has, After what it is to have. Unset means absent.
	Before, After resource.Value
	Cause         Cause
	Origin        resource.Origin
}

// A Changeset is the computed set of changes: a value that can be printed, saved, checked and
// applied later. Changes come in the order of their application.
type Changeset struct {
	Fleet  string
	Commit string
	Digest string // of what the changeset would do; approvals bind to it
	// Approval is the digest that lets through what the limits hold, and no more: of all that is
	// to be destroyed or retired within the window, made or still to be made. Empty if nothing is to
	// be. Unlike Digest it stays the same while the rest of the changeset is being applied, and it is
	// another one when the same is to be done once more.
	Approval string
	Changes  []Change
	Unseen   []Unseen
	Broken   []Broken
	// Abandoned is what was applied in accounts that are lost. Applying the changeset forgets it.
	Abandoned []Abandoned
	// Waived is drift that people decided to leave as it is.
	Waived []Waived
	// Unchanged counts the resources that are as Git wants them.
	Unchanged int
	// Again is the earliest time, later than the snapshot's, at which a change that is held could
	// become possible with nothing changed in Git or in the cloud: at which destruction that counts
	// against the limits leaves their window, or at which an earlier create has arrived or never
	// will. The same snapshot as of then may hold it once more, and give a later time. Zero if time
	// alone makes nothing possible.
	Again time.Time
}

// Unseen is a place that couldn't be read.
type Unseen struct {
	Place
	Error string
}

// Abandoned is a resource in an account that is lost: nobody knows what became of it.
type Abandoned struct {
	Address resource.Address
	Scope   resource.Scope
	Why     string // what Git says of the account
}

// Broken is an owner whose definitions couldn't be rendered.
type Broken struct {
	Owner resource.Owner
	Error string
}

// A Summary counts changes by action. Held ones are counted in Held and under their action.
type Summary struct {
	Create, Update, Replace, Delete, Retire, Adopt, Move int
	Held                                                 int
	Owners                                               int // tenants, cells … that have a change
}

// A Result is what became of a change.
type Result string

// The results. Blocked: something that it needs failed. Skipped: the run stopped before it.
// Unsure: it was sent and its answer lost, so that it may have taken effect or may yet. Waiting: the
// cloud is at it and takes its time; a later look goes on with it.
const (
	Applied   Result = "applied"
	Unchanged Result = "unchanged"
	Failed    Result = "failed"
	Blocked   Result = "blocked"
	Held      Result = "held"
	Skipped   Result = "skipped"
	Unsure    Result = "unsure"
	Waiting   Result = "waiting"
)

// An Outcome is what happened to one change.
type Outcome struct {
	Address resource.Address `json:"address"`
	Action  Action           `json:"action"`
	Result  Result           `json:"result"`
	// Detail is the error, the reason to hold, or what it waits for, in a person's words.
	Detail string `json:"detail,omitempty"`
	// Since is when the cloud was first found not to be done with it, and Until when that counts as a
	// failure. Zero unless it is Waiting for the cloud itself.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// An Entry is one line of the audit log. Every write to the cloud has one before it and one after.
type Entry struct {
	Seq     int64            `json:"seq"` // from 1, without gaps; set by the log
	Time    time.Time        `json:"time"`
	Run     string           `json:"run"`   // what the entries of one pass share
	Phase   Phase            `json:"phase"` // before, after or note
	Fleet   string           `json:"fleet"`
	Commit  string           `json:"commit,omitempty"`
	Digest  string           `json:"digest,omitempty"`
	Address resource.Address `json:"address,omitzero"`
	From    resource.Address `json:"from,omitzero"` // of a move: the address before
	Scope   resource.Scope   `json:"scope,omitzero"`
	Cell    string           `json:"cell,omitempty"`
	Action  Action           `json:"action,omitempty"`
	Cause   Cause            `json:"cause,omitempty"`
	Result  Result           `json:"result,omitempty"` // of an after-entry
	Before  int64            `json:"before,omitempty"` // of an after-entry: the entry that it answers
	Nonce   string           `json:"nonce,omitempty"`  // of a before-entry: the mark that the create carries
	Ticket  string           `json:"ticket,omitempty"` // of an after-entry that waits: what the cloud calls the request
	Paths   []string         `json:"paths,omitempty"`  // the attributes that change; never their values
	Detail  string           `json:"detail,omitempty"`
	Actor   string           `json:"actor,omitempty"` // who caused it: a login, or "tenantry"
	// Approved is the approval that the write was made under, if it needed one.
	Approved Approved `json:"approved,omitzero"`
	// Want is what a write asks for, of a before-entry. It is for State, which keeps it until the resource
	// is settled, and is no part of the log: that has no values.
	Want *resource.Desired `json:"-"`
}

// A Phase is where an entry stands to the write that it is about.
type Phase string

// The phases of entries. A note stands alone, e.g. for a forced push or a decision.
const (
	Before Phase = "before"
	After  Phase = "after"
	Note   Phase = "note"
)
