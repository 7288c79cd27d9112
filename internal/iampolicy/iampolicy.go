package iampolicy

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/providers"
)

// An Account is where the roles are.
type Account struct {
	ID         string
	Regions    []string
	Role       string // the ARN of the role that writes
	ReadRole   string // of the role that only reads; empty if the one that writes reads as well
	ExternalID string
}

// An Estate is what policies of one account are written for.
type Estate struct {
	Fleet   string
	Account Account
	// Kinds is what the drivers ask for, by kind: all of them, since every pass reads all of them.
	Kinds map[string]providers.Permissions
	// Written has the kinds that the fleet has resources of.
	Written map[string]bool
	// Names of the fleet's resources in the account, by kind, for what can be limited by name alone.
	Names map[string][]string
	// Queue is where change events of the account arrive, by its name, in EventRegions; empty for none.
	Queue        string
	EventRegions []string
	// Roles are those that the fleet makes in the account.
	Roles []Role
	// Boundary is the ARN that roles are bounded by if none of Roles says so.
	Boundary string
	// Principal is the ARN that Tenantry runs as before it enters the account; empty if it isn't known.
	Principal string
}

// A Role is one that the fleet makes, as far as a boundary has to do with it.
type Role struct {
	Address  string
	Boundary string   // an ARN; empty if it has none
	Actions  []string // what its own policies allow
	Managed  []string // the ARNs of policies that somebody else wrote
	Open     bool     // its policies allow everything, or everything but
}

// A Set is the policies of an account.
type Set struct {
	Reader, Writer []Policy // managed policies, to be attached together
	Trust          Policy   // of both roles
	Boundary       Policy   // a managed policy
	Rows           []Row
	Notes          []string // what a person should know, in sentences
}

// A Policy is a document with a name to give it.
type Policy struct {
	Name     string   `json:"name"`
	Size     int      `json:"size"` // as IAM counts
	Document Document `json:"document"`
}

// A Row says what is allowed for one kind, and why.
type Row struct {
	Kind    string   `json:"kind"`
	For     string   `json:"for"` // "reading" or "writing"
	Actions []string `json:"actions"`
	On      []string `json:"on"`
	If      string   `json:"if"` // in words; empty for no condition
}

// Asking is the name of the statement that lets a role ask IAM what Tenantry's roles may do.
const Asking = "AskWhatIsAllowed"

// Write writes the policies of an account.
func Write(e Estate) Set {
	e.Roles = slices.Clone(e.Roles)
	slices.SortFunc(e.Roles, func(a, b Role) int { return strings.Compare(a.Address, b.Address) })
	reads, writes := e.collect()
	s := Set{Rows: slices.Concat(reads.rows, writes.rows), Notes: slices.Concat(reads.notes, writes.notes)}
	asking := Statement{Sid: Asking, Effect: "Allow", Action: []string{"iam:SimulatePrincipalPolicy"}, Resource: e.ownRoles()}
	s.Reader = e.policies("reader", append(reads.statements(), asking))
	own := slices.Concat(reads.statements(), writes.statements(), []Statement{asking}, e.guards(writes))
	s.Writer = e.policies("writer", own)
	s.Trust = e.trust()
	s.Boundary = e.boundary()
	s.Notes = append(s.Notes, e.remarks(s)...)
	return s
}

// policies packs statements and names the documents.
func (e Estate) policies(role string, statements []Statement) []Policy {
	var out []Policy
	documents := pack(statements)
	for i, d := range documents {
		name := e.Fleet + "-tenantry-" + role
		if len(documents) > 1 {
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		out = append(out, Policy{Name: name, Size: d.size(), Document: d})
	}
	return out
}

// ownRoles are the roles that Tenantry itself has in the account.
func (e Estate) ownRoles() []string {
	roles := []string{e.Account.Role}
	if e.Account.ReadRole != "" {
		roles = append(roles, e.Account.ReadRole)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// partition is the part of AWS that the account is in.
func (e Estate) partition() string {
	if parts := strings.SplitN(e.Account.Role, ":", 3); len(parts) == 3 && parts[1] != "" {
		return parts[1]
	}
	return "aws"
}

// boundaries are what roles of the fleet are bounded by, sorted.
func (e Estate) boundaries() []string {
	var out []string
	for _, r := range e.Roles {
		if r.Boundary != "" {
			out = append(out, r.Boundary)
		}
	}
	if len(out) == 0 {
		out = append(out, e.Boundary)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// remarks are what the policies can't say themselves.
func (e Estate) remarks(s Set) []string {
	var out []string
	for name, list := range map[string][]Policy{"reader": s.Reader, "writer": s.Writer} {
		if len(list) > 1 {
			out = append(out, fmt.Sprintf("The %s's permissions don't fit into one policy of %d characters: attach all %d of them.", name, maxPolicy, len(list)))
		}
		if len(list) > maxAttached {
			out = append(out, fmt.Sprintf("The %s has %d policies. A role takes %d unless the account's quota is raised; see \"Managed policies attached to an IAM role\" in Service Quotas.", name, len(list), maxAttached))
		}
	}
	slices.Sort(out)
	if e.Queue != "" {
		out = append(out, "If the queue of change events is encrypted with a key of yours, its key policy must let the reader decrypt.")
	}
	if e.Principal == "" {
		out = append(out, "The trust policy needs the ARN that Tenantry runs as: give it with --principal.")
	}
	if s.Trust.Size > maxTrust {
		out = append(out, fmt.Sprintf("The trust policy has %d characters, and a role takes %d unless the account's quota is raised.", s.Trust.Size, maxTrust))
	}
	if list := e.boundaries(); len(list) > 1 {
		out = append(out, fmt.Sprintf("The fleet's roles have %d boundaries: %s. The document is for all of them.", len(list), strings.Join(list, ", ")))
	}
	for _, r := range e.Roles {
		switch {
		case r.Boundary == "":
			out = append(out, fmt.Sprintf("%s has no permissionsBoundary: with these policies, AWS refuses to make it. Give it %s.", r.Address, strings.Join(e.boundaries(), " or ")))
		case r.Open:
			out = append(out, fmt.Sprintf("%s may do everything, or everything but something: the boundary doesn't allow that, and names actions instead.", r.Address))
		}
		if len(r.Managed) > 0 {
			out = append(out, fmt.Sprintf("What %s may do by %s isn't known here: add to the boundary what it is to keep.", r.Address, strings.Join(r.Managed, ", ")))
		}
	}
	return out
}
