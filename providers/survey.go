package providers

import (
	"context"

	"tenantry.dev/reconciler/resource"
)

// A Surveyor lists everything of its kind in a scope, whoever it belongs to: what other people made
// by hand, what other tools and other fleets made, and what is ours. It is for taking stock before a
// takeover and has no effect.
//
// What AWS itself keeps in an account and nobody may change is left out. One listing is made per
// pass; a list that isn't complete is an error. A resource that may be listed but not read is in the
// list, with the reason in Unread.
type Surveyor interface {
	Survey(ctx context.Context, scope resource.Scope) ([]Found, error)
}

// Found is one resource as a survey sees it.
type Found struct {
	Kind  string
	Scope resource.Scope
	ID    string            // as Desired.Adopt takes it
	Name  string            // what people know it by: a bucket's name, a key's alias
	Tags  map[string]string // its user's; those of Tenantry and of AWS aren't among them
	// Fleet is the fleet whose mark it carries, and Address its address there. Both are empty for
	// what carries none; a mark that can't be read has a Fleet of "?" and no Address.
	Fleet   string
	Address resource.Address
	// Stack names another tool's hold on it, such as a CloudFormation stack; empty for none.
	Stack      string
	Attributes resource.Attributes // canonical, and complete for the kind
	Outputs    map[string]string
	Retired    string // when it was retired, or will be deleted, as RFC 3339; empty while it serves
	Pending    string // what the cloud is still doing with it; empty when settled
	Unread     string // why it couldn't be read; then everything but Kind, Scope, ID and Name is unknown
}

// Unowned tells whether it carries nobody's mark and is in service, so that it could be adopted.
func (f Found) Unowned() bool { return f.Fleet == "" && f.Retired == "" && f.Unread == "" }

// Is tells whether a text names it: its id, its name, or one of its outputs that are unique, such as
// its ARN.
func (f Found) Is(text string) bool {
	return text != "" && (text == f.ID || text == f.Name || text == f.Outputs["arn"] || text == f.Outputs["id"])
}
