package github

import (
	"slices"
	"strings"
	"unicode"
)

// The verbs of a command.
const (
	VerbPlan    = "plan"
	VerbApply   = "apply"
	VerbHold    = "hold"
	VerbResume  = "resume"
	VerbRetry   = "retry"
	VerbRevert  = "revert"
	VerbIgnore  = "ignore"
	VerbPreview = "preview"
	VerbHelp    = "help"
)

const (
	commandWord  = "/tenantry"
	commandLimit = 500 // bytes of the line
)

// A Command is what a person asked for in a comment: the verb and the words after it.
type Command struct {
	Verb string
	Args []string
	// Unknown is the word in the verb's place if it is none of ours, or another tool's command. Then Verb
	// is VerbHelp.
	Unknown string
}

// ParseCommand reads a command from the first line of a comment:
//
//	/tenantry plan|apply|hold|resume|retry|revert|ignore|preview|help [word ...]
//
// Case doesn't matter in the verb. "/tenantry" alone asks for help. A comment that is nothing but a
// command that people know from other tools is taken for a wish for help. ok is false if the comment is no
// command.
func ParseCommand(comment string) (cmd Command, ok bool) {
	line, rest, _ := strings.Cut(strings.TrimLeft(comment, " \t\r\n"), "\n")
	if len(line) > commandLimit || strings.ContainsFunc(strings.TrimSpace(line), unprintable) {
		return Command{}, false
	}
	words := strings.Fields(line)
	if word := strings.ToLower(strings.Join(words, " ")); strings.TrimSpace(rest) == "" && slices.Contains(foreign(), word) {
		return Command{Verb: VerbHelp, Unknown: word}, true
	}
	if len(words) == 0 || words[0] != commandWord {
		return Command{}, false
	}
	if len(words) == 1 {
		return Command{Verb: VerbHelp}, true
	}
	verb := strings.ToLower(words[1])
	switch verb {
	case VerbPlan, VerbApply, VerbHold, VerbResume, VerbRetry, VerbRevert, VerbIgnore, VerbPreview, VerbHelp:
		return Command{Verb: verb, Args: words[2:]}, true
	}
	return Command{Verb: VerbHelp, Unknown: words[1]}, true
}

// foreign are the commands of Atlantis and of Prow that people try.
func foreign() []string {
	return []string{"atlantis plan", "atlantis apply", "atlantis unlock", "atlantis help", "/hold", "/hold cancel", "/unhold", "/retest"}
}

func unprintable(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }
