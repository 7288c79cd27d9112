// Command docgen writes docs/reference: the definitions from what the schema says of itself, and the
// command line from what the program says of itself.
//
//	go run ./internal/docgen PROGRAM DIR
package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/attacks"
	"tenantry.dev/internal/reference"
	"tenantry.dev/providers/aws"
	"tenantry.dev/schema"
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

// write makes the folder hold the reference and no other page.
func write(program, dir string) error {
	pages, err := definitions()
	if err != nil {
		return err
	}
	pages["cli.md"], err = reference.CommandLine(func(path ...string) (string, error) {
		help, err := exec.Command(program, append(path, "--help")...).Output()
		return string(help), err
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, kept := pages[filepath.Base(name)]; !kept {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(pages[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// definitions are the pages that are made from the schema, with the example fleet to show its use.
func definitions() (map[string]string, error) {
	drivers, err := aws.Drivers(awssdk.Config{}, nil)
	if err != nil {
		return nil, err
	}
	m, err := schema.NewManual(drivers.Kinds(), fleetexample.Files())
	if err != nil {
		return nil, err
	}
	small, err := fleetexample.Small() // mistakes are made in it, and looked at one by one
	if err != nil {
		return nil, err
	}
	pages, err := reference.Pages(m, small)
	if err != nil {
		return nil, err
	}
	pages["watched.md"] = attacks.Page(drivers.Kinds())
	return pages, nil
}
