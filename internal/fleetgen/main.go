// Command fleetgen writes a fleet of any size, the same for the same seed, for tests and measurements:
//
//	go run ./internal/fleetgen -tenants 1000 -seed 1 -out DIR [-bad 18] [-bad-shared 10]
//
// With -bad it plants mistakes, each in a tenant's file of its own, with -bad-shared in what tenants share. It
// prints a line with the file and the kind of each.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fleetgen:", err)
		os.Exit(1)
	}
}

func run(args []string, out, help io.Writer) error {
	flags := flag.NewFlagSet("fleetgen", flag.ContinueOnError)
	flags.SetOutput(help)
	tenants := flags.Int("tenants", 100, "how many tenants")
	seed := flags.Uint64("seed", 1, "equal seeds write equal fleets")
	bad := flags.Int("bad", 0, "how many mistakes to plant")
	inShared := flags.Int("bad-shared", 0, fmt.Sprintf("how many mistakes to plant in what tenants share, at most %d", len(shared)))
	dir := flags.String("out", "", "the folder to write, which must be empty or not exist")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *dir == "":
		return fmt.Errorf("-out says where to write the fleet")
	case *bad > *tenants:
		return fmt.Errorf("%d mistakes need as many tenants, not %d", *bad, *tenants)
	case *inShared < 0 || *inShared > len(shared):
		return fmt.Errorf("-bad-shared is from 0 to %d", len(shared))
	}
	if entries, err := os.ReadDir(*dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty", *dir)
	}
	fleet, planted, err := generate(*tenants, *seed, *bad)
	if err != nil {
		return err
	}
	planted = append(planted, fleet.plantShared(*inShared)...)
	if err := fleet.write(*dir); err != nil {
		return err
	}
	for _, p := range planted {
		fmt.Fprintf(out, "%s %s\n", p.file, p.kind)
	}
	return nil
}
