package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/internal/sandbox"
	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/schema"
)

const (
	demoRepo   = "brightdesk/fleet"
	demoPerson = "dana" // who opens, merges and closes pull requests
)

func (a *app) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the daemon against a sandbox of AWS and GitHub on this machine",
		Long: "Run the unchanged daemon against a sandbox: an AWS endpoint and a GitHub endpoint in this process, which\n" +
			"speak the real protocols on loopback ports. Nothing leaves this machine. With --once, the main story is\n" +
			"played unattended: onboard, drift, report, decide, roll back; it exits 0 only if each step really happened.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "play the story once, unattended")
	return cmd
}

// A stage is what the demo plays on: the sandbox and the daemon.
type stage struct {
	*sandbox.World
	daemon *child
	dir    string
}

func (a *app) demo(ctx context.Context, once bool) (failure error) {
	dir, err := os.MkdirTemp("", "tenantry-demo-")
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, os.RemoveAll(dir)) }()
	s, err := a.raise(ctx, dir, once)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, s.daemon.stop(), s.Close()) }()
	if once {
		return s.play(ctx, a.out)
	}
	return s.invite(ctx, a.out)
}

// raise starts the sandbox and points the daemon at it, by settings alone.
func (a *app) raise(ctx context.Context, dir string, quiet bool) (*stage, error) {
	files := fleetexample.Files()
	fleet, findings, err := a.loadOnce(ctx, files, "")
	if err != nil {
		return nil, err
	}
	if fleet == nil || schema.Invalid(findings) {
		return nil, a.refuse(findings)
	}
	options := sandbox.Options{Repo: demoRepo, Files: files, Person: demoPerson, Dir: dir}
	for _, account := range fleet.Accounts {
		options.Accounts = append(options.Accounts, awsbox.Account{
			ID: account.ID, RoleARN: account.RoleARN, ReaderARN: account.ReadRole, ExternalID: account.ExternalID,
			Policies: []string{fleet.Name + "-tenant"}, // the boundary that the example's roles carry
		})
	}
	world, err := sandbox.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	log := a.err
	if quiet {
		log = io.Discard
	}
	daemon, err := startDaemon(ctx, append(world.Settings(),
		"TENANTRY_DATA_DIR="+filepath.Join(dir, "data"), "TENANTRY_LISTEN=127.0.0.1:0", "TENANTRY_POLL=2s",
		"TENANTRY_GITHUB_WRITE_INTERVAL=20ms", "TENANTRY_CONFIG="), log)
	if err != nil {
		return nil, errors.Join(err, world.Close())
	}
	world.Webhook(daemon.address)
	return &stage{World: world, daemon: daemon, dir: dir}, nil
}

// A child is the daemon in a process of its own, as it is anywhere else.
type child struct {
	cmd     *exec.Cmd
	address string // that it listens on
	tail    *tail
	done    chan error
}

// startDaemon runs this program's run command with the given settings and waits until it listens.
func startDaemon(ctx context.Context, settings []string, log io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "run", "--log-format", "json")
	cmd.Env = append(os.Environ(), settings...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is ours to pass on
	output, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	c := &child{cmd: cmd, tail: &tail{}, done: make(chan error, 1)}
	listening := make(chan string, 1)
	go func() {
		follow(output, log, c.tail, listening)
		c.done <- cmd.Wait()
	}()
	select {
	case c.address = <-listening:
		return c, nil
	case err := <-c.done:
		return nil, fmt.Errorf("the daemon ended at once: %w\n%s", err, c.tail)
	case <-time.After(30 * time.Second):
		return nil, errors.Join(errors.New("the daemon doesn't listen after 30 s"), cmd.Process.Kill())
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), cmd.Process.Kill())
	}
}

// stop asks the daemon to end, as a service manager does, and waits for it.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	select {
	case err := <-c.done:
		c.done <- err // for whoever asks again
		if err != nil {
			return fmt.Errorf("the daemon's end: %w\n%s", err, c.tail)
		}
		return nil
	case <-time.After(time.Minute):
		return errors.Join(errors.New("the daemon doesn't stop"), c.cmd.Process.Kill())
	}
}

// follow prints the daemon's log in short and says on listening where it listens.
func follow(output io.Reader, log io.Writer, keep *tail, listening chan<- string) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		keep.add(lines.Text())
		var entry map[string]any
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			_, _ = fmt.Fprintln(log, lines.Text())
			continue
		}
		if entry["msg"] == "listening" {
			listening <- fmt.Sprint(entry["address"])
		}
		_, _ = fmt.Fprintln(log, short(entry))
	}
}

// short is a log entry as a line for a person.
func short(entry map[string]any) string {
	var line strings.Builder
	fmt.Fprintf(&line, "  daemon  %v", entry["msg"])
	for _, key := range []string{"address", "action", "result", "commit", "cause", "proposal", "reason", "error", "detail"} {
		if value := entry[key]; value != nil && value != "" {
			fmt.Fprintf(&line, "  %s=%v", key, value)
		}
	}
	return line.String()
}

// A tail keeps the last lines of a log, for when something went wrong.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines[max(0, len(t.lines)-39):], line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	for _, line := range t.lines {
		fmt.Fprintln(&b, "  daemon |", line)
	}
	return b.String()
}
