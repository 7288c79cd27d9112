// Package reconciler makes the cloud match Git: it reads a commit, observes the cloud, has the
// difference computed, applies it step by step, and answers through a forge.
//
// This file has the interfaces that it consumes. Each is declared here, where it is used, and
// implemented in internal/.
package reconciler

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Commit is the full hex id of a Git commit.
type Commit string

// Short is the commit as people write it.
func (c Commit) Short() string { return string(c[:min(len(c), 8)]) }

// A Source reads the config repository. Safe for concurrent use; reads have no effect outside
// the mirror.
type Source interface {
	// Head fetches the watched branch and returns its newest commit, whose tree is then readable.
	// A branch that is gone or empty is an error, never an empty fleet.
	Head(ctx context.Context) (Commit, error)
	// Fetch makes another ref, such as "refs/pull/7/merge", readable and returns its commit.
	// ErrNoRef if the remote has no such ref.
	Fetch(ctx context.Context, ref string) (Commit, error)
	// Open returns the files of a commit. The FS is read-only and safe for concurrent use. What a
	// fleet may not contain (links, submodules, odd names) opens as an error at its path.
	Open(ctx context.Context, c Commit) (fs.FS, error)
	// Ancestor tells whether a is b or one of its ancestors.
	Ancestor(ctx context.Context, a, b Commit) (bool, error)
	// Removed returns the paths that existed in an ancestor of c and don't exist in c, each with
	// the newest commit that removed it.
	Removed(ctx context.Context, c Commit) (map[string]Commit, error)
	// Changed returns the paths that differ between two commits, sorted.
	Changed(ctx context.Context, from, to Commit) ([]Change, error)
}

// A Change is a path that differs between two commits.
type Change struct {
	Path string
	Kind ChangeKind
}

// A ChangeKind is how a path differs.
type ChangeKind string

// The ways in which a path differs. A rename is a removal and an addition.
const (
	Added    ChangeKind = "added"
	Modified ChangeKind = "modified"
	Gone     ChangeKind = "removed"
)

// ErrNoRef means that the remote has no such ref.
var ErrNoRef = errors.New("the repository has no such ref")

// A Forge proposes changes to the config repository as pull requests. Both methods state an end,
// so repeating them is harmless.
type Forge interface {
	// Propose has an open pull request with exactly this content: it creates or updates the
	// branch and the pull request. It never overwrites a branch that somebody else committed to;
	// then the error is ErrTouched and the pull request is left as it is.
	Propose(ctx context.Context, p Proposal) (url string, err error)
	// Withdraw closes the branch's open pull request with a comment that gives the reason, and
	// deletes the branch. Nothing to withdraw is no error.
	Withdraw(ctx context.Context, branch, reason string) error
	// Proposals returns the pull requests of ours whose branch begins with prefix: all open ones,
	// and of the closed ones at least those closed since the given time.
	Proposals(ctx context.Context, prefix string, since time.Time) ([]ProposalState, error)
}

// ErrTouched means that a person committed to the branch of a proposal.
var ErrTouched = errors.New("somebody else committed to this branch")

// A Proposal is a pull request that Tenantry wants to exist.
type Proposal struct {
	Branch string // "tenantry/drift/log-retention"
	Title  string
	Body   string // Markdown, at most 60,000 characters; longer is cut by the forge
	Labels []string
	Files  map[string][]byte // the whole content by path; nil removes the file
	// Digest identifies what is proposed. It is kept in the pull request and returned by
	// Proposals. An unchanged digest writes nothing.
	Digest string
	// Returns says that what it is about may go away and come back: the newest pull request of the branch is then
	// opened again if we closed it. One that a person merged or closed never is.
	Returns bool
}

// ProposalState is what became of a proposal.
type ProposalState struct {
	Branch   string
	Number   int
	URL      string
	Digest   string
	State    string    // "open", "merged" or "closed"
	ClosedBy string    // the login; empty if open or merged
	ByUs     bool      // it was Tenantry that closed it
	ClosedAt time.Time // zero if open
}

// Reviews answers on pull requests that people open. All methods state an end.
type Reviews interface {
	// PullRequests returns the open pull requests against the watched branch, ours included.
	PullRequests(ctx context.Context) ([]PullRequest, error)
	// PullRequest returns one of them; false if it isn't open, or isn't against the watched branch.
	PullRequest(ctx context.Context, number int) (PullRequest, bool, error)
	// Merges returns the pull requests that were merged into the watched branch since a time.
	Merges(ctx context.Context, since time.Time) ([]Merge, error)
	// Groups returns what the merge queue of the watched branch is about to merge; nothing if it has none.
	Groups(ctx context.Context) ([]Group, error)
	// Check sets the check of this name on a commit.
	Check(ctx context.Context, c Check) error
	// Comment has exactly one comment of this key by us on the pull request, with this body.
	Comment(ctx context.Context, number int, key, body string) error
	// MayWrite tells whether a login may push to the repository.
	MayWrite(ctx context.Context, login string) (bool, error)
}

