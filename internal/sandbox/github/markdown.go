package githubbox

import (
	"bytes"
	"html"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// markdown renders GitHub-flavoured Markdown for a page. HTML in the text is shown as text, but
// for a few tags without attributes that GitHub's users rely on, such as <details>; comments are
// left out. Links with dangerous schemes are left out by goldmark's safe mode.
func markdown(text string) template.HTML {
	if text == "" {
		return ""
	}
	f := &htmlFilter{}
	md := goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(f, 1), util.Prioritized(fences{}, 1))),
	)
	var out bytes.Buffer
	if err := md.Convert([]byte(text), &out); err != nil {
		return template.HTML("<pre>" + html.EscapeString(text) + "</pre>") //nolint:gosec // escaped above
	}
	for _, name := range slices.Backward(f.open) {
		out.WriteString("</" + name + ">")
	}
	return template.HTML(out.String()) //nolint:gosec // made by goldmark's safe mode and htmlFilter
}

// pairs are the tags that may be used, with an end; void ones have none.
var (
	pairs = map[string]bool{
		"details": true, "summary": true, "sub": true, "sup": true, "kbd": true, "b": true, "i": true, "em": true,
		"strong": true, "code": true, "del": true, "ins": true,
	}
	void = map[string]bool{"br": true, "hr": true}
	// htmlToken is a comment, a tag, or what stands between them.
	htmlToken = regexp.MustCompile(`(?s)<!--.*?-->|<!--.*$|</?[A-Za-z][^<>]*>|[^<]+|<`)
	htmlTag   = regexp.MustCompile(`^<(/?)([A-Za-z]+)\s*( open)?\s*/?>$`)
)

// htmlFilter renders raw HTML. It keeps the tags that are open, so that a text can't close what
// it didn't open, nor leave open what the page goes on after.
type htmlFilter struct{ open []string }

// RegisterFuncs takes the two kinds of node that hold raw HTML.
func (f *htmlFilter) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHTMLBlock, f.block)
	r.Register(ast.KindRawHTML, f.inline)
}

func (f *htmlFilter) block(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.HTMLBlock)
	var raw strings.Builder
	raw.Write(block.Lines().Value(source))
	if block.HasClosure() {
		raw.Write(block.ClosureLine.Value(source))
	}
	_, err := w.WriteString(f.clean(raw.String()))
	return ast.WalkContinue, err
}

func (f *htmlFilter) inline(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkSkipChildren, nil
	}
	_, err := w.WriteString(f.clean(string(n.(*ast.RawHTML).Segments.Value(source))))
	return ast.WalkSkipChildren, err
}

// clean escapes everything but the allowed tags.
func (f *htmlFilter) clean(raw string) string {
	var out strings.Builder
	for _, t := range htmlToken.FindAllString(raw, -1) {
		if strings.HasPrefix(t, "<!--") {
			continue
		}
		m := htmlTag.FindStringSubmatch(t)
		if m == nil {
			out.WriteString(html.EscapeString(html.UnescapeString(t)))
			continue
		}
		out.WriteString(f.tag(t, m[1] == "/", strings.ToLower(m[2]), m[3] != ""))
	}
	return out.String()
}

func (f *htmlFilter) tag(raw string, closing bool, name string, opened bool) string {
	switch {
	case void[name] && !closing:
		return "<" + name + ">"
	case !pairs[name]:
		return html.EscapeString(raw)
	case closing:
		return f.close(name)
	}
	f.open = append(f.open, name)
	if name == "details" && opened {
		return "<details open>"
	}
	return "<" + name + ">"
}

// close ends a tag, and those opened since. What isn't open can't be closed: it would be the page's.
func (f *htmlFilter) close(name string) string {
	if !slices.Contains(f.open, name) {
		return ""
	}
	var out strings.Builder
	for {
		last := f.open[len(f.open)-1]
		f.open = f.open[:len(f.open)-1]
		out.WriteString("</" + last + ">")
		if last == name {
			return out.String()
		}
	}
}
