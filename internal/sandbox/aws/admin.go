package awsbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// adminPrefix is where people and scripts look into the sandbox. No AWS name begins like that.
const adminPrefix = "/_sandbox"

func isAdmin(r *http.Request) bool {
	return r.URL.Path == adminPrefix || strings.HasPrefix(r.URL.Path, adminPrefix+"/")
}

// adminPages answers under /_sandbox/. What browsers ask for is a page, everything else JSON. Other
// sites' pages can't post to it.
func (s *Server) adminPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+adminPrefix, s.showIndex)
	mux.HandleFunc("GET "+adminPrefix+"/{$}", s.showIndex)
	mux.HandleFunc("GET "+adminPrefix+"/resources", s.showResources)
	mux.HandleFunc("GET "+adminPrefix+"/history", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.History()) })
	mux.HandleFunc("GET "+adminPrefix+"/requests", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Calls()) })
	mux.HandleFunc("GET "+adminPrefix+"/counts", s.showCounts)
	mux.HandleFunc("DELETE "+adminPrefix+"/counts", func(w http.ResponseWriter, r *http.Request) {
		s.ResetCounts()
		s.showCounts(w, r)
	})
	mux.HandleFunc("GET "+adminPrefix+"/conditions", s.showConditions)
	mux.HandleFunc("POST "+adminPrefix+"/conditions", s.changeConditions)
	mux.HandleFunc("GET "+adminPrefix+"/chaos", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, Pranks()) })
	mux.HandleFunc("POST "+adminPrefix+"/chaos", s.doChaos)
	return http.NewCrossOriginProtection().Handler(mux)
}

// wantsPage tells a browser from a script.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return // the client is gone: nobody to tell
	}
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func (s *Server) showCounts(w http.ResponseWriter, _ *http.Request) {
	type counts struct {
		Writes    int                       `json:"writes"`
		Counts    map[string]int            `json:"counts"`
		ByAccount map[string]map[string]int `json:"byAccount"`
	}
	out := counts{Writes: s.Writes(), Counts: s.Counts(), ByAccount: map[string]map[string]int{}}
	for _, a := range s.opts.Accounts {
		out.ByAccount[a.ID] = s.CountsOf(a.ID)
	}
	writeJSON(w, http.StatusOK, out)
}

// showResources lists what exists. The query may name kind, account, region, or a text that name or
// address contain.
func (s *Server) showResources(w http.ResponseWriter, r *http.Request) {
	want := func(name, have string) bool { v := r.FormValue(name); return v == "" || v == have }
	shown := []Resource{}
	for _, one := range s.Live() {
		about := one.Name + " " + one.Tags["tenantry:address"]
		if want("kind", one.Kind) && want("account", one.Account) && want("region", one.Region) && strings.Contains(about, r.FormValue("q")) {
			shown = append(shown, one)
		}
	}
	if !wantsPage(r) {
		writeJSON(w, http.StatusOK, shown)
		return
	}
	s.page(w, "resources", resourcesPage(shown, r.FormValue("done")))
}

func (s *Server) showIndex(w http.ResponseWriter, r *http.Request) {
	s.page(w, "index", map[string]any{
		"Base": "http://" + r.Host + adminPrefix, "Resources": len(s.Live()), "Events": len(s.History()),
		"Writes": s.Writes(), "Accounts": s.opts.Accounts,
	})
}

// doChaos takes JSON, or a form from the page, to which it returns. The content type says nothing:
// curl calls everything a form.
func (s *Server) doChaos(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	form, _ := url.ParseQuery(string(body)) // JSON reads as a form without these fields
	isForm := form.Has("do")
	m := Mischief{Kind: form.Get("kind"), Name: form.Get("name"), Account: form.Get("account"), Region: form.Get("region"), Do: form.Get("do")}
	if !isForm {
		if err := readJSON(body, &m); err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
	}
	if err := s.Chaos(m); err != nil {
		writeError(w, http.StatusUnprocessableEntity, err)
		return
	}
	if isForm {
		http.Redirect(w, r, adminPrefix+"/resources?done="+m.Do, http.StatusSeeOther)
		return
	}
	what := cmp.Or(m.Do, m.Attribute+" = "+m.Value)
	writeJSON(w, http.StatusOK, map[string]string{"done": what, "to": m.target()})
}

func readJSON(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
