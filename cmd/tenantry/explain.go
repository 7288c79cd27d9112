package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/reference"
	"tenantry.dev/providers/aws"
	"tenantry.dev/schema"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON, recursive bool
	cmd := &cobra.Command{
		Use:   "explain [PATH] [DIR]",
		Short: "Say what a field means, or where a value comes from",
		Long: `Say what a definition, a kind or a field means: what it takes, its default, an example, and what a
change of it does. Without PATH, list everything that can be explained.

With DIR, or in a fleet's folder, PATH may also be a value of that fleet: where it comes from, which
policies are about it, and what a tenant may choose.`,
		Example: `  tenantry explain tenant
  tenantry explain tenant.contacts.email
  tenantry explain aws.s3.bucket.encryption.algorithm
  tenantry explain AWS::RUM::AppMonitor.CwLogEnabled
  tenantry explain plan.team.data.versioning
  tenantry explain tenant/acme/aws.s3.bucket/data.versioning my-fleet`,
		Args: cobra.MaximumNArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return completePaths(begun), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := manual(args...)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.printOverview(m, asJSON)
			}
			return a.explain(cmd.Context(), m, args[0], args[1:], recursive, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "all levels of fields")
	return cmd
}

// manual knows the definitions and the kinds, and the resource types of AWS that paths begin with. It
// reaches no cloud: the drivers are asked only what their kinds are.
func manual(paths ...string) (*schema.Manual, error) {
	var types []string
	for _, path := range paths {
		name, _, _ := strings.Cut(path, ".")
		if !schema.IsType(name) {
			continue
		}
		if err := schema.Unmanaged(name); err != nil {
			return nil, err
		}
		types = append(types, name)
	}
	drivers, err := aws.Drivers(awssdk.Config{}, nil, types...)
	if err != nil {
		return nil, err
	}
	return schema.NewManual(drivers.Kinds(), fleetexample.Files(), types...)
}

// explain looks for the path in the schema and then, if there is a fleet to look in, among its values.
func (a *app) explain(ctx context.Context, m *schema.Manual, path string, dir []string, recursive, asJSON bool) error {
	d, err := m.Explain(path, recursive)
	if err != nil {
		if hasFleet(folder(dir)) {
			return a.trace(ctx, m, path, folder(dir), err, asJSON)
		}
		if len(dir) > 0 {
			return fmt.Errorf("%w; and %s holds no fleet", err, dir[0])
		}
		if strings.Contains(path, "/") {
			return fmt.Errorf("%s is in a fleet: give its folder as well, as in: tenantry explain %[1]s DIR", path)
		}
		return err
	}
	if asJSON {
		return a.printJSON(struct {
			Version string `json:"format_version"`
			schema.Doc
		}{formatVersion, d})
	}
	style := reference.Style{Color: a.color()}
	text := reference.Text(d, style)
	if recursive {
		text = reference.Tree(d, style)
	}
	_, err = fmt.Fprint(a.out, text)
	return err
}

func hasFleet(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "fleet.cue"))
	return err == nil
}

// trace tells where a value of a fleet comes from. otherwise is why the path isn't in the schema.
func (a *app) trace(ctx context.Context, m *schema.Manual, path, dir string, otherwise error, asJSON bool) error {
	fleet, findings, err := a.load(ctx, dir)
	if err != nil {
		return err
	}
	if fleet == nil {
		return a.refuse(findings)
	}
	t, err := fleet.Trace(os.DirFS(dir), path)
	if err != nil {
		unknown, is := errors.AsType[*schema.UnknownPath](otherwise)
		if !strings.Contains(path, "/") && is && unknown.Below == "" {
			return otherwise
		}
		return err
	}
	var doc *schema.Doc
	if d, err := m.Explain(t.Doc, false); err == nil {
		doc = &d
	}
	if asJSON {
		return a.printJSON(struct {
			Version string `json:"format_version"`
			schema.Trace
			Schema *schema.Doc `json:"schema,omitempty"`
		}{formatVersion, t, doc})
	}
	_, err = fmt.Fprint(a.out, reference.Where(t, doc, reference.Style{Color: a.color()}))
	return err
}

func (a *app) printOverview(m *schema.Manual, asJSON bool) error {
	if asJSON {
		definitions, kinds, parts := m.Chapters()
		return a.printJSON(struct {
			Version     string   `json:"format_version"`
			Definitions []string `json:"definitions"`
			Kinds       []string `json:"kinds"`
			Parts       []string `json:"parts"`
		}{formatVersion, definitions, kinds, parts})
	}
	text, err := reference.Overview(m, reference.Style{Color: a.color()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.out, text)
	return err
}

// completePaths are the ways to go on from what was typed, one level at a time.
func completePaths(begun string) []string {
	m, err := manual()
	if err != nil {
		return nil
	}
	var out []string
	for _, path := range m.Paths() {
		rest, is := strings.CutPrefix(path, begun)
		if !is {
			continue
		}
		if i := strings.IndexByte(strings.TrimPrefix(rest, "."), '.'); i >= 0 && !strings.HasPrefix(path, "aws.") {
			continue
		}
		out = append(out, path)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
