package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/pflag"

	"tenantry.dev/internal/gitrepo"
	"tenantry.dev/internal/store"
)

// A service is a fleet that the daemon serves.
type service struct {
	daemonSettings

	name string // its file's, for people; empty if it is the only one, by the daemon's own settings
	app  *app   // asked for settings that are no flags: its own, and those that it shares
	file map[string]string
}

// fleetsHelp says how to serve several fleets.
const fleetsHelp = "Several fleets are served by one daemon if each has a file of settings, NAME.env, with its own TENANTRY_REPO_URL\n" +
	"and TENANTRY_GITHUB_REPO: give --fleet FILE for each, or --fleets with the folder that they are in. What a file doesn't\n" +
	"say of the branch, the App, the token, the webhook's secret, AWS and the pace is as in the daemon's own settings.\n" +
	"All of them take webhooks at the same address, and one that fails doesn't stop the others: /readyz has each by its name."

// fleetList says which fleets a command is about, besides the one of the daemon's own settings.
type fleetList struct {
	files  []string
	folder string
}

func (l *fleetList) flags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&l.files, "fleet", nil, "a file with the settings of one of several fleets, NAME.env; may be repeated")
	flags.StringVar(&l.folder, "fleets", "", "a folder of such files: every *.env in it is a fleet")
}

// several tells whether fleets have files of their own.
func (l *fleetList) several() bool { return len(l.files) > 0 || l.folder != "" }

