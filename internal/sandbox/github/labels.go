package githubbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// label is a label of the repository.
type label struct {
	id                       int64
	name, color, description string
}

func (s *Server) labelJSON(r *repo, l *label) object {
	return object{
		"id": l.id, "node_id": nodeID("LA", l.id), "url": s.api("/repos/%s/labels/%s", r.fullName(), escape(l.name)),
		"name": l.name, "color": l.color, "description": orNull(l.description), "default": false,
	}
}

func (s *Server) labelsJSON(r *repo, names []string) []object {
	return collect(names, func(name string) object { return s.labelJSON(r, s.label(r, name)) })
}

// label finds a label or makes it, as adding one to an issue does.
func (s *Server) label(r *repo, name string) *label {
	l := r.labels[strings.ToLower(name)]
	if l == nil {
		l = &label{id: s.id(), name: name, color: "ededed"}
		r.labels[strings.ToLower(name)] = l
	}
	return l
}

func (p *pull) hasLabels(list string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" && !slices.ContainsFunc(p.labels, func(l string) bool { return strings.EqualFold(l, name) }) {
			return false
		}
	}
	return true
}

// relabel gives a pull request exactly these labels, and tells about each that came or went.
func (c *call) relabel(p *pull, names []string) {
	for _, name := range slices.Clone(p.labels) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			p.labels = slices.DeleteFunc(p.labels, func(n string) bool { return n == name })
			c.labelled(p, "unlabeled", name)
		}
	}
	for _, name := range names {
		if !p.hasLabels(name) {
			p.labels = append(p.labels, c.s.label(c.repo, name).name)
			c.labelled(p, "labeled", name)
		}
	}
}

func (c *call) labelled(p *pull, action, name string) {
	p.updated = c.s.now()
	c.s.emitPull(c.repo, p, action, c.by.account, object{"label": c.s.labelJSON(c.repo, c.s.label(c.repo, name))})
}

// labelNames reads a list of names: {"labels": ["a"]}, ["a"], or objects with a name.
func (c *call) labelNames() ([]string, error) {
	raw := bytes.TrimSpace(c.body)
	var wrapped struct{ Labels json.RawMessage }
	if len(raw) > 0 && raw[0] == '{' {
		if err := c.decode(&wrapped); err != nil {
			return nil, err
		}
		raw = wrapped.Labels
	}
	var names []string
	if json.Unmarshal(raw, &names) == nil {
		return names, nil
	}
	var objects []struct{ Name string }
	if err := json.Unmarshal(raw, &objects); err != nil {
		return nil, fail(http.StatusUnprocessableEntity, "Invalid request.\n\nlabels must be an array of strings.")
	}
	for _, o := range objects {
		names = append(names, o.Name)
	}
	return names, nil
}

func (c *call) issueLabels() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	return ok(page(c, c.s.labelsJSON(c.repo, p.labels)))
}

// changeIssueLabels adds labels (POST) or replaces them (PUT).
func (c *call) changeIssueLabels() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	names, err := c.labelNames()
	if err != nil {
		return reply{}, err
	}
	if c.r.Method == http.MethodPost {
		names = append(slices.Clone(p.labels), names...)
	}
	c.relabel(p, names)
	return ok(c.s.labelsJSON(c.repo, p.labels))
}

func (c *call) removeIssueLabel() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	name := c.vars["name"]
	if name != "" && !p.hasLabels(name) {
		return reply{}, fail(http.StatusNotFound, "Label does not exist")
	}
	keep := slices.DeleteFunc(slices.Clone(p.labels), func(l string) bool { return name == "" || strings.EqualFold(l, name) })
	c.relabel(p, keep)
	if name == "" {
		return noContent()
	}
	return ok(c.s.labelsJSON(c.repo, p.labels))
}

func (c *call) listLabels() (reply, error) {
	names := slices.Sorted(maps.Keys(c.repo.labels))
	return ok(page(c, c.s.labelsJSON(c.repo, names)))
}

func (c *call) createLabel() (reply, error) {
	var in struct{ Name, Color, Description string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Name == "" {
		return reply{}, invalid("Label", "name", "missing_field", "")
	}
	if c.repo.labels[strings.ToLower(in.Name)] != nil {
		return reply{}, invalid("Label", "name", "already_exists", "")
	}
	l := c.s.label(c.repo, in.Name)
	if in.Color != "" {
		l.color = in.Color
	}
	l.description = in.Description
	return created(c.s.labelJSON(c.repo, l))
}

func (c *call) getLabel() (reply, error) {
	l := c.repo.labels[strings.ToLower(c.vars["name"])]
	if l == nil {
		return reply{}, notFound()
	}
	return ok(c.s.labelJSON(c.repo, l))
}
