package githubbox

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// serveGit answers Git's smart HTTP protocol below /OWNER/NAME.git, or without the ".git".
func (s *Server) serveGit(a *answer, r *http.Request, path string, body []byte) {
	parts := strings.SplitN(strings.Trim(path, "/"), "/", 3)
	if len(parts) != 3 {
		a.textf(http.StatusNotFound, "Not Found")
		return
	}
	service := parts[2]
	if service == "info/refs" {
		service = r.URL.Query().Get("service")
	}
	if s.movedGit(a, r, parts[0]+"/"+strings.TrimSuffix(parts[1], ".git"), parts[2]) {
		return
	}
	rp := s.repos[parts[0]+"/"+strings.TrimSuffix(parts[1], ".git")]
	by, refused := s.gitCaller(r, rp, service)
	switch {
	case refused != nil:
		refuseGit(a, refused)
	case service != bare.UploadPack && service != bare.ReceivePack:
		a.textf(http.StatusForbidden, "Please upgrade your git client.")
	case parts[2] == "info/refs" && r.Method == http.MethodGet:
		gitReply(a, "application/x-"+service+"-advertisement", func(w *bytes.Buffer) error { return rp.git.Advertise(w, service) })
	case r.Method != http.MethodPost:
		a.textf(http.StatusMethodNotAllowed, "Method Not Allowed")
	case service == bare.UploadPack:
		gitReply(a, "application/x-git-upload-pack-result", func(w *bytes.Buffer) error {
			return rp.git.ServeUpload(w, bytes.NewReader(body))
		})
	default:
		gitReply(a, "application/x-git-receive-pack-result", func(w *bytes.Buffer) error {
			move := func(c bare.Command) error { return s.pushed(rp, c, by.account) }
			notice := func(done []bare.Command) string { return s.pushNotice(rp, done) }
			return rp.git.ServeReceive(w, bytes.NewReader(body), move, notice)
		})
	}
}

// gitCaller finds out who uses Git and whether they may. GitHub hides what one may not see.
func (s *Server) gitCaller(r *http.Request, rp *repo, service string) (caller, error) {
	by, err := s.authenticate(r)
	if err != nil {
		return by, err
	}
	if rp == nil || !by.sees(rp) {
		if by.account == nil {
			return by, fail(http.StatusUnauthorized, "Repository not found.")
		}
		return by, fail(http.StatusNotFound, "Repository not found.")
	}
	if service == bare.ReceivePack {
		if by.account == nil {
			return by, fail(http.StatusUnauthorized, "No anonymous write access.")
		}
		if !by.granted("contents:write") {
			return by, fail(http.StatusForbidden, "Permission to %s.git denied to %s.", rp.fullName(), by.account.login)
		}
		return by, nil
	}
	if !by.granted("contents:read") {
		return by, fail(http.StatusForbidden, "Write access to repository not granted.")
	}
	return by, nil
}

func refuseGit(a *answer, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		a.textf(http.StatusInternalServerError, "%v", err)
		return
	}
	if e.status == http.StatusUnauthorized {
		a.header.Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	a.textf(e.status, "%s\n", e.message)
}

func gitReply(a *answer, contentType string, write func(*bytes.Buffer) error) {
	a.header.Set("Content-Type", contentType)
	a.header.Set("Cache-Control", "no-cache")
	if err := write(&a.body); err != nil {
		a.body.Reset()
		status := http.StatusInternalServerError
		if errors.Is(err, bare.ErrProtocol) {
			status = http.StatusBadRequest
		}
		a.textf(status, "%v\n", err)
	}
}

// pushed moves a ref for git push. Git itself asks for force on the client's side, so the server
// takes any move that protection allows.
func (s *Server) pushed(r *repo, c bare.Command, by *account) error {
	return s.moveRef(r, refMove{ref: c.Ref, to: c.New, force: true, by: by})
}

// pushNotice is what git shows as "remote:" lines: where to open a pull request, as on GitHub.
func (s *Server) pushNotice(r *repo, done []bare.Command) string {
	var out strings.Builder
	for _, c := range done {
		branch, ok := strings.CutPrefix(c.Ref, "refs/heads/")
		if !ok || branch == r.branch || !c.Old.IsZero() || c.New.IsZero() {
			continue
		}
		fmt.Fprintf(&out, "\nCreate a pull request for '%s' on GitHub by visiting:\n     %s\n\n",
			branch, s.pageURL("/%s/pull/new/%s", r.fullName(), branch))
	}
	return out.String()
}
