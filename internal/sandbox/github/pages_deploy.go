package githubbox

import (
	"fmt"
	"slices"

	"tenantry.dev/internal/sandbox/github/bare"
)

// deploymentViews are deployments on a page, the newest first.
func (c *call) deploymentViews(list []*deployment) []object {
	list = slices.Clone(list)
	slices.Reverse(list)
	icons := map[string]string{"in_progress": "pending", "queued": "pending", "": "pending"}
	return collect(list, func(d *deployment) object {
		state, icon := d.state(), d.state()
		if other, known := icons[state]; known {
			icon = other
		}
		words := map[string]string{"in_progress": "in progress", "success": "active", "": "waiting"}
		word := words[state]
		if word == "" {
			word = state
		}
		text, at := "", d.created
		if n := len(d.statuses); n > 0 {
			text, at = d.statuses[n-1].description, d.statuses[n-1].created
		}
		return object{
			"Environment": d.environment, "Icon": icon, "Word": word, "Text": text, "At": when(at), "SHA": d.sha.String()[:8],
			"Link": fmt.Sprintf("/%s/commit/%s", c.repo.fullName(), d.sha),
		}
	})
}

// deploymentsOf are those of a commit.
func (r *repo) deploymentsOf(h bare.Hash) []*deployment {
	return slices.DeleteFunc(slices.Clone(r.deployments), func(d *deployment) bool { return d.sha != h })
}

// environments are the newest deployment of each environment, by its name.
func (r *repo) environments() []*deployment {
	var newest []*deployment
	for _, d := range r.deployments {
		newest = slices.DeleteFunc(newest, func(old *deployment) bool { return old.environment == d.environment })
		newest = append(newest, d)
	}
	return newest
}

// pressRerun is the button of a check run.
func (c *call) pressRerun() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	c.s.emitRun(c.repo, run, "rerequested", c.by.account, nil)
	return c.seeOther("/%s/commit/%s", c.repo.fullName(), run.suite.head)
}
