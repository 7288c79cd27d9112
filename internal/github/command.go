package github

import (
	"strings"
	"unicode"
)

// The verbs of a command.
const (
	VerbPlan   = "plan"
	VerbApply  = "apply"
	VerbHold   = "hold"
	VerbResume = "resume"
	VerbRetry  = "retry"
	VerbRevert = "revert"
	VerbIgnore = "ignore"
	VerbHelp   = "help"
)

const (
	commandWord  = "/tenantry"
	commandLimit = 500 // bytes of the line
)

// A Command is what a person asked for in a comment: the verb and the words after it.
type Command struct {
	Verb string
	Args []string
	// Unknown is the word in the verb's place if it is none of ours. Then Verb is VerbHelp.
	Unknown string
}

// ParseCommand reads a command from the first line of a comment:
//
//	/tenantry plan|apply|hold|resume|retry|revert|ignore|help [word ...]
//
// Case doesn't matter in the verb. "/tenantry" alone asks for help. ok is false if the comment is
// no command.
func ParseCommand(comment string) (cmd Command, ok bool) {
	line, _, _ := strings.Cut(strings.TrimLeft(comment, " \t\r\n"), "\n")
	if len(line) > commandLimit || strings.ContainsFunc(strings.TrimSpace(line), unprintable) {
		return Command{}, false
	}
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != commandWord {
		return Command{}, false
	}
	if len(words) == 1 {
		return Command{Verb: VerbHelp}, true
	}
	verb := strings.ToLower(words[1])
	switch verb {
	case VerbPlan, VerbApply, VerbHold, VerbResume, VerbRetry, VerbRevert, VerbIgnore, VerbHelp:
		return Command{Verb: verb, Args: words[2:]}, true
	}
	return Command{Verb: VerbHelp, Unknown: words[1]}, true
}

func unprintable(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }
