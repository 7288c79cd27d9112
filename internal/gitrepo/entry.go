package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/text/unicode/norm"
)

// The modes of tree entries that mean something to us.
// See https://git-scm.com/book/en/v2/Git-Internals-Git-Objects and git's fsck documentation.
const (
	modeFolder     = 0o40000
	modeFile       = 0o100644
	modeExecutable = 0o100755
	modeLink       = 0o120000
	modeSubmodule  = 0o160000
)

// An entry is one line of a tree as its bytes have it; nothing in it is to be trusted.
type entry struct {
	mode uint32
	name string
	hash plumbing.Hash
}

func (e entry) folder() bool { return e.mode == modeFolder }

// next takes the first entry off a tree's bytes: mode SP name NUL hash. It refuses only what
// can't be told apart; whether an entry may be used is for refusal to say.
func next(tree []byte) (e entry, rest []byte, err error) {
	space := bytes.IndexByte(tree, ' ')
	end := bytes.IndexByte(tree, 0)
	if space < 0 || end < space || len(tree)-end-1 < len(e.hash) {
		return e, nil, errors.New("the tree is damaged: an entry doesn't end")
	}
	mode, err := strconv.ParseUint(string(tree[:space]), 8, 32)
	if err != nil {
		return e, nil, fmt.Errorf("the tree is damaged: mode %q", tree[:min(space, 20)])
	}
	e.mode = uint32(mode)
	e.name = string(tree[space+1 : end])
	copy(e.hash[:], tree[end+1:])
	return e, tree[end+1+len(e.hash):], nil
}

// order compares two entries as Git sorts them: a folder as if its name ended in a slash.
func order(a, b entry) int { return strings.Compare(a.key(), b.key()) }

func (e entry) key() string {
	if e.folder() {
		return e.name + "/"
	}
	return e.name
}

// refusal says why an entry must not be used; empty if it may.
func (e entry) refusal() string {
	switch e.mode {
	case modeFolder, modeFile, modeExecutable:
	case modeLink:
		return "it is a symbolic link, which a fleet may not contain"
	case modeSubmodule:
		return "it is a submodule, which a fleet may not contain"
	default:
		return fmt.Sprintf("it has the mode %o, which a fleet may not contain", e.mode)
	}
	return nameRefusal(e.name)
}

// nameRefusal says why a name must not be used; empty if it may. It refuses what means something
// else on a disk than in a tree, on any of the systems that people check fleets out on.
func nameRefusal(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Sprintf("%q is not a name", name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Sprintf("its name %q has a separator in it", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Sprintf("its name %q has characters in it that can't be shown", name)
	case !norm.NFC.IsNormalString(name):
		return fmt.Sprintf("its name %+q is not in Unicode's normal form C", name)
	case gitDir(name):
		return fmt.Sprintf("its name %q stands for Git's own folder on some systems", name)
	}
	return ""
}

// gitDir recognises the names that Windows and macOS take for .git: other cases, trailing dots and
// spaces, streams, the short name, and characters that are ignored (CVE-2014-9390).
func gitDir(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	name = strings.TrimRight(name, ". ")
	return name == ".git" || name == "git~1"
}

// shown is a name that can stand in a path: the entry's own, or where that is impossible, one
// that resembles it.
func (e entry) shown() string {
	switch e.name {
	case "":
		return "(no name)"
	case ".":
		return "(dot)"
	case "..":
		return "(dot dot)"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(e.name, "\uFFFD"), "/", "\u2215")
}

// folded is what two names must not have in common: it is equal for names that differ in case only.
func folded(name string) string { return strings.ToLower(norm.NFC.String(name)) }
