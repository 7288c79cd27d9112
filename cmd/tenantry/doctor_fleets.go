package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"tenantry.dev/schema"
)

// A checkup is what was found of one of several fleets.
type checkup struct {
	Fleet     string      `json:"fleet"`
	Diagnoses []diagnosis `json:"diagnoses"`
}

// examineSeveral examines the fleets that a daemon would serve together.
func (a *app) examineSeveral(cmd *cobra.Command, s daemonSettings, list fleetList, args []string, asJSON bool) error {
	if len(args) > 0 {
		return errors.New("several fleets have their definitions in their repositories: give no DIR")
	}
	all, err := a.services(cmd.Flags(), s, list)
	if err != nil {
		return err
	}
	names := &register{}
	var found []diagnosis
	var checkups []checkup
	for _, v := range all {
		c := checkup{Fleet: v.name, Diagnoses: v.examineServed(cmd.Context(), names)}
		checkups, found = append(checkups, c), append(found, c.Diagnoses...)
	}
	if asJSON {
		err = a.printJSON(map[string]any{"format_version": formatVersion, "diagnoses": []diagnosis{}, "fleets": checkups})
	} else {
		var text strings.Builder
		for _, c := range checkups {
			fmt.Fprintf(&text, "Fleet %s\n%s\n\n", c.Fleet, diagnosesTable(c.Diagnoses))
		}
		_, err = fmt.Fprint(a.out, strings.TrimSuffix(text.String(), "\n"))
	}
	if err != nil {
		return err
	}
	return verdictOf(found)
}

// examineServed examines one of several fleets, with the definitions that its repository has. names are those of the
// ones before it.
func (v service) examineServed(ctx context.Context, names *register) []diagnosis {
	list := []diagnosis{v.examineData(ctx)}
	list = append(list, v.app.examineGitHub(ctx, v.daemonSettings)...)
	repository := v.examineRepo(ctx)
	list = append(list, repository)
	if !repository.OK {
		return list
	}
	var fleet *schema.Fleet
	var findings []schema.Finding
	err := v.read(ctx, func(files fs.FS) (failure error) {
		fleet, findings, failure = v.app.loadOnce(ctx, files, "")
		return failure
	})
	const mend = "see the check tenantry/apply on the newest commit"
	if err != nil {
		return append(list, diagnosis{What: "definitions", Says: err.Error(), Mend: mend})
	}
	if fleet == nil {
		return append(list, diagnosis{What: "definitions", Says: "they can't be used", Mend: mend})
	}
	list = append(list, definitionsFound(fleet, findings, mend))
	if err := names.take(v.name, claimsOf(fleet)); err != nil {
		list = append(list, diagnosis{What: "name", Says: err.Error(), Mend: "change the name in fleet.cue of the one that was never applied"})
	}
	base, err := awsSettings(ctx, v.awsOptions()...)
	return append(list, examineAccounts(ctx, fleet, base, err, ".")...)
}
