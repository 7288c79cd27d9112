package awsbox

import (
	"net/http"
	"strings"
)

const adminPrefix = "/_sandbox"

func isAdmin(r *http.Request) bool {
	return r.URL.Path == adminPrefix || strings.HasPrefix(r.URL.Path, adminPrefix+"/")
}

func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
