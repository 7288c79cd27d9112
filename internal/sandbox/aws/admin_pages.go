package awsbox

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
)

//go:embed pages.html
var pagesSource string

// page writes one of the pages.
func (s *Server) page(w http.ResponseWriter, name string, data any) {
	pages, err := template.New("").Parse(pagesSource)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	_ = pages.ExecuteTemplate(w, name, data) // the client is gone: nobody to tell
}

// A row is a resource with what can be done to it.
type row struct {
	Resource
	Pranks []Prank
}

func resourcesPage(shown []Resource, done string) map[string]any {
	rows := make([]row, len(shown))
	for i, r := range shown {
		rows[i] = row{r, slices.DeleteFunc(Pranks(), func(p Prank) bool { return p.Kind != "" && p.Kind != r.Kind })}
	}
	return map[string]any{"Rows": rows, "Done": done}
}
