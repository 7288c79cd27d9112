package githubbox

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// checkView is a check run on a page.
type checkView struct {
	ID                int64
	Name, State, Word string
	Title             string
	Summary, Text     template.HTML
	Remarks           []remark
	Open              bool
}

func (c *call) checkView(run *checkRun) checkView {
	v := checkView{
		ID: run.id, Name: run.name, State: run.conclusion, Title: run.title,
		Summary: markdown(run.summary), Text: markdown(run.text),
		Word: strings.ReplaceAll(run.conclusion, "_", " "),
	}
	if run.status != "completed" {
		v.State, v.Word = "pending", strings.ReplaceAll(run.status, "_", " ")
	}
	v.Open = v.State == "failure" || v.State == "action_required"
	for _, a := range run.annotations {
		v.Remarks = append(v.Remarks, remark{
			Level: a.Level, Class: map[string]string{"failure": "bad", "warning": "wait"}[a.Level],
			Title: a.Title, Message: a.Message, Check: run.name, Path: a.Path, Line: a.EndLine,
			Link: fmt.Sprintf("/%s/blob/%s/%s#L%d", c.repo.fullName(), run.suite.head, a.Path, a.StartLine),
		})
	}
	return v
}

// checkViews are the newest checks on a commit, and what they remark on its lines.
func (c *call) checkViews(head bare.Hash) (checks []checkView, remarks []remark) {
	for _, run := range c.repo.latestRuns(head) {
		v := c.checkView(run)
		checks, remarks = append(checks, v), append(remarks, v.Remarks...)
	}
	return checks, remarks
}

func (p *pull) badge() string {
	switch {
	case !p.merged.IsZero():
		return "merged"
	case !p.open():
		return "closed"
	case p.draft:
		return "draft"
	}
	return "open"
}

// pullPage shows a pull request; with ".diff" at the end of its address, only the difference.
func (c *call) pullPage() (reply, error) {
	if number, found := strings.CutSuffix(c.vars["number"], ".diff"); found {
		c.vars["number"] = number
		p, err := c.pull()
		if err != nil {
			return reply{}, err
		}
		text, err := c.s.diffText(c.repo, p)
		c.header.Set("Content-Type", "text/plain; charset=utf-8")
		return reply{200, []byte(text)}, err
	}
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	checks, remarks := c.checkViews(p.head)
	pending := c.s.now().Sub(p.updated) < 15*time.Second || slices.ContainsFunc(checks, func(v checkView) bool { return v.State == "pending" })
	trees, err := c.repo.pullTrees(p)
	if err != nil {
		return reply{}, err
	}
	files, sum, err := c.diffView(trees[0], trees[1], remarks)
	if err != nil {
		return reply{}, err
	}
	commits, err := c.repo.git.Between(p.fork, p.head)
	if err != nil {
		return reply{}, err
	}
	data := object{
		"Name": p.title, "Number": p.number, "Badge": p.badge(), "Author": p.author.login, "Opened": when(p.created),
		"Commits": len(commits), "Base": p.baseBranch, "Branch": p.headBranch, "Labels": p.labels, "Body": markdown(p.body),
		"Comments": c.commentViews(p), "Reviews": reviewViews(p), "Ending": ending(p), "Merged": c.mergedView(p), "Checks": checks,
		"IsOpen": p.open(), "Conflicts": p.conflicts, "Missing": c.s.missing(c.repo, p), "Head": p.head.String()[:8],
		"HeadSHA": p.head.String(), "Link": fmt.Sprintf("/%s/pull/%d", c.repo.fullName(), p.number),
		"Files": files, "Additions": sum.additions, "Deletions": sum.deletions,
	}
	if !p.merged.IsZero() {
		data["Deployments"] = c.deploymentViews(c.repo.deploymentsOf(p.mergeCommit))
	}
	if p.open() && pending { // checks are about to change
		data["Refresh"] = "5"
	}
	return c.show("pull", fmt.Sprintf("%s #%d", p.title, p.number), data)
}

func (c *call) commentViews(p *pull) []object {
	return collect(c.repo.commentsOf(p.number), func(m *comment) object {
		var signs []string
		for _, x := range m.reactions {
			signs = append(signs, reactionKinds[x.content])
		}
		return object{
			"Reactions": strings.Join(signs, " "),
			"ID":        m.id, "Author": m.by.login, "At": when(m.created), "Edited": m.updated.After(m.created), "Body": markdown(m.body),
		}
	})
}

func reviewViews(p *pull) []object {
	words := map[string]string{"APPROVED": "approved these changes", "CHANGES_REQUESTED": "asked for changes", "COMMENTED": "reviewed"}
	return collect(p.reviews, func(v *review) object {
		return object{"Author": v.by.login, "Verdict": words[v.state], "At": when(v.at)}
	})
}

// ending says how a closed pull request ended.
func ending(p *pull) string {
	switch {
	case !p.merged.IsZero():
		return fmt.Sprintf("%s merged this on %s.", p.mergedBy.login, when(p.merged))
	case !p.open() && p.closedBy != nil:
		return fmt.Sprintf("%s closed this on %s.", p.closedBy.login, when(p.closed))
	}
	return ""
}

// mergedView is the commit that a pull request became; nil if it isn't merged.
func (c *call) mergedView(p *pull) object {
	if p.merged.IsZero() {
		return nil
	}
	sha := p.mergeCommit.String()
	return object{"SHA": sha[:8], "Link": fmt.Sprintf("/%s/commit/%s", c.repo.fullName(), sha)}
}

func (c *call) pullsPage() (reply, error) {
	groups := []object{{"Name": "Open"}, {"Name": "Closed"}}
	var open, closed []object
	classes := map[string]string{"open": "ok", "draft": "grey", "merged": "done", "closed": "bad"}
	for _, n := range slices.Backward(c.repo.pullNumbers()) {
		p := c.repo.pulls[n]
		row := object{
			"Title": p.title, "Number": n, "Author": p.author.login, "Labels": p.labels, "Class": classes[p.badge()],
			"Link": fmt.Sprintf("/%s/pull/%d", c.repo.fullName(), n), "Checks": c.checkWord(p),
		}
		if p.open() {
			open = append(open, row)
		} else {
			closed = append(closed, row)
		}
	}
	groups[0]["Pulls"], groups[1]["Pulls"] = open, closed
	return c.show("pulls", "Pull requests of "+c.repo.fullName(), object{"Groups": groups})
}

// checkWord sums up the checks of a pull request: "2 of 3 checks passed".
func (c *call) checkWord(p *pull) string {
	runs := c.repo.latestRuns(p.head)
	if len(runs) == 0 {
		return ""
	}
	passed := 0
	for _, run := range runs {
		if slices.Contains([]string{"success", "neutral", "skipped"}, run.conclusion) {
			passed++
		}
	}
	return fmt.Sprintf("%d of %d checks passed ·", passed, len(runs))
}

// runPage shows a check run.
func (c *call) runPage() (reply, error) {
	run, err := c.run()
	if err != nil {
		return reply{}, err
	}
	data := object{
		"Check": c.checkView(run), "SHA": run.suite.head.String(),
		"CommitLink": fmt.Sprintf("/%s/commit/%s", c.repo.fullName(), run.suite.head),
	}
	if run.status != "completed" {
		data["Refresh"] = "3"
	}
	return c.show("run", run.name, data)
}
