package evaluate

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"tenantry.dev/schema"
)

// A worker is a child process. It belongs to one goroutine at a time.
type worker struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *gob.Encoder
	replies chan reply // closed when the worker says no more
	said    *tail
	limits  Limits

	loaded schema.Definitions // ID, At and Killed of what it has; the ID is zero before
	idle   *time.Timer
	gone   bool
}

// A death is the end of a worker during a step.
type death struct {
	step schema.Step
	why  string // completes "evaluating it …"
}

func (d *death) Error() string {
	return fmt.Sprintf("a worker ended while it evaluated %s: evaluating it %s", d.step.File, d.why)
}

// start starts a worker. Its environment is empty: it needs none of the parent's settings, and must not
// see its secrets.
func start(ctx context.Context, program []string, limits Limits) (*worker, error) {
	w := &worker{cmd: exec.Command(program[0]), replies: make(chan reply), said: &tail{}, limits: limits}
	w.cmd.Args = program[1:]
	w.cmd.Env = []string{}
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = apart()
	w.cmd.Stderr = w.said
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	w.in, w.out = in, gob.NewEncoder(in)
	go w.listen(out)
	if err := w.ask(ctx, request{Hello: &hello{protocol, limits}}, func(reply) {}); err != nil {
		w.stop()
		if dead, ok := errors.AsType[*death](err); ok {
			return nil, fmt.Errorf("start a worker: it ended at once: %s", dead.why)
		}
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	return w, nil
}

// listen passes on what the worker says, and ends when the worker does or nobody listens any more.
func (w *worker) listen(out io.Reader) {
	defer close(w.replies)
	dec := gob.NewDecoder(out)
	for {
		var r reply
		if dec.Decode(&r) != nil {
			return
		}
		w.replies <- r
	}
}

// ask sends a request and hands over the replies to it. If the worker dies or has to be killed, the
// error is a *death. After any error the worker is of no more use.
func (w *worker) ask(ctx context.Context, r request, take func(reply)) error {
	sent := make(chan error, 1)
	go func() { sent <- w.out.Encode(r) }()
	step := schema.Step{}
	clock := time.NewTimer(w.limits.Wall)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
			return &death{step, fmt.Sprintf("takes longer than %v", w.limits.Wall)}
		case err := <-sent:
			sent = nil
			if err != nil && !errors.Is(err, io.ErrClosedPipe) && !strings.Contains(err.Error(), "broken pipe") {
				return fmt.Errorf("ask a worker: %w", err)
			}
		case got, ok := <-w.replies:
			clock.Reset(w.limits.Wall)
			switch {
			case !ok:
				w.stop()
				return &death{step, w.why()}
			case got.Step != nil:
				step = *got.Step
			case got.Done:
				return nil
			default:
				take(got)
			}
		}
	}
}

// stop ends the worker and waits for its end. Stopping twice is harmless.
func (w *worker) stop() {
	if w.gone {
		return
	}
	w.gone = true
	kill(w.cmd.Process.Pid)
	_ = w.in.Close() // it may be closed
	for range w.replies {
		continue // so that listen ends
	}
	_ = w.cmd.Wait() // how it ended is in its state
}

// why says how a worker came to its end; completes "evaluating it …".
func (w *worker) why() string {
	said := w.said.String()
	switch {
	case w.cmd.ProcessState.ExitCode() == exitCPU:
		return fmt.Sprintf("takes more than %v of processor time", w.limits.CPU)
	case w.cmd.ProcessState.ExitCode() == exitMemory, strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return fmt.Sprintf("needs more than %d MiB of memory", w.limits.Memory>>20)
	case strings.Contains(said, "stack overflow"), strings.Contains(said, "stack exceeds"):
		return "goes deeper than the evaluator can follow"
	}
	line, _, _ := strings.Cut(said, "\n")
	return strings.TrimSpace(fmt.Sprintf("ends the evaluator (%v) %s", w.cmd.ProcessState, line))
}

// loadedWith tells whether the worker has these definitions.
func (w *worker) loadedWith(d schema.Definitions) bool {
	return w.loaded.ID == d.ID && w.loaded.At.Equal(d.At) && len(w.loaded.Killed) == len(d.Killed) && d.ID != (schema.Sum{})
}

// A tail keeps the beginning of what is written to it: how a program came to its end stands first.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const tailSize = 4096

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p[:min(len(p), tailSize-t.text.Len())])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
