package githubbox

import (
	"fmt"
	"net/http"
	"slices"

	"tenantry.dev/internal/sandbox/github/bare"
)

// suiteFor finds the suite of an App on a commit or makes it.
func (s *Server) suiteFor(r *repo, a *app, head bare.Hash) *suite {
	for _, su := range r.suites {
		if su.app == a && su.head == head {
			return su
		}
	}
	su := &suite{id: s.id(), app: a, head: head, created: s.now()}
	for _, ref := range r.git.Refs() {
		if name, isBranch := branchName(ref.Name); isBranch && ref.Hash == head {
			su.branch = name
		}
	}
	r.suites = append(r.suites, su)
	return su
}

func (r *repo) runsOf(su *suite) []*checkRun {
	var out []*checkRun
	for _, run := range r.runs {
		if run.suite == su {
			out = append(out, run)
		}
	}
	return out
}

// verdict sums up the runs of a suite.
func (r *repo) verdict(su *suite) (status, conclusion string) {
	runs := r.runsOf(su)
	if len(runs) == 0 {
		return "queued", ""
	}
	order := []string{"", "skipped", "neutral", "success", "cancelled", "timed_out", "action_required", "failure"}
	worst := 0
	for _, run := range runs {
		if run.status != "completed" {
			return "in_progress", ""
		}
		worst = max(worst, slices.Index(order, run.conclusion))
	}
	return "completed", order[worst]
}

func (s *Server) suiteJSON(r *repo, su *suite) (object, error) {
	status, conclusion := r.verdict(su)
	u := s.api("/repos/%s/check-suites/%d", r.fullName(), su.id)
	c, err := r.git.Commit(su.head)
	if err != nil {
		return nil, err
	}
	before := any(nil)
	if len(c.Parents) > 0 {
		before = c.Parents[0].String()
	}
	return object{
		"id": su.id, "node_id": nodeID("CS", su.id), "head_branch": orNull(su.branch), "head_sha": su.head.String(),
		"status": status, "conclusion": orNull(conclusion), "url": u, "before": before, "after": su.head.String(),
		"pull_requests": s.pullsAt(r, su.head), "app": s.appJSON(su.app), "repository": s.repoJSON(r),
		"created_at": stamp(su.created), "updated_at": stamp(su.created),
		"latest_check_runs_count": len(r.runsOf(su)), "check_runs_url": u + "/check-runs",
		"rerequestable": true, "runs_rerequestable": true,
		"head_commit": object{
			"id": su.head.String(), "tree_id": c.Tree.String(), "message": c.Message, "timestamp": stamp(c.Committer.When),
			"author":    object{"name": c.Author.Name, "email": c.Author.Email},
			"committer": object{"name": c.Committer.Name, "email": c.Committer.Email},
		},
	}, nil
}

func (c *call) suite() (*suite, error) {
	for _, su := range c.repo.suites {
		if su.id == c.number("id") {
			return su, nil
		}
	}
	return nil, notFound()
}

func (c *call) getSuite() (reply, error) {
	su, err := c.suite()
	if err != nil {
		return reply{}, err
	}
	out, err := c.s.suiteJSON(c.repo, su)
	if err != nil {
		return reply{}, err
	}
	return ok(out)
}

func (c *call) runsOfSuite() (reply, error) {
	su, err := c.suite()
	if err != nil {
		return reply{}, err
	}
	return c.runsReply(c.repo.runsOf(su))
}

func (c *call) suitesOfRef() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	out := []object{}
	for _, su := range c.repo.suites {
		if su.head != h {
			continue
		}
		j, err := c.s.suiteJSON(c.repo, su)
		if err != nil {
			return reply{}, err
		}
		out = append(out, j)
	}
	return ok(object{"total_count": len(out), "check_suites": page(c, out)})
}

func (c *call) rerequestRun() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	c.s.emitRun(c.repo, run, "rerequested", c.by.account, nil)
	return created(object{})
}

func (c *call) rerequestSuite() (reply, error) {
	su, err := c.suite()
	if err != nil {
		return reply{}, err
	}
	if err := c.s.emitSuite(c.repo, su, "rerequested", c.by.account); err != nil {
		return reply{}, err
	}
	return created(object{})
}

// Rerequest is the "Re-run" button of a check run.
func (s *Server) Rerequest(fullName string, runID int64, login string) error {
	return s.press(fullName, runID, login, func(r *repo, run *checkRun, by *account) error {
		s.emitRun(r, run, "rerequested", by, nil)
		return nil
	})
}

