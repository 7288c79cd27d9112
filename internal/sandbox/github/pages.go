package githubbox

import "net/http"

func pageRoutes() []route { return nil }

func (s *Server) servePage(a *answer, r *http.Request, path string, body []byte) {
	a.text(http.StatusNotFound, "Not Found\n")
}
