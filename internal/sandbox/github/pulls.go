package githubbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// pull is a pull request. While it is open its head and merge follow the branches; what it was
// when it was closed stays.
type pull struct {
	number             int
	id, issueID        int64
	title, body        string
	author             *account
	draft              bool
	state              string // "open" or "closed"
	locked             bool
	headBranch         string
	baseBranch         string
	head               bare.Hash
	baseAtHead         bare.Hash // the base branch when the head last moved: base.sha in the API
	fork               bare.Hash // where head and base parted: files are compared with it
	labels             []string
	reviews            []*review
	created, updated   time.Time
	closed, merged     time.Time
	closedBy, mergedBy *account
	mergeCommit        bare.Hash // the commit that merged it
	mergedOnto         bare.Hash // the base branch's commit before the merge
	revertOf           int

	mergeable bool
	testMerge bare.Hash // the commit at refs/pull/N/merge
	conflicts []string
}

func (p *pull) open() bool { return p.state == "open" }

func (p *pull) headRef() string  { return fmt.Sprintf("refs/pull/%d/head", p.number) }
func (p *pull) mergeRef() string { return fmt.Sprintf("refs/pull/%d/merge", p.number) }

// newPull is what a pull request is opened with.
type newPull struct {
	title, body, head, base string
	draft                   bool
	by                      *account
}

