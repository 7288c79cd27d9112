package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/internal/store"
	"tenantry.dev/schema"
)

// A diagnosis is the result of one examination.
type diagnosis struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`           // what was found
	Mend string `json:"mend,omitempty"` // how to mend it
}

func (a *app) doctorCommand() *cobra.Command {
	var s daemonSettings
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Examine credentials, permissions and settings, and say how to mend them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list := a.examine(cmd.Context(), s, folder(args))
			if err := a.printDiagnoses(list, asJSON); err != nil {
				return err
			}
			for _, d := range list {
				if !d.OK {
					return exit(codeError, "")
				}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	s.repoFlags(flags)
	return cmd
}

func (a *app) examine(ctx context.Context, s daemonSettings, dir string) []diagnosis {
	list := []diagnosis{a.examineData(ctx)}
	list = append(list, a.examineGitHub(ctx, s)...)
	list = append(list, a.examineRepo(ctx, s)...)
	return append(list, a.examineFleet(ctx, dir)...)
}

func (a *app) examineData(ctx context.Context) diagnosis {
	d := diagnosis{What: "data directory"}
	dir, err := a.data("daemon")
	if err == nil {
		d.Says = dir
		var kept *store.Store
		if kept, err = store.Open(ctx, dir, store.ReadOnly); err == nil {
			_, err = kept.Verify(ctx)
			if closing := kept.Close(); err == nil {
				err = closing
			}
		}
	}
	if err != nil {
		d.Says, d.Mend = err.Error(), "set TENANTRY_DATA_DIR to a folder that this user may write, or restore it from a backup"
		return d
	}
	d.OK = true
	return d
}

func (a *app) examineGitHub(ctx context.Context, s daemonSettings) []diagnosis {
	d := diagnosis{What: "GitHub"}
	if s.githubRepo == "" {
		d.Says, d.Mend = "not set up", "set TENANTRY_GITHUB_REPO, and TENANTRY_GITHUB_APP_ID with TENANTRY_GITHUB_APP_KEY_FILE, or GITHUB_TOKEN"
		return []diagnosis{d}
	}
	f, err := a.forge(s)
	if err == nil {
		_, err = f.PullRequests(ctx)
	}
	if err != nil {
		d.Says, d.Mend = err.Error(), "check the App's id, key and installation, or the token, and that "+s.githubRepo+" exists"
		return []diagnosis{d}
	}
	d.OK, d.Says = true, s.githubRepo+" can be read"
	hook := diagnosis{What: "webhook secret", OK: a.env("TENANTRY_WEBHOOK_SECRET") != "", Says: "is set"}
	if !hook.OK {
		hook.Says, hook.Mend = "is not set, so that pull requests are only found by polling", "set TENANTRY_WEBHOOK_SECRET to the one in the App's settings"
	}
	return []diagnosis{d, hook}
}

func (a *app) examineRepo(ctx context.Context, s daemonSettings) []diagnosis {
	d := diagnosis{What: "config repository"}
	if s.repoURL == "" {
		d.Says, d.Mend = "not set", "set TENANTRY_REPO_URL"
		return []diagnosis{d}
	}
	dir, err := a.data("daemon")
	if err == nil {
		var f forge
		if f, err = a.forge(s); err == nil {
			var repo *gitrepo.Repo
			if repo, err = gitrepo.Open(ctx, filepath.Join(dir, "doctor-mirror"), s.repoURL, s.branch, f.auth); err == nil {
				_, err = repo.Head(ctx)
				err = errors.Join(err, repo.Close())
			}
		}
	}
	if err != nil {
		d.Says, d.Mend = err.Error(), "check TENANTRY_REPO_URL and TENANTRY_BRANCH, and that the App is installed on the repository"
		return []diagnosis{d}
	}
	d.OK, d.Says = true, s.repoURL+" can be read"
	return []diagnosis{d}
}

func (a *app) examineFleet(ctx context.Context, dir string) []diagnosis {
	d := diagnosis{What: "definitions"}
	fleet, findings, err := a.load(ctx, dir)
	if err != nil || fleet == nil {
		d.Says, d.Mend = dir+" is no fleet", "give the folder of the config repository, or make one with tenantry init"
		return []diagnosis{d}
	}
	d.OK, d.Says = !schema.Invalid(findings), fmt.Sprintf("%s: %d tenants, %d findings", fleet.Name, len(fleet.Tenants), len(findings))
	if !d.OK {
		d.Mend = "see tenantry validate " + dir
	}
	list := []diagnosis{d}
	base, err := awsSettings(ctx)
	if err != nil {
		return append(list, diagnosis{What: "AWS settings", Says: err.Error(), Mend: "see AWS's page on the shared config and credentials files"})
	}
	for _, account := range fleet.Accounts {
		list = append(list, examineAccount(ctx, base, fleet, account, dir)...)
	}
	return list
}

func (a *app) printDiagnoses(list []diagnosis, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"format_version": formatVersion, "diagnoses": list})
	}
	t := table.NewWriter()
	t.AppendHeader(table.Row{"", "What", "Found", "How to mend it"})
	for _, d := range list {
		sign := "ok"
		if !d.OK {
			sign = "!!"
		}
		t.AppendRow(table.Row{sign, d.What, wrap(d.Says, 60), wrap(d.Mend, 50)})
	}
	_, err := fmt.Fprintln(a.out, t.Render())
	return err
}

// wrap breaks a text at spaces, so that a table stays readable.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		if column > 0 && column+1+len(word) > width {
			b.WriteByte('\n')
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
