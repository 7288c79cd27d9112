package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenantry.dev/schema"
)

func (a *app) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "release", Short: "Change the version of a service"}
	cmd.AddCommand(a.releaseBumpCommand())
	return cmd
}

func (a *app) releaseBumpCommand() *cobra.Command {
	var how edition
	var image string
	cmd := &cobra.Command{
		Use:   "bump SERVICE [VERSION] [DIR]",
		Short: "Give a service's release another version, image, or both",
		Long: "Give a service's release another version, image, or both. Only these fields of the release's file are edited;\n" +
			"everything else in it stays as it is.",
		Args:              cobra.RangeArgs(1, 3),
		ValidArgsFunction: completeNames("releases"),
		RunE: func(cmd *cobra.Command, args []string) error {
			version := ""
			rest := args[1:]
			if len(rest) > 0 && (image == "" || isFolder(rest[0]) != nil) {
				version, rest = rest[0], rest[1:]
			}
			return a.draft(cmd.Context(), folder(rest), func(d *draft) error {
				e, err := schema.BumpRelease(d.files, releaseOf(d.fleet, args[0]), version, image)
				if err != nil {
					return err
				}
				return a.make(cmd.Context(), d, e, how, "Commit this to record the release.")
			})
		},
	}
	cmd.Flags().StringVar(&image, "image", "", "the image with its digest, or \"sha256:…\" alone for another digest of the same image")
	how.flags(cmd)
	return cmd
}

// releaseOf is the release of a service: usually they are called alike.
func releaseOf(fleet *schema.Fleet, service string) string {
	for _, r := range fleet.Releases {
		if r.Service == service {
			return r.Name
		}
	}
	return service
}

func (a *app) exceptionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "exception", Short: "Take a policy off somebody for a while"}
	cmd.AddCommand(a.exceptionAddCommand(), a.exceptionPruneCommand())
	return cmd
}

func (a *app) exceptionAddCommand() *cobra.Command {
	var how edition
	var e schema.Exception
	var expires string
	cmd := &cobra.Command{
		Use:   "add POLICY [DIR]",
		Short: "Take a policy off a tenant or a cell until a date",
		Long: "Take a policy off a tenant, or off a cell and all tenants in it, until a date. The exception is added to the\n" +
			"policy's file, in which everything else stays as it is. When it has expired, checks fail until it is removed.\n\n" +
			"  tenantry exception add encryption --tenant acme --owner security --reason 'Until their audit' --expires 2027-01-31",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeNames("policies"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.Policy = args[0]
			var err error
			if e.Expires, err = expiry(expires, time.Now().UTC()); err != nil {
				return fmt.Errorf("--expires: %w", err)
			}
			return a.addException(cmd.Context(), e, how, folder(args[1:]))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.Tenant, "tenant", "", "the tenant that the policy shall not hold for")
	flags.StringVar(&e.Cell, "cell", "", "the cell that the policy shall not hold for, instead of a tenant")
	flags.StringVar(&e.Resource, "resource", "", "only for the resource of this name in the plan or the cell")
	flags.StringVar(&e.Owner, "owner", "", "who answers for it: a person or a team")
	flags.StringVar(&e.Reason, "reason", "", "why there has to be one")
	flags.StringVar(&expires, "expires", "", "until when: a date, whose end it is in UTC, a time such as 2026-12-31T18:00:00Z, or a number of days such as 30d")
	how.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("tenant", completeFlag("tenants")) // it fails for a flag that isn't there
	_ = cmd.RegisterFlagCompletionFunc("cell", completeFlag("cells"))
	return cmd
}

// addException adds an exception, or names all that is missing of it.
func (a *app) addException(ctx context.Context, e schema.Exception, how edition, dir string) error {
	var missing []string
	for _, need := range []struct {
		flag string
		here bool
	}{
		{"--tenant or --cell", e.Tenant != "" || e.Cell != ""},
		{"--owner", e.Owner != ""},
		{"--reason", e.Reason != ""},
		{"--expires", !e.Expires.IsZero()},
	} {
		if !need.here {
			missing = append(missing, need.flag)
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("nothing was written: give %s", sentence(missing))
	case e.Tenant != "" && e.Cell != "":
		return errors.New("nothing was written: give --tenant or --cell, not both")
	}
	return a.draft(ctx, dir, func(d *draft) error {
		edit, err := schema.AddException(d.files, e)
		if err != nil {
			return err
		}
		return a.make(ctx, d, edit, how, "Commit this; the exception ends at "+e.Expires.Format(time.RFC3339)+".")
	})
}

// expiry reads a date, whose end it is, a time, or a number of days from now. Empty is no time.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var at time.Time
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		at = date.Add(24*time.Hour - time.Second)
	} else if days, err := strconv.Atoi(strings.TrimSuffix(text, "d")); err == nil && strings.HasSuffix(text, "d") {
		at = now.AddDate(0, 0, days).Truncate(time.Second)
	} else if at, err = time.Parse(time.RFC3339, text); err != nil {
		return at, fmt.Errorf("%q: want a date such as 2026-12-31, a time such as 2026-12-31T18:00:00Z, or a number of days such as 30d", text)
	}
	if !at.After(now) {
		return at, fmt.Errorf("%s is past", text)
	}
	return at.UTC(), nil
}

func (a *app) exceptionPruneCommand() *cobra.Command {
	var how edition
	cmd := &cobra.Command{
		Use:               "prune POLICY [DIR]",
		Short:             "Remove a policy's exceptions that have expired",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeNames("policies"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.draft(cmd.Context(), folder(args[1:]), func(d *draft) error {
				e, err := schema.RemoveExceptions(d.files, args[0], d.fleet.Exceptions)
				if err != nil {
					return err
				}
				return a.make(cmd.Context(), d, e, how, "Commit this; the policy held for them again already.")
			})
		},
	}
	how.flags(cmd)
	return cmd
}
