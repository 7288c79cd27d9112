package report

import (
	"fmt"
	"strings"
)

// most is how long Markdown for GitHub gets, in bytes. GitHub takes 65,535 characters; what is
// left is for markers and footers that others add.
const most = 60_000

// A section is a heading, items of which any number may be left out from the end, and a closing.
type section struct {
	head  string
	items []string
	foot  string
	noun  string // what an item is, for "12 more resources"
	most  int    // bytes that the section may take; 0 for what is left of the page
}

// A page gathers Markdown up to a budget of bytes.
type page struct {
	b       strings.Builder
	tail    string // what ends the page; room is kept for it
	omitted int    // resources whose details are left out
	kept    int    // bytes that are kept free for what is to come
}

// spare is kept free for the sentences that say what is left out.
const spare = 1000

func (p *page) write(text string) { p.b.WriteString(text) }

func (p *page) fits(n int) bool { return p.b.Len()+n+len(p.tail)+p.kept+spare <= most }

// section writes as many items as fit, and says how many don't.
func (p *page) section(s section) {
	if len(s.items) == 0 {
		return
	}
	fit, size := 0, len(s.head)+len(s.foot)
	for _, item := range s.items {
		size += len(item)
		if !p.fits(size) || s.most > 0 && size > s.most {
			break
		}
		fit++
	}
	if fit > 0 {
		p.write(s.head + strings.Join(s.items[:fit], "") + s.foot)
	}
	if left := len(s.items) - fit; left > 0 {
		p.write(fmt.Sprintf("*%s left out here.*\n\n", count(left, "more "+s.noun)))
	}
}

// size is how long a section gets if there is room for it.
func (s section) size() int {
	n := len(s.head) + len(s.foot)
	for _, item := range s.items {
		n += len(item)
	}
	if s.most > 0 {
		n = min(n, s.most)
	}
	return n
}

// fold writes a folded section whole items at a time. What is left out is counted for the end of
// the page; once something was, so is everything after it.
func (p *page) fold(s section) {
	fit, size := 0, len(s.head)+len(s.foot)
	for _, item := range s.items {
		size += len(item)
		if p.omitted > 0 || !p.fits(size) {
			break
		}
		fit++
	}
	if fit > 0 {
		p.write(s.head + strings.Join(s.items[:fit], "") + s.foot)
	}
	p.omitted += len(s.items) - fit
}

// String is the page with its end.
func (p *page) String() string {
	text := p.b.String()
	if p.omitted > 0 {
		text += fmt.Sprintf("*The details of %s are left out, as this text would get too long. `tenantry plan` shows all.*\n\n", count(p.omitted, "more resource"))
	}
	return text + p.tail
}