// openPull opens a pull request between two branches of the repository. Its errors are GitHub's.
func (s *Server) openPull(r *repo, n newPull) (*pull, error) {
	branch := strings.TrimPrefix(n.head, r.owner+":")
	if n.title == "" {
		return nil, invalid("PullRequest", "title", "missing_field", "")
	}
	head, found := r.tip(branch)
	if !found {
		return nil, invalid("PullRequest", "head", "invalid", "")
	}
	base, found := r.tip(n.base)
	if !found {
		return nil, invalid("PullRequest", "base", "invalid", "")
	}
	for _, p := range r.pulls {
		if p.open() && p.headBranch == branch && p.baseBranch == n.base {
			return nil, invalid("PullRequest", "", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", r.owner, branch))
		}
	}
	ahead, err := r.git.Between(base, head)
	if err != nil {
		return nil, err
	}
	if len(ahead) == 0 {
		return nil, invalid("PullRequest", "", "custom", fmt.Sprintf("No commits between %s and %s", n.base, branch))
	}
	if len([]rune(n.body)) > maxText {
		return nil, invalid("PullRequest", "body", "custom", "body is too long (maximum is 65536 characters)")
	}
	r.lastIssue++
	p := &pull{
		number: r.lastIssue, id: s.id(), issueID: s.id(), title: n.title, body: n.body, author: n.by, draft: n.draft,
		state: "open", headBranch: branch, baseBranch: n.base, head: head, created: s.now(), updated: s.now(),
	}
	r.pulls[p.number] = p
	if err := s.refresh(r, p); err != nil {
		return nil, err
	}
	s.emitPull(r, p, "opened", n.by, nil)
	return p, nil
}

// refresh brings everything that hangs on the branches up to date: the fork point, the files, the
// test merge and the refs that can be fetched.
func (s *Server) refresh(r *repo, p *pull) error {
	base, found := r.tip(p.baseBranch)
	if !found {
		return nil
	}
	r.git.SetRef(p.headRef(), p.head)
	p.baseAtHead = base
	fork, _, err := r.git.MergeBase(base, p.head)
	if err != nil {
		return err
	}
	p.fork = fork
	return s.testMergeOf(r, p, base)
}

// testMergeOf makes the commit at refs/pull/N/merge. If there are conflicts the ref stays what it
// was, stale, as on GitHub.
func (s *Server) testMergeOf(r *repo, p *pull, base bare.Hash) error {
	tree, conflicts, err := s.mergeTree(r, base, p.head)
	if err != nil {
		return err
	}
	p.mergeable, p.conflicts = len(conflicts) == 0, conflicts
	if !p.mergeable {
		return nil
	}
	message := fmt.Sprintf("Merge %s into %s", p.head, base)
	h, err := s.commitAs(r, p.author, tree, []bare.Hash{base, p.head}, message)
	if err != nil {
		return err
	}
	p.testMerge = h
	r.git.SetRef(p.mergeRef(), h)
	return nil
}

// mergeTree merges head into base without writing a commit.
func (s *Server) mergeTree(r *repo, base, head bare.Hash) (bare.Hash, []string, error) {
	fork, related, err := r.git.MergeBase(base, head)
	if err != nil {
		return bare.Hash{}, nil, err
	}
	trees, err := r.treesOf(base, head)
	if err != nil {
		return bare.Hash{}, nil, err
	}
	ancestor := bare.Hash{}
	if related {
		commit, err := r.git.Commit(fork)
		if err != nil {
			return bare.Hash{}, nil, err
		}
		ancestor = commit.Tree
	}
	return r.git.MergeTrees(ancestor, trees[0], trees[1])
}

func (r *repo) treesOf(commits ...bare.Hash) ([]bare.Hash, error) {
	var out []bare.Hash
	for _, h := range commits {
		c, err := r.git.Commit(h)
		if err != nil {
			return nil, err
		}
		out = append(out, c.Tree)
	}
	return out, nil
}

// branchMoved tells the open pull requests that a branch was moved or deleted.
func (s *Server) branchMoved(r *repo, branch string, from, to bare.Hash, by *account) error {
	for _, n := range r.pullNumbers() {
		p := r.pulls[n]
		if !p.open() {
			continue
		}
		var err error
		switch {
		case p.headBranch == branch && to.IsZero():
			s.closePull(r, p, by)
		case p.headBranch == branch:
			err = s.headMoved(r, p, from, to, by)
		case p.baseBranch == branch && to.IsZero():
			s.closePull(r, p, by)
		case p.baseBranch == branch:
			err = s.baseMoved(r, p, from, to, by)
		}
		if err != nil {
			return fmt.Errorf("pull request %d: %w", n, err)
		}
	}
	return nil
}

func (s *Server) headMoved(r *repo, p *pull, from, to bare.Hash, by *account) error {
	p.head, p.updated = to, s.now()
	if err := s.refresh(r, p); err != nil {
		return err
	}
	s.emitPull(r, p, "synchronize", by, object{"before": from.String(), "after": to.String()})
	base, _ := r.tip(p.baseBranch)
	contained, err := r.git.Ancestor(to, base)
	if err == nil && contained { // nothing is left to propose
		s.closePull(r, p, by)
	}
	return err
}

// baseMoved renews the test merge. A head that somebody merged and pushed by hand counts as
// merged, as on GitHub.
func (s *Server) baseMoved(r *repo, p *pull, from, to bare.Hash, by *account) error {
	contained, err := r.git.Ancestor(p.head, to)
	if err != nil {
		return err
	}
	if contained {
		s.finishMerge(r, p, mergeResult{commit: to, onto: from}, by)
		return nil
	}
	fork, _, err := r.git.MergeBase(to, p.head)
	if err != nil {
		return err
	}
	p.fork = fork
	return s.testMergeOf(r, p, to)
}

func (r *repo) pullNumbers() []int {
	var out []int
	for n := range r.pulls {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// closePull closes without merging.
func (s *Server) closePull(r *repo, p *pull, by *account) {
	if !p.open() {
		return
	}
	p.state, p.closed, p.closedBy, p.updated = "closed", s.now(), by, s.now()
	r.git.DeleteRef(p.mergeRef())
	s.emitPull(r, p, "closed", by, nil)
}

// reopenPull opens a closed pull request again, if its branch is still there and has what it had then. GitHub
// refuses a branch that was moved otherwise than forward, since it can't tell what happened in between.
func (s *Server) reopenPull(r *repo, p *pull, by *account) error {
	head, found := r.tip(p.headBranch)
	switch {
	case p.open():
		return nil
	case !p.merged.IsZero():
		return invalid("PullRequest", "state", "custom", "state cannot be changed. The pull request is already merged.")
	case !found:
		return invalid("PullRequest", "state", "invalid", fmt.Sprintf("state cannot be changed. The %s branch has been deleted.", p.headBranch))
	}
	descends, err := r.git.Ancestor(p.head, head)
	if err != nil {
		return err
	}
	if !descends {
		return invalid("PullRequest", "state", "invalid", fmt.Sprintf("state cannot be changed. The %s branch was force-pushed or recreated.", p.headBranch))
	}
	for _, other := range r.pulls {
		if other.open() && other.headBranch == p.headBranch && other.baseBranch == p.baseBranch {
			return invalid("PullRequest", "state", "custom", "state cannot be changed. There is already an open pull request from "+p.headBranch+".")
		}
	}
	p.state, p.closed, p.closedBy, p.head, p.updated = "open", time.Time{}, nil, head, s.now()
	if err := s.refresh(r, p); err != nil {
		return err
	}
	s.emitPull(r, p, "reopened", by, nil)
	return nil
}
