package githubbox

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"tenantry.dev/internal/sandbox/github/bare"
)

//go:embed pages/*.html
var pageFiles embed.FS

// templates are the pages, read once.
var templates = sync.OnceValues(func() (*template.Template, error) {
	return template.ParseFS(pageFiles, "pages/*.html")
})

// policy lets a page load nothing but images and run nothing, whatever a comment holds.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https: http:; base-uri 'none'; frame-ancestors 'none'"

// pageRoutes is the table of the pages for people. They need no password: whoever reaches the
// server acts as its page person.
func pageRoutes() []route {
	const repo = "/{owner}/{repo}"
	get := func(pattern string, h func(*call) (reply, error)) route { return route{http.MethodGet, pattern, "", h} }
	post := func(pattern string, h func(*call) (reply, error)) route {
		return route{http.MethodPost, pattern, needsUser, h}
	}
	return []route{
		get("/", (*call).homePage),
		get("/avatars/{id}", (*call).avatar),
		post("/settings/apps/create", (*call).createFromManifest),
		{http.MethodPost, "/settings/apps/new", "", (*call).manifestPage},
		{http.MethodPost, "/organizations/{org}/settings/apps/new", "", (*call).manifestPage},
		get(repo, (*call).treePage),
		get(repo+"/tree/{at...}", (*call).treePage),
		get(repo+"/blob/{at...}", (*call).blobPage),
		get(repo+"/raw/{at...}", (*call).rawPage),
		get(repo+"/edit/{at...}", (*call).editPage),
		get(repo+"/new/{at...}", (*call).newPage),
		post(repo+"/propose", (*call).propose),
		get(repo+"/commit/{sha}", (*call).commitPage),
		get(repo+"/runs/{id}", (*call).runPage),
		post(repo+"/runs/{id}/rerun", (*call).pressRerun),
		get(repo+"/pulls", (*call).pullsPage),
		get(repo+"/pull/new/{branch...}", (*call).openPage),
		post(repo+"/pull/new", (*call).openFromPage),
		get(repo+"/pull/{number}", (*call).pullPage),
		post(repo+"/pull/{number}/merge", (*call).pressMerge),
		post(repo+"/pull/{number}/close", (*call).pressClose),
		post(repo+"/pull/{number}/reopen", (*call).pressReopen),
		post(repo+"/pull/{number}/revert", (*call).pressRevert),
		post(repo+"/pull/{number}/comment", (*call).pressComment),
	}
}

// servePage answers a person's browser.
func (s *Server) servePage(a *answer, r *http.Request, p string, body []byte) {
	c := &call{s: s, r: r, body: body, header: a.header, by: caller{account: s.accounts[s.pagePerson]}}
	a.header.Set("Content-Type", "text/html; charset=utf-8")
	a.header.Set("Content-Security-Policy", policy)
	a.header.Set("Cache-Control", "no-store")
	rep, err := c.serveAsPage(p)
	if err != nil {
		rep = c.errorPage(err)
	}
	if err := encode(a, rep); err != nil {
		a.textf(http.StatusInternalServerError, "%v", err)
	}
}

func (c *call) serveAsPage(p string) (reply, error) {
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, vars, found := find(c.s.pages, method, p)
	if !found {
		return reply{}, notFound()
	}
	c.vars = vars
	if name, below := vars["repo"]; below {
		if c.repo = c.s.repos[vars["owner"]+"/"+name]; c.repo == nil {
			return reply{}, notFound()
		}
	}
	if rt.needs == needsUser {
		if c.by.account == nil {
			return reply{}, fail(http.StatusForbidden, "This server's pages are read-only.")
		}
		// A page of another site must not press our buttons.
		if err := http.NewCrossOriginProtection().Check(c.r); err != nil {
			return reply{}, fail(http.StatusForbidden, "%s", err)
		}
	}
	return rt.handle(c)
}

// form reads a field of a submitted form. Browsers send lines with CRLF; Git wants LF.
func (c *call) form(name string) string {
	values, err := url.ParseQuery(string(c.body))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(values.Get(name), "\r\n", "\n")
}

// show renders a page. What every page needs is added.
func (c *call) show(name, title string, data object) (reply, error) {
	t, err := templates()
	if err != nil {
		return reply{}, fmt.Errorf("read pages: %w", err)
	}
	page := object{"Title": title, "Repo": "", "Person": c.s.pagePerson, "Refresh": ""}
	if c.repo != nil {
		page["Repo"] = c.repo.fullName()
	}
	maps.Copy(page, data)
	var out strings.Builder
	if err := t.ExecuteTemplate(&out, name, page); err != nil {
		return reply{}, fmt.Errorf("render page %s: %w", name, err)
	}
	return ok([]byte(out.String()))
}

func (c *call) errorPage(err error) reply {
	status, message := http.StatusInternalServerError, err.Error()
	var e *apiError
	switch {
	case errors.As(err, &e):
		status, message = e.status, e.message
		for _, detail := range e.errors {
			if text, ok := detail["message"].(string); ok {
				message += ": " + text
			}
		}
	case errors.Is(err, bare.ErrNotFound):
		status = http.StatusNotFound
	}
	back := c.r.Header.Get("Referer")
	if u, err := url.Parse(back); err != nil || back == "" {
		back = "/"
	} else {
		back = u.Path
	}
	rep, err := c.show("error", http.StatusText(status), object{"Message": message, "Back": back})
	if err != nil {
		return reply{status, []byte(template.HTMLEscapeString(message))}
	}
	rep.status = status
	return rep
}

// seeOther sends the browser to a page.
func (c *call) seeOther(format string, args ...any) (reply, error) {
	c.header.Set("Location", fmt.Sprintf(format, args...))
	return reply{http.StatusSeeOther, nil}, nil
}

func (c *call) homePage() (reply, error) {
	var repos []object
	for _, r := range c.s.repoList() {
		open := 0
		for _, p := range r.pulls {
			if p.open() {
				open++
			}
		}
		repos = append(repos, object{"Name": r.fullName(), "Open": open})
	}
	return c.show("home", "GitHub sandbox", object{"Repos": repos})
}

// avatar is a disc in a colour of its own for each account.
func (c *call) avatar() (reply, error) {
	c.header.Set("Content-Type", "image/svg+xml")
	return ok(fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><circle cx="1" cy="1" r="1" fill="hsl(%d 50%% 55%%)"/></svg>`,
		c.number("id")*67%360))
}

// at splits "REF/PATH" of a page's address: a branch's name may hold slashes, so the longest that
// is a ref wins.
func (c *call) at() (ref, p string, commit bare.Commit, err error) {
	text := c.vars["at"]
	if text == "" {
		text = c.repo.branch
	}
	for ref = text; ; ref = path.Dir(ref) {
		if h, found := c.s.resolve(c.repo, ref); found {
			commit, err = c.repo.git.Commit(h)
			return ref, strings.Trim(strings.TrimPrefix(text, ref), "/"), commit, err
		}
		if !strings.Contains(ref, "/") {
			return "", "", commit, fmt.Errorf("%s: %w", text, bare.ErrNotFound)
		}
	}
}
