package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
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
	var list fleetList
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Examine credentials, permissions and settings, and say how to mend them",
		Long: "Examine credentials, permissions and settings, and say how to mend them. DIR has the definitions. With the\n" +
			"fleets of a daemon for several, as tenantry run takes them, each of them is examined, with the definitions that\n" +
			"its repository has.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list.several() {
				return a.examineSeveral(cmd, s, list, args, asJSON)
			}
			found := service{daemonSettings: s, app: a}.examine(cmd.Context(), folder(args))
			if err := a.printDiagnoses(found, asJSON); err != nil {
				return err
			}
			return verdictOf(found)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	s.repoFlags(flags)
	list.flags(flags)
	return cmd
}

// verdictOf is an error if something is to be mended.
func verdictOf(found []diagnosis) error {
	for _, d := range found {
		if !d.OK {
			return exit(codeError, "")
		}
	}
	return nil
}

// examine looks at everything that the fleet needs; dir has its definitions.
func (v service) examine(ctx context.Context, dir string) []diagnosis {
	list := []diagnosis{v.examineData(ctx)}
	list = append(list, v.app.examineGitHub(ctx, v.daemonSettings)...)
	list = append(list, v.examineRepo(ctx))
	base, err := awsSettings(ctx, v.awsOptions()...)
	fleet, d := v.app.examineDefinitions(ctx, dir)
	return append(append(list, d), examineAccounts(ctx, fleet, base, err, dir)...)
}

func (v service) examineData(ctx context.Context) diagnosis {
	d := diagnosis{What: "data directory"}
	dir, err := v.data()
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

func (v service) examineRepo(ctx context.Context) diagnosis {
	d := diagnosis{What: "config repository"}
	if v.repoURL == "" {
		d.Says, d.Mend = "not set", "set TENANTRY_REPO_URL"
		return d
	}
	err := v.read(ctx, func(fs.FS) error { return nil })
	if err != nil {
		d.Says, d.Mend = err.Error(), "check TENANTRY_REPO_URL and TENANTRY_BRANCH, and that the App is installed on the repository"
		return d
	}
	d.OK, d.Says = true, v.repoURL+" can be read"
	return d
}

// read has do read the newest commit of the watched branch, by way of a mirror that is doctor's own: the daemon's
// belongs to the daemon.
func (v service) read(ctx context.Context, do func(fs.FS) error) (failure error) {
	dir, err := v.data()
	if err != nil {
		return err
	}
	f, err := v.app.forge(v.daemonSettings)
	if err != nil {
		return err
	}
	repo, err := gitrepo.Open(ctx, filepath.Join(dir, "doctor-mirror"), v.repoURL, v.branch, f.auth)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, repo.Close()) }()
	commit, err := repo.Head(ctx)
	if err != nil {
		return err
	}
	files, err := repo.Open(ctx, commit)
	if err != nil {
		return err
	}
	return do(files)
}

func (a *app) examineDefinitions(ctx context.Context, dir string) (*schema.Fleet, diagnosis) {
	fleet, findings, err := a.load(ctx, dir)
	if err != nil || fleet == nil {
		return nil, diagnosis{What: "definitions", Says: dir + " is no fleet", Mend: "give the folder of the config repository, or make one with tenantry init"}
	}
	return fleet, definitionsFound(fleet, findings, "see tenantry validate "+dir)
}

func definitionsFound(fleet *schema.Fleet, findings []schema.Finding, mend string) diagnosis {
	d := diagnosis{What: "definitions", OK: !schema.Invalid(findings), Says: fmt.Sprintf("%s: %d tenants, %d findings", fleet.Name, len(fleet.Tenants), len(findings))}
	if !d.OK {
		d.Mend = mend
	}
	return d
}

// examineAccounts enters the accounts of a fleet; err is what was wrong with AWS's settings.
func examineAccounts(ctx context.Context, fleet *schema.Fleet, base awssdk.Config, err error, dir string) []diagnosis {
	if fleet == nil {
		return nil
	}
	if err != nil {
		return []diagnosis{{What: "AWS settings", Says: err.Error(), Mend: "see AWS's page on the shared config and credentials files"}}
	}
	var list []diagnosis
	for _, account := range fleet.Accounts {
		list = append(list, examineAccount(ctx, base, fleet, account, dir)...)
	}
	return list
}

func (a *app) printDiagnoses(list []diagnosis, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"format_version": formatVersion, "diagnoses": list})
	}
	_, err := fmt.Fprintln(a.out, diagnosesTable(list))
	return err
}

func diagnosesTable(list []diagnosis) string {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"", "What", "Found", "How to mend it"})
	for _, d := range list {
		sign := "ok"
		if !d.OK {
			sign = "!!"
		}
		t.AppendRow(table.Row{sign, d.What, wrap(d.Says, 60), wrap(d.Mend, 50)})
	}
	return t.Render()
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
