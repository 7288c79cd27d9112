package githubbox

import (
	"errors"
	"net/http"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// resolve finds the commit or tree that a text names: a branch, a tag, a ref, an id or the start
// of one. Empty is the default branch.
func (c *call) resolve(text string) (bare.Hash, error) {
	if h, found := c.s.resolve(c.repo, text); found {
		return h, nil
	}
	return bare.Hash{}, fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", text)
}

func (s *Server) resolve(r *repo, text string) (bare.Hash, bool) {
	if text == "" || text == "HEAD" {
		text = r.branch
	}
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/", ""} {
		if h, found := r.git.Ref(prefix + text); found {
			return r.git.Peel(h), true
		}
	}
	if h, ok := bare.ParseHash(text); ok && r.git.Has(h) {
		return h, true
	}
	return bare.Hash{}, false
}

func personJSON(p bare.Person) object {
	return object{"name": p.Name, "email": p.Email, "date": stamp(p.When)}
}

func (r *repo) verification(c bare.Commit) object {
	out := object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
	switch {
	case r.verified[c.Hash]:
		out["verified"], out["reason"], out["verified_at"] = true, "valid", stamp(c.Committer.When)
	case c.Signature != "":
		out["reason"], out["signature"] = "unknown_key", c.Signature
	}
	return out
}

// gitCommitJSON is a commit as the Git Data API shows it.
func (s *Server) gitCommitJSON(r *repo, h bare.Hash) (object, error) {
	c, err := r.git.Commit(h)
	if err != nil {
		return nil, err
	}
	u := s.api("/repos/%s/git/", r.fullName())
	parents := collect(c.Parents, func(p bare.Hash) object {
		return object{"sha": p.String(), "url": u + "commits/" + p.String(), "html_url": s.commitPage(r, p)}
	})
	return object{
		"sha": h.String(), "node_id": "C_" + h.String(), "url": u + "commits/" + h.String(), "html_url": s.commitPage(r, h),
		"author": personJSON(c.Author), "committer": personJSON(c.Committer), "message": c.Message,
		"tree":    object{"sha": c.Tree.String(), "url": u + "trees/" + c.Tree.String()},
		"parents": parents, "verification": r.verification(c),
	}, nil
}

func (s *Server) commitPage(r *repo, h bare.Hash) string {
	return s.pageURL("/%s/commit/%s", r.fullName(), h)
}

// commitJSON is a commit as the repository's API shows it: with the accounts behind the addresses.
func (s *Server) commitJSON(r *repo, h bare.Hash) (object, error) {
	c, err := r.git.Commit(h)
	if err != nil {
		return nil, err
	}
	u := s.api("/repos/%s/commits/", r.fullName())
	parents := collect(c.Parents, func(p bare.Hash) object {
		return object{"sha": p.String(), "url": u + p.String(), "html_url": s.commitPage(r, p)}
	})
	return object{
		"sha": h.String(), "node_id": "C_" + h.String(), "url": u + h.String(), "html_url": s.commitPage(r, h),
		"comments_url": u + h.String() + "/comments",
		"commit": object{
			"url":    s.api("/repos/%s/git/commits/%s", r.fullName(), h),
			"author": personJSON(c.Author), "committer": personJSON(c.Committer), "message": c.Message,
			"tree":          object{"sha": c.Tree.String(), "url": s.api("/repos/%s/git/trees/%s", r.fullName(), c.Tree)},
			"comment_count": 0, "verification": r.verification(c),
		},
		"author": s.userOrNull(c.Author.Email), "committer": s.userOrNull(c.Committer.Email), "parents": parents,
	}, nil
}

// userOrNull is the account behind an address.
func (s *Server) userOrNull(email string) any {
	if email == webFlowEmail {
		return s.userJSON(s.account("web-flow", "User"))
	}
	for _, a := range s.accounts {
		if a.noreply() == email {
			return s.userJSON(a)
		}
	}
	return nil
}

func (c *call) listCommits() (reply, error) {
	if err := c.repo.empty(); err != nil {
		return reply{}, err
	}
	h, err := c.resolve(c.query("sha"))
	if err != nil {
		return reply{}, notFound()
	}
	want := bounded(c.query("page"), 1, 1, 1000)*bounded(c.query("per_page"), 30, 1, 100) + 1
	list, err := c.repo.git.Log(h, strings.Trim(c.query("path"), "/"), want)
	if err != nil {
		return reply{}, err
	}
	return c.commitsReply(page(c, list))
}

func (c *call) commitsReply(list []bare.Commit) (reply, error) {
	out := []object{}
	for _, commit := range list {
		j, err := c.s.commitJSON(c.repo, commit.Hash)
		if err != nil {
			return reply{}, err
		}
		out = append(out, j)
	}
	return ok(out)
}

