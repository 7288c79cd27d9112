package githubbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxText is the longest text of a comment or a pull request, in characters.
const maxText = 65536

// comment is a comment on a pull request (an issue comment, in GitHub's words).
type comment struct {
	id               int64
	number           int // of the pull request
	by               *account
	app              *app // if made by an App's installation
	body             string
	created, updated time.Time
	reactions        []*reaction
}

func (r *repo) commentsOf(number int) []*comment {
	var out []*comment
	for _, m := range r.comments {
		if m.number == number {
			out = append(out, m)
		}
	}
	return out
}

func checkBody(body string) error {
	switch {
	case body == "":
		return invalid("IssueComment", "body", "missing_field", "")
	case len([]rune(body)) > maxText:
		return invalid("IssueComment", "body", "custom", "body is too long (maximum is 65536 characters)")
	}
	return nil
}

// addComment writes a comment and tells about it.
func (s *Server) addComment(r *repo, p *pull, by *account, via *app, body string) (*comment, error) {
	if err := checkBody(body); err != nil {
		return nil, err
	}
	now := s.now()
	m := &comment{id: s.id(), number: p.number, by: by, app: via, body: body, created: now, updated: now}
	r.comments = append(r.comments, m)
	p.updated = s.now()
	s.emitComment(r, m, "created", by, nil)
	return m, nil
}

func (s *Server) emitComment(r *repo, m *comment, action string, by *account, more object) {
	body := object{"issue": s.issueJSON(r, r.pulls[m.number]), "comment": s.commentJSON(r, m)}
	maps.Copy(body, more)
	s.emit(r, "issue_comment", action, by, body)
}

func (s *Server) commentJSON(r *repo, m *comment) object {
	out := object{
		"id": m.id, "node_id": nodeID("IC", m.id), "body": m.body, "user": s.userJSON(m.by),
		"url":       s.api("/repos/%s/issues/comments/%d", r.fullName(), m.id),
		"html_url":  s.pageURL("/%s/pull/%d#issuecomment-%d", r.fullName(), m.number, m.id),
		"issue_url": s.api("/repos/%s/issues/%d", r.fullName(), m.number), "author_association": s.association(m.by),
		"created_at": stamp(m.created), "updated_at": stamp(m.updated), "performed_via_github_app": nil,
		"reactions": s.reactionsJSON(r, m.id, m.reactions),
	}
	if m.app != nil {
		out["performed_via_github_app"] = s.appJSON(m.app)
	}
	return out
}

func (c *call) listComments() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	list := c.repo.commentsOf(p.number)
	if since, err := time.Parse(time.RFC3339, c.query("since")); err == nil {
		list = slices.DeleteFunc(list, func(m *comment) bool { return m.updated.Before(since) })
	}
	return ok(collect(page(c, list), func(m *comment) object { return c.s.commentJSON(c.repo, m) }))
}

func (c *call) listAllComments() (reply, error) {
	return ok(collect(page(c, c.repo.comments), func(m *comment) object { return c.s.commentJSON(c.repo, m) }))
}

func (c *call) createComment() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Body string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	m, err := c.s.addComment(c.repo, p, c.by.account, c.by.app, in.Body)
	if err != nil {
		return reply{}, err
	}
	return created(c.s.commentJSON(c.repo, m))
}

func (c *call) comment() (*comment, error) {
	for _, m := range c.repo.comments {
		if m.id == c.number("id") {
			return m, nil
		}
	}
	return nil, notFound()
}

func (c *call) getComment() (reply, error) {
	m, err := c.comment()
	if err != nil {
		return reply{}, err
	}
	return ok(c.s.commentJSON(c.repo, m))
}

// mayEdit lets writers of comments and people with write access change one; an App only its own.
func (c *call) mayEdit(m *comment) error {
	if m.by == c.by.account || (c.by.app == nil && rank(c.by.account.role) >= rank("write")) {
		return nil
	}
	return fail(http.StatusForbidden, "Must have admin rights to Repository.")
}

