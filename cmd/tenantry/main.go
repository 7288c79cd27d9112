// Command tenantry runs a SaaS fleet on AWS from a Git repository.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newApp().command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	code := codeError
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "tenantry: "+text)
	}
	stop()
	os.Exit(code) //nolint:gocritic // stop was called right above
}

// The exit codes. They never mean anything else.
const (
	codeError   = 1 // an error; for validate: the definitions are invalid
	codeChanges = 2 // changes or findings, where --detailed-exitcode asks for it
	codeHeld    = 3 // held by a policy, limit, window or missing approval
	codePartly  = 4 // partly applied
)

// An exitError ends the program with a code; with an empty text, everything was said already.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func exit(code int, format string, args ...any) error {
	return &exitError{code: code, text: fmt.Sprintf(format, args...)}
}
