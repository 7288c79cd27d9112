package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/sandbox"
	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/store"
	"tenantry.dev/schema"
)

const (
	scriptOwner  = "brightdesk/"
	scriptRepo   = scriptOwner + "fleet"
	scriptPerson = "dana"
	// scriptPatience bounds every wait. It is generous: a script fails by being wrong, not by
	// running on a busy machine.
	scriptPatience = 60 * time.Second
)

// A scene is what a script plays on.
type scene struct {
	t      testing.TB
	dir    string // $WORK
	world  *sandbox.World
	daemon *process
	writes int // to the cloud, when the script last looked
	calls  int // the number of the last one, when the script last looked

	pictures int // taken so far
}

type sceneKey struct{}

// setScene gives a script its scene, and takes it down with what must hold at the end of every
// story: a daemon stops when asked, nothing was ever made twice, and the log is whole.
func setScene(env *testscript.Env) error {
	s := &scene{t: env.T().(testing.TB), dir: env.WorkDir}
	env.Values[sceneKey{}] = s
	for _, v := range []string{
		"TENANTRY_DATA_DIR=" + filepath.Join(env.WorkDir, "data"), "USER=" + scriptPerson, "NO_COLOR=1",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Dana", "GIT_AUTHOR_EMAIL=dana@example.com", "GIT_COMMITTER_NAME=Dana", "GIT_COMMITTER_EMAIL=dana@example.com",
	} {
		name, value, _ := strings.Cut(v, "=")
		env.Setenv(name, value)
	}
	env.Defer(s.strike)
	return nil
}

// strike ends what the script started.
func (s *scene) strike() {
	if s.daemon != nil {
		if err := s.daemon.stop(); err != nil {
			s.t.Errorf("at the script's end: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("the daemon's log:\n%s", s.daemon.log)
		}
	}
	if s.world == nil {
		return
	}
	if twins := awsbox.Twins(s.world.AWS.History(), "tenantry:fleet", "tenantry:address"); len(twins) > 0 {
		s.t.Errorf("two resources carried one address: %+v", twins)
	}
	for _, dir := range append(s.fleetFolders(), filepath.Join(s.dir, "data")) {
		if err := proven(s.t.Context(), dir); err != nil {
			s.t.Errorf("the audit log in %s: %v", dir, err)
		}
	}
	if err := s.world.Close(); err != nil {
		s.t.Errorf("close the sandbox: %v", err)
	}
}

// proven verifies the log of a data directory.
func proven(ctx context.Context, dir string) error {
	ctx = context.WithoutCancel(ctx)
	kept, err := store.Open(ctx, dir, store.ReadOnly)
	if err != nil {
		return err
	}
	_, err = kept.Verify(ctx)
	return errors.Join(err, kept.Close())
}

// layOut is "fleet [-hosting] [-name NAME] DIR TENANT…": the example fleet with only these of its tenants.
func (s *scene) layOut(ts *testscript.TestScript, args []string) error {
	hosting := len(args) > 0 && args[0] == "-hosting"
	if hosting {
		args = args[1:]
	}
	name := ""
	if len(args) > 1 && args[0] == "-name" {
		name, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return errors.New("usage: fleet [-hosting] [-name NAME] DIR TENANT…")
	}
	if err := fleetOf(ts.MkAbs(args[0]), hosting, args[1:]...); err != nil || name == "" {
		return err
	}
	return renameFleet(ts.MkAbs(args[0]), name)
}

// exampleFleet writes the example fleet with only some of its tenants and without what it runs on, and
// with a scan for drift every two seconds.
func exampleFleet(dir string, tenants ...string) error { return fleetOf(dir, false, tenants...) }

// fleetOf is exampleFleet with or without what the fleet runs on.
func fleetOf(dir string, hosting bool, tenants ...string) error {
	var files fs.FS = fleetexample.Files()
	if !hosting {
		small, err := fleetexample.Small()
		if err != nil {
			return err
		}
		files = small
	}
	if err := os.CopyFS(dir, files); err != nil {
		return err
	}
	all, err := fs.ReadDir(files, "tenants")
	if err != nil {
		return err
	}
	found := 0
	for _, file := range all {
		if slices.Contains(tenants, strings.TrimSuffix(file.Name(), ".cue")) {
			found++
		} else if err := os.Remove(filepath.Join(dir, "tenants", file.Name())); err != nil {
			return err
		}
	}
	if found != len(tenants) {
		return fmt.Errorf("the example fleet has only %d of %v", found, tenants)
	}
	shared, err := fleetexample.Shared(hosting) // the others aren't named either
	if err != nil {
		return err
	}
	for path, text := range shared {
		if err := os.WriteFile(filepath.Join(dir, path), text, 0o644); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "fleet.cue")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = schema.SetField(text, []string{"schedules", "drift"}, "@every 2s"); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// raise is "sandbox DIR NAME=DIR…": an AWS and a GitHub, whose repository begins with the fleet in DIR. Every
// setting that a client of them needs is in the environment from then on. Each NAME is another repository of the same
// owner; then every repository has its settings in a file for the daemon.
func (s *scene) raise(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.world != nil {
		return errors.New("usage, once a script: sandbox DIR NAME=DIR…")
	}
	others := map[string]string{}
	for _, arg := range args[1:] {
		name, dir, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=DIR", arg)
		}
		others[name] = ts.MkAbs(dir)
	}
	world, err := raiseWorld(s.t.Context(), ts.MkAbs(args[0]), s.dir, others)
	if err != nil {
		return err
	}
	s.world = world
	for _, setting := range append(world.Settings(), "TENANTRY_LISTEN=127.0.0.1:0", "TENANTRY_POLL=500ms", "TENANTRY_GITHUB_WRITE_INTERVAL=5ms") {
		name, value, _ := strings.Cut(setting, "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("CLONE_URL", s.cloneURL())
	ts.Setenv("CLOUD_URL", world.CloudURL())
	if len(others) > 0 {
		return s.fileFleets(ts, others)
	}
	return nil
}

// cloneURL is where a person clones the repository from that the script is about.
func (s *scene) cloneURL() string {
	return strings.Replace(s.world.GitHub.GitURL(s.world.Repo), "://", "://"+scriptPerson+":"+sandbox.PersonToken+"@", 1)
}

// raiseWorld starts a sandbox with the accounts that fleets name. keep is a folder for its files; others are the
// folders of further repositories.
func raiseWorld(ctx context.Context, dir, keep string, others map[string]string) (*sandbox.World, error) {
	options := sandbox.Options{Repo: scriptRepo, Files: os.DirFS(dir), Person: scriptPerson, Dir: keep, Others: map[string]fs.FS{}}
	dirs := []string{dir}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		options.Others[scriptOwner+name] = os.DirFS(others[name])
		dirs = append(dirs, others[name])
	}
	known := map[string]int{}
	for _, dir := range dirs {
		fleet, findings := schema.Load(os.DirFS(dir), time.Now().UTC())
		if fleet == nil {
			return nil, fmt.Errorf("the fleet in %s can't be used: %v", dir, findings)
		}
		for _, account := range fleet.Accounts {
			if _, there := known[account.ID]; !there {
				known[account.ID] = len(options.Accounts)
				options.Accounts = append(options.Accounts, awsbox.Account{
					ID: account.ID, RoleARN: account.RoleARN, ReaderARN: account.ReadRole, ExternalID: account.ExternalID,
				})
			}
			a := &options.Accounts[known[account.ID]]
			a.Policies = append(a.Policies, fleet.Name+"-tenant")
		}
	}
	return sandbox.Start(context.WithoutCancel(ctx), options)
}

// eventually asks again and again until something is so. An answer of "" means that it is; any
// other says what is missing.
func (s *scene) eventually(is func() (missing string, err error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), scriptPatience)
	defer cancel()
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for {
		missing, err := is()
		if err != nil || missing == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s: %s", scriptPatience, missing)
		case <-ticker.C:
		}
		if s.daemon != nil && s.daemon.ended() {
			return fmt.Errorf("the daemon ended: %w\n%s", s.daemon.err, s.daemon.log)
		}
	}
}
