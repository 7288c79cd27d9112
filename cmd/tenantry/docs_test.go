package main

import (
	"bytes"
	"os"
	"testing"

	"tenantry.dev/internal/reference"
)

// docs/reference/cli.md says what the commands say.
func TestCommandLineReferenceIsCurrent(t *testing.T) {
	got, err := reference.CommandLine(func(path ...string) (string, error) {
		var out bytes.Buffer
		root := newApp().command()
		root.SetOut(&out)
		root.SetArgs(append(path, "--help"))
		err := root.Execute()
		return out.String(), err
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil || string(want) != got {
		t.Errorf("docs/reference/cli.md is not current; make docs writes it (%v)", err)
	}
}
