package providers

// A Permitted driver says what its calls ask to be allowed, so that a role can be given that and no more.
type Permitted interface {
	Permissions() Permissions
}

// Permissions are what a driver's calls ask for: those that only look, and those that change something.
// Who may write must also be allowed to read.
type Permissions struct{ Read, Write []Grant }

// A Grant is some actions on a part of an account.
type Grant struct {
	Actions []string // as the cloud's policies name them, such as "sqs:TagQueue"
	// On is what they are done to, as the cloud's policies name it: "*" for actions that can't be limited to
	// anything, otherwise a form in which {partition}, {region} and {account} stand for what is meant, and
	// {name} for the names of the fleet's resources of the kind.
	On string
	If Condition
}

// A Condition limits a grant further.
type Condition int

// The conditions.
const (
	Always Condition = iota
	// Ours: what it is done to carries the fleet's mark. It is for what is only done to something that has
	// been there for a while: a cloud may take a moment to see the mark of what was made just now.
	Ours
	// Marks: the request puts the fleet's mark on something that carries no fleet's.
	Marks
	// Bounded: the role that it is done to has, or gets, the boundary that the fleet's roles must have.
	Bounded
	// Passed: the role is given to the kind's own service, which then acts as it.
	Passed
)
