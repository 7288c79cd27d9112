package codeowners

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented are the lines of the example on GitHub's page, with the files that it speaks of.
const documented = `# This is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/*  docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
`

func TestDocumentedExample(t *testing.T) {
	r, err := Parse([]byte(documented))
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("error %v, findings %v", err, r.Findings)
	}
	for _, tt := range []struct{ file, owners string }{
		{"README.md", "[@global-owner1 @global-owner2]"},
		{"web/app.js", "[@js-owner]"},
		{"cmd/main.go", "[docs@example.com]"},
		{"notes/a.txt", "[@octo-org/octocats]"},
		{"build/logs/today", "[@octocat]"}, // the later **/logs takes it
		{"src/docs/getting-started.md", "[@global-owner1 @global-owner2]"},
		{"docs/getting-started.md", "[@doctocat]"},
		{"docs/build-app/troubleshooting.md", "[@doctocat]"},
		{"src/apps/x/y", "[@octocat]"},
		{"scripts/run", "[@doctocat @octocat]"},
		{"deeply/nested/logs/x", "[@octocat]"},
		{"apps/main/index.js", "[@octocat]"},
		{"apps/github/index.js", "[]"},
		{"apps/github", "[]"},
	} {
		rule, found := r.Of(tt.file)
		if got := fmt.Sprint(rule.Owners); !found || got != tt.owners {
			t.Errorf("%s: found %t, owners %s, want %s", tt.file, found, got, tt.owners)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern   string
		yes, nope []string
	}{
		{"*", []string{"a", "a/b", "a/b/c"}, nil},
		{"**", []string{"a", "a/b/c"}, nil},
		{"/*", []string{"a"}, []string{"a/b"}},
		{"/**", []string{"a", "a/b"}, nil},
		{"**/*", []string{"a", "a/b"}, nil},
		{"**/**", []string{"a", "a/b"}, nil},
		{"docs/*", []string{"docs/a.md"}, []string{"docs/b/a.md", "x/docs/a.md", "docs"}},
		{"docs/*.md", []string{"docs/a.md"}, []string{"docs/a.mdx", "docs/b/a.md"}},
		{"docs/**", []string{"docs/a", "docs/a/b"}, []string{"docs", "x/docs/a"}},
		{"docs/", []string{"docs/a", "x/docs/a/b"}, []string{"docs", "x/docs"}},
		{"/docs/", []string{"docs/a"}, []string{"docs", "x/docs/a"}},
		{"/docs", []string{"docs", "docs/a/b"}, []string{"x/docs", "docs2"}},
		{"docs", []string{"docs", "x/docs", "x/docs/a"}, []string{"docsx", "xdocs"}},
		{"a/b", []string{"a/b", "a/b/c"}, []string{"x/a/b", "a/bc"}},
		{"a/**/b", []string{"a/b", "a/x/b", "a/x/y/b", "a/x/b/c"}, []string{"a/xb", "ab"}},
		{"**/logs", []string{"logs", "a/logs", "a/b/logs/x"}, []string{"alogs"}},
		{"/a/*/", []string{"a/b/c"}, []string{"a/b"}},
		{"/a/*/c", []string{"a/b/c"}, []string{"a/c", "a/b/b/c"}},
		{"?.js", []string{"a.js", "ü.js", "x/a.js"}, []string{"ab.js", ".js", "/.js"}},
		{"a*b*c", []string{"abc", "aXbYc", "abbcbc"}, []string{"ab", "aXbY"}},
		{"a**c", []string{"ac", "abc"}, []string{"a/c"}},
		{`a\ b`, []string{"a b"}, []string{"a", `a\ b`}},
		{`\*`, []string{"*"}, []string{"a"}},
		{`a\#b`, []string{"a#b"}, nil},
		{"tenants/größe.cue", []string{"tenants/größe.cue"}, nil},
		{"A", []string{"A"}, []string{"a"}},
		{"a+(b)", []string{"a+(b)"}, []string{"aab"}},
	} {
		r, err := Parse([]byte(tt.pattern + " @x"))
		if err != nil || len(r.Findings) > 0 {
			t.Errorf("%s: error %v, findings %v", tt.pattern, err, r.Findings)
		}
		for _, file := range tt.yes {
			if _, found := r.Of(file); !found {
				t.Errorf("%s doesn't match %s", tt.pattern, file)
			}
		}
		for _, file := range tt.nope {
			if _, found := r.Of(file); found {
				t.Errorf("%s matches %s", tt.pattern, file)
			}
		}
	}
}

