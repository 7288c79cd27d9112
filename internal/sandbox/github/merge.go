package githubbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// mergeRequest is what a merge may ask for.
type mergeRequest struct {
	method         string // "merge", "squash" or "rebase"
	sha            string // the head that was looked at; empty for any
	title, message string // of the commit; empty for GitHub's own
	by             *account
}

type mergeResult struct {
	commit bare.Hash // the new tip of the base branch
	onto   bare.Hash // its tip before
}

// merge merges a pull request as the button does. Its errors are GitHub's.
func (s *Server) merge(r *repo, p *pull, m mergeRequest) (bare.Hash, error) {
	if err := s.mayMerge(r, p, m); err != nil {
		return bare.Hash{}, err
	}
	base, _ := r.tip(p.baseBranch)
	tree, conflicts, err := s.mergeTree(r, base, p.head)
	if err != nil {
		return bare.Hash{}, err
	}
	if len(conflicts) > 0 {
		return bare.Hash{}, fail(http.StatusMethodNotAllowed, "Pull Request has merge conflicts")
	}
	var commit bare.Hash
	switch m.method {
	case "squash":
		commit, err = s.squash(r, p, m, base, tree)
	case "rebase":
		commit, err = s.rebase(r, p, m, base)
	default:
		title, message := m.title, m.message
		if title == "" {
			title = fmt.Sprintf("Merge pull request #%d from %s/%s", p.number, r.owner, p.headBranch)
		}
		if message == "" {
			message = p.title
		}
		commit, err = s.commitAs(r, m.by, tree, []bare.Hash{base, p.head}, title+"\n\n"+message)
	}
	if err != nil {
		return bare.Hash{}, err
	}
	// First the pull request, so that the moving branch doesn't find it open.
	s.finishMerge(r, p, mergeResult{commit: commit, onto: base}, m.by)
	return commit, s.moveRef(r, refMove{ref: "refs/heads/" + p.baseBranch, to: commit, by: m.by, trusted: true})
}

