package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"tenantry.dev/reconciler/resource"
)

// A page is a definition's file as it is written, for telling where things come from. Nothing is evaluated.
type page struct {
	path   string
	text   []byte
	syntax *ast.File
}

// readPage parses a file of a fleet.
func readPage(fsys fs.FS, path string) (*page, error) {
	text, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	f, err := parser.ParseFile(path, text, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &page{path, text, f}, nil
}

// find tells where a path is written, if all of it is.
func (p *page) find(path ...string) (spot, bool) {
	at := locate(p.syntax, path)
	return at, at.depth == len(path) && at.label != nil
}

func (p *page) at(n ast.Node) resource.Origin {
	return resource.Origin{File: p.path, Line: n.Pos().Line(), Col: n.Pos().Column()}
}

// written is the text of a node, on one line.
func (p *page) written(n ast.Node) string {
	from, to := n.Pos().Offset(), n.End().Offset()
	if from < 0 || to > len(p.text) || from > to {
		return ""
	}
	line := strings.Join(strings.Fields(string(p.text[from:to])), " ")
	return strings.NewReplacer("[ ", "[", ", ]", "]", "{ ", "{", ", }", "}", " }", "}").Replace(line)
}

// A Selection is what a policy's select says. An empty list selects all.
type Selection struct {
	Plans        []string `json:"plans,omitempty"`
	Tenants      []string `json:"tenants,omitempty"`
	Cells        []string `json:"cells,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Residencies  []string `json:"residencies,omitempty"`
	Kinds        []string `json:"kinds,omitempty"`
}

// A subject is what a policy may be about. An empty name stands for anything.
type subject struct{ plan, tenant, cell, environment, residency, kind string }

// about tells whether a selection may be about a subject.
func (s Selection) about(x subject) bool {
	in := func(list []string, name string) bool {
		return name == "" || len(list) == 0 || slices.Contains(list, name)
	}
	return in(s.Plans, x.plan) && in(s.Tenants, x.tenant) && in(s.Cells, x.cell) && in(s.Environments, x.environment) &&
		in(s.Residencies, x.residency) && in(s.Kinds, x.kind)
}

// A rule is a policy as its file writes it.
type rule struct {
	Policy
	selects Selection
	page    *page
}

// readRules reads who the fleet's policies select. A list that isn't written out counts as empty.
func readRules(fsys fs.FS, f *Fleet) []rule {
	var out []rule
	for _, p := range f.Policies {
		r := rule{Policy: p}
		if file, err := readPage(fsys, p.Origin.File); err == nil {
			r.page = file
			for field, list := range map[string]*[]string{
				"plans": &r.selects.Plans, "tenants": &r.selects.Tenants, "cells": &r.selects.Cells, "environments": &r.selects.Environments,
				"residencies": &r.selects.Residencies, "kinds": &r.selects.Kinds,
			} {
				if at, ok := file.find(p.Name, "select", field); ok {
					*list = texts(at.value)
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// texts are the texts of a list that is written out.
func texts(x ast.Expr) []string {
	list, ok := x.(*ast.ListLit)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range list.Elts {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				out = append(out, text)
			}
		}
	}
	return out
}

// mentions tells whether a policy says something of an attribute of a resource.
func (r rule) mentions(name, attribute string) bool {
	if r.page == nil {
		return false
	}
	_, each := r.page.find(r.Name, "resource", attribute)
	_, this := r.page.find(r.Name, "resources", name, attribute)
	return each || this
}

// ofCells tells whether a policy is about the resources of cells, too.
func (r rule) ofCells() bool {
	if r.page == nil {
		return false
	}
	for _, field := range []string{"#tenant", "#plan", "tenant", "cell"} {
		if _, has := r.page.find(r.Name, field); has {
			return false
		}
	}
	return len(r.selects.Plans) == 0 && len(r.selects.Tenants) == 0 && len(r.selects.Residencies) == 0
}
