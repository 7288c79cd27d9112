package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// show is a value in one line, not yet escaped.
func show(v resource.Value) string {
	switch {
	case !v.IsSet():
		return "(unset)"
	case v.Text() == "":
		return `""`
	}
	return v.Text()
}

// short tells whether a difference fits into one line.
func short(d changeset.Difference) bool {
	return len(show(d.Before))+len(show(d.After)) <= 100
}

// pretty is a value in lines, its JSON indented, each line safe to print.
func pretty(v resource.Value) []string {
	if !v.IsSet() {
		return nil
	}
	text, err := json.Marshal(v)
	var b bytes.Buffer
	if err != nil || json.Indent(&b, text, "", "  ") != nil {
		return []string{visible(show(v))}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return lines
}

// linesDiff compares two values line by line: "  " before what both have, "- " before what only
// the first has, "+ " before what only the second has. Of long stretches that both have only the
// ends are shown.
func linesDiff(before, after resource.Value) []string {
	a, b := pretty(before), pretty(after)
	const most = 400 // lines, so that the table below stays small
	if len(a) > most || len(b) > most {
		return append(mark("- ", a[:min(len(a), most)]), mark("+ ", b[:min(len(b), most)])...)
	}
	return folded(common(a, b))
}

func mark(sign string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = sign + line
	}
	return out
}

// common walks both lists along their longest common subsequence.
func common(a, b []string) []string {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i, v := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if v == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return append(append(out, mark("- ", a[i:])...), mark("+ ", b[j:])...)
}

// folded leaves three lines of context around what differs.
func folded(lines []string) []string {
	const context = 3
	near := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] != ' ' {
			for j := max(0, i-context); j < min(len(lines), i+context+1); j++ {
				near[j] = true
			}
		}
	}
	var out []string
	for i, line := range lines {
		if near[i] {
			out = append(out, line)
		} else if i == 0 || near[i-1] {
			out = append(out, "  …")
		}
	}
	return out
}
