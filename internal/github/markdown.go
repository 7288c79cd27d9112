package github

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What fits, in code points. GitHub documents 65,536 for the bodies of pull requests and comments
// and 65,535 for each text of a check; the rest is left for markers.
const (
	bodyLimit  = 60_000
	titleLimit = 250
)

// cut shortens Markdown to a number of code points. It cuts at the end of a line, better of a
// paragraph, closes what the cut left open (a fenced block, <details>) and says that something is
// missing. A text that fits is returned as it is.
func cut(text string, limit int) string {
	length := utf8.RuneCountInString(text)
	if length <= limit {
		return text
	}
	for keep := limit; keep > 0; {
		kept := head(text, keep)
		short := kept + openEnds(kept) + fmt.Sprintf("\n\n*%d of %d characters are not shown here.*\n",
			length-utf8.RuneCountInString(kept), length)
		over := utf8.RuneCountInString(short) - limit
		if over <= 0 {
			return short
		}
		keep = utf8.RuneCountInString(kept) - over
	}
	return firstRunes(text, limit)
}

// head returns at most n code points, up to the end of a paragraph or line if there is one in the
// second half.
func head(text string, n int) string {
	kept := firstRunes(text, n)
	for _, end := range []string{"\n\n", "\n"} {
		if i := strings.LastIndex(kept, end); i > len(kept)/2 {
			return kept[:i]
		}
	}
	return kept
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// oneLine is a title: without line ends, and short enough.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return firstRunes(text, limit-1) + "…"
}

var (
	fence   = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})")
	details = regexp.MustCompile(`(?i)<(/?)details\b`)
)

// openEnds returns what closes the fenced block and the <details> that are open at the end of a
// text.
func openEnds(text string) string {
	block, depth := "", 0
	for line := range strings.SplitSeq(text, "\n") {
		mark := fence.FindStringSubmatch(line)
		switch {
		case block == "" && mark != nil:
			block = mark[1]
		case block != "" && mark != nil && closes(line, mark[1], block):
			block = ""
		case block == "":
			for _, tag := range details.FindAllStringSubmatch(line, -1) {
				if tag[1] == "" {
					depth++
				} else {
					depth = max(depth-1, 0)
				}
			}
		}
	}
	end := ""
	if block != "" {
		end = "\n" + block
	}
	if depth > 0 {
		end += "\n\n" + strings.Repeat("</details>\n", depth)
	}
	return end
}

// closes tells whether a line ends the fenced block: the same character, at least as often, and
// nothing behind it (CommonMark, section 4.5).
func closes(line, mark, block string) bool {
	return mark[0] == block[0] && len(mark) >= len(block) && strings.Trim(line, " "+mark[:1]) == ""
}
