package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/evaluate"
	"tenantry.dev/schema"
)

// evaluateCommand is what the program starts itself with, to evaluate definitions where that harms
// nobody. It is no command for people.
func (a *app) evaluateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "evaluate",
		Short:  "Evaluate definitions for the process that started this one",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return evaluate.Serve(a.in, a.out) },
	}
}

// loader reads fleets; the definitions are evaluated in other processes. The returned function ends those.
func (a *app) loader(_ context.Context, _ string) (*schema.Loader, func() error, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program, to evaluate with: %w", err)
	}
	pool := evaluate.New(evaluate.Options{Program: []string{program, os.Args[0], "evaluate"}, Limits: evaluate.DefaultLimits()})
	return &schema.Loader{Evaluator: pool}, pool.Close, nil
}