// RerequestAll is the "Re-run all checks" button of the suite that a check run is in.
func (s *Server) RerequestAll(fullName string, runID int64, login string) error {
	return s.press(fullName, runID, login, func(r *repo, run *checkRun, by *account) error {
		return s.emitSuite(r, run.suite, "rerequested", by)
	})
}

// RequestAction is one of a check run's own buttons.
func (s *Server) RequestAction(fullName string, runID int64, login, identifier string) error {
	return s.press(fullName, runID, login, func(r *repo, run *checkRun, by *account) error {
		if !slices.ContainsFunc(run.actions, func(a object) bool { return a["identifier"] == identifier }) {
			return fmt.Errorf("check run %d has no action %q", run.id, identifier)
		}
		s.emitRun(r, run, "requested_action", by, object{"requested_action": object{"identifier": identifier}})
		return nil
	})
}

func (s *Server) press(fullName string, runID int64, login string, act func(*repo, *checkRun, *account) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	by, err := s.person(login)
	if err != nil {
		return err
	}
	r := s.repos[fullName]
	if r == nil {
		return fmt.Errorf("repository %s: %w", fullName, bare.ErrNotFound)
	}
	for _, run := range r.runs {
		if run.id == runID {
			return act(r, run, by)
		}
	}
	return fmt.Errorf("check run %d of %s: %w", runID, fullName, bare.ErrNotFound)
}

// status is a commit status: the older and simpler kind of check, open to people's tokens.
type status struct {
	id                               int64
	head                             bare.Hash
	context, state, description, url string
	by                               *account
	at                               string
}

func (c *call) createStatus() (reply, error) {
	h, err := c.hash("ref")
	if err != nil {
		return reply{}, err
	}
	var in struct {
		State, Description, Context string
		TargetURL                   string `json:"target_url"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State) {
		return reply{}, invalid("Status", "state", "custom", "state is not included in the list")
	}
	if !c.repo.git.Has(h) {
		return reply{}, fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", h)
	}
	if len([]rune(in.Description)) > 140 {
		return reply{}, invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	if in.Context == "" {
		in.Context = "default"
	}
	st := &status{
		id: c.s.id(), head: h, context: in.Context, state: in.State, description: in.Description, url: in.TargetURL,
		by: c.by.account, at: stampText(c.s.now()),
	}
	c.repo.statuses = append(c.repo.statuses, st)
	return created(c.statusJSON(st, true))
}

func (c *call) statusJSON(st *status, creator bool) object {
	out := object{
		"id": st.id, "node_id": nodeID("SC", st.id), "state": st.state, "context": st.context,
		"description": orNull(st.description), "target_url": orNull(st.url), "avatar_url": c.s.pageURL("/avatars/%d", st.by.id),
		"url": c.s.api("/repos/%s/statuses/%s", c.repo.fullName(), st.head), "created_at": st.at, "updated_at": st.at,
	}
	if creator {
		out["creator"] = c.s.userJSON(st.by)
	}
	return out
}

func (c *call) listStatuses() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	list := slices.DeleteFunc(slices.Clone(c.repo.statuses), func(st *status) bool { return st.head != h })
	slices.Reverse(list)
	return ok(collect(page(c, list), func(st *status) object { return c.statusJSON(st, true) }))
}

// combinedStatus is the newest status of each context, and what they come to.
func (c *call) combinedStatus() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	var latest []*status
	for _, st := range c.repo.statuses {
		if st.head == h {
			latest = slices.DeleteFunc(latest, func(old *status) bool { return old.context == st.context })
			latest = append(latest, st)
		}
	}
	state := "success"
	if len(latest) == 0 {
		state = "pending"
	}
	for _, st := range latest {
		switch {
		case st.state == "error" || st.state == "failure":
			state = "failure"
		case st.state == "pending" && state == "success":
			state = "pending"
		}
	}
	return ok(object{
		"state": state, "statuses": collect(page(c, latest), func(st *status) object { return c.statusJSON(st, false) }),
		"sha": h.String(), "total_count": len(latest), "repository": c.s.repoJSON(c.repo),
		"commit_url": c.s.api("/repos/%s/commits/%s", c.repo.fullName(), h),
		"url":        c.s.api("/repos/%s/commits/%s/status", c.repo.fullName(), h),
	})
}
