package githubbox

import (
	"net/http"
	"slices"
)

// reactionKinds are the reactions that there are, with how the pages show them.
var reactionKinds = map[string]string{
	"+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉", "rocket": "🚀", "eyes": "👀",
}

// reaction is somebody's answer to a comment in one sign.
type reaction struct {
	id      int64
	by      *account
	content string
	at      string
}

// reactionsJSON counts the reactions to a comment or, without any, to a pull request.
func (s *Server) reactionsJSON(r *repo, id int64, list []*reaction) object {
	out := object{"url": s.api("/repos/%s/issues/comments/%d/reactions", r.fullName(), id), "total_count": len(list)}
	for content := range reactionKinds {
		n := 0
		for _, x := range list {
			if x.content == content {
				n++
			}
		}
		out[content] = n
	}
	return out
}

func (s *Server) reactionJSON(x *reaction) object {
	return object{"id": x.id, "node_id": nodeID("REA", x.id), "user": s.userJSON(x.by), "content": x.content, "created_at": x.at}
}

// react answers a comment. Repeating it changes nothing, and is answered 200 instead of 201.
func (c *call) react() (reply, error) {
	m, err := c.comment()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Content string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if reactionKinds[in.Content] == "" {
		return reply{}, fail(http.StatusUnprocessableEntity, "Invalid request.\n\n%q is not a possible value for content.", in.Content)
	}
	same := func(x *reaction) bool { return x.by == c.by.account && x.content == in.Content }
	if i := slices.IndexFunc(m.reactions, same); i >= 0 {
		return ok(c.s.reactionJSON(m.reactions[i]))
	}
	x := &reaction{id: c.s.id(), by: c.by.account, content: in.Content, at: stampText(c.s.now())}
	m.reactions = append(m.reactions, x)
	return created(c.s.reactionJSON(x))
}

func (c *call) listReactions() (reply, error) {
	m, err := c.comment()
	if err != nil {
		return reply{}, err
	}
	return ok(collect(page(c, m.reactions), c.s.reactionJSON))
}