// Comments reads what people ask for in comments on pull requests, and shows them that it was heard.
type Comments interface {
	// Commands returns the commands in comments that were made at a time or later, by the forge's
	// clock, the oldest first.
	Commands(ctx context.Context, since time.Time) ([]Command, error)
	// Command reads one comment as it stands now. False if it is gone, was edited since it was
	// made, is a robot's, isn't on a pull request, or holds no command.
	Command(ctx context.Context, comment int64) (Command, bool, error)
	// React puts a reaction on a comment: "eyes", "+1" or "confused". It states an end, and a
	// comment that is gone needs none.
	React(ctx context.Context, comment int64, reaction string) error
	// Files returns the paths that a pull request changes, open or not, and of what it renames the old
	// ones as well. ErrManyFiles if the forge doesn't tell all of them.
	Files(ctx context.Context, pull int) ([]string, error)
}

// ErrManyFiles means that a pull request changes more files than the forge tells.
var ErrManyFiles = errors.New("it changes more files than can be listed")

// Deployments shows on the forge, by environment, which commit is in service there.
type Deployments interface {
	// Deploy states what became of a commit in an environment. Repeating it changes nothing, and a
	// state takes the place of the one before. A success makes the commit before it inactive.
	// ErrNoDeployments if that may not be written.
	Deploy(ctx context.Context, d Deployment) error
}

// A Deployment is a commit of the watched branch in one environment of the fleet.
type Deployment struct {
	Commit      Commit
	Environment string // its name in fleet.cue
	Production  bool   // customers are there
	Preview     bool   // it will be gone some day
	State       string // "in_progress", "success", "failure" or "inactive"
	Description string // one line; what is longer than 140 characters is cut by the forge
}

// ErrNoDeployments means that the forge doesn't let us write deployments.
var ErrNoDeployments = errors.New("deployments may not be written")

// Teams knows who belongs to the teams that CODEOWNERS names.
type Teams interface {
	// Member tells whether a login belongs to a team, "org/team", or to one below it. ErrNoTeams if
	// that may not be asked.
	Member(ctx context.Context, team, login string) (bool, error)
}

// ErrNoTeams means that the forge doesn't tell us who is in a team.
var ErrNoTeams = errors.New("who is in a team can't be asked")

// A Command is what a person asked for in a comment on a pull request.
type Command struct {
	Comment int64     // the comment's id; a later comment has a greater one
	Pull    int       // the pull request
	Verb    string    // plan, apply, hold, resume, retry, revert, ignore, preview or help
	Words   string    // what follows the verb
	Author  string    // the login
	At      time.Time // when the comment was made, by the forge's clock
	// Unknown is what the comment says if that is no command of ours: a verb that there isn't, or another
	// tool's command. Then Verb is help.
	Unknown string
}

// A PullRequest is one that is open.
type PullRequest struct {
	Number int
	Title  string
	Author string
	Branch string // the head's branch
	Head   Commit
	Base   Commit
	// Fork tells that the head is in another repository; then nothing is computed with credentials.
	Fork bool
	// Ours tells that Tenantry opened it.
	Ours bool
}

// A Check is a check run on a commit.
type Check struct {
	Name       string // "tenantry/validate", "tenantry/plan" or "tenantry/apply"
	Commit     Commit
	Conclusion string // empty while in progress; else success, failure, neutral, action_required, cancelled
	Title      string
	Summary    string // Markdown
	ExternalID string // the changeset's digest
	// Annotations come worst first; the forge shows as many as it can.
	Annotations []Annotation
	// Aside tells that nobody waits for it: where writes are rare, what somebody waits for goes first.
	Aside bool
}

// An Annotation is a remark on a line of a definition.
type Annotation struct {
	Origin  resource.Origin
	Level   string // notice, warning or failure
	Title   string
	Message string
}

// A Recorder keeps the audit log: append-only, in order, durable before Record returns. It sets
// Seq and Time and returns the entry's number. If it fails, the write that it is about must not be made.
type Recorder interface {
	Record(ctx context.Context, e changeset.Entry) (seq int64, err error)
}

