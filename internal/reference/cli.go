package reference

import (
	"fmt"
	"regexp"
	"strings"
)

// CommandLine is the page of the command line. help returns what a command prints with --help, given its name
// without the program's.
func CommandLine(help func(path ...string) (string, error)) (string, error) {
	var page strings.Builder
	page.WriteString("# The command line\n\nWritten by `make docs` from what the program says of itself.\n")
	if err := describe(&page, help); err != nil {
		return "", err
	}
	page.WriteString(exitCodes)
	return page.String(), nil
}

const exitCodes = `
## Exit codes

| code | meaning |
|---|---|
| 0 | nothing to do, or done |
| 1 | an error; for ` + "`validate`" + `, the definitions are invalid |
| 2 | changes or findings, with ` + "`--detailed-exitcode`" + ` |
| 3 | held by a policy, a limit, a window or a missing approval |
| 4 | partly applied |
`

// listed matches the lines of a list of commands in a help text.
var listed = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)

// describe adds the help of a command, and then of those below it.
func describe(page *strings.Builder, help func(path ...string) (string, error), path ...string) error {
	text, err := help(path...)
	if err != nil {
		return fmt.Errorf("%s --help: %w", strings.Join(append([]string{"tenantry"}, path...), " "), err)
	}
	fmt.Fprintf(page, "\n## %s\n\n```\n%s```\n", strings.Join(append([]string{"tenantry"}, path...), " "), text)
	_, list, has := strings.Cut(text, "Available Commands:\n")
	if !has {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, match := range listed.FindAllStringSubmatch(list, -1) {
		if match[1] == "help" {
			continue
		}
		if err := describe(page, help, append(append([]string{}, path...), match[1])...); err != nil {
			return err
		}
	}
	return nil
}
