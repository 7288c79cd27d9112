package githubbox

import (
	"net/http"
	"time"
)

// review is somebody's verdict on a pull request.
type review struct {
	id    int64
	by    *account
	state string // "APPROVED", "CHANGES_REQUESTED" or "COMMENTED"
	body  string
	head  string
	at    time.Time
}

// approvals counts the people with write access whose latest verdict approves.
func (p *pull) approvals() int {
	verdict := map[*account]string{}
	for _, v := range p.reviews {
		if v.state != "COMMENTED" && rank(v.by.role) >= rank("write") {
			verdict[v.by] = v.state
		}
	}
	n := 0
	for _, state := range verdict {
		if state == "APPROVED" {
			n++
		}
	}
	return n
}

var reviewStates = map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}

func (c *call) createReview() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Body, Event string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	state, known := reviewStates[in.Event]
	switch {
	case !known:
		return reply{}, fail(http.StatusUnprocessableEntity, "Variable $event of type PullRequestReviewEvent was provided invalid value")
	case c.by.account == p.author && state != "COMMENTED":
		verb := map[string]string{"APPROVED": "approve", "CHANGES_REQUESTED": "request changes on"}[state]
		return reply{}, fail(http.StatusUnprocessableEntity, "Can not %s your own pull request", verb)
	}
	v := &review{id: c.s.id(), by: c.by.account, state: state, body: in.Body, head: p.head.String(), at: c.s.now()}
	p.reviews = append(p.reviews, v)
	c.s.emit(c.repo, "pull_request_review", "submitted", c.by.account, object{
		"review": c.s.reviewJSON(c.repo, p, v), "pull_request": c.s.pullJSON(c.repo, p),
	})
	return ok(c.s.reviewJSON(c.repo, p, v))
}

func (c *call) listReviews() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	return ok(collect(page(c, p.reviews), func(v *review) object { return c.s.reviewJSON(c.repo, p, v) }))
}

func (s *Server) reviewJSON(r *repo, p *pull, v *review) object {
	u := s.api("/repos/%s/pulls/%d", r.fullName(), p.number)
	page := s.pageURL("/%s/pull/%d", r.fullName(), p.number)
	return object{
		"id": v.id, "node_id": nodeID("PRR", v.id), "user": s.userJSON(v.by), "body": v.body, "state": v.state,
		"html_url": page, "pull_request_url": u, "commit_id": v.head, "submitted_at": stamp(v.at),
		"author_association": s.association(v.by),
		"_links":             object{"html": object{"href": page}, "pull_request": object{"href": u}},
	}
}
