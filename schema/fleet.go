// Package schema reads a fleet: the CUE files of a config repository. It has the definitions that
// fleets are written against (*.cue, embedded), finds every mistake with its place, and renders
// tenants and cells to resources.
package schema

import (
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Fleet is everything that one config repository describes. It is read-only after Load and safe
// for concurrent use.
type Fleet struct {
	Name      string
	Accounts  []Account // sorted by name, as all lists here
	Cells     []Cell
	Plans     []Plan
	Policies  []Policy
	Tenants   []Tenant // the sound ones
	Schedules Schedules
	Limits    changeset.Limits
	Approvals []changeset.Approval
	// CorrectDrift is the fleet's word on what was changed in the cloud: put back at once, or
	// (the default) reported for a person to decide.
	CorrectDrift bool
	// At is the time at which expiries were judged. Until is when that should be done again, because
	// something expires then; zero if nothing does.
	At, Until time.Time
	// Digest identifies the definitions: equal digests render equally.
	Digest string

	// Broken has the owners whose definitions can't be used, with the first finding of each. It
	// names tenants by their file, so that a tenant with a syntax error is still known to exist.
	Broken map[resource.Owner]string

	files
}

// An Account is an AWS account and the role that is assumed in it.
type Account struct {
	Name       string
	ID         string // 12 digits
	RoleARN    string
	ExternalID string
	Regions    []string
	Origin     resource.Origin
}

// A Cell is a bounded set of shared infrastructure that tenants live in.
type Cell struct {
	Name        string
	Account     string // the account's name
	Region      string
	Environment string
	Capacity    int // the number of tenants that it may hold
	Origin      resource.Origin
}

// A Plan is what a tenant buys.
type Plan struct {
	Name        string
	DisplayName string
	Isolation   string // silo, bridge or pool
	Price       Price
	SLO         float64 // availability in percent, such as 99.9
	Limits      map[string]resource.Value
	Backup      map[string]resource.Value
	Origin      resource.Origin
}

// A Price is per month; Amount is in hundredths of the currency's unit.
type Price struct {
	Amount   int64
	Currency string
}

// A Policy is a constraint that tenants, plans or resources must satisfy.
type Policy struct {
	Name     string
	Title    string
	Severity string // deny, hold or warn
	Origin   resource.Origin
}

// A Tenant is a customer.
type Tenant struct {
	Name        string
	DisplayName string
	Plan        string
	Cell        string
	Residency   string
	Lifecycle   string // active, suspended or offboarding
	Origin      resource.Origin
}

// Schedules are cron expressions in five fields, in UTC.
type Schedules struct {
	Drift string
	Audit string
}

// A Finding is one mistake in a definition.
type Finding struct {
	resource.Origin
	Severity Severity
	Message  string // in words that a support engineer understands
	Tenant   string // whom it concerns; empty if not one tenant
	Policy   string // the policy that it breaks; empty if none
}

// String is "file:line:col: message".
func (f Finding) String() string { return fmt.Sprintf("%s: %s", f.Origin, f.Message) }

// A Severity is how much a finding weighs.
type Severity string

// Error and Deny make a fleet invalid. Hold lets it through to a person's approval, Warn to the log.
const (
	Error Severity = "error"
	Deny  Severity = "deny"
	Hold  Severity = "hold"
	Warn  Severity = "warn"
)

// A Rendering is what a fleet asks of the cloud.
type Rendering struct {
	Desired []resource.Desired // sorted by address
	// Broken has the owners that couldn't be rendered, with the reason; they have nothing in
	// Desired, and that says nothing about what they should have.
	Broken map[resource.Owner]string
}
