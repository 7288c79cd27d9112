package githubbox

import (
	"net/http"
	"slices"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

func (c *call) listPulls() (reply, error) {
	state, head, base := c.query("state"), c.query("head"), c.query("base")
	if state == "" {
		state = "open"
	}
	var list []*pull
	for _, n := range c.repo.pullNumbers() {
		p := c.repo.pulls[n]
		switch {
		case state != "all" && p.state != state:
		case head != "" && head != c.repo.owner+":"+p.headBranch:
		case base != "" && base != p.baseBranch:
		default:
			list = append(list, p)
		}
	}
	c.sort(list)
	return ok(collect(page(c, list), func(p *pull) object { return c.s.pullJSON(c.repo, p) }))
}

// sort orders pull requests as asked; newest first unless told otherwise.
func (c *call) sort(list []*pull) {
	by, direction := c.query("sort"), c.query("direction")
	slices.SortStableFunc(list, func(a, b *pull) int {
		order := a.number - b.number
		if by == "updated" && !a.updated.Equal(b.updated) {
			order = a.updated.Compare(b.updated)
		}
		if direction == "asc" || (direction == "" && by != "" && by != "created") {
			return order
		}
		return -order
	})
}

func (c *call) createPull() (reply, error) {
	var in struct {
		Title, Body, Head, Base string
		Draft                   bool
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	p, err := c.s.openPull(c.repo, newPull{
		title: in.Title, body: in.Body, head: in.Head, base: in.Base, draft: in.Draft, by: c.by.account,
	})
	if err != nil {
		return reply{}, err
	}
	out, err := c.s.fullPullJSON(c.repo, p)
	if err != nil {
		return reply{}, err
	}
	return created(out)
}

// pull finds the pull request of the path.
func (c *call) pull() (*pull, error) {
	p := c.repo.pulls[int(c.number("number"))]
	if p == nil {
		return nil, notFound()
	}
	return p, nil
}

func (c *call) getPull() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	if accept := c.r.Header.Get("Accept"); strings.Contains(accept, ".diff") || strings.Contains(accept, ".patch") {
		text, err := c.s.diffText(c.repo, p)
		c.header.Set("Content-Type", "application/vnd.github.v3.diff; charset=utf-8")
		return reply{http.StatusOK, []byte(text)}, err
	}
	return c.fullPull(p)
}

func (c *call) fullPull(p *pull) (reply, error) {
	out, err := c.s.fullPullJSON(c.repo, p)
	if err != nil {
		return reply{}, err
	}
	return ok(out)
}

func (c *call) updatePull() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Title, Body, State, Base *string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.edit(p, in.Title, in.Body); err != nil {
		return reply{}, err
	}
	if in.Base != nil && *in.Base != p.baseBranch {
		if _, found := c.repo.tip(*in.Base); !found {
			return reply{}, invalid("PullRequest", "base", "invalid", "")
		}
		p.baseBranch = *in.Base
		if err := c.s.refresh(c.repo, p); err != nil {
			return reply{}, err
		}
	}
	if err := c.setState(p, in.State); err != nil {
		return reply{}, err
	}
	return c.fullPull(p)
}

// edit changes the title and body; nil leaves one as it is.
func (c *call) edit(p *pull, title, body *string) error {
	changes := object{}
	if title != nil && *title != p.title {
		if *title == "" {
			return invalid("PullRequest", "title", "missing_field", "")
		}
		changes["title"] = object{"from": p.title}
		p.title = *title
	}
	if body != nil && *body != p.body {
		if len([]rune(*body)) > maxText {
			return invalid("PullRequest", "body", "custom", "body is too long (maximum is 65536 characters)")
		}
		changes["body"] = object{"from": p.body}
		p.body = *body
	}
	if len(changes) > 0 {
		p.updated = c.s.now()
		c.s.emitPull(c.repo, p, "edited", c.by.account, object{"changes": changes})
	}
	return nil
}