// paths are the fleets' files.
func (l *fleetList) paths() ([]string, error) {
	paths := slices.Clone(l.files)
	if l.folder != "" {
		found, err := filepath.Glob(filepath.Join(l.folder, "*.env"))
		if err != nil || len(found) == 0 {
			return nil, errors.Join(fmt.Errorf("fleets: the folder %s has no file *.env", l.folder), err)
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// What a fleet has by itself, and what belongs together: an App's key is no use with another one's id.
var (
	fleetsAlone = []string{"TENANTRY_REPO_URL", "TENANTRY_GITHUB_REPO", "TENANTRY_DATA_DIR", "TENANTRY_ACCEPT_REWRITE"}
	signingIn   = []string{"TENANTRY_GITHUB_APP_ID", "TENANTRY_GITHUB_APP_KEY_FILE", "GITHUB_TOKEN"}
	// fleetsPlain may be set for a fleet, and are no flags.
	fleetsPlain = []string{
		"TENANTRY_WEBHOOK_SECRET", "GITHUB_TOKEN", "GITHUB_API_URL",
		"AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
	}
)

// fleetName is what a fleet may be called: it stands in the log and in addresses.
var fleetName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// services are the fleets to serve: the one of the command's own settings, or those that have files. These
// share what isn't theirs alone. Two that would get into each other's way are refused.
func (a *app) services(flags *pflag.FlagSet, s daemonSettings, list fleetList) ([]service, error) {
	if !list.several() {
		if s.repoURL == "" {
			return nil, errors.New("no config repository: set TENANTRY_REPO_URL or give --repo-url")
		}
		return []service{{daemonSettings: s, app: a}}, nil
	}
	if s.repoURL != "" || s.githubRepo != "" {
		return nil, errors.New("fleets have files of their own, and there is a repository beside them: " +
			"move TENANTRY_REPO_URL and TENANTRY_GITHUB_REPO into a file, or give no other fleets")
	}
	paths, err := list.paths()
	if err != nil {
		return nil, err
	}
	var all []service
	for _, path := range paths {
		v, err := a.service(flags, path)
		if err != nil {
			return nil, fmt.Errorf("fleet %s: %w", path, err)
		}
		all = append(all, v)
	}
	if err := apart(all); err != nil {
		return nil, err
	}
	return all, a.nothingStrays(all)
}

// service reads the file of a fleet. flags are the command's own settings.
func (a *app) service(flags *pflag.FlagSet, path string) (service, error) {
	name := strings.TrimSuffix(filepath.Base(path), ".env")
	if !fleetName.MatchString(name) {
		return service{}, fmt.Errorf("%q can't be a fleet's name: letters, digits, \".\", \"_\" and \"-\" can", name)
	}
	file, err := readSettings(path)
	if err != nil {
		return service{}, err
	}
	ours := func(name string) bool { _, there := file[name]; return there }
	inherits := func(name string) bool {
		return !slices.Contains(fleetsAlone, name) && (!slices.Contains(signingIn, name) || !slices.ContainsFunc(signingIn, ours))
	}
	own := *a
	own.dataDir, own.env = "", func(name string) string {
		switch {
		case ours(name):
			return file[name]
		case inherits(name):
			return a.env(name)
		}
		return ""
	}
	v := service{name: name, app: &own, file: file}
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	v.repoFlags(set)
	v.fleetFlags(set, &own)
	set.StringVar(&own.dataDir, "data-dir", "", "")
	known := slices.Clone(fleetsPlain)
	var failure error
	set.VisitAll(func(f *pflag.Flag) {
		setting := settingOf(f.Name)
		known = append(known, setting)
		value := file[setting]
		if common := flags.Lookup(f.Name); !ours(setting) && common != nil && inherits(setting) {
			value = common.Value.String()
		} else if !ours(setting) {
			return
		}
		if value == "" { // as if it were set nowhere
			return
		}
		if err := set.Set(f.Name, value); err != nil {
			failure = errors.Join(failure, fmt.Errorf("setting %s: %w", setting, err))
		}
	})
	for _, setting := range slices.Sorted(maps.Keys(file)) {
		if !slices.Contains(known, setting) {
			failure = errors.Join(failure, fmt.Errorf("%s is no setting of a fleet: it belongs to the daemon, or nowhere", setting))
		}
	}
	if v.repoURL == "" {
		failure = errors.Join(failure, errors.New("no config repository: set TENANTRY_REPO_URL in it"))
	}
	if own.dataDir == "" && a.dataDir != "" {
		own.dataDir = filepath.Join(a.dataDir, v.folder())
	}
	return v, failure
}

// folder is what a fleet's data folder is called, where it isn't told which one to take.
func (s *daemonSettings) folder() string {
	return cmp.Or(strings.ReplaceAll(s.githubRepo, "/", "-"), "daemon")
}

// awsOptions are those of AWS's settings that the fleet has by itself.
func (v service) awsOptions() []func(*config.LoadOptions) error {
	var options []func(*config.LoadOptions) error
	for name, option := range map[string]func(string) config.LoadOptionsFunc{
		"AWS_PROFILE":                 config.WithSharedConfigProfile,
		"AWS_REGION":                  config.WithRegion,
		"AWS_ENDPOINT_URL":            config.WithBaseEndpoint,
		"AWS_CONFIG_FILE":             func(file string) config.LoadOptionsFunc { return config.WithSharedConfigFiles([]string{file}) },
		"AWS_SHARED_CREDENTIALS_FILE": func(file string) config.LoadOptionsFunc { return config.WithSharedCredentialsFiles([]string{file}) },
	} {
		if value := v.file[name]; value != "" {
			options = append(options, option(value))
		}
	}
	return options
}

// data is the fleet's data directory.
func (v service) data() (string, error) { return v.app.data(v.folder()) }

// apart refuses fleets of which two have something that only one can have.
func apart(all []service) error {
	taken := map[string]string{}
	for _, v := range all {
		dir, err := v.data()
		if err != nil {
			return err
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		if followed, err := filepath.EvalSymlinks(dir); err == nil { // otherwise it isn't there yet
			dir = followed
		}
		where, err := gitrepo.Place(v.repoURL)
		if err != nil {
			return fmt.Errorf("fleet %s: %w", v.name, err)
		}
		things := []string{"the name " + v.name, "the data directory " + dir, "the config repository " + where}
		if v.githubRepo != "" {
			things = append(things, "the GitHub repository "+strings.ToLower(v.githubRepo+" at "+cmp.Or(v.app.env("GITHUB_API_URL"), "GitHub")))
		}
		for _, thing := range things {
			if other, twice := taken[thing]; twice {
				return fmt.Errorf("the fleets %s and %s have %s together: each needs its own", other, v.name, thing)
			}
			taken[thing] = v.name
		}
	}
	return nil
}

// nothingStrays refuses to leave the memory of a fleet behind that was served alone, with a data directory of
// which the fleets have folders now: it would be served as if nothing had ever been applied.
func (a *app) nothingStrays(all []service) error {
	if a.dataDir == "" || !store.Exists(a.dataDir) {
		return nil
	}
	for _, v := range all {
		if filepath.Clean(v.app.dataDir) == filepath.Clean(a.dataDir) {
			return nil
		}
	}
	return fmt.Errorf("%s has the memory of a fleet that was served alone: set TENANTRY_DATA_DIR=%s in that fleet's file, so that it goes on with it",
		a.dataDir, a.dataDir)
}

// settingOf is the setting that stands for a flag.
func settingOf(flag string) string {
	return "TENANTRY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
