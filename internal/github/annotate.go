package github

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// What GitHub takes in a check run ("REST API endpoints for check runs"): 50 annotations a
// request, 64 KB a message, 65,535 characters for summary and text each. The total of annotations
// is ours: more are no help to a reader.
const (
	annotationsPerRequest = 50
	annotationsShown      = 200
	annotationBytes       = 60 << 10
)

// A page is what a check run shows.
type page struct {
	title, summary, text string
	annotations          []*gh.CheckRunAnnotation
}

func (p page) output(batch []*gh.CheckRunAnnotation) *gh.CheckRunOutput {
	return &gh.CheckRunOutput{Title: &p.title, Summary: &p.summary, Text: optional(p.text), Annotations: batch}
}

// layOut fits a check into a check run: the worst annotations on their lines, the rest, and those
// that have no line, in the text.
func layOut(k reconciler.Check) page {
	p := page{
		title:   cmp.Or(oneLine(k.Title, titleLimit), k.Name),
		summary: cut(strings.TrimSpace(k.Summary), bodyLimit) + "\n\n" + checkMarker(hashOf(k)),
	}
	var rest []reconciler.Annotation
	sorted := slices.Clone(k.Annotations)
	slices.SortStableFunc(sorted, func(a, b reconciler.Annotation) int { return rank(a.Level) - rank(b.Level) })
	for _, a := range sorted {
		if len(p.annotations) == annotationsShown || !onLine(a) {
			rest = append(rest, a)
			continue
		}
		p.annotations = append(p.annotations, annotation(a))
	}
	p.text = listing(rest)
	return p
}

// rank orders levels, the worst first.
func rank(level string) int {
	return slices.Index([]string{"failure", "warning", "notice"}, known(level))
}

// known is one of GitHub's levels; an unknown one counts as a warning.
func known(level string) string {
	switch level {
	case "failure", "warning", "notice":
		return level
	}
	return "warning"
}

// onLine tells whether an annotation has a place that GitHub can show it at.
func onLine(a reconciler.Annotation) bool {
	file := a.Origin.File
	return a.Origin.Line > 0 && file != "" && path.Clean(file) == file && !path.IsAbs(file) && !strings.HasPrefix(file, "../")
}

func annotation(a reconciler.Annotation) *gh.CheckRunAnnotation {
	made := &gh.CheckRunAnnotation{
		Path:            new(a.Origin.File),
		StartLine:       new(a.Origin.Line),
		EndLine:         new(a.Origin.Line),
		AnnotationLevel: new(known(a.Level)),
		Title:           optional(oneLine(a.Title, titleLimit)),
		Message:         new(cutBytes(cmp.Or(a.Message, a.Title, known(a.Level)), annotationBytes)),
	}
	if a.Origin.Col > 0 {
		made.StartColumn, made.EndColumn = new(a.Origin.Col), new(a.Origin.Col)
	}
	return made
}

// listing is the annotations as text, as many as fit.
func listing(rest []reconciler.Annotation) string {
	if len(rest) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d more:\n\n", len(rest))
	for _, a := range rest {
		fmt.Fprintf(&b, "- **%s**", known(a.Level))
		if at := a.Origin.String(); at != "" {
			fmt.Fprintf(&b, " `%s`", at)
		}
		fmt.Fprintf(&b, " %s\n", oneLine(strings.TrimSpace(a.Title+" "+a.Message), 1000))
	}
	return cut(b.String(), bodyLimit)
}

// cutBytes shortens a text to a number of bytes, at the end of a character.
func cutBytes(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}
