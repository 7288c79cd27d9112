package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Passage is how a pull request came into the watched branch: who wrote it, who merged it, and who
// had said yes to it.
type Passage struct {
	Number   int
	Title    string
	Author   string
	MergedBy string // empty if it isn't known
	Merged   time.Time
	Ours     bool   // Tenantry opened it
	Head     string // the version that was merged
	// Commit is the one of the log that it was applied with: its own, or a later one. Empty if nothing
	// was written with it.
	Commit    string
	Approvals []Approval // the last word of each person who approved, in the order of their first
	// Unplaced tells that it isn't known what it was applied with.
	Unplaced bool
	// Asked tells that the forge was asked who approved. Otherwise Approvals and MergedBy say nothing.
	Asked bool
}

// An Approval is a person's last word on a pull request, if that was a yes.
type Approval struct {
	By   string    `json:"by"`
	Head string    `json:"head"` // the version that it was given to
	At   time.Time `json:"at"`
}

// consent says in Markdown who said yes to what was merged. That somebody merged their own work without
// anybody's yes is said in bold.
func (p Passage) consent() string {
	if !p.Asked {
		return "not looked up"
	}
	var now, before []string
	for _, a := range p.Approvals {
		switch {
		case a.By == p.Author: // forges refuse it; it would be nobody else's yes
		case a.Head == p.Head || p.Head == "":
			now = append(now, code(a.By))
		default:
			before = append(before, code(a.By)+" (an older version, "+code(shortID(a.Head))+")")
		}
	}
	if len(now) > 0 {
		return strings.Join(slices.Concat(now, before), ", ")
	}
	text := "**nobody**"
	if p.MergedBy != "" && p.MergedBy == p.Author {
		text = "**nobody: merged by its author**"
	}
	return strings.Join(append([]string{text}, before...), "; ")
}

// alone tells whether a pull request was merged with nobody's yes to what was merged.
func (p Passage) alone() bool {
	return p.Asked && !slices.ContainsFunc(p.Approvals, func(a Approval) bool {
		return a.By != p.Author && (a.Head == p.Head || p.Head == "")
	})
}

// name is a pull request in a cell of a table. A number sign would leave a mention on the pull request for
// every report.
func (p Passage) name() string {
	return fmt.Sprintf("PR %d %s", p.Number, prose(cut(p.Title, 120)))
}

// passages is a table of pull requests: who wrote, approved and merged each.
func passages(list []Passage, head string, most int) section {
	s := section{noun: "pull request", most: most, foot: "\n"}
	s.head = head + table([]string{"Pull request", "Author", "Approved by", "Merged by", "When", "Commit"}, nil)
	for _, p := range list {
		by := code(p.MergedBy)
		if !p.Asked {
			by = "not looked up"
		}
		commit := code(shortID(p.Commit))
		switch {
		case p.Unplaced:
			commit = "not known"
		case p.Commit == "":
			commit = "nothing to write"
		}
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", p.name(), code(p.Author), p.consent(), by, moment(p.Merged), commit))
	}
	return s
}

// cameWith names, by commit of the log, the pull requests that came with it, the first of very many.
func cameWith(list []Passage) map[string]string {
	const most = 10
	numbers := map[string][]string{}
	for _, p := range list {
		if p.Commit != "" {
			numbers[p.Commit] = append(numbers[p.Commit], fmt.Sprintf("PR %d", p.Number))
		}
	}
	out := map[string]string{}
	for commit, names := range numbers {
		out[commit] = strings.Join(names[:min(len(names), most)], ", ")
		if left := len(names) - most; left > 0 {
			out[commit] += fmt.Sprintf(" and %d more", left)
		}
	}
	return out
}

// unasked says of how many pull requests nobody was asked who approved them; nothing if there are none.
func unasked(list []Passage) string {
	n := 0
	for _, p := range list {
		if !p.Asked {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Who approved %s was not looked up, as each costs requests.\n\n", count(n, "pull request"))
}

type passageJSON struct {
	Number    int        `json:"number"`
	Title     string     `json:"title"`
	Author    string     `json:"author"`
	MergedBy  string     `json:"merged_by,omitempty"`
	Merged    time.Time  `json:"merged_at"`
	Ours      bool       `json:"ours,omitempty"`
	Head      string     `json:"head,omitempty"`
	Commit    string     `json:"commit,omitempty"`
	Asked     bool       `json:"asked"`
	Alone     bool       `json:"without_approval"`
	Approvals []Approval `json:"approvals"`
}

func passagesJSON(list []Passage) []passageJSON {
	out := make([]passageJSON, len(list))
	for i, p := range list {
		out[i] = passageJSON{
			p.Number, p.Title, p.Author, p.MergedBy, p.Merged.UTC(), p.Ours, p.Head, p.Commit, p.Asked, p.alone(), slices.Clone(p.Approvals),
		}
		if out[i].Approvals == nil {
			out[i].Approvals = []Approval{}
		}
		for j, a := range p.Approvals {
			out[i].Approvals[j].At = a.At.UTC()
		}
	}
	return out
}
