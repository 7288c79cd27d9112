package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An app is one invocation: where it writes and what was set.
type app struct {
	out, err io.Writer
	in       io.Reader
	env      func(string) string

	dataDir    string
	config     string
	noColor    bool
	logFormat  string
	logLevel   string
	settleTime time.Duration
}

func newApp() *app {
	return &app{out: os.Stdout, err: os.Stderr, in: os.Stdin, env: os.Getenv}
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "tenantry",
		Short: "Run a SaaS fleet on AWS from a Git repository",
		Long: "Tenantry makes the cloud match a Git repository of CUE files that describe tenants, plans and\n" +
			"policies, and answers in pull requests. Begin with: tenantry init DIR, or tenantry demo.",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.settle(cmd)
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.dataDir, "data-dir", "", "where the mirror, the store and the audit log are kept (TENANTRY_DATA_DIR)")
	flags.StringVar(&a.config, "config", "", "a file of settings, one NAME=value a line (TENANTRY_CONFIG)")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours, as with NO_COLOR in the environment")
	flags.StringVar(&a.logFormat, "log-format", "text", "json or text")
	flags.StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	root.AddCommand(
		a.initCommand(), a.validateCommand(), a.renderCommand(), a.planCommand(), a.applyCommand(), a.driftCommand(), a.plansCommand(),
		a.importCommand(), a.unmanagedCommand(), a.runCommand(), a.demoCommand(), a.auditCommand(), a.doctorCommand(), a.iamPolicyCommand(), a.explainCommand(), a.graphCommand(), a.versionCommand(),
		a.tenantCommand(), a.releaseCommand(), a.exceptionCommand(), a.formatCommand(), a.vendorCommand(), a.githubAppCommand(), a.traceCommand(),
		a.evaluateCommand(),
	)
	return root
}

// settle gives every flag that wasn't set its value from the environment or the settings file, in
// that order. The flag --repo-url is TENANTRY_REPO_URL in both.
func (a *app) settle(cmd *cobra.Command) error {
	path := a.config
	if path == "" {
		path = a.env("TENANTRY_CONFIG")
	}
	file, err := readSettings(path)
	if err != nil {
		return err
	}
	environment := a.env
	a.env = func(name string) string {
		if value := environment(name); value != "" {
			return value
		}
		return file[name]
	}
	var failure error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := a.env(settingOf(f.Name))
		if f.Changed || value == "" || failure != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failure = fmt.Errorf("setting %s: %w", f.Name, err)
		}
	})
	if a.env("NO_COLOR") != "" {
		a.noColor = true
	}
	return failure
}

// readSettings reads NAME=value lines; empty lines and lines that begin with # are skipped.
func readSettings(path string) (map[string]string, error) {
	settings := map[string]string{}
	if path == "" {
		return settings, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("settings: %s:%d: want NAME=value", path, i+1)
		}
		settings[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return settings, nil
}

// color tells whether to print colours: on a terminal, unless told otherwise.
func (a *app) color() bool { return !a.noColor && isTerminal(a.out) }

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull) // a device, too
	return err != nil || !os.SameFile(info, nothing)
}

func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: want debug, info, warn or error, not %q", a.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(a.err, options)), nil
	}
	return nil, fmt.Errorf("--log-format: want json or text, not %q", a.logFormat)
}

// data is the data directory: the one that was set, or the fleet's own in the user's state folder.
func (a *app) data(fleet string) (string, error) {
	if a.dataDir != "" {
		return a.dataDir, nil
	}
	state := a.env("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home folder to keep data in; set TENANTRY_DATA_DIR: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "tenantry", fleet), nil
}

// printJSON prints a document, indented.
func (a *app) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(text))
	return err
}

// formatVersion stands at the top of every JSON output.
const formatVersion = "1"

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			version, revision := buildVersion()
			if asJSON {
				return a.printJSON(map[string]string{"format_version": formatVersion, "version": version, "commit": revision})
			}
			_, err := fmt.Fprintln(a.out, strings.TrimSpace("tenantry "+version+" "+revision))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func buildVersion() (version, revision string) {
	version = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}

// folder is the DIR argument, or the working folder.
func folder(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}
