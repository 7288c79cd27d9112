package report

import (
	"fmt"
	"strings"
	"time"
)

// An Answer is what came of a command that somebody gave on a pull request, or of a button that they pressed.
type Answer struct {
	Comment int64     `json:"comment,omitempty"` // of the command; 0 if it was none
	Asked   string    `json:"asked"`             // "/tenantry resume"
	By      string    `json:"by"`                // the login
	At      time.Time `json:"at"`
	Text    string    `json:"text"` // Markdown
}

// Answers are the newest answers on a pull request as Markdown shorter than 60,000 bytes. They come the
// newest first; the older ones are folded.
func Answers(list []Answer) string {
	p := &page{}
	for i, a := range list {
		s := section{noun: "answer", items: []string{a.line() + "\n\n" + strings.TrimSpace(a.Text) + "\n\n"}}
		if i > 0 {
			s.head = "<details><summary>" + a.summary() + "</summary>\n\n"
			s.items[0], s.foot = strings.TrimSpace(a.Text)+"\n\n", "</details>\n\n"
		}
		p.section(s)
	}
	return p.String()
}

func (a Answer) line() string {
	text := code(cut(a.Asked, 200))
	if a.By != "" {
		text += " by " + code(a.By)
	}
	return text + ", " + a.At.UTC().Format("2006-01-02 15:04") + " UTC"
}

// summary is the line in HTML, where Markdown's backticks mean nothing.
func (a Answer) summary() string {
	text := "<b>" + prose(cut(a.Asked, 200)) + "</b>"
	if a.By != "" {
		text += " by " + prose(a.By)
	}
	return text + ", " + a.At.UTC().Format("2006-01-02 15:04") + " UTC"
}

// A Refusal says why a person may not have something done.
type Refusal struct {
	Login string
	What  string // "resume"
	// Outsider tells that they may not write to the repository. Then nothing else was looked at.
	Outsider bool
	Place    string    // of the CODEOWNERS file
	Unread   string    // why it can't be used
	Lacking  []Lacking // whose files they don't own
	Doubts   []string  // why it can't be told who is an owner, once each
	Skipped  []string  // lines of the file that GitHub skips
}

// Lacking is a rule of CODEOWNERS that a person is no owner by.
type Lacking struct {
	Files  []string // of those that it is about, sorted
	Owners []string // as they are written
	Line   int
}

// String is the refusal as Markdown. Nobody is mentioned in it.
func (r Refusal) String() string {
	what := code(r.What)
	if r.Outsider {
		return "Only those who may write to this repository may " + what + "."
	}
	place := code(r.Place)
	if r.Unread != "" {
		return fmt.Sprintf("Nobody may %s: %s of the watched branch can't be used, so that it isn't known who owns what this is about: %s\n", what, place, prose(cut(r.Unread, 500)))
	}
	p := &page{}
	p.write(fmt.Sprintf("%s may not %s: who may write to this repository and owns the files that it is about may, as %s of the watched branch has it.\n\n", code(r.Login), what, place))
	s := section{noun: "rule", most: 10_000, foot: "\n"}
	for _, l := range r.Lacking {
		s.items = append(s.items, fmt.Sprintf("- %s: %s (line %d)\n", few(l.Files, "file"), few(l.Owners, "owner"), l.Line))
	}
	p.section(s)
	p.section(bullets("It can't be told of everybody whether they are an owner:\n\n", "reason", r.Doubts))
	p.section(bullets("These lines of "+place+" count for nothing, with GitHub as here:\n\n", "line", r.Skipped))
	p.write("Ask one of the owners to comment the same.\n")
	return p.String()
}

func bullets(head, noun string, texts []string) section {
	s := section{noun: noun, most: 4_000, head: head, foot: "\n"}
	for _, text := range texts {
		s.items = append(s.items, "- "+prose(cut(text, 500))+"\n")
	}
	return s
}

// few names the first of some.
func few(names []string, noun string) string {
	const most = 5
	var list []string
	for _, name := range names[:min(most, len(names))] {
		list = append(list, code(cut(name, 200)))
	}
	if more := len(names) - most; more > 0 {
		list = append(list, "and "+count(more, "more "+noun))
	}
	return strings.Join(list, ", ")
}
