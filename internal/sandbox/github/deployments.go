package githubbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// deployment is a commit that somebody brings to an environment.
// https://docs.github.com/en/rest/deployments/deployments
type deployment struct {
	id                                  int64
	sha                                 bare.Hash
	ref, task, environment, description string
	payload                             any
	production, transient               bool
	by                                  caller
	created                             time.Time
	statuses                            []*deploymentStatus // oldest first
}

// deploymentStatus is what became of a deployment up to a time.
// https://docs.github.com/en/rest/deployments/statuses
type deploymentStatus struct {
	id                                int64
	state, description, logURL, atURL string
	environment                       string
	by                                caller
	created                           time.Time
}

var deploymentStates = []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}

// state is the newest state; empty before the first.
func (d *deployment) state() string {
	if len(d.statuses) == 0 {
		return ""
	}
	return d.statuses[len(d.statuses)-1].state
}

// deploymentInput is the body that makes a deployment; nil is "not given".
type deploymentInput struct {
	Ref, Task, Environment string
	AutoMerge              *bool           `json:"auto_merge"`
	RequiredContexts       *[]string       `json:"required_contexts"`
	Payload                json.RawMessage `json:"payload"`
	Description            string
	Transient              bool  `json:"transient_environment"`
	Production             *bool `json:"production_environment"`
}

