package github

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCut(t *testing.T) {
	if got := cut("short", 10); got != "short" {
		t.Errorf("a text that fits was changed to %q", got)
	}
	text := "head\n\n<details><summary>more</summary>\n\n```diff\n" + strings.Repeat("+ a line\n", 100) + "```\n</details>\n"
	got := cut(text, 300)
	if n := utf8.RuneCountInString(got); n > 300 {
		t.Errorf("%d characters, want at most 300", n)
	}
	if !strings.Contains(got, "+ a line\n```\n\n</details>\n") {
		t.Errorf("the block or the details stay open:\n%s", got)
	}
	if !strings.Contains(got, "characters are not shown here") {
		t.Errorf("it doesn't say that it was cut:\n%s", got)
	}
	if openEnds(got) != "" {
		t.Errorf("left open: %q", openEnds(got))
	}
}

func TestCutAlwaysFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"```\n", "~~~~ x\n", "````\n", "<details>\n", "</details>\n", "word ", "\n\n", "ä€😀\n", "   ```\n"})
		text := strings.Join(rapid.SliceOfN(piece, 0, 200).Draw(t, "text"), "")
		limit := rapid.IntRange(0, 400).Draw(t, "limit")
		got := cut(text, limit)
		if n := utf8.RuneCountInString(got); n > limit && n > utf8.RuneCountInString(text) || n > limit && got != text {
			t.Fatalf("%d characters of %d", n, limit)
		}
		if !utf8.ValidString(got) {
			t.Fatal("a character was cut in two")
		}
		if got != text && strings.Contains(got, "not shown here") && openEnds(got) != "" {
			t.Fatalf("left open: %q", openEnds(got))
		}
	})
}

func TestOneLine(t *testing.T) {
	if got := oneLine(" a\n b\t c ", 10); got != "a b c" {
		t.Errorf("got %q", got)
	}
	if got := oneLine(strings.Repeat("ä", 20), 10); got != strings.Repeat("ä", 9)+"…" {
		t.Errorf("got %q", got)
	}
}
