package schema

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// mend says in plain words what is probably wrong where the parser stops, in addition to its own words; empty if
// those will do. said is what it said, and line and col, from 1, are where.
func mend(said string, text []byte, line, col int) string {
	lines := strings.Split(string(text), "\n")
	written := ""
	if line > 0 && line <= len(lines) {
		written = strings.TrimSpace(lines[line-1])
	}
	switch {
	case strings.HasPrefix(written, "# "), strings.HasPrefix(written, "/*"):
		return "; a comment begins with //"
	case strings.HasSuffix(said, "found 'EOF'"):
		if bracket, at := unclosed(text); at > 0 {
			return fmt.Sprintf("; the %s in line %d is never closed", bracket, at)
		}
	case strings.HasPrefix(said, "expected 'EOF', found"):
		return "; it closes nothing: there is one too many"
	case strings.HasPrefix(said, "string literal not terminated"):
		return "; the quote at the end of the text is missing"
	case strings.HasPrefix(said, "expected label or ':', found 'STRING'"), strings.HasPrefix(said, "expected label or ':', found 'INT'"),
		strings.HasPrefix(said, "expected label or ':', found 'IDENT'"):
		return "; is there a colon missing before it, or are quotes missing around a name?"
	case strings.HasPrefix(said, "illegal character"):
		if strings.ContainsAny(runeAt(lines, line, col), "“”„‘’«»") {
			return `; write the plain quote, "`
		}
	case strings.HasPrefix(said, "missing ','"):
		return "; is there a comma missing before it, or are quotes missing around a text?"
	}
	return ""
}

// runeAt is the character at a place.
func runeAt(lines []string, line, col int) string {
	if line < 1 || line > len(lines) || col < 1 || col > len(lines[line-1]) {
		return ""
	}
	for _, r := range lines[line-1][col-1:] {
		return string(r)
	}
	return ""
}

// unclosed finds the innermost bracket that is never closed, and its line; 0 if there is none.
func unclosed(text []byte) (bracket string, line int) {
	type opened struct {
		bracket string
		line    int
	}
	var stack []opened
	file := token.NewFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, func(token.Pos, string, []any) {}, 0)
	for {
		pos, tok, _ := s.Scan()
		switch tok {
		case token.EOF:
			if len(stack) == 0 {
				return "", 0
			}
			last := stack[len(stack)-1]
			return last.bracket, last.line
		case token.LBRACE, token.LBRACK, token.LPAREN:
			stack = append(stack, opened{tok.String(), pos.Line()})
		case token.RBRACE, token.RBRACK, token.RPAREN:
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		}
	}
}