func (c *call) createDeployment() (reply, error) {
	in := deploymentInput{Task: "deploy", Environment: "production"}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Ref == "" {
		return reply{}, fail(http.StatusUnprocessableEntity, "Invalid request.\n\n\"ref\" wasn't supplied.")
	}
	sha, found := c.s.resolve(c.repo, in.Ref)
	if !found {
		return reply{}, fail(http.StatusUnprocessableEntity, "No ref found for: %s", in.Ref)
	}
	if len([]rune(in.Description)) > maxDescription {
		return reply{}, invalid("Deployment", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	if err := c.deployable(in, sha); err != nil {
		return reply{}, err
	}
	d := &deployment{
		id: c.s.id(), sha: sha, ref: in.Ref, task: in.Task, environment: in.Environment, description: in.Description,
		payload: object{}, transient: in.Transient, production: in.Environment == "production", by: c.by, created: c.s.now(),
	}
	if in.Production != nil {
		d.production = *in.Production
	}
	if len(in.Payload) > 0 {
		d.payload = in.Payload
	}
	c.repo.deployments = append(c.repo.deployments, d)
	c.s.emit(c.repo, "deployment", "created", c.by.account, object{
		"deployment": c.s.deploymentJSON(c.repo, d), "workflow": nil, "workflow_run": nil,
	})
	return created(c.s.deploymentJSON(c.repo, d))
}

// maxDescription is the length of a deployment's and of its status' description, in characters.
const maxDescription = 140

// deployable checks what GitHub checks unless it is told not to: that a branch isn't behind the default
// branch, which it would merge into it, and that every check has passed. The sandbox merges nothing.
func (c *call) deployable(in deploymentInput, sha bare.Hash) error {
	if _, isBranch := c.repo.tip(in.Ref); isBranch && (in.AutoMerge == nil || *in.AutoMerge) {
		main, _ := c.repo.tip(c.repo.branch)
		behind, err := c.repo.git.Between(sha, main)
		if err != nil {
			return err
		}
		if len(behind) > 0 {
			return fail(http.StatusConflict, "Conflict merging %s into %s.", c.repo.branch, in.Ref)
		}
	}
	var contexts []string
	if in.RequiredContexts != nil {
		contexts = *in.RequiredContexts
	} else {
		for _, st := range c.repo.statuses {
			contexts = append(contexts, st.context)
		}
		for _, run := range c.repo.latestRuns(sha) {
			contexts = append(contexts, run.name)
		}
	}
	for _, name := range contexts {
		if state := c.repo.checkState(name, sha); in.RequiredContexts != nil && state != "success" || state != "" && state != "success" {
			return fail(http.StatusConflict, "Conflict: Commit status checks failed for %s.", in.Ref)
		}
	}
	return nil
}

func (c *call) listDeployments() (reply, error) {
	list := slices.DeleteFunc(slices.Clone(c.repo.deployments), func(d *deployment) bool {
		for name, value := range map[string]string{"sha": d.sha.String(), "ref": d.ref, "task": d.task, "environment": d.environment} {
			if want := c.query(name); want != "" && want != "none" && want != value {
				return true
			}
		}
		return false
	})
	slices.Reverse(list) // the newest first
	return ok(collect(page(c, list), func(d *deployment) object { return c.s.deploymentJSON(c.repo, d) }))
}

func (c *call) deployment() (*deployment, error) {
	for _, d := range c.repo.deployments {
		if d.id == c.number("id") {
			return d, nil
		}
	}
	return nil, notFound()
}

func (c *call) getDeployment() (reply, error) {
	d, err := c.deployment()
	if err != nil {
		return reply{}, err
	}
	return ok(c.s.deploymentJSON(c.repo, d))
}

func (c *call) listDeploymentStatuses() (reply, error) {
	d, err := c.deployment()
	if err != nil {
		return reply{}, err
	}
	list := slices.Clone(d.statuses)
	slices.Reverse(list) // the newest first
	return ok(collect(page(c, list), func(st *deploymentStatus) object { return c.s.deploymentStatusJSON(c.repo, d, st) }))
}

func (c *call) createDeploymentStatus() (reply, error) {
	d, err := c.deployment()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		State, Description, Environment string
		TargetURL                       string `json:"target_url"`
		LogURL                          string `json:"log_url"`
		EnvironmentURL                  string `json:"environment_url"`
		AutoInactive                    *bool  `json:"auto_inactive"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if !slices.Contains(deploymentStates, in.State) {
		return reply{}, invalid("DeploymentStatus", "state", "custom", "state is not included in the list")
	}
	if len([]rune(in.Description)) > maxDescription {
		return reply{}, invalid("DeploymentStatus", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	st := &deploymentStatus{
		state: in.State, description: in.Description, logURL: in.LogURL, atURL: in.EnvironmentURL, environment: in.Environment,
	}
	if st.logURL == "" {
		st.logURL = in.TargetURL
	}
	c.addDeploymentStatus(d, st)
	if in.State == "success" && (in.AutoInactive == nil || *in.AutoInactive) {
		c.retireBefore(d)
	}
	return created(c.s.deploymentStatusJSON(c.repo, d, st))
}

func (c *call) addDeploymentStatus(d *deployment, st *deploymentStatus) {
	st.id, st.by, st.created = c.s.id(), c.by, c.s.now()
	if st.environment == "" {
		st.environment = d.environment
	}
	d.statuses = append(d.statuses, st)
	c.s.emit(c.repo, "deployment_status", "created", c.by.account, object{
		"deployment_status": c.s.deploymentStatusJSON(c.repo, d, st), "deployment": c.s.deploymentJSON(c.repo, d),
		"check_run": nil, "workflow": nil, "workflow_run": nil,
	})
}

// retireBefore makes the earlier deployments of an environment inactive, as "auto_inactive" says: whoever made
// them, of those that succeeded, and never in an environment for production or in a transient one.
func (c *call) retireBefore(d *deployment) {
	for _, old := range c.repo.deployments {
		if old.id < d.id && old.environment == d.environment && !old.transient && !old.production && old.state() == "success" {
			c.addDeploymentStatus(old, &deploymentStatus{state: "inactive"})
		}
	}
}

func (s *Server) deploymentJSON(r *repo, d *deployment) object {
	u := s.api("/repos/%s/deployments/%d", r.fullName(), d.id)
	updated := d.created
	if n := len(d.statuses); n > 0 {
		updated = d.statuses[n-1].created
	}
	return object{
		"id": d.id, "node_id": nodeID("DE", d.id), "url": u, "sha": d.sha.String(), "ref": d.ref, "task": d.task,
		"payload": d.payload, "original_environment": d.environment, "environment": d.environment,
		"description": orNull(d.description), "creator": s.userJSON(d.by.account),
		"created_at": stamp(d.created), "updated_at": stamp(updated), "statuses_url": u + "/statuses",
		"repository_url": s.api("/repos/%s", r.fullName()), "transient_environment": d.transient,
		"production_environment": d.production, "performed_via_github_app": s.viaApp(d.by),
	}
}

func (s *Server) deploymentStatusJSON(r *repo, d *deployment, st *deploymentStatus) object {
	u := s.api("/repos/%s/deployments/%d", r.fullName(), d.id)
	return object{
		"id": st.id, "node_id": nodeID("DES", st.id), "url": u + "/statuses/" + strconv.FormatInt(st.id, 10), "state": st.state,
		"description": st.description, "environment": st.environment, "target_url": st.logURL, "log_url": st.logURL,
		"environment_url": st.atURL, "creator": s.userJSON(st.by.account), "created_at": stamp(st.created),
		"updated_at": stamp(st.created), "deployment_url": u, "repository_url": s.api("/repos/%s", r.fullName()),
		"performed_via_github_app": s.viaApp(st.by),
	}
}

// viaApp is the App that did something with its own token; null if a person did.
func (s *Server) viaApp(by caller) any {
	if by.app == nil {
		return nil
	}
	return s.appJSON(by.app)
}

// A Deployment is what a person sees of one.
type Deployment struct {
	Commit, Environment, Creator string
	State, Description           string   // the newest; empty before the first
	States                       []string // all, the oldest first
	Production, Transient        bool
}

// Deployments returns the deployments of a repository, the oldest first.
func (s *Server) Deployments(fullName string) []Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return nil
	}
	var out []Deployment
	for _, d := range r.deployments {
		view := Deployment{
			Commit: d.sha.String(), Environment: d.environment, Creator: d.by.account.login, State: d.state(),
			Production: d.production, Transient: d.transient,
		}
		for _, st := range d.statuses {
			view.States, view.Description = append(view.States, st.state), st.description
		}
		out = append(out, view)
	}
	return out
}