func TestLinesThatAreSkipped(t *testing.T) {
	for line, says := range map[string]string{
		"!a @x":       "negated",
		`\#a @x`:      "begin with #",
		"a[bc] @x":    "ranges",
		"a***b @x":    "three asterisks",
		"/ @x":        "matches nothing",
		"a//b @x":     "two slashes",
		`a\`:          "backslash",
		"* user":      "is no owner",
		"* @x @-y":    "is no owner",
		"* @a/b/c":    "is no owner",
		"* @x#y":      "is no owner",
		"* mail@host": "is no owner",
	} {
		r, err := Parse([]byte("* @first\n" + line + "\n"))
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Line != 2 || !strings.Contains(r.Findings[0].String(), says) {
			t.Errorf("%s: error %v, findings %v, want one on line 2 about %q", line, err, r.Findings, says)
			continue
		}
		if rule, _ := r.Of("a"); rule.Line != 1 {
			t.Errorf("%s: line %d counts, want the one before", line, rule.Line)
		}
	}
}

func TestLines(t *testing.T) {
	r, err := Parse([]byte("\ufeff* @a\r\n\r\n \t/b \t @Ann  @org/team.x_y\r\n  # c\r\n"))
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("error %v, findings %v", err, r.Findings)
	}
	rule, _ := r.Of("b")
	if got := fmt.Sprintf("%d %s %v", rule.Line, rule.Pattern, rule.Owners); got != "3 /b [@Ann @org/team.x_y]" {
		t.Errorf("got %s", got)
	}
	team, isTeam := rule.Owners[1].Team()
	if !rule.Owners[0].Is("aNN") || team != "org/team.x_y" || !isTeam {
		t.Errorf("owners %v", rule.Owners)
	}
	for _, o := range []Owner{"ann@example.com", "@ann", "@org/ann"} {
		if o.Is("") || o.Is("example.com") || o.Is("ann") != (o == "@ann") {
			t.Errorf("%s is taken for somebody else", o)
		}
	}
}

func TestSize(t *testing.T) {
	if _, err := Parse(bytes.Repeat([]byte("\n"), MaxSize-1)); err != nil {
		t.Error(err)
	}
	if _, err := Parse(bytes.Repeat([]byte("\n"), MaxSize)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	// A long line is a line.
	r, err := Parse([]byte(strings.Repeat("a", 1<<20) + " @x\n* @y\n"))
	if rule, _ := r.Of("b"); err != nil || rule.Line != 2 {
		t.Errorf("error %v, rule %v", err, rule)
	}
}

// What matches is what a regular expression of the same meaning matches.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"a/**/b", "a/x/y/b"}, {"*.js", "a/b.js"}, {"/docs/*", "docs/x"}, {"a?c/", "abc/d"}, {"**/a/**/*b", "x/a/cb"}, {"*a*/**/", "ba/x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, file string) {
		parts, problem := compile(pattern)
		if problem != "" || pattern == "" || len(pattern)+len(file) > 200 {
			return
		}
		if strings.HasPrefix(file, "/") || slices.Contains(strings.Split(file, "/"), "") || strings.Contains(pattern+file, "�") {
			return // no path of a file
		}
		if got, want := matches(parts, strings.Split(file, "/")), expression(parts).MatchString("/"+file); got != want {
			t.Errorf("%q with %q: %t, want %t", pattern, file, got, want)
		}
	})
}

// expression is for a path with a slash before it.
func expression(parts []part) *regexp.Regexp {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.deep:
			b.WriteString("(/[^/]+)*")
		case len(p.glob) == 1 && p.glob[0] == many:
			b.WriteString("/[^/]+")
		default:
			b.WriteString("/")
			for _, r := range p.glob {
				switch r {
				case many:
					b.WriteString("[^/]*")
				case one:
					b.WriteString("[^/]")
				default:
					b.WriteString(regexp.QuoteMeta(string(r)))
				}
			}
		}
	}
	return regexp.MustCompile("^(?s:" + b.String() + ")$")
}

// Whatever a file says, reading it ends, and a finding never has owners.
func FuzzParse(f *testing.F) {
	f.Add([]byte(documented), "apps/github/x")
	f.Add([]byte("/ @x\n"), "x")
	f.Fuzz(func(t *testing.T, text []byte, file string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		rule, found := r.Of(file)
		if found && slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Line == rule.Line }) {
			t.Errorf("line %d is skipped and counts", rule.Line)
		}
	})
}
