package report

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What we write of Mermaid, line by line. Its own grammar takes more (pie.langium and xychart.jison in mermaid-js/mermaid);
// texts that Mermaid or Markdown could take for something else don't fit.
var (
	words       = `[A-Za-z0-9 ,-]+`
	pieTitle    = regexp.MustCompile(`^  title ` + words + `$`)
	pieSlice    = regexp.MustCompile(`^  "` + words + `" : ([1-9][0-9]*)$`)
	xyTitle     = regexp.MustCompile(`^  title "` + words + `"$`)
	xyAxis      = regexp.MustCompile(`^  x-axis \[("` + words + `"(?:, "` + words + `")*)\]$`)
	xyScale     = regexp.MustCompile(`^  y-axis "` + words + `" 0 --> ([1-9][0-9]*)$`)
	xySeries    = regexp.MustCompile(`^  bar \[([0-9]+(?:, [0-9]+)*)\]$`)
	errNoChart  = errors.New("it is no chart of ours")
	errTooShort = errors.New("it has too few lines")
)

// mermaid checks a chart.
func mermaid(chart string) error {
	lines := strings.Split(chart, "\n")
	switch lines[0] {
	case "pie showData":
		if len(lines) < 3 || !pieTitle.MatchString(lines[1]) {
			return errTooShort
		}
		for _, line := range lines[2:] {
			if !pieSlice.MatchString(line) {
				return fmt.Errorf("%q is no slice", line)
			}
		}
		return nil
	case chartColor:
		return xychart(lines[1:])
	}
	return errNoChart
}

func xychart(lines []string) error {
	if len(lines) != 5 || lines[0] != "xychart-beta" {
		return errTooShort
	}
	var found [5][]string
	for i, part := range []*regexp.Regexp{nil, xyTitle, xyAxis, xyScale, xySeries} {
		if part == nil {
			continue
		}
		if found[i] = part.FindStringSubmatch(lines[i]); found[i] == nil {
			return fmt.Errorf("line %d: %q", i, lines[i])
		}
	}
	labels, counts := strings.Split(strings.Trim(found[2][1], `"`), `", "`), strings.Split(found[4][1], ", ")
	if twice := slices.Compact(slices.Sorted(slices.Values(labels))); len(twice) != len(labels) {
		return fmt.Errorf("of the labels %v some are equal", labels)
	}
	if len(labels) != len(counts) {
		return fmt.Errorf("%d labels for %d counts", len(labels), len(counts))
	}
	highest, err := strconv.Atoi(found[3][1])
	for _, text := range counts {
		if n, bad := strconv.Atoi(text); bad != nil || n > highest {
			return fmt.Errorf("%s doesn't fit below %d", text, highest)
		}
	}
	return err
}

// total is the sum of what a chart shows.
func total(chart string) int {
	n := 0
	for line := range strings.SplitSeq(chart, "\n") {
		text := ""
		if m := pieSlice.FindStringSubmatch(line); m != nil {
			text = m[1]
		} else if m := xySeries.FindStringSubmatch(line); m != nil {
			text = m[1]
		}
		for part := range strings.SplitSeq(text, ", ") {
			more, _ := strconv.Atoi(part)
			n += more
		}
	}
	return n
}

func TestChartsAreMermaid(t *testing.T) {
	parts := []slice{{"1 Jan", 0}, {"2 Jan", 12}, {"3 Jan", 4}}
	list := charts(chartPie("A", parts) + chartBar("A title", "writes", parts))
	if len(list) != 2 {
		t.Fatal(list)
	}
	for _, chart := range list {
		if err := mermaid(chart); err != nil || total(chart) != 16 {
			t.Errorf("%v: %d\n%s", err, total(chart), chart)
		}
	}
	if empty := chartPie("A", nil) + chartBar("A", "b", []slice{{"c", 0}}); empty != "" {
		t.Errorf("charts of nothing: %s", empty)
	}
	if n := len(charts(Weekly0(t))); n != 4 {
		t.Errorf("the sample has %d charts, want all 4", n)
	}
	for _, bad := range []string{
		"", "gantt\n  title x", "pie showData\n  title A\n  \"a\"b\" : 1", chartColor + "\nxychart-beta\n  title \"A\"\n  x-axis [\"a\"]\n  y-axis \"n\" 0 --> 2\n  bar [1, 2]",
		chartColor + "\nxychart-beta\n  title \"A\"\n  x-axis [\"a\", \"a\"]\n  y-axis \"n\" 0 --> 2\n  bar [1, 2]",
	} {
		if mermaid(bad) == nil {
			t.Errorf("taken for a chart: %q", bad)
		}
	}
}

// Weekly0 is the Markdown of the sample.
func Weekly0(t *testing.T) string {
	t.Helper()
	_, markdown, _ := Weekly(sampleWeek())
	return markdown
}