// mayMerge checks everything but the conflicts.
func (s *Server) mayMerge(r *repo, p *pull, m mergeRequest) error {
	switch {
	case !p.merged.IsZero(), !p.open():
		return fail(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	case p.draft:
		return fail(http.StatusMethodNotAllowed, "Pull Request is still a draft")
	case m.sha != "" && m.sha != p.head.String():
		return fail(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case !slices.Contains([]string{"", "merge", "squash", "rebase"}, m.method):
		return fail(http.StatusUnprocessableEntity, "Invalid merge_method")
	}
	if missing := s.missing(r, p); missing != "" {
		return fail(http.StatusMethodNotAllowed, "%s", missing)
	}
	return nil
}

// missing says what the base branch's protection still asks for; empty for nothing.
func (s *Server) missing(r *repo, p *pull) string {
	rules := r.protected[p.baseBranch]
	for _, name := range rules.RequiredChecks {
		switch r.checkState(name, p.head) {
		case "success", "neutral", "skipped":
		case "":
			return fmt.Sprintf("Required status check %q is expected.", name)
		case "failure":
			return fmt.Sprintf("Required status check %q is failing.", name)
		default:
			return fmt.Sprintf("Required status check %q has not succeeded.", name)
		}
	}
	if approvals := p.approvals(); approvals < rules.RequiredReviews {
		return fmt.Sprintf("At least %d approving review is required by reviewers with write access.", rules.RequiredReviews)
	}
	return ""
}

// finishMerge notes that a pull request is merged and tells so.
func (s *Server) finishMerge(r *repo, p *pull, m mergeResult, by *account) {
	now := s.now()
	p.state, p.closed, p.merged, p.updated = "closed", now, now, now
	p.closedBy, p.mergedBy, p.mergeCommit, p.mergedOnto = by, by, m.commit, m.onto
	r.git.DeleteRef(p.mergeRef())
	s.emitPull(r, p, "closed", by, nil)
}

func (s *Server) squash(r *repo, p *pull, m mergeRequest, base, tree bare.Hash) (bare.Hash, error) {
	commits, err := r.git.Between(base, p.head)
	if err != nil {
		return bare.Hash{}, err
	}
	title, message := m.title, m.message
	if title == "" {
		title = fmt.Sprintf("%s (#%d)", p.title, p.number)
	}
	if message == "" && len(commits) > 1 {
		var lines []string
		for _, c := range commits {
			lines = append(lines, "* "+strings.TrimSpace(c.Message))
		}
		message = strings.Join(lines, "\n\n")
	}
	text := title
	if message != "" {
		text += "\n\n" + message
	}
	return s.commitAs(r, p.author, tree, []bare.Hash{base}, text)
}

// rebase writes the commits of the pull request again on top of the base, each by a three-way
// merge. Merge commits are left out, as git does. The new commits keep their authors.
func (s *Server) rebase(r *repo, p *pull, m mergeRequest, base bare.Hash) (bare.Hash, error) {
	commits, err := r.git.Between(base, p.head)
	if err != nil {
		return bare.Hash{}, err
	}
	at := base
	for _, c := range commits {
		if len(c.Parents) != 1 {
			continue
		}
		trees, err := r.treesOf(c.Parents[0], at)
		if err != nil {
			return bare.Hash{}, err
		}
		tree, conflicts, err := r.git.MergeTrees(trees[0], trees[1], c.Tree)
		if err != nil {
			return bare.Hash{}, err
		}
		if len(conflicts) > 0 {
			return bare.Hash{}, fail(http.StatusMethodNotAllowed, "This branch can't be rebased")
		}
		at, err = r.git.PutCommit(bare.Commit{
			Tree: tree, Parents: []bare.Hash{at}, Message: c.Message, Author: c.Author,
			Committer: bare.Person{Name: m.by.displayName(), Email: m.by.noreply(), When: s.now()},
		})
		if err != nil {
			return bare.Hash{}, err
		}
	}
	return at, nil
}

// revert makes a branch and a pull request that takes a merged one back, as the Revert button
// does: the difference that the merge made is applied backwards onto the base's tip.
func (s *Server) revert(r *repo, p *pull, by *account) (*pull, error) {
	if p.merged.IsZero() {
		return nil, fail(http.StatusUnprocessableEntity, "Pull Request is not merged")
	}
	base, found := r.tip(p.baseBranch)
	if !found {
		return nil, fail(http.StatusUnprocessableEntity, "The base branch is gone")
	}
	trees, err := r.treesOf(p.mergeCommit, base, p.mergedOnto)
	if err != nil {
		return nil, err
	}
	tree, conflicts, err := r.git.MergeTrees(trees[0], trees[1], trees[2])
	if err != nil {
		return nil, err
	}
	if len(conflicts) > 0 || tree == trees[1] {
		return nil, fail(http.StatusConflict, "Sorry, this pull request couldn't be reverted automatically. "+
			"It may have already been reverted, or the content may have changed since it was merged. %s", strings.Join(conflicts, ", "))
	}
	title := fmt.Sprintf("Revert %q", p.title)
	message := fmt.Sprintf("This reverts commit %s.", p.mergeCommit)
	h, err := s.commitAs(r, by, tree, []bare.Hash{base}, title+"\n\n"+message)
	if err != nil {
		return nil, err
	}
	branch := fmt.Sprintf("revert-%d-%s", p.number, p.headBranch)
	for n := 2; ; n++ {
		if _, taken := r.tip(branch); !taken {
			break
		}
		branch = fmt.Sprintf("revert-%d-%s-%d", p.number, p.headBranch, n)
	}
	if err := s.moveRef(r, refMove{ref: "refs/heads/" + branch, to: h, by: by}); err != nil {
		return nil, err
	}
	q, err := s.openPull(r, newPull{
		title: title, body: fmt.Sprintf("Reverts %s#%d", r.fullName(), p.number), head: branch, base: p.baseBranch, by: by,
	})
	if err != nil {
		return nil, err
	}
	q.revertOf = p.number
	return q, nil
}
