package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A process is the program, running beside the test.
type process struct {
	cmd     *exec.Cmd
	address string // that it listens on
	log     *lines
	done    chan struct{}
	err     error // once done is closed
}

// start runs the program in a folder, with these settings.
func start(dir string, settings []string, args ...string) (*process, error) {
	program, err := exec.LookPath("tenantry")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program, args...), log: &lines{}, done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/no-home", "TMPDIR=" + os.TempDir()}, settings...)
	p.cmd.Stdout = p.log
	p.cmd.Stderr = p.log
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks the program to end, as a service manager does, and fails unless it ends well.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(scriptPatience):
		return errors.Join(fmt.Errorf("it doesn't stop\n%s", p.log), p.kill())
	}
}

// kill ends the program at once, as a power cut does.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// lines is an output that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// daemonVerb is "daemon start|stop|kill|log".
func (s *scene) daemonVerb(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.world == nil {
		return errors.New("usage, in a sandbox: daemon start FLAG… | stop | kill | log PATTERN")
	}
	if args[0] != "start" && s.daemon == nil {
		return errors.New("there is no daemon")
	}
	switch args[0] {
	case "start":
		return s.startDaemon(ts, args[1:])
	case "stop":
		return s.daemonEnds(ts, (*process).stop)
	case "kill":
		return s.daemonEnds(ts, (*process).kill)
	case "log":
		return s.daemonSays(strings.Join(args[1:], " "))
	}
	return fmt.Errorf("a daemon can't %s", args[0])
}

// daemonSettings are the script's own settings, as its environment has them by now.
func (s *scene) daemonSettings(ts *testscript.TestScript) []string {
	names := []string{"TENANTRY_DATA_DIR", "TENANTRY_LISTEN", "TENANTRY_POLL", "TENANTRY_GITHUB_WRITE_INTERVAL", "TENANTRY_FLEETS"}
	for _, setting := range s.world.Settings() {
		name, _, _ := strings.Cut(setting, "=")
		names = append(names, name)
	}
	settings := make([]string, len(names))
	for i, name := range names {
		settings[i] = name + "=" + ts.Getenv(name)
	}
	return settings
}

// startDaemon starts it and waits until it listens; webhooks go to it from then on.
func (s *scene) startDaemon(ts *testscript.TestScript, flags []string) error {
	if s.daemon != nil {
		return errors.New("the daemon runs already")
	}
	p, err := start(ts.MkAbs("."), s.daemonSettings(ts), append([]string{"run", "--log-format", "json", "--log-level", "debug"}, flags...)...)
	if err != nil {
		return err
	}
	s.daemon = p
	err = s.eventually(func() (string, error) {
		p.address = listening(strings.NewReader(p.log.String()))
		if p.address == "" {
			return "it doesn't listen", nil
		}
		return "", nil
	})
	if err != nil {
		if p.ended() {
			s.daemon = nil
		}
		return err
	}
	s.world.Webhook(p.address)
	return nil
}

// listening finds the address in the daemon's log.
func listening(log io.Reader) string {
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(scanner.Bytes(), &entry) == nil && entry.Msg == "listening" {
			return entry.Address
		}
	}
	return ""
}

// daemonEnds ends it; its log is the script's stderr then.
func (s *scene) daemonEnds(ts *testscript.TestScript, end func(*process) error) error {
	p := s.daemon
	s.daemon = nil
	s.world.GitHub.SetWebhook("", "")
	err := end(p)
	_, _ = fmt.Fprint(ts.Stderr(), p.log)
	return err
}

// daemonSays waits for a line in the daemon's log.
func (s *scene) daemonSays(pattern string) error {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	return s.eventually(func() (string, error) {
		if expression.MatchString(s.daemon.log.String()) {
			return "", nil
		}
		return "the daemon's log doesn't say " + pattern, nil
	})
}
