// Package codeowners reads CODEOWNERS files as GitHub does: who must agree to a change of which files.
//
// The rules are those of GitHub's page "About code owners":
// https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
package codeowners

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MaxSize is the size in bytes from which on GitHub doesn't load a file.
const MaxSize = 3 << 20

// ErrTooLarge means that a file has MaxSize or more, so that GitHub takes nobody for an owner by it.
var ErrTooLarge = errors.New("the file has 3 MB or more, and GitHub reads none as large")

// Places returns where the file may be, in the order in which GitHub looks. The first that is there counts,
// and the others don't.
func Places() []string { return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"} }

// A Ruleset is what a file says.
type Ruleset struct {
	rules []Rule
	// Findings are the lines that GitHub skips, and so do we.
	Findings []Finding
}

// A Finding is a line that counts for nothing.
type Finding struct {
	Line   int // from 1
	Reason string
}

func (f Finding) String() string { return fmt.Sprintf("line %d: %s", f.Line, f.Reason) }

// A Rule gives the files of one pattern to some owners.
type Rule struct {
	Line    int    // from 1
	Pattern string // as it is written
	Owners  []Owner

	parts []part
}

// An Owner is "@login", "@organisation/team" or an e-mail address.
type Owner string

// Team is the team that an owner is, as "organisation/team". False for others.
func (o Owner) Team() (string, bool) {
	name, named := strings.CutPrefix(string(o), "@")
	return name, named && strings.Contains(name, "/")
}

// Is tells whether the owner is the person with this login. GitHub's logins differ by more than case. A
// person behind an e-mail address isn't known to be one: who has it is for GitHub alone to say.
func (o Owner) Is(login string) bool {
	name, named := strings.CutPrefix(string(o), "@")
	return named && login != "" && strings.EqualFold(name, login)
}

// Of returns the rule that a file, by its path from the root with slashes, falls under: the last that
// matches. False if none does. A rule without owners says that nobody owns the file.
func (r Ruleset) Of(file string) (Rule, bool) {
	path := strings.Split(file, "/")
	for _, rule := range slices.Backward(r.rules) {
		if matches(rule.parts, path) {
			return rule, true
		}
	}
	return Rule{}, false
}

// Parse reads a file. The error is ErrTooLarge. A line that GitHub doesn't understand is skipped, as GitHub
// does it, and is a finding.
func Parse(text []byte) (Ruleset, error) {
	if len(text) >= MaxSize {
		return Ruleset{}, ErrTooLarge
	}
	var r Ruleset
	n := 0
	for line := range strings.Lines(string(bytes.TrimPrefix(text, []byte("\ufeff")))) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		rule, problem := parseLine(line)
		if problem != "" {
			r.Findings = append(r.Findings, Finding{n, problem})
			continue
		}
		rule.Line = n
		r.rules = append(r.rules, rule)
	}
	return r, nil
}

// Owners as they may be written. A login of an Enterprise Managed User has an underscore.
var (
	login = regexp.MustCompile(`^@[A-Za-z0-9][A-Za-z0-9_-]*$`)
	team  = regexp.MustCompile(`^@[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	mail  = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
)

// parseLine reads a line that is neither empty nor a comment.
func parseLine(line string) (rule Rule, problem string) {
	end := patternEnd(line)
	rule.Pattern = line[:end]
	if rule.parts, problem = compile(rule.Pattern); problem != "" {
		return rule, problem
	}
	for word := range strings.FieldsSeq(line[end:]) {
		if word[0] == '#' {
			break // a remark until the end of the line
		}
		if !login.MatchString(word) && !team.MatchString(word) && !mail.MatchString(word) {
			return rule, fmt.Sprintf("%q is no owner: want @login, @organisation/team or an e-mail address", word)
		}
		rule.Owners = append(rule.Owners, Owner(word))
	}
	return rule, ""
}

// patternEnd is where a pattern ends: at the first white space without a backslash before it.
func patternEnd(line string) int {
	escaped := false
	for i := range len(line) {
		switch {
		case escaped:
			escaped = false
		case line[i] == '\\':
			escaped = true
		case line[i] == ' ', line[i] == '\t':
			return i
		}
	}
	return len(line)
}
