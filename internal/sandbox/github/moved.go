package githubbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Move renames or transfers a repository. From then on requests for its old name, by API or Git, are
// answered with a redirect to where it is: for the API by its id, with 301 for reads and 307 for writes.
// https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
func (s *Server) Move(fullName, to string) error {
	owner, name, ok := strings.Cut(to, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil || !ok || owner == "" || name == "" || s.repos[to] != nil {
		return fmt.Errorf("move repository %s to %s: one of the two can't be", fullName, to)
	}
	s.account(owner, "Organization")
	for _, a := range s.apps {
		if a.owner == r.owner && a.repos[r.name] && owner == r.owner {
			a.repos[name] = true
		}
	}
	for _, t := range s.tokens {
		if t.repos[fullName] {
			delete(t.repos, fullName)
			t.repos[to] = true
		}
	}
	delete(s.repos, fullName)
	r.owner, r.name = owner, name
	s.repos[to] = r
	s.gone[fullName] = r
	return nil
}

// byID turns a path below /repositories/ID into that of the repository, as GitHub serves it.
func (s *Server) byID(path string) string {
	rest, ok := strings.CutPrefix(path, "/repositories/")
	if !ok {
		return path
	}
	text, below, _ := strings.Cut(rest, "/")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return path
	}
	for _, r := range s.repos {
		if r.id == id {
			return strings.TrimSuffix("/repos/"+r.fullName()+"/"+below, "/")
		}
	}
	return path
}

// elsewhere is the redirect for a repository that moved, to whoever may see it.
func (c *call) elsewhere(fullName, path string) (reply, error) {
	r := c.s.gone[fullName]
	if r == nil || !c.by.sees(r) {
		return reply{}, notFound()
	}
	rest := strings.TrimPrefix(path, "/repos/"+fullName)
	to := c.s.api("/repositories/%d%s", r.id, rest)
	if c.r.URL.RawQuery != "" {
		to += "?" + c.r.URL.RawQuery
	}
	status, message := http.StatusTemporaryRedirect, "Temporary Redirect"
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		status, message = http.StatusMovedPermanently, "Moved Permanently"
	}
	c.header.Set("Location", to)
	return reply{status, object{"message": message, "url": to, "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"}}, nil
}

// movedGit redirects Git, which follows.
func (s *Server) movedGit(a *answer, r *http.Request, fullName, rest string) bool {
	moved := s.gone[fullName]
	if s.repos[fullName] != nil || moved == nil {
		return false
	}
	to := s.url + "/" + moved.fullName() + ".git/" + rest
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	a.header.Set("Location", to)
	a.textf(http.StatusMovedPermanently, "Moved Permanently")
	return true
}