// getCommit answers with a commit and its files; with the media type "sha", with its id alone.
func (c *call) getCommit() (reply, error) {
	h, err := c.resolve(c.vars["ref"])
	if err != nil {
		return reply{}, err
	}
	if strings.Contains(c.r.Header.Get("Accept"), "github.sha") || strings.Contains(c.r.Header.Get("Accept"), "v3.sha") {
		c.header.Set("Content-Type", "application/vnd.github.sha; charset=utf-8")
		return ok([]byte(h.String()))
	}
	out, err := c.s.commitJSON(c.repo, h)
	if errors.Is(err, bare.ErrNotFound) {
		return reply{}, fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.vars["ref"])
	}
	if err != nil {
		return reply{}, err
	}
	commit, err := c.repo.git.Commit(h)
	if err != nil {
		return reply{}, err
	}
	before := bare.Hash{}
	if len(commit.Parents) > 0 {
		parent, err := c.repo.git.Commit(commit.Parents[0])
		if err != nil {
			return reply{}, err
		}
		before = parent.Tree
	}
	files, sum, err := c.s.files(c.repo, before, commit.Tree, h)
	if err != nil {
		return reply{}, err
	}
	out["files"] = page(c, files)
	out["stats"] = object{"additions": sum.additions, "deletions": sum.deletions, "total": sum.additions + sum.deletions}
	return ok(out)
}

// totals counts what a difference changes.
type totals struct{ files, additions, deletions int }

// files renders the difference of two trees as GitHub lists files.
func (s *Server) files(r *repo, from, to, at bare.Hash) ([]object, totals, error) {
	changes, err := r.git.Diff(from, to)
	if err != nil {
		return nil, totals{}, err
	}
	changes = bare.Renames(changes)
	sum := totals{files: len(changes)}
	out := []object{}
	for _, change := range changes {
		p, err := r.git.Patch(change)
		if err != nil {
			return nil, totals{}, err
		}
		sum.additions += p.Additions
		sum.deletions += p.Deletions
		sha := change.After.Hash
		if change.Status() == "removed" {
			sha = change.Before.Hash
		}
		f := object{
			"sha": sha.String(), "filename": change.Path, "status": change.Status(),
			"additions": p.Additions, "deletions": p.Deletions, "changes": p.Additions + p.Deletions,
			"blob_url":     s.pageURL("/%s/blob/%s/%s", r.fullName(), at, change.Path),
			"raw_url":      s.pageURL("/%s/raw/%s/%s", r.fullName(), at, change.Path),
			"contents_url": s.api("/repos/%s/contents/%s?ref=%s", r.fullName(), change.Path, at),
		}
		if p.Text != "" {
			f["patch"] = p.Text
		}
		if change.From != "" {
			f["previous_filename"] = change.From
		}
		out = append(out, f)
	}
	return out, sum, nil
}

// span is two commits with what lies between them.
type span struct {
	base, head, fork bare.Hash
	ahead, behind    []bare.Commit
}

// span finds the commits of "base...head".
func (c *call) span(text string) (span, error) {
	from, to, cut := strings.Cut(text, "...")
	base, found := c.s.resolve(c.repo, from)
	head, found2 := c.s.resolve(c.repo, to)
	if !cut || !found || !found2 {
		return span{}, notFound()
	}
	sp := span{base: base, head: head}
	var related bool
	var err error
	if sp.fork, related, err = c.repo.git.MergeBase(base, head); err != nil {
		return sp, err
	}
	if !related {
		return sp, fail(http.StatusNotFound, "No common ancestor between %s and %s.", from, to)
	}
	if sp.ahead, err = c.repo.git.Between(base, head); err != nil {
		return sp, err
	}
	sp.behind, err = c.repo.git.Between(head, base)
	return sp, err
}

// compare answers "base...head": what head has since the two parted.
func (c *call) compare() (reply, error) {
	sp, err := c.span(c.vars["basehead"])
	if err != nil {
		return reply{}, err
	}
	trees, err := c.repo.treesOf(sp.fork, sp.head)
	if err != nil {
		return reply{}, err
	}
	files, _, err := c.s.files(c.repo, trees[0], trees[1], sp.head)
	if err != nil {
		return reply{}, err
	}
	words := map[[2]bool]string{{false, false}: "identical", {true, false}: "ahead", {false, true}: "behind", {true, true}: "diverged"}
	html := c.s.pageURL("/%s/compare/%s", c.repo.fullName(), c.vars["basehead"])
	out := object{
		"status":   words[[2]bool{len(sp.ahead) > 0, len(sp.behind) > 0}],
		"ahead_by": len(sp.ahead), "behind_by": len(sp.behind), "total_commits": len(sp.ahead),
		"files": files[:min(len(files), maxCompareFiles)],
		"url":   c.s.api("/repos/%s/compare/%s", c.repo.fullName(), c.vars["basehead"]), "html_url": html,
		"permalink_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
	}
	for name, h := range map[string]bare.Hash{"base_commit": sp.base, "merge_base_commit": sp.fork} {
		if out[name], err = c.s.commitJSON(c.repo, h); err != nil {
			return reply{}, err
		}
	}
	list, err := c.commitsReply(page(c, sp.ahead))
	out["commits"] = list.body
	return reply{http.StatusOK, out}, err
}

// maxCompareFiles is where GitHub ends a comparison's list of files.
const maxCompareFiles = 300
