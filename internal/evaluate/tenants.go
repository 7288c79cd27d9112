package evaluate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

const (
	perBatch  = 16   // tenants that a worker is asked about at once
	perWorker = 1500 // tenants that are worth another worker: it takes 40 MiB before it does anything
	// mostVictims is how many tenants of a plan may end a worker before the plan counts as the cause.
	mostVictims = 2
)

// Tenants implements schema.Evaluator. A tenant that no worker survives gets a finding, and if it is
// several of one plan, the plan does and the rest of them are not tried.
func (p *Pool) Tenants(ctx context.Context, d schema.Definitions, files []schema.File, take func(*schema.Answer)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	j := &job{open: slices.Clone(files), take: take, victims: map[string][]victim{}, condemned: map[string]string{}}
	var workers sync.WaitGroup
	for range min(p.options.Workers, len(files)/perWorker+1) {
		workers.Go(func() {
			if err := p.work(ctx, d, j); err != nil {
				stop(err)
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j.blame()
	return nil
}

// work takes batches of a job until there are no more.
func (p *Pool) work(ctx context.Context, d schema.Definitions, j *job) error {
	failed := 0
	for ctx.Err() == nil {
		files, alone := j.next()
		if len(files) == 0 {
			return nil
		}
		err := p.with(ctx, d, alone, func(w *worker) error {
			for len(files) > 0 && ctx.Err() == nil { // as long as it goes well, with the same worker
				answered := map[string]bool{}
				err := w.ask(ctx, request{Tenants: &batch{files, j.reasons()}}, func(r reply) {
					if r.Answer != nil {
						answered[r.Answer.File] = true
						j.answer(r.Answer)
					}
				})
				files = slices.DeleteFunc(files, func(f schema.File) bool { return answered[f.Path] })
				if err != nil || alone {
					return err
				}
				files, alone = j.next()
				if alone { // not with this worker
					j.putBack(files)
					return nil
				}
			}
			return nil
		})
		dead, died := errors.AsType[*death](err)
		switch {
		case died && slices.ContainsFunc(files, func(f schema.File) bool { return f.Path == dead.step.File }):
			j.died(dead, files, alone)
		case died && failed == 0: // while it loaded definitions that were loaded before; try once more
			failed++
			j.putBack(files)
		case err != nil:
			return err
		}
	}
	return nil
}

// A job is tenants to evaluate, shared by workers.
type job struct {
	mu        sync.Mutex
	open      []schema.File
	suspects  []schema.File // to be tried alone
	take      func(*schema.Answer)
	victims   map[string][]victim // by plan
	condemned map[string]string   // plans, with the reason
}

// A victim is a tenant that ended a worker.
type victim struct {
	file      string
	dead      *death
	confirmed bool // twice, the second time alone
}

// next returns what to do next; alone if a fresh worker is to do nothing else.
func (j *job) next() (files []schema.File, alone bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.suspects); n > 0 {
		f := j.suspects[n-1]
		j.suspects = j.suspects[:n-1]
		return []schema.File{f}, true
	}
	n := min(perBatch, len(j.open))
	files, j.open = slices.Clone(j.open[:n]), j.open[n:]
	return files, false
}

// putBack returns what wasn't done.
func (j *job) putBack(files []schema.File) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range files {
		if slices.ContainsFunc(j.victimsOf(), func(path string) bool { return path == f.Path }) {
			j.suspects = append(j.suspects, f)
		} else {
			j.open = append(j.open, f)
		}
	}
}

// victimsOf are the files of all victims.
func (j *job) victimsOf() []string {
	var out []string
	for _, list := range j.victims {
		for _, v := range list {
			out = append(out, v.file)
		}
	}
	return out
}

func (j *job) answer(a *schema.Answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for plan, list := range j.victims { // it was an accident
		j.victims[plan] = slices.DeleteFunc(list, func(v victim) bool { return v.file == a.File })
	}
	j.take(a)
}

func (j *job) reasons() map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.condemned)
}

// died notes who was being evaluated when a worker ended, and puts the rest back.
func (j *job) died(dead *death, files []schema.File, alone bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	plan := dead.step.Plan
	list := j.victims[plan]
	at := slices.IndexFunc(list, func(v victim) bool { return v.file == dead.step.File })
	if at < 0 {
		list = append(list, victim{file: dead.step.File, dead: dead})
		at = len(list) - 1
	}
	list[at].confirmed = list[at].confirmed || alone
	j.victims[plan] = list
	several := len(list) >= mostVictims && slices.ContainsFunc(list, func(v victim) bool { return v.confirmed })
	if several && plan != "" && j.condemned[plan] == "" {
		j.condemned[plan] = fmt.Sprintf("%s:1: %s", dead.step.PlanFile, condemnation(dead))
	}
	for _, f := range files {
		switch {
		case f.Path != dead.step.File:
			j.open = append(j.open, f)
		case !list[at].confirmed && j.condemned[plan] == "":
			j.suspects = append(j.suspects, f)
		}
	}
	if j.condemned[plan] != "" { // nobody of that plan needs to be tried again
		j.suspects = slices.DeleteFunc(j.suspects, func(f schema.File) bool {
			return slices.ContainsFunc(list, func(v victim) bool { return v.file == f.Path })
		})
	}
}

func condemnation(dead *death) string {
	return fmt.Sprintf("with the data of a tenant, evaluating it %s, so that its tenants were left out and keep what was applied; look for disjunctions, comprehensions, ranges and repetitions that multiply, here, in the policies on it and in what they import", dead.why)
}

// blame gives answers about the victims: on the plan if there are several, or else on the tenant.
func (j *job) blame() {
	for _, plan := range slices.Sorted(maps.Keys(j.victims)) {
		list := j.victims[plan]
		slices.SortFunc(list, func(a, b victim) int { return strings.Compare(a.file, b.file) })
		for _, v := range list {
			f := schema.Finding{Origin: resource.Origin{File: v.file, Line: 1}, Severity: schema.Error, Message: advice(v.dead.why)}
			f.Tenant = strings.TrimSuffix(path.Base(v.file), ".cue")
			a := &schema.Answer{File: v.file, Owner: resource.Tenant(f.Tenant), At: f.Origin, Stopped: true}
			if j.condemned[plan] != "" {
				f = schema.Finding{Origin: resource.Origin{File: v.dead.step.PlanFile, Line: 1}, Severity: schema.Error, Message: condemnation(v.dead)}
			}
			a.Found, a.Broken = []schema.Finding{f}, f.String()
			j.take(a)
		}
	}
}