// State remembers what a run needs of earlier ones. All of it can be rebuilt from Git, the cloud
// and the audit log, at the price of questions to a person. Every method is durable when it
// returns, idempotent, and safe for concurrent use.
type State interface {
	// Owners returns what is remembered of every owner.
	Owners(ctx context.Context) (map[resource.Owner]OwnerState, error)
	// Some returns what is remembered of some owners, at a cost that depends on these alone.
	Some(ctx context.Context, owners []resource.Owner) (map[resource.Owner]OwnerState, error)
	// Reach returns in which places anything was applied, and the kinds of all that was applied or begun, over
	// all owners.
	Reach(ctx context.Context) (Reach, error)
	// Settle notes what an owner was brought to.
	Settle(ctx context.Context, owner resource.Owner, to Settlement) error
	// Follow notes that what these resources refer to is about to be written, so that their references
	// may lead elsewhere then. It holds until they are settled.
	Follow(ctx context.Context, addresses []resource.Address) error
	// Forget takes resources out of what is remembered of an owner, because it doesn't have them any more.
	Forget(ctx context.Context, owner resource.Owner, addresses []resource.Address) error

	// Created tells which of the addresses the log says that we created and did not delete.
	Created(ctx context.Context, addresses []resource.Address) (map[resource.Address]bool, error)
	// Proven tells which of the addresses the log says that we created, adopted or moved there, by the
	// cloud's own answer, and did not delete since.
	Proven(ctx context.Context, addresses []resource.Address) (map[resource.Address]bool, error)
	// Spent returns the destructive changes and the retirements that were sent since a time.
	Spent(ctx context.Context, since time.Time) ([]changeset.Spent, error)
	// Used returns, by the digests of approvals, the addresses that were destroyed or retired under
	// them and are done with.
	Used(ctx context.Context) (map[string]map[resource.Address]bool, error)
	// Unanswered returns the creates that were sent (there is a before-entry) and have no answer.
	Unanswered(ctx context.Context) (map[resource.Address]Intent, error)
	// Waiting returns the writes that the cloud wasn't done with, or wasn't ready for, when last asked.
	Waiting(ctx context.Context) (map[resource.Address]Waiting, error)
	// Nonces returns, of those addresses that the log has creates or adoptions of, the marks that these
	// leave on what they make: the nonce of each, and "" for one that leaves none.
	Nonces(ctx context.Context, addresses []resource.Address) (map[resource.Address][]string, error)
	// Made returns the creates that were answered with success since a time, with the time of the
	// answer: what they made need not show in a list yet.
	Made(ctx context.Context, since time.Time) (map[resource.Address]time.Time, error)
	// Entries returns the audit entries from a time on, in order.
	Entries(ctx context.Context, since time.Time) ([]changeset.Entry, error)

	// FirstSeen returns since when each difference is known, remembers the new ones as of now, and
	// forgets the ones that are not named.
	FirstSeen(ctx context.Context, differences []string, now time.Time) (map[string]time.Time, error)

	// Get and Put keep small texts by key, such as the last accepted commit. Get of an unknown key
	// returns "".
	Get(ctx context.Context, key string) (string, error)
	Put(ctx context.Context, key, value string) error
}

// Reach is where there may be something that is remembered. Both lists are sorted.
type Reach struct {
	Kinds  []string
	Scopes []resource.Scope
}

// OwnerState is what is remembered of an owner.
type OwnerState struct {
	Commit Commit // the one that all of it was last brought to; empty if never
	// Applied has each resource as Git had it when the resource was last brought to that.
	Applied []resource.Desired
	// Begun has the resources that something was done to since. It follows from the log: an entry
	// before a write makes its resource one of them, and an answer that nothing was sent takes that back.
	Begun map[resource.Address]Begun
}

// Begun is what was done to a resource since it was last settled. Until it is settled again, it may
// be anything between what was applied and what the commits of those writes want.
type Begun struct {
	Written bool   // something was sent, or may have been
	Commit  Commit // the one that all of it was for; empty if there were several, or it has no name
	Done    bool   // the last write was answered: the resource is as Commit wants it
	Removed bool   // it was deleted to be made anew, and wasn't made since
	Follows bool   // something that it refers to was written
	// Wanted is what those writes asked for, secrets sealed, if all that they may have left is between
	// that and what was applied; empty if they may have left anything, as those do that make something.
	Wanted []resource.Desired
	// Late is when the last of those writes was sent that never had an answer, and so may still have its
	// effect; zero if all had one.
	Late time.Time
}

// A Settlement is what an owner was brought to.
type Settlement struct {
	// Commit is the one that all of the owner was brought to; empty if it wasn't all, and then the
	// owner's stays.
	Commit Commit
	// Applied has each resource as Git had it when the resource was last brought to that. An owner of
	// which all was done and nothing is left is forgotten.
	Applied []resource.Desired
	// Done are the resources of which nothing is in doubt any more.
	Done []resource.Address
}

// An Intent is a create that was sent and has no answer.
type Intent struct {
	Seq   int64 // the number of its before-entry
	Sent  time.Time
	Nonce string // the mark that it leaves on what it makes; empty if the kind has none
}

// Waiting is a write that the cloud wasn't done with, or wasn't ready for.
type Waiting struct {
	Before changeset.Entry // the entry before it
	Since  time.Time       // when that was first found
	// Ticket is by which the driver finds what is under way. It is empty if nothing is: then the cloud
	// wasn't ready, and the same is to be sent again.
	Ticket string
	What   string // in a person's words
}
