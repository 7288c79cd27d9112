package evaluate

import (
	"time"

	"tenantry.dev/schema"
)

// protocol is the version of what parent and worker say to each other, as streams of encoding/gob.
// Both are the same program, so it is only there to notice that they aren't.
const protocol = 1

// A request is what a parent asks of a worker: exactly one of its fields.
type request struct {
	Hello   *hello
	Load    *schema.Definitions // evaluate these, and forget those before
	Tenants *batch
	Places  []schema.File
}

// hello comes first.
type hello struct {
	Protocol int
	Limits   Limits
}

// batch is some tenants to evaluate.
type batch struct {
	Files []schema.File
	// Condemned has the plans that aren't to be evaluated, with the reason.
	Condemned map[string]string
}

// A reply is what a worker says: a step before it is taken, results as they come, and Done when it
// waits for the next request.
type reply struct {
	Step    *schema.Step
	Defined *schema.Defined
	Answer  *schema.Answer
	Placed  *schema.Placed
	Done    bool
}

// Limits bound a step of an evaluation: one file, or one tenant.
type Limits struct {
	// CPU is the processor time, and Wall the time that passes, which is longer on a busy machine.
	CPU, Wall time.Duration
	Memory    uint64 // bytes
}

// DefaultLimits are many times what a sound definition needs, which is some milliseconds and megabytes.
func DefaultLimits() Limits {
	return Limits{CPU: 5 * time.Second, Wall: 40 * time.Second, Memory: 512 << 20}
}

// How a worker ends when it reaches a limit.
const (
	exitCPU    = 91
	exitMemory = 92
)
