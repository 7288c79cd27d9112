package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

func (a *app) initCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a new fleet that validates",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if name == "" {
				whole, err := filepath.Abs(args[0])
				if err != nil {
					return err
				}
				name = filepath.Base(whole)
			}
			if err := schema.Init(args[0], name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.out, "A new fleet is in %s. Its README.md leads to the first pull request.\nTry: tenantry validate %s\n", args[0], args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the fleet's name; the folder's if empty")
	return cmd
}

// open reads the definitions of a folder.
func (a *app) open(ctx context.Context, dir string) (t reconciler.Target, failure error) {
	if err := isFolder(dir); err != nil {
		return t, err
	}
	folder, err := gitrepo.Dir(dir)
	if err != nil {
		return t, err
	}
	defer func() { failure = errors.Join(failure, folder.Close()) }()
	commit, err := folder.Commit()
	if err != nil {
		return t, err
	}
	removed, err := folder.Removed(ctx)
	if err != nil {
		return t, err
	}
	loader, done, err := a.loader(ctx, a.pack(dir))
	if err != nil {
		return t, err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	return reconciler.Load(ctx, loader, folder.Files(), commit, removed, time.Now().UTC())
}

// load reads the definitions of a folder without asking Git about it.
func (a *app) load(ctx context.Context, dir string) (fleet *schema.Fleet, findings []schema.Finding, failure error) {
	if err := isFolder(dir); err != nil {
		return nil, nil, err
	}
	folder, err := gitrepo.Dir(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { failure = errors.Join(failure, folder.Close()) }()
	return a.loadOnce(ctx, folder.Files(), a.pack(dir))
}

// loadOnce reads definitions with workers of their own; pack is as for loader.
func (a *app) loadOnce(ctx context.Context, files fs.FS, pack string) (fleet *schema.Fleet, findings []schema.Finding, failure error) {
	loader, done, err := a.loader(ctx, pack)
	if err != nil {
		return nil, nil, err
	}
	defer func() { failure = errors.Join(failure, done()) }()
	return loader.Load(ctx, files, time.Now().UTC())
}

// finding is how a finding is written as JSON.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Col      int    `json:"col"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Tenant   string `json:"tenant,omitempty"`
	Policy   string `json:"policy,omitempty"`
}

func (a *app) validateCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Find every mistake in the definitions of a fleet",
		Long:  "Find every mistake in the definitions of a fleet, as file:line:col: message. Exits 1 if the fleet is invalid.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fleet, findings, err := a.load(cmd.Context(), folder(args))
			if err != nil {
				return err
			}
			valid := fleet != nil && !schema.Invalid(findings)
			if err := a.printFindings(fleet, findings, valid, asJSON); err != nil {
				return err
			}
			if !valid {
				return exit(codeError, "")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) printFindings(fleet *schema.Fleet, findings []schema.Finding, valid, asJSON bool) error {
	if asJSON {
		list := make([]finding, 0, len(findings))
		for _, f := range findings {
			list = append(list, finding{f.File, f.Line, f.Col, string(f.Severity), f.Message, f.Tenant, f.Policy})
		}
		return a.printJSON(map[string]any{"format_version": formatVersion, "valid": valid, "findings": list})
	}
	var b strings.Builder
	for _, f := range findings {
		text := f.String()
		if f.Severity != schema.Error {
			text += " (" + string(f.Severity) + ")"
		}
		fmt.Fprintln(&b, text)
	}
	switch {
	case valid:
		fmt.Fprintf(&b, "%s is valid: %s, %s, %s, %s.\n", fleet.Name,
			count(len(fleet.Tenants), "tenant", "tenants"), count(len(fleet.Plans), "plan", "plans"),
			count(len(fleet.Cells), "cell", "cells"), count(len(fleet.Policies), "policy", "policies"))
	default:
		fmt.Fprintf(&b, "%d finding%s.\n", len(findings), plural(len(findings)))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func (a *app) renderCommand() *cobra.Command {
	var asJSON bool
	var tenant string
	cmd := &cobra.Command{
		Use:   "render [DIR]",
		Short: "Print the resources that the definitions ask for",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fleet, findings, err := a.load(cmd.Context(), folder(args))
			if err != nil {
				return err
			}
			if fleet == nil || (tenant == "" && schema.Invalid(findings)) {
				return a.refuse(findings)
			}
			rendering := fleet.Render()
			if tenant != "" {
				owner := resource.Tenant(tenant)
				rendering = fleet.RenderOwners(owner)
				if why, broken := rendering.Broken[owner]; broken {
					return fmt.Errorf("tenant %s can't be rendered: %s", tenant, why)
				}
				if len(rendering.Desired) == 0 {
					return fmt.Errorf("there is no tenant %q that has resources", tenant)
				}
			}
			return a.printResources(rendering.Desired, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document a line, for each resource")
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant")
	return cmd
}

// refuse prints the findings that stand in the way.
func (a *app) refuse(findings []schema.Finding) error {
	for _, f := range findings {
		_, _ = fmt.Fprintln(a.err, f)
	}
	return exit(codeError, "the definitions are not valid: %d finding%s", len(findings), plural(len(findings)))
}

func (a *app) printResources(list []resource.Desired, asJSON bool) error {
	if !asJSON {
		return a.printJSON(struct {
			Version   string             `json:"format_version"`
			Resources []resource.Desired `json:"resources"`
		}{formatVersion, list})
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	for _, d := range list {
		line := struct {
			Version string `json:"format_version"`
			resource.Desired
		}{formatVersion, d}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// isFolder says clearly what is wrong with a DIR argument.
func isFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("fleet: %s is not a folder", dir)
	}
	return nil
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
