package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

const (
	// deployTask tells our deployments from those that others make for the same environments.
	deployTask = "tenantry"
	// earlierLooked is how many deployments of an environment are looked through for the one that is
	// replaced. Between two that succeeded lie as many that didn't as commits failed in a row.
	earlierLooked = 20
	// replacedBy begins the description of what was in service once. All before it is inactive too.
	replacedBy = "Replaced by "
)

// CommitPage is where people see a commit, with its checks.
func (c *Client) CommitPage(commit reconciler.Commit) string {
	web, err := WebURL(c.api.BaseURL.String())
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s/%s/%s/commit/%s", web, url.PathEscape(c.owner), url.PathEscape(c.repo), commit)
}

// Deploy implements reconciler.Deployments. There is one deployment of ours for a commit in an environment,
// and it is given a status if its newest is another. One that succeeds makes those before it inactive: GitHub
// does that by itself neither in environments for production nor, where it does, for our deployments alone.
// https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status
//
// After a first refusal for want of the permission it sends nothing more and says the same.
func (c *Client) Deploy(ctx context.Context, d reconciler.Deployment) error {
	operation := fmt.Sprintf("show commit %s as %s in %s", d.Commit.Short(), d.State, d.Environment)
	switch d.State {
	case "in_progress", "success", "failure", "inactive":
	default:
		return fail(operation, fmt.Errorf("%q is no state of ours", d.State))
	}
	select {
	case c.deploying <- struct{}{}:
		defer func() { <-c.deploying }()
	case <-ctx.Done():
		return fail(operation, context.Cause(ctx))
	}
	if c.lacksDeployments() {
		return fmt.Errorf("%s: %w", operation, reconciler.ErrNoDeployments)
	}
	who, err := c.Identity(ctx)
	if err != nil {
		return fail(operation, err)
	}
	err = c.setDeployment(ctx, who, d)
	if statusOf(err) == http.StatusForbidden {
		c.noteNoDeployments()
		return fmt.Errorf("%w: %w", reconciler.ErrNoDeployments, fail(operation, err))
	}
	return fail(operation, err)
}

func (c *Client) lacksDeployments() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noDeployments
}

func (c *Client) noteNoDeployments() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noDeployments = true
}

func (c *Client) setDeployment(ctx context.Context, who Identity, d reconciler.Deployment) error {
	have, err := c.deployments(ctx, who, gh.DeploymentsListOptions{SHA: string(d.Commit), Environment: d.Environment})
	if err != nil {
		return err
	}
	if len(have) == 0 {
		if d.State == "inactive" {
			return nil // what was never begun needs no end
		}
		made, err := c.createDeployment(ctx, d)
		if err != nil {
			return err
		}
		have = append(have, made)
	}
	if err := c.setDeploymentStatus(ctx, have[0].GetID(), d); err != nil || d.State != "success" {
		return err
	}
	return c.replace(ctx, who, have[0], d)
}

// deployments lists ours, the newest first.
func (c *Client) deployments(ctx context.Context, who Identity, o gh.DeploymentsListOptions) ([]*gh.Deployment, error) {
	o.Task, o.PerPage = deployTask, earlierLooked
	found, _, err := c.api.Repositories.ListDeployments(ctx, c.owner, c.repo, &o)
	if err != nil {
		return nil, fail("list the deployments", err)
	}
	var ours []*gh.Deployment
	for _, deployment := range found {
		if sameLogin(deployment.GetCreator().GetLogin(), who.Login) {
			ours = append(ours, deployment)
		}
	}
	return ours, nil
}

// createDeployment makes a deployment of exactly this commit, whatever its checks say: it is applied already.
func (c *Client) createDeployment(ctx context.Context, d reconciler.Deployment) (*gh.Deployment, error) {
	made, _, err := c.api.Repositories.CreateDeployment(ctx, c.owner, c.repo, &gh.DeploymentRequest{
		Ref: new(string(d.Commit)), Task: new(deployTask), Environment: &d.Environment,
		AutoMerge: new(false), RequiredContexts: &[]string{},
		ProductionEnvironment: &d.Production, TransientEnvironment: &d.Preview,
	})
	return made, fail("create the deployment", err)
}

// setDeploymentStatus gives a deployment a status, unless its newest one is the same.
func (c *Client) setDeploymentStatus(ctx context.Context, id int64, d reconciler.Deployment) error {
	description := oneLine(d.Description, descriptionLimit)
	newest, err := c.deploymentStatus(ctx, id)
	if err != nil || newest.GetState() == d.State && newest.GetDescription() == description {
		return err
	}
	_, _, err = c.api.Repositories.CreateDeploymentStatus(ctx, c.owner, c.repo, id, &gh.DeploymentStatusRequest{
		State: &d.State, Description: &description, LogURL: new(c.CommitPage(d.Commit)), AutoInactive: new(false),
	})
	return fail("set the deployment's status", err)
}

// deploymentStatus is the newest status of a deployment; nil if it has none.
func (c *Client) deploymentStatus(ctx context.Context, id int64) (*gh.DeploymentStatus, error) {
	list, _, err := c.api.Repositories.ListDeploymentStatuses(ctx, c.owner, c.repo, id, &gh.ListOptions{PerPage: pageSize})
	if err != nil {
		return nil, fail("list the deployment's statuses", err)
	}
	var newest *gh.DeploymentStatus
	for _, status := range list {
		if status.GetID() > newest.GetID() {
			newest = status
		}
	}
	return newest, nil
}

// replace makes inactive what was in service before a deployment.
func (c *Client) replace(ctx context.Context, who Identity, by *gh.Deployment, d reconciler.Deployment) error {
	list, err := c.deployments(ctx, who, gh.DeploymentsListOptions{Environment: d.Environment})
	if err != nil {
		return err
	}
	for _, before := range list {
		if before.GetID() >= by.GetID() {
			continue
		}
		status, err := c.deploymentStatus(ctx, before.GetID())
		if err != nil || strings.HasPrefix(status.GetDescription(), replacedBy) {
			return err
		}
		if status.GetState() != "success" {
			continue
		}
		d.State, d.Description = "inactive", replacedBy+d.Commit.Short()
		d.Commit = reconciler.Commit(before.GetSHA())
		return c.setDeploymentStatus(ctx, before.GetID(), d)
	}
	return nil
}
