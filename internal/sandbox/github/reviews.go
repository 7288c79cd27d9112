package githubbox

import (
	"fmt"
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
	return ok(c.s.reviewJSON(c.repo, p, c.s.addReview(c.repo, p, c.by.account, state, in.Body)))
}

func (s *Server) addReview(r *repo, p *pull, by *account, state, body string) *review {
	v := &review{id: s.id(), by: by, state: state, body: body, head: p.head.String(), at: s.now()}
	p.reviews = append(p.reviews, v)
	s.emit(r, "pull_request_review", "submitted", by, object{"review": s.reviewJSON(r, p, v), "pull_request": s.pullJSON(r, p)})
	return v
}

// Approve approves a pull request as a person, for the demo.
func (s *Server) Approve(fullName string, number int, login string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, by, err := s.lookup(fullName, number, login)
	if err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	if by == p.author {
		return fmt.Errorf("approve %s#%d: it is %s's own", fullName, number, login)
	}
	s.addReview(r, p, by, "APPROVED", "")
	return nil
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
