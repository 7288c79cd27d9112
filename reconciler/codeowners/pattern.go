package codeowners

import "strings"

// A part of a pattern is what stands between two slashes: one name, with wildcards, or, if deep, any number
// of folders, "**".
type part struct {
	deep bool
	glob []rune // with many and one for the wildcards
}

// Wildcards in a glob; no character has these numbers.
const (
	many rune = -1 // "*": any number of characters
	one  rune = -2 // "?": one character
)

// compile reads a pattern: gitignore's syntax with GitHub's exceptions. The problem is for people; empty
// if there is none.
//
// A pattern without a slash, or with none but at its end, holds at any depth; every other one begins at the
// root. What it names may be a file, or a folder with all that is in it. A slash at the end leaves only the
// folder, and "/*" at the end only the files right there.
func compile(pattern string) (parts []part, problem string) {
	switch {
	case strings.HasPrefix(pattern, "!"):
		return nil, "a pattern can't be negated with !"
	case strings.HasPrefix(pattern, `\#`):
		return nil, "a pattern can't begin with #, not even after a backslash"
	case strings.ContainsAny(pattern, "[]"):
		return nil, "a pattern can't have ranges of characters, [ ]"
	case strings.Contains(pattern, "***"):
		return nil, "a pattern can't have three asterisks in a row"
	case pattern == "/":
		return nil, `the pattern "/" matches nothing; "*" is everything`
	}
	body, folder := strings.CutSuffix(pattern, "/")
	body, rooted := strings.CutPrefix(body, "/")
	names := strings.Split(body, "/")
	if !rooted && len(names) == 1 {
		parts = append(parts, part{deep: true})
	}
	for _, name := range names {
		p, problem := compilePart(name)
		if problem != "" {
			return nil, problem
		}
		parts = append(parts, p)
	}
	inside := []part{{glob: []rune{many}}, {deep: true}} // at least one name below
	switch last := names[len(names)-1]; {
	case last == "**":
		return append(parts, inside[0]), ""
	case folder:
		return append(parts, inside...), ""
	case last == "*":
		return parts, ""
	}
	return append(parts, part{deep: true}), ""
}

func compilePart(name string) (p part, problem string) {
	if name == "" {
		return part{}, "a pattern can't have two slashes in a row"
	}
	if name == "**" {
		return part{deep: true}, ""
	}
	escaped := false
	for _, r := range name {
		switch {
		case escaped:
			p.glob, escaped = append(p.glob, r), false
		case r == '\\':
			escaped = true
		case r == '*':
			p.glob = append(p.glob, many)
		case r == '?':
			p.glob = append(p.glob, one)
		default:
			p.glob = append(p.glob, r)
		}
	}
	if escaped {
		return part{}, "a backslash at the end of a name stands for nothing"
	}
	return p, ""
}

// matches tells whether parts fit a whole path.
func matches(parts []part, path []string) bool {
	return wild(len(parts), len(path),
		func(i int) bool { return parts[i].deep },
		func(i, j int) bool { return parts[i].fits(path[j]) })
}

func (p part) fits(name string) bool {
	if name == "" {
		return false // no file has an empty name
	}
	text := []rune(name)
	return wild(len(p.glob), len(text),
		func(i int) bool { return p.glob[i] == many },
		func(i, j int) bool { return p.glob[i] == one || p.glob[i] == text[j] })
}

// wild matches n items of a pattern with the whole of m items of a text, where an item of the pattern is
// either any number of items of the text (star) or fits one. If the text stops fitting, the last star takes
// one item more; no earlier star needs to, so the time is at most n times m.
func wild(n, m int, star func(i int) bool, fits func(i, j int) bool) bool {
	i, j, back, taken := 0, 0, -1, 0
	for j < m {
		switch {
		case i < n && star(i):
			back, taken = i, j
			i++
		case i < n && fits(i, j):
			i, j = i+1, j+1
		case back >= 0:
			taken++
			i, j = back+1, taken
		default:
			return false
		}
	}
	for i < n && star(i) {
		i++
	}
	return i == n
}
