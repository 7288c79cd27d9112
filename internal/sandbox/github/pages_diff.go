package githubbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// fileView is a changed file on a page.
type fileView struct {
	ID, Path, From, Status string
	Additions, Deletions   int
	Binary                 bool
	Lines                  []lineView
}

// lineView is a line of a difference. Numbers of 0 are not shown.
type lineView struct {
	Class, Mark, Text string
	Old, New          int
	Remarks           []remark
}

// remark is a check run's annotation on a page.
type remark struct {
	Level, Class, Title, Message, Check, Path, Link string
	Line                                            int
}

// diffView renders the difference of two trees. Remarks stand below the line that they end on.
func (c *call) diffView(from, to bare.Hash, remarks []remark) ([]fileView, totals, error) {
	changes, err := c.repo.git.Diff(from, to)
	if err != nil {
		return nil, totals{}, err
	}
	changes = bare.Renames(changes)
	sum := totals{files: len(changes)}
	var out []fileView
	for i, change := range changes {
		p, err := c.repo.git.Patch(change)
		if err != nil {
			return nil, totals{}, err
		}
		f := fileView{
			ID: fmt.Sprintf("file-%d", i+1), Path: change.Path, From: change.From, Status: change.Status(),
			Additions: p.Additions, Deletions: p.Deletions, Binary: p.Binary,
			Lines: patchLines(p.Text),
		}
		for j := range f.Lines {
			l := &f.Lines[j]
			for _, m := range remarks {
				if m.Path == f.Path && l.New == m.Line && l.Class != "del" {
					l.Remarks = append(l.Remarks, m)
				}
			}
		}
		sum.additions += p.Additions
		sum.deletions += p.Deletions
		out = append(out, f)
	}
	return out, sum, nil
}

// patchLines gives each line of a unified diff its numbers.
func patchLines(patch string) []lineView {
	var out []lineView
	before, after := 0, 0
	for line := range strings.SplitSeq(patch, "\n") {
		switch {
		case line == "":
		case line[0] == '@':
			before, after = hunkStart(line)
			out = append(out, lineView{Class: "hunk", Text: line})
		case line[0] == '+':
			out = append(out, lineView{Class: "add", Mark: "+", Text: line[1:], New: after})
			after++
		case line[0] == '-':
			out = append(out, lineView{Class: "del", Mark: "-", Text: line[1:], Old: before})
			before++
		case line[0] == ' ':
			out = append(out, lineView{Mark: " ", Text: line[1:], Old: before, New: after})
			before, after = before+1, after+1
		default:
			out = append(out, lineView{Class: "hunk", Text: line})
		}
	}
	return out
}

// hunkStart reads the first line numbers of "@@ -a,b +c,d @@".
func hunkStart(line string) (before, after int) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return 0, 0
	}
	start := func(s string) int {
		n, _, _ := strings.Cut(s[1:], ",")
		v, err := strconv.Atoi(n)
		if err != nil {
			return 0
		}
		return v
	}
	return start(f[1]), start(f[2])
}

// when is a time as the pages write it.
func when(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }
