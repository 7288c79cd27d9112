package schema

import (
	"context"
	"time"

	"tenantry.dev/reconciler/resource"
)

// An Evaluator evaluates definitions, which may be hostile: it takes plain data and gives plain data,
// so that it can do so in other processes. Its errors are its own, such as a process that can't be
// started; what is wrong with the definitions is a finding. Safe for concurrent use.
type Evaluator interface {
	// Define evaluates everything but tenants.
	Define(ctx context.Context, d Definitions) (*Defined, error)
	// Tenants evaluates tenants under definitions whose Killed is what Define returned. It hands one
	// answer for each file to take, in any order, one at a time.
	Tenants(ctx context.Context, d Definitions, files []File, take func(*Answer)) error
	// Places finds where tenants are placed and what that depends on, in the order of the files. It
	// evaluates nothing of theirs.
	Places(ctx context.Context, d Definitions, files []File) ([]Placed, error)
}

// Definitions are what tenants are evaluated under: all files but theirs, as of a time.
type Definitions struct {
	ID    Sum // identifies the files
	Files []File
	At    time.Time
	// Killed has the files that no evaluation survives. They are treated as files that can't be read.
	Killed []Killed
	// Cautious asks for an evaluation file by file, which is slower and shows who is to blame.
	Cautious bool
}

// A Killed is a file whose evaluation had to be stopped.
type Killed struct{ File, Reason string }

// A Step is what an evaluation is about to do, so that whoever watches it knows whom to blame.
type Step struct {
	File string // that is evaluated; empty if it is several
	// Plan is the name of the plan that a tenant is filled into, and PlanFile is its file.
	Plan, PlanFile string
}

// A Defined is what the files of a fleet say, tenants aside: plain data.
type Defined struct {
	// Fleet lacks tenants and what is rendered. Nil if the definitions can't be used at all.
	Fleet  *Fleet
	Cells  []*Answer // those that are in Fleet.Cells or in Fleet.Broken
	Found  []Finding
	Limits []Limit
	// Mentions are of tenants, which must exist.
	Mentions []Mention
	Killed   []Killed
}

// A Mention is that a definition names a tenant.
type Mention struct {
	Tenant string
	At     resource.Origin
	Field  string // that names it, such as "select.tenants"
}

// A Limit bounds what tenants may take together, such as the places of a cell.
type Limit struct {
	Of   string // that Counts name
	Most int
	// Taken is what is taken by others than tenants.
	Taken int
	At    resource.Origin
	// Message is what is said if they take more. {most} and {taken} stand for the numbers, {whom} for the
	// tenants with what each of them takes, those that take most first.
	Message string
}

// An Answer is what the evaluation of one owner gives: plain data.
type Answer struct {
	File  string
	Owner resource.Owner
	At    resource.Origin // where the owner is named
	// Placed tells under what else this is the answer. Zero if it is so for these definitions alone.
	Placed    Placed
	Tenant    *Tenant         // nil for a cell, and for a tenant that isn't sound
	Offboards resource.Origin // of the lifecycle that says so; zero if it doesn't
	Found     []Finding
	Broken    string // why the owner has no rendering; empty if it has
	Claims    []Claim
	Renames   []Rename // what the tenant was called before, as far as its file says it
	Counts    []Count
	// Excepted are the policies about the owner that an exception takes something off, and Excused is what
	// breaks them and is let through.
	Excepted []string
	Excused  []Breach
	// Names has 16 bytes for each resource, in the order of Body: what stands for its name in the cloud.
	Names []byte
	Body  []byte // what the owner asks for, packed; empty if it asks for nothing
	Sum   Sum    // of Body, wherever it is written
	// Secret tells that there is a secret in Body, so that it must not be written anywhere. Stopped tells
	// that the evaluation was stopped at a limit, which on another day it may not reach.
	Secret, Stopped bool
}

// A Placed is where a tenant is placed, which decides what else its evaluation depends on.
type Placed struct {
	Token string // equal for tenants in the same place; empty if the tenant is in none
	Needs Sum    // identifies all that a sound tenant's evaluation there depends on; zero if there is none
}

// A Claim is on something that only one tenant can have.
type Claim struct {
	Of   string // the field, such as "domains"
	Name string
	At   resource.Origin
}

// A Count is how much a tenant takes of something that is limited.
type Count struct {
	Of    string
	Takes int
}

// A Sum is a SHA-256.
type Sum [32]byte