func (c *call) setState(p *pull, state *string) error {
	switch {
	case state == nil:
		return nil
	case *state == "closed":
		c.s.closePull(c.repo, p, c.by.account)
		return nil
	case *state == "open":
		return c.s.reopenPull(c.repo, p, c.by.account)
	}
	return invalid("PullRequest", "state", "invalid", "")
}

func (c *call) pullFiles() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	files, _, err := c.s.pullDiff(c.repo, p)
	if err != nil {
		return reply{}, err
	}
	return ok(page(c, files[:min(len(files), maxPullFiles)]))
}

// maxPullFiles is where GitHub ends the list of a pull request's files.
const maxPullFiles = 3000

// pullDiff compares the head with where it parted from the base.
func (s *Server) pullDiff(r *repo, p *pull) ([]object, totals, error) {
	trees, err := r.pullTrees(p)
	if err != nil {
		return nil, totals{}, err
	}
	return s.files(r, trees[0], trees[1], p.head)
}

func (r *repo) pullTrees(p *pull) ([]bare.Hash, error) {
	if p.fork.IsZero() { // unrelated histories
		trees, err := r.treesOf(p.head)
		return append([]bare.Hash{{}}, trees...), err
	}
	return r.treesOf(p.fork, p.head)
}

func (c *call) pullCommits() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	list, err := c.repo.git.Between(p.fork, p.head)
	if err != nil {
		return reply{}, err
	}
	return c.commitsReply(page(c, list))
}

func (c *call) isMerged() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	if p.merged.IsZero() {
		return reply{}, notFound()
	}
	return noContent()
}

func (c *call) mergePull() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		SHA     string `json:"sha"`
		Method  string `json:"merge_method"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	h, err := c.s.merge(c.repo, p, mergeRequest{in.Method, in.SHA, in.Title, in.Message, c.by.account})
	if err != nil {
		return reply{}, err
	}
	return ok(object{"sha": h.String(), "merged": true, "message": "Pull Request successfully merged"})
}

// updateBranch merges the base into the head, as the "Update branch" button does.
func (c *call) updateBranch() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Expected string `json:"expected_head_sha"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Expected != "" && in.Expected != p.head.String() {
		return reply{}, fail(http.StatusUnprocessableEntity, "expected head sha didn’t match current head ref.")
	}
	base, _ := c.repo.tip(p.baseBranch)
	tree, conflicts, err := c.s.mergeTree(c.repo, p.head, base)
	if err != nil {
		return reply{}, err
	}
	if len(conflicts) > 0 {
		return reply{}, fail(http.StatusUnprocessableEntity, "merge conflict between base and head")
	}
	message := "Merge branch '" + p.baseBranch + "' into " + p.headBranch
	h, err := c.s.commitAs(c.repo, c.by.account, tree, []bare.Hash{p.head, base}, message)
	if err != nil {
		return reply{}, err
	}
	if err := c.moveRef(refMove{ref: "refs/heads/" + p.headBranch, to: h, by: c.by.account}); err != nil {
		return reply{}, err
	}
	return reply{http.StatusAccepted, object{"message": "Updating pull request branch.", "url": c.s.api("/repos/%s/pulls/%d", c.repo.fullName(), p.number)}}, nil
}

// pullsOfCommit lists the pull requests that hold a commit.
func (c *call) pullsOfCommit() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	var list []*pull
	for _, n := range c.repo.pullNumbers() {
		p := c.repo.pulls[n]
		commits, err := c.repo.git.Between(p.fork, p.head)
		if err != nil {
			return reply{}, err
		}
		holds := slices.ContainsFunc(commits, func(x bare.Commit) bool { return x.Hash == h })
		if holds || p.mergeCommit == h {
			list = append(list, p)
		}
	}
	return ok(collect(page(c, list), func(p *pull) object { return c.s.pullJSON(c.repo, p) }))
}
