package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this very binary the program under test: started under the name tenantry it is
// the program, with its real output, exit codes and signals.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tenantry": main})
}

// TestScripts plays the pages of testdata/script. Each is a story: what somebody types, and what
// GitHub and the cloud show then. Besides testscript's own commands and tenantry there are the
// verbs below; testdata/script/README.md lists them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup:              setScene,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":    exits,
			"git":     gitVerb,
			"fleet":   verb((*scene).layOut),
			"sandbox": verb((*scene).raise),
			"daemon":  verb((*scene).daemonVerb),
			"pr":      verb(pictured((*scene).pullVerb)),
			"day":     verb((*scene).dayVerb),
			"person":  verb((*scene).personVerb),
			"team":    verb((*scene).teamVerb),
			"main":    verb(pictured((*scene).mainVerb)),
			"rerun":   verb((*scene).rerunVerb),
			"deploy":  verb((*scene).deployVerb),
			"cloud":   verb((*scene).cloudVerb),
			"webhook": verb((*scene).webhookVerb),
			"with":    verb((*scene).withVerb),
			"ready":   verb((*scene).readyVerb),
			"iam":     verb((*scene).iamVerb),
			"log":     verb((*scene).logVerb),
		},
	})
}

// verb makes a method of the scene a command of scripts. An error ends the script; with "!" before
// the command the error is what the script wants, and can be looked at as stderr.
func verb(do func(*scene, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := do(ts.Value(sceneKey{}).(*scene), ts, args)
		switch {
		case err == nil && neg:
			ts.Fatalf("it worked, and should not have")
		case err != nil && neg:
			_, _ = fmt.Fprintln(ts.Stderr(), err)
		case err != nil:
			ts.Fatalf("%v", err)
		}
	}
}

// exits is "exit CODE COMMAND ARGUMENT…": the command must end with exactly this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with exit code %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// gitVerb is the git command line.
func gitVerb(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("git", args...)
	switch {
	case err == nil && neg:
		ts.Fatalf("git %s worked, and should not have", args[0])
	case err != nil && !neg:
		ts.Fatalf("git %s: %v", args[0], err)
	}
}
