// Command generate makes the table of AWS's resource types from what others publish:
//
//	generate CFN-LINT SERVICE-SPEC OUT.zip
//
// CFN-LINT is the unpacked wheel of cfn-lint, which has AWS's schemas of resource providers;
// SERVICE-SPEC is the unpacked package @aws-cdk/aws-service-spec. The result depends on nothing else, so
// that the same sources give the same bytes.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: generate CFN-LINT SERVICE-SPEC OUT.zip")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(lintDir, specDir, out string) error {
	lint, err := readLint(lintDir)
	if err != nil {
		return err
	}
	spec, err := readSpec(specDir)
	if err != nil {
		return err
	}
	types, index := merge(lint, spec)
	data, err := pack(types, index)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, data, 0o644); err != nil { //nolint:gosec // it is part of the program's source
		return fmt.Errorf("write the table: %w", err)
	}
	_, err = fmt.Printf("%d types in %d regions, %d bytes\n", len(types), len(index.Regions), len(data))
	return err
}
