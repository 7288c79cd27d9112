package github

import (
	"maps"
	"sync"

	"tenantry.dev/reconciler"
)

// commitsRemembered bounds for how many commits it is remembered what their checks show.
const commitsRemembered = 4096

// A run is what is known of our newest check run of one name on one commit. The zero value is none.
type run struct {
	id        int64
	done      bool   // it has a conclusion
	hash      string // of what it shows
	annotated bool
}

// runs remembers check runs by commit and name. Only we can change them, so that they needn't be read
// again before each write; what isn't remembered is read. The zero value is ready; safe for
// concurrent use.
type runs struct {
	mu    sync.Mutex
	known map[reconciler.Commit]map[string]run
}

// get returns what is known of a run. Known may be that there is none.
func (r *runs) get(commit reconciler.Commit, name string) (found run, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of, known := r.known[commit]
	return of[name], known
}

// read takes all runs of a commit, as they were read.
func (r *runs) read(commit reconciler.Commit, all map[string]run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= commitsRemembered {
		r.known = make(map[reconciler.Commit]map[string]run)
	}
	r.known[commit] = maps.Clone(all)
}

// put takes one run of a commit whose runs were read.
func (r *runs) put(commit reconciler.Commit, name string, now run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of, known := r.known[commit]; known {
		of[name] = now
	}
}

// forget has the runs of a commit read again.
func (r *runs) forget(commit reconciler.Commit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, commit)
}
