// Package schema reads a fleet: the CUE files of a config repository. It has the definitions that
// fleets are written against (*.cue, embedded), finds every mistake with its place, and renders
// tenants and cells to resources.
package schema

import (
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

// A Fleet is everything that one config repository describes. It is read-only after Load and safe
// for concurrent use.
type Fleet struct {
	Name         string
	Accounts     []Account // sorted by name, as all lists here
	Lost         []LostAccount
	Environments []Environment
	Cells        []Cell
	Plans        []Plan
	Policies     []Policy
	// Exceptions are those of all policies, expired ones included, sorted by policy and whom they are for.
	Exceptions []Exception
	Tenants    []Tenant // the sound ones
	// Releases and Access are checked and shown; nothing rolls a release out or grants access yet.
	Releases []Release
	Access   []Access
	// Windows, Freezes and Notifications are checked and shown; changes don't wait for them and nobody
	// is told through them yet.
	Windows       []Window
	Freezes       []Freeze
	Notifications []Notification
	// Ignore says what may be in the accounts without an owner.
	Ignore []Ignore
	// Glossary has the words for the limits of plans, by the limit.
	Glossary map[string]Term
	// Prices are what resources cost a month, as far as the fleet says so.
	Prices    cost.Book
	Schedules Schedules
	Limits    changeset.Limits
	Approvals []changeset.Approval
	Waivers   []changeset.Waiver // those that ended are left out
	// CorrectDrift is the fleet's word on what was changed in the cloud: put back at once, or
	// (the default) reported for a person to decide.
	CorrectDrift bool
	// Corrections are what is put back at once where drift is reported.
	Corrections []Correction
	// OpenDrift is how many pull requests about drift may be open at a time, one about all the rest apart.
	OpenDrift int
	// At is the time at which expiries were judged. Until is when that should be done again, because
	// something expires then; zero if nothing does.
	At, Until time.Time
	// Retry is when evaluating what had to be stopped is worth another try: on a busier day somebody
	// else's load may have been the reason. Zero if nothing had to be stopped.
	Retry time.Time
	// Types are the resource types of AWS that plans and cells name, sorted.
	Types []string
	// Natives are the kinds with a driver of their own that plans and cells name, sorted.
	Natives []string
	// Digest identifies the definitions: equal digests render equally.
	Digest string

	// Broken has the owners whose definitions can't be used, with the first finding of each. It
	// names tenants by their file, so that a tenant with a syntax error is still known to exist.
	Broken map[resource.Owner]string
	// Held has the owners that a policy wants a person to look at first, with its name and message.
	Held map[resource.Owner]string

	files
}

// An Account is an AWS account and the role that is assumed in it.
type Account struct {
	Name       string
	ID         string // 12 digits
	RoleARN    string
	ReadRole   string // an ARN; empty if the same role reads and writes
	ExternalID string
	Regions    []string
	// Quotas are how many resources of a kind AWS allows in each region of the account; of a global
	// kind, in the account. A kind that isn't in it is not counted.
	Quotas map[string]int
	Events Events
	Origin resource.Origin
}

// Events says where the change events of an account arrive.
type Events struct {
	Queue   string   // its name in each of the regions; empty if no events are received
	Regions []string // sorted
}

// An Environment is what cells are for.
type Environment struct {
	Name        string
	Description string
	Kind        string    // production, staging, dev or preview
	Expires     time.Time // of a preview; zero otherwise
	Accounts    []string  // that its cells may be in; empty for all
	Cells       []string  // that may be in it; empty for all
	Origin      resource.Origin
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
	Capacity    int       // how many places of its cell a tenant takes
	Retention   Retention // what is promised of it; zero values promise nothing
	Support     Support
	Options     []Option // what a tenant may choose, sorted by resource and attribute
	Origin      resource.Origin
}

// A Retention says how long things are kept, in days; 0 if the plan doesn't say.
type Retention struct {
	AfterLeaving int // the customer's data, after it has left
	AuditLog     int
}

// A Support is what help a plan promises. Hours is empty if it promises none.
type Support struct {
	Hours    string  // business, extended or always
	Response float64 // hours until the first answer to an urgent question
	Channels []string
}

// An Option is an attribute of a plan's resource that a tenant may override.
type Option struct {
	Resource  string
	Attribute string // with dots for what is inside of it, such as "encryption.algorithm"
	Default   string // as CUE writes it; empty if the tenant must choose
	Choices   []string
	Words     string // which values, in people's words: "30 (the default), 60 or 90"
	// Implied tells that the plan doesn't write it: it follows from what the plan says around it.
	Implied bool
	Origin  resource.Origin
}

// A Term says what a plan's limit is, for people.
type Term struct {
	Title, Unit, Description string
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

// An Exception takes a policy off an owner until it expires: off a tenant, or off a cell and all tenants in
// it. With a resource, it takes off only what the policy demands of the resource of that name.
type Exception struct {
	Policy       string
	Tenant, Cell string // one of them; the other is empty
	Resource     string // empty for all
	Owner        string // who answers for it
	Reason       string
	Expires      time.Time
	Active       bool // it hadn't expired at Fleet.At
	Origin       resource.Origin
}

// A Tenant is a customer.
type Tenant struct {
	Name        string
	DisplayName string
	Plan        string
	Cell        string
	Residency   string
	Lifecycle   string // active, suspended or offboarding
	Contacts    []Contact
	Domains     []string
	Origin      resource.Origin
}

// A Contact is a person or a list that can be reached.
type Contact struct {
	Role  string // owner, technical, security or billing
	Email string
	Name  string // may be empty
}

// A Release is a version of a service and how it is to reach the tenants.
type Release struct {
	Name     string
	Service  string
	Version  string // empty if only the image is given
	Image    string // with its digest; empty if only the version is given
	Rings    []Ring // in their order
	Gates    []Gate // sorted by name
	Deadline time.Time
	Windows  []string
	Origin   resource.Origin
}

// A Ring is a group of tenants that get a release together. A tenant is in the first ring that selects it.
type Ring struct {
	Name         string
	Tenants      []string // empty lists select all; what is given must all hold
	Cells        []string
	Plans        []string
	Environments []string
	Bake         time.Duration // how long to wait before the next ring
	Origin       resource.Origin
}

// A Gate is what must hold before the next ring: that an alarm is quiet, or that a team says so.
type Gate struct {
	Name     string
	Alarm    string // the name of an alarm in plans
	Approval string // the name of a team
	Origin   resource.Origin
}

// An Access is a team and what its members may reach.
type Access struct {
	Team        string
	DisplayName string
	Members     []string
	Grants      []Grant
	Origin      resource.Origin
}

// A Grant lets a team in. Until is zero if it doesn't end.
type Grant struct {
	Tenants, Cells, Accounts []string
	Role                     string // viewer, operator or admin
	Until                    time.Time
	Reason                   string
	BreakGlass               bool
	Active                   bool // it hadn't ended at Fleet.At
	Origin                   resource.Origin
}

// A Window is when changes are welcome.
type Window struct {
	Name     string
	Opens    string // a cron expression of five fields
	Lasts    time.Duration
	TimeZone string
	Origin   resource.Origin
}

// A Freeze is a period without changes, but for Except: owners such as "tenant/acme", and "team/platform".
type Freeze struct {
	Name        string
	From, Until time.Time
	Reason      string
	Except      []string
	Origin      resource.Origin
}

// A Notification is a target of messages. Its secret is never in Git: Env is the environment variable, or ARN the
// secret in Secrets Manager, that has it.
type Notification struct {
	Name   string
	Kind   string   // slack, teams, email, pagerduty or webhook
	To     []string // of e-mail
	Env    string
	ARN    string
	Events []string // empty for all
	Origin resource.Origin
}

// Schedules are cron expressions in five fields, in UTC. Weekly is empty if there are to be no weekly reports.
type Schedules struct {
	Drift  string
	Audit  string
	Weekly string
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
