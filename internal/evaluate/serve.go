package evaluate

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"tenantry.dev/schema"
)

// Serve is the worker: it answers requests until in ends, and is the process's own from then on. It
// limits the process before it reads anything that it evaluates, and ends the process where a
// limit is reached or the parent is gone.
func Serve(in io.Reader, out io.Writer) error {
	w := &server{out: gob.NewEncoder(out)}
	requests := make(chan request)
	go func() { // reads on during an evaluation, to notice that the parent is gone
		dec := gob.NewDecoder(in)
		for {
			var r request
			if err := dec.Decode(&r); err != nil {
				os.Exit(0) // nobody waits for an answer
			}
			requests <- r
		}
	}()
	for r := range requests {
		if err := w.serve(r); err != nil {
			return err
		}
	}
	return nil
}

type server struct {
	out     *gob.Encoder
	limits  Limits
	session *schema.Session
	err     error // of writing
}

func (w *server) serve(r request) error {
	switch {
	case r.Hello != nil:
		if r.Hello.Protocol != protocol {
			return fmt.Errorf("the parent speaks version %d, and this is version %d", r.Hello.Protocol, protocol)
		}
		w.limits = r.Hello.Limits
		if err := w.limit(); err != nil {
			return err
		}
	case r.Load != nil:
		w.session = schema.NewSession(*r.Load, w.step)
		w.say(reply{Defined: w.session.Define()})
	case w.session == nil:
		return errors.New("tenants came before definitions")
	case r.Tenants != nil:
		w.session.Condemn(r.Tenants.Condemned)
		for _, f := range r.Tenants.Files {
			w.step(schema.Step{File: f.Path})
			w.say(reply{Answer: w.session.Tenant(f)})
		}
	default:
		for _, f := range r.Places {
			w.step(schema.Step{File: f.Path})
			p := w.session.Place(f)
			w.say(reply{Placed: &p})
		}
	}
	w.say(reply{Done: true})
	if r.Tenants != nil && len(r.Tenants.Files) == 0 {
		debug.FreeOSMemory()
	}
	return w.err
}

func (w *server) say(r reply) {
	if err := w.out.Encode(r); err != nil && w.err == nil {
		w.err = fmt.Errorf("answer the parent: %w", err)
	}
}

// step says what comes next, which has its limits to itself.
func (w *server) step(s schema.Step) {
	w.say(reply{Step: &s})
	limitCPU(w.limits.CPU)
}

// limit limits the process.
func (w *server) limit() error {
	debug.SetGCPercent(150)                              // what is kept is little, and what is thrown away much
	debug.SetMemoryLimit(int64(w.limits.Memory / 4 * 3)) //nolint:gosec // far from the end of int64
	if err := limitProcess(w.limits); err != nil {
		return fmt.Errorf("limit the process: %w", err)
	}
	go watchMemory(w.limits.Memory)
	return nil
}

// watchMemory ends the process when it uses more memory than it may. The evaluator allocates in small
// pieces, so that looking often is enough; what comes in one piece meets the limit of the system.
func watchMemory(most uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()-sample[1].Value.Uint64() > most {
			os.Exit(exitMemory)
		}
	}
}
