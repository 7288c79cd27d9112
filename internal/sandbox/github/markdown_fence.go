package githubbox

import (
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// fences renders fenced code. Of a diff it colours the lines as GitHub's highlighting does; a chart, which
// GitHub draws with a script, stays the text that it is drawn from, and says so.
// https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams
type fences struct{}

// RegisterFuncs takes the kind of node that fenced code is.
func (f fences) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, f.block)
}

func (fences) block(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	language, text := string(block.Language(source)), string(block.Lines().Value(source))
	var out strings.Builder
	if language == "mermaid" {
		out.WriteString("<p class=\"grey\">GitHub draws a chart from this:</p>")
	}
	out.WriteString("<pre><code>")
	for line := range strings.Lines(text) {
		class := ""
		if language == "diff" {
			class = diffClass(line)
		}
		if class == "" {
			out.WriteString(html.EscapeString(line))
			continue
		}
		out.WriteString("<span class=\"" + class + "\">" + html.EscapeString(line) + "</span>")
	}
	out.WriteString("</code></pre>\n")
	_, err := w.WriteString(out.String())
	return ast.WalkSkipChildren, err
}

// diffClass is how a line of a diff is coloured, by its first character.
func diffClass(line string) string {
	switch line[0] {
	case '+':
		return "added"
	case '-':
		return "removed"
	case '!':
		return "changed"
	case '#':
		return "grey"
	case '@':
		return "hunk"
	}
	return ""
}
