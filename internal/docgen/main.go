// Command docgen writes the reference of the command line from what the program says of itself.
//
//	go run ./internal/docgen PROGRAM DIR
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: docgen PROGRAM DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func write(program, dir string) error {
	var page strings.Builder
	page.WriteString("# The command line\n\nWritten by `make docs` from what the program says of itself.\n")
	if err := describe(&page, program); err != nil {
		return err
	}
	page.WriteString(exitCodes)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cli.md"), []byte(page.String()), 0o644)
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
func describe(page *strings.Builder, program string, path ...string) error {
	help, err := exec.Command(program, append(path, "--help")...).Output()
	if err != nil {
		return fmt.Errorf("%s --help: %w", strings.Join(append([]string{program}, path...), " "), err)
	}
	fmt.Fprintf(page, "\n## %s\n\n```\n%s```\n", strings.Join(append([]string{"tenantry"}, path...), " "), help)
	_, list, has := strings.Cut(string(help), "Available Commands:\n")
	if !has {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, match := range listed.FindAllStringSubmatch(list, -1) {
		if match[1] == "help" {
			continue
		}
		if err := describe(page, program, append(append([]string{}, path...), match[1])...); err != nil {
			return err
		}
	}
	return nil
}
