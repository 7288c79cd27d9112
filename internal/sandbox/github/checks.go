package githubbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// Limits of check runs, from the REST reference.
const (
	maxAnnotations = 50 // a request; each update appends
	maxOutput      = 65535
	maxActions     = 3
)

// suite is all check runs of an App on a commit.
type suite struct {
	id      int64
	app     *app
	head    bare.Hash
	branch  string
	created time.Time
}

// checkRun is a check on a commit.
type checkRun struct {
	id                   int64
	suite                *suite
	name, externalID     string
	detailsURL           string
	status, conclusion   string
	title, summary, text string
	annotations          []annotation
	actions              []object
	started, completed   time.Time
}

// annotation is a remark on lines of a file.
type annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Message     string `json:"message"`
	Title       string `json:"title"`
	RawDetails  string `json:"raw_details"`
}

// runInput is the body of a request that makes or changes a check run; nil is "not given".
type runInput struct {
	Name        *string    `json:"name"`
	HeadSHA     string     `json:"head_sha"`
	DetailsURL  *string    `json:"details_url"`
	ExternalID  *string    `json:"external_id"`
	Status      *string    `json:"status"`
	Conclusion  *string    `json:"conclusion"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title       *string      `json:"title"`
		Summary     *string      `json:"summary"`
		Text        *string      `json:"text"`
		Annotations []annotation `json:"annotations"`
	} `json:"output"`
	Actions []object `json:"actions"`
}

var conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}

// check words what is wrong with the request; GitHub itself alone sets "stale".
func (in runInput) check() error {
	bad := func(format string, args ...any) error {
		return fail(http.StatusUnprocessableEntity, "Invalid request.\n\n"+format, args...)
	}
	if in.Conclusion != nil && !slices.Contains(conclusions, *in.Conclusion) {
		return bad("%q is not a possible value for conclusion.", *in.Conclusion)
	}
	if in.Status != nil && !slices.Contains([]string{"queued", "in_progress", "completed"}, *in.Status) {
		return bad("%q is not a possible value for status.", *in.Status)
	}
	if in.Status != nil && *in.Status == "completed" && in.Conclusion == nil {
		return bad("\"conclusion\" wasn't supplied.")
	}
	if len(in.Actions) > maxActions {
		return bad("No more than %d items are allowed; %d were supplied.", maxActions, len(in.Actions))
	}
	for _, a := range in.Actions {
		for field, limit := range map[string]int{"label": 20, "description": 40, "identifier": 20} {
			text, _ := a[field].(string)
			if text == "" || len([]rune(text)) > limit {
				return bad("actions.%s must have 1 to %d characters.", field, limit)
			}
		}
	}
	if in.Output == nil {
		return nil
	}
	if in.Output.Title == nil || in.Output.Summary == nil {
		return bad("For 'output', \"title\" and \"summary\" must be supplied.")
	}
	for _, text := range []*string{in.Output.Summary, in.Output.Text} {
		if text != nil && len([]rune(*text)) > maxOutput {
			return bad("Only %d characters are allowed; %d were supplied.", maxOutput, len([]rune(*text)))
		}
	}
	if n := len(in.Output.Annotations); n > maxAnnotations {
		return bad("No more than %d items are allowed; %d were supplied.", maxAnnotations, n)
	}
	for _, a := range in.Output.Annotations {
		if a.Path == "" || a.Message == "" || a.StartLine < 1 || a.EndLine < a.StartLine ||
			!slices.Contains([]string{"notice", "warning", "failure"}, a.Level) {
			return bad("annotations need path, start_line, end_line, annotation_level and message.")
		}
	}
	return nil
}

func (c *call) createRun() (reply, error) {
	var in runInput
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Name == nil || *in.Name == "" || in.HeadSHA == "" {
		return reply{}, fail(http.StatusUnprocessableEntity, "Invalid request.\n\n\"name\", \"head_sha\" weren't supplied.")
	}
	if err := in.check(); err != nil {
		return reply{}, err
	}
	head, valid := bare.ParseHash(in.HeadSHA)
	if _, err := c.repo.git.Commit(head); !valid || err != nil {
		return reply{}, fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", in.HeadSHA)
	}
	run := &checkRun{id: c.s.id(), suite: c.s.suiteFor(c.repo, c.by.app, head), status: "queued", started: c.s.now()}
	c.repo.runs = append(c.repo.runs, run)
	run.apply(in, c.s.now())
	c.s.emitRun(c.repo, run, "created", c.by.account, nil)
	if run.status == "completed" {
		c.s.emitRun(c.repo, run, "completed", c.by.account, nil)
	}
	return created(c.s.runJSON(c.repo, run))
}

// apply takes over what a request gives.
func (run *checkRun) apply(in runInput, now time.Time) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&run.name, in.Name)
	set(&run.detailsURL, in.DetailsURL)
	set(&run.externalID, in.ExternalID)
	set(&run.status, in.Status)
	if in.StartedAt != nil {
		run.started = *in.StartedAt
	}
	if in.Conclusion != nil {
		run.status, run.conclusion, run.completed = "completed", *in.Conclusion, now
	} else if run.status != "completed" {
		run.conclusion, run.completed = "", time.Time{}
	}
	if in.CompletedAt != nil && run.status == "completed" {
		run.completed = *in.CompletedAt
	}
	if in.Output != nil {
		set(&run.title, in.Output.Title)
		set(&run.summary, in.Output.Summary)
		set(&run.text, in.Output.Text)
		run.annotations = append(run.annotations, in.Output.Annotations...)
	}
	if in.Actions != nil {
		run.actions = in.Actions
	}
}

func (c *call) run() (*checkRun, error) {
	for _, run := range c.repo.runs {
		if run.id == c.number("id") {
			return run, nil
		}
	}
	return nil, notFound()
}

func (c *call) updateRun() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	var in runInput
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if run.suite.app != c.by.app {
		return reply{}, fail(http.StatusForbidden, "Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", c.by.app.id)
	}
	if err := in.check(); err != nil {
		return reply{}, err
	}
	was := run.status
	run.apply(in, c.s.now())
	if was != "completed" && run.status == "completed" {
		c.s.emitRun(c.repo, run, "completed", c.by.account, nil)
	}
	return ok(c.s.runJSON(c.repo, run))
}

func (c *call) getRun() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	return ok(c.s.runJSON(c.repo, run))
}

func (c *call) runAnnotations() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	return ok(collect(page(c, run.annotations), func(a annotation) object {
		return object{
			"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn,
			"end_column": a.EndColumn, "annotation_level": a.Level, "message": a.Message, "title": orNull(a.Title),
			"raw_details": orNull(a.RawDetails), "blob_href": c.s.api("/repos/%s/contents/%s?ref=%s", c.repo.fullName(), a.Path, run.suite.head),
		}
	}))
}

// latestRuns are the newest check runs of each name and App on a commit.
func (r *repo) latestRuns(head bare.Hash) []*checkRun {
	type key struct {
		name string
		app  *app
	}
	latest := map[key]*checkRun{}
	var out []*checkRun
	for _, run := range r.runs {
		if run.suite.head != head {
			continue
		}
		k := key{run.name, run.suite.app}
		if old := latest[k]; old != nil {
			out = slices.DeleteFunc(out, func(x *checkRun) bool { return x == old })
		}
		latest[k] = run
		out = append(out, run)
	}
	return out
}

// checkState is the conclusion of the check run or the state of the status of a name; "pending"
// while it is under way, empty if there is none.
func (r *repo) checkState(name string, head bare.Hash) string {
	state := ""
	for _, st := range r.statuses {
		if st.context == name && st.head == head {
			state = st.state
		}
	}
	for _, run := range r.latestRuns(head) {
		if run.name != name {
			continue
		}
		state = run.conclusion
		if run.status != "completed" {
			state = "pending"
		}
	}
	return state
}

func (c *call) runsOfRef() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	list := c.repo.latestRuns(h)
	if c.query("filter") == "all" {
		list = slices.DeleteFunc(slices.Clone(c.repo.runs), func(run *checkRun) bool { return run.suite.head != h })
	}
	return c.runsReply(list)
}

func (c *call) runsReply(list []*checkRun) (reply, error) {
	name, status, id := c.query("check_name"), c.query("status"), c.query("app_id")
	list = slices.DeleteFunc(slices.Clone(list), func(run *checkRun) bool {
		return (name != "" && run.name != name) || (status != "" && run.status != status) ||
			(id != "" && id != fmt.Sprint(run.suite.app.id))
	})
	slices.Reverse(list) // newest first
	total := len(list)
	return ok(object{
		"total_count": total,
		"check_runs":  collect(page(c, list), func(run *checkRun) object { return c.s.runJSON(c.repo, run) }),
	})
}

func (s *Server) runJSON(r *repo, run *checkRun) object {
	u := s.api("/repos/%s/check-runs/%d", r.fullName(), run.id)
	details := run.detailsURL
	page := s.pageURL("/%s/runs/%d", r.fullName(), run.id)
	if details == "" {
		details = page
	}
	return object{
		"id": run.id, "node_id": nodeID("CR", run.id), "name": run.name, "head_sha": run.suite.head.String(),
		"external_id": run.externalID, "url": u, "html_url": page, "details_url": details,
		"status": run.status, "conclusion": orNull(run.conclusion),
		"started_at": stamp(run.started), "completed_at": stamp(run.completed),
		"output": object{
			"title": orNull(run.title), "summary": orNull(run.summary), "text": orNull(run.text),
			"annotations_count": len(run.annotations), "annotations_url": u + "/annotations",
		},
		"check_suite": object{"id": run.suite.id}, "app": s.appJSON(run.suite.app),
		"pull_requests": s.pullsAt(r, run.suite.head),
	}
}

// pullsAt are the open pull requests whose head is a commit, as check runs name them.
func (s *Server) pullsAt(r *repo, head bare.Hash) []object {
	out := []object{}
	side := func(branch string, h bare.Hash) object {
		return object{"ref": branch, "sha": h.String(), "repo": object{
			"id": r.id, "url": s.api("/repos/%s", r.fullName()), "name": r.name,
		}}
	}
	for _, n := range r.pullNumbers() {
		p := r.pulls[n]
		if p.open() && p.head == head {
			out = append(out, object{
				"id": p.id, "number": p.number, "url": s.api("/repos/%s/pulls/%d", r.fullName(), p.number),
				"head": side(p.headBranch, p.head), "base": side(p.baseBranch, p.baseAtHead),
			})
		}
	}
	return out
}