func (c *call) editComment() (reply, error) {
	m, err := c.comment()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Body string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.mayEdit(m); err != nil {
		return reply{}, err
	}
	if err := checkBody(in.Body); err != nil {
		return reply{}, err
	}
	from := m.body
	m.body, m.updated = in.Body, c.s.now()
	c.s.emitComment(c.repo, m, "edited", c.by.account, object{"changes": object{"body": object{"from": from}}})
	return ok(c.s.commentJSON(c.repo, m))
}

func (c *call) deleteComment() (reply, error) {
	m, err := c.comment()
	if err != nil {
		return reply{}, err
	}
	if err := c.mayEdit(m); err != nil {
		return reply{}, err
	}
	c.repo.comments = slices.DeleteFunc(c.repo.comments, func(x *comment) bool { return x == m })
	c.s.emitComment(c.repo, m, "deleted", c.by.account, nil)
	return noContent()
}

// issueJSON is a pull request as the issues API shows it.
func (s *Server) issueJSON(r *repo, p *pull) object {
	u := s.api("/repos/%s/issues/%d", r.fullName(), p.number)
	page := s.pageURL("/%s/pull/%d", r.fullName(), p.number)
	out := object{
		"id": p.issueID, "node_id": nodeID("I", p.issueID), "number": p.number, "title": p.title, "body": orNull(p.body),
		"state": p.state, "state_reason": nil, "user": s.userJSON(p.author), "labels": s.labelsJSON(r, p.labels),
		"assignee": nil, "assignees": []object{}, "milestone": nil, "locked": p.locked, "active_lock_reason": nil,
		"comments": len(r.commentsOf(p.number)), "author_association": s.association(p.author), "draft": p.draft,
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stamp(p.closed),
		"url": u, "html_url": page, "repository_url": s.api("/repos/%s", r.fullName()),
		"labels_url": u + "/labels{/name}", "comments_url": u + "/comments", "events_url": u + "/events",
		"timeline_url": u + "/timeline",
		"pull_request": object{
			"url": s.api("/repos/%s/pulls/%d", r.fullName(), p.number), "html_url": page,
			"diff_url": page + ".diff", "patch_url": page + ".patch", "merged_at": stamp(p.merged),
		},
		"performed_via_github_app": nil, "reactions": s.reactionsJSON(r, p.issueID, nil),
	}
	return out
}

func (c *call) getIssue() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	out := c.s.issueJSON(c.repo, p)
	out["closed_by"] = nil
	if p.closedBy != nil {
		out["closed_by"] = c.s.userJSON(p.closedBy)
	}
	return ok(out)
}

func (c *call) updateIssue() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Title, Body, State *string
		Labels             *[]string
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.edit(p, in.Title, in.Body); err != nil {
		return reply{}, err
	}
	if in.Labels != nil {
		c.relabel(p, *in.Labels)
	}
	if err := c.setState(p, in.State); err != nil {
		return reply{}, err
	}
	return c.getIssue()
}

// listIssues lists pull requests as issues, by state and labels. There are no other issues.
func (c *call) listIssues() (reply, error) {
	state := c.query("state")
	if state == "" {
		state = "open"
	}
	var list []*pull
	for _, n := range c.repo.pullNumbers() {
		p := c.repo.pulls[n]
		if (state == "all" || state == p.state) && p.hasLabels(c.query("labels")) {
			list = append(list, p)
		}
	}
	c.sort(list)
	return ok(collect(page(c, list), func(p *pull) object { return c.s.issueJSON(c.repo, p) }))
}

// Comment writes a comment on a pull request as a person, for the demo.
func (s *Server) Comment(fullName string, number int, login, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, by, err := s.lookup(fullName, number, login)
	if err != nil {
		return fmt.Errorf("comment: %w", err)
	}
	if _, err := s.addComment(r, p, by, nil, body); err != nil {
		return fmt.Errorf("comment on %s#%d: %w", fullName, number, err)
	}
	return nil
}
