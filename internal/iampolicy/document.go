// Package iampolicy writes the IAM policies that a fleet's roles need: what reads, what writes, who may
// enter, and what no role that the fleet makes may exceed. It is a pure function of what drivers declare
// and of what the fleet defines, and says why it allows what it allows.
package iampolicy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// IAM's limits. A managed policy's length doesn't count white space, and a document here has none.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxPolicy   = 6144 // characters of a managed policy
	maxTrust    = 2048 // characters of a role's trust policy
	maxAttached = 10   // managed policies of a role, unless the account's quota was raised
)

// A Document is a policy as IAM takes it.
type Document struct {
	Version   string
	Statement []Statement
}

// A Statement is one of a policy's. Everything in it is sorted.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string             `json:",omitempty"`
	Condition map[string]Condition `json:",omitempty"`
}

// A Condition has the values that an operator wants of each key.
type Condition map[string][]string

// document is a policy of statements.
func document(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: statements}
}

// Text is the document as it is sent: without white space.
func (d Document) Text() string {
	text, _ := json.Marshal(d) // texts alone
	return string(text)
}

// size is what counts against IAM's limit.
func (d Document) size() int { return len(d.Text()) }

// pack distributes statements over as few documents as it takes one after the other, and gives each
// statement a name that is its own.
func pack(statements []Statement) []Document {
	var out []Document
	for _, s := range named(fitting(statements)) {
		last := len(out) - 1
		if last >= 0 {
			longer := document(append(slices.Clone(out[last].Statement), s)...)
			if longer.size() <= maxPolicy {
				out[last] = longer
				continue
			}
		}
		out = append(out, document(s))
	}
	return out
}

// fitting cuts statements whose actions are too many for one policy.
func fitting(statements []Statement) []Statement {
	const room = 100 // for what a name of its own adds
	var out []Statement
	for _, s := range statements {
		bare := s
		bare.Action = []string{}
		size, from := document(bare).size(), 0
		length := size
		for i, action := range s.Action {
			more := len(action) + len(`"",`)
			if length+more > maxPolicy-room && i > from {
				part := s
				part.Action = s.Action[from:i]
				out, from, length = append(out, part), i, size
			}
			length += more
		}
		s.Action = s.Action[from:]
		out = append(out, s)
	}
	return out
}

// named numbers statements that have the same name.
func named(statements []Statement) []Statement {
	times, out := map[string]int{}, slices.Clone(statements)
	for _, s := range out {
		times[s.Sid]++
	}
	next := map[string]int{}
	for i, s := range out {
		if times[s.Sid] > 1 {
			next[s.Sid]++
			out[i].Sid = fmt.Sprintf("%s%d", s.Sid, next[s.Sid])
		}
	}
	return out
}

// sid is a text as a statement's name may be: letters and digits.
func sid(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		upper := true
		for _, r := range part {
			switch {
			case r >= 'a' && r <= 'z' && upper:
				b.WriteRune(r - 'a' + 'A')
				upper = false
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
				b.WriteRune(r)
				upper = false
			default:
				upper = true
			}
		}
	}
	return b.String()
}

// shortKind is a kind without its cloud.
func shortKind(kind string) string {
	return strings.TrimPrefix(strings.TrimPrefix(kind, "aws."), "AWS::")
}
