package githubbox

import (
	"fmt"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// pullJSON is a pull request as in lists.
func (s *Server) pullJSON(r *repo, p *pull) object {
	u := s.api("/repos/%s/pulls/%d", r.fullName(), p.number)
	issue := s.api("/repos/%s/issues/%d", r.fullName(), p.number)
	page := s.pageURL("/%s/pull/%d", r.fullName(), p.number)
	statuses := s.api("/repos/%s/statuses/%s", r.fullName(), p.head)
	href := func(u string) object { return object{"href": u} }
	out := object{
		"id": p.id, "node_id": nodeID("PR", p.id), "number": p.number, "state": p.state, "locked": p.locked,
		"title": p.title, "body": orNull(p.body), "user": s.userJSON(p.author), "draft": p.draft,
		"url": u, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch", "issue_url": issue,
		"commits_url": u + "/commits", "review_comments_url": u + "/comments",
		"review_comment_url": s.api("/repos/%s/pulls/comments{/number}", r.fullName()),
		"comments_url":       issue + "/comments", "statuses_url": statuses,
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stamp(p.closed), "merged_at": stamp(p.merged),
		"assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"labels": s.labelsJSON(r, p.labels), "milestone": nil, "active_lock_reason": nil, "auto_merge": nil,
		"author_association": s.association(p.author), "merge_commit_sha": nil,
		"head": s.sideJSON(r, p.headBranch, p.head), "base": s.sideJSON(r, p.baseBranch, p.baseAtHead),
		"_links": object{
			"self": href(u), "html": href(page), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(u + "/comments"),
			"review_comment":  href(s.api("/repos/%s/pulls/comments{/number}", r.fullName())),
			"commits":         href(u + "/commits"), "statuses": href(statuses),
		},
	}
	switch {
	case !p.mergeCommit.IsZero():
		out["merge_commit_sha"] = p.mergeCommit.String()
	case !p.testMerge.IsZero():
		out["merge_commit_sha"] = p.testMerge.String()
	}
	return out
}

func (s *Server) sideJSON(r *repo, branch string, h bare.Hash) object {
	return object{
		"label": r.owner + ":" + branch, "ref": branch, "sha": h.String(),
		"user": s.userJSON(s.account(r.owner, "Organization")), "repo": s.repoJSON(r),
	}
}

func (s *Server) association(a *account) string {
	switch {
	case a.kind == "Bot":
		return "NONE"
	case rank(a.role) >= rank("write"):
		return "MEMBER"
	}
	return "CONTRIBUTOR"
}

// fullPullJSON is a pull request as it is shown alone: with counts and whether it can be merged.
func (s *Server) fullPullJSON(r *repo, p *pull) (object, error) {
	out := s.pullJSON(r, p)
	trees, err := r.pullTrees(p)
	if err != nil {
		return nil, err
	}
	_, sum, err := s.files(r, trees[0], trees[1], p.head)
	if err != nil {
		return nil, err
	}
	commits, err := r.git.Between(p.fork, p.head)
	if err != nil {
		return nil, err
	}
	out["merged"] = !p.merged.IsZero()
	out["merged_by"] = nil
	if p.mergedBy != nil {
		out["merged_by"] = s.userJSON(p.mergedBy)
	}
	out["mergeable"], out["rebaseable"], out["mergeable_state"] = nil, nil, "unknown"
	if p.open() {
		out["mergeable"], out["rebaseable"], out["mergeable_state"] = p.mergeable, p.mergeable, s.mergeState(r, p)
	}
	out["comments"], out["review_comments"], out["maintainer_can_modify"] = len(r.commentsOf(p.number)), 0, false
	out["commits"], out["additions"], out["deletions"], out["changed_files"] = len(commits), sum.additions, sum.deletions, sum.files
	return out, nil
}

func (s *Server) mergeState(r *repo, p *pull) string {
	switch {
	case !p.mergeable:
		return "dirty"
	case p.draft:
		return "draft"
	case s.missing(r, p) != "":
		return "blocked"
	}
	for _, run := range r.latestRuns(p.head) {
		if run.conclusion != "success" && run.conclusion != "neutral" && run.conclusion != "skipped" {
			return "unstable"
		}
	}
	return "clean"
}

// diffText is a pull request as "git diff" prints it.
func (s *Server) diffText(r *repo, p *pull) (string, error) {
	trees, err := r.pullTrees(p)
	if err != nil {
		return "", err
	}
	changes, err := r.git.Diff(trees[0], trees[1])
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, c := range changes {
		patch, err := r.git.Patch(c)
		if err != nil {
			return "", err
		}
		out.WriteString(diffHeader(c))
		if patch.Text != "" {
			out.WriteString(patch.Text + "\n")
		}
		if patch.Binary {
			fmt.Fprintf(&out, "Binary files differ\n")
		}
	}
	return out.String(), nil
}

func diffHeader(c bare.Change) string {
	head := fmt.Sprintf("diff --git a/%s b/%s\n", c.Path, c.Path)
	mode := func(e bare.Entry) string { return strings.TrimPrefix(e.Mode.String(), "0") }
	index := fmt.Sprintf("index %s..%s", c.Before.Hash.String()[:7], c.After.Hash.String()[:7])
	switch {
	case c.Status() == "added":
		return head + fmt.Sprintf("new file mode %s\n%s\n--- /dev/null\n+++ b/%s\n", mode(c.After), index, c.Path)
	case c.Status() == "removed":
		return head + fmt.Sprintf("deleted file mode %s\n%s\n--- a/%s\n+++ /dev/null\n", mode(c.Before), index, c.Path)
	case c.Before.Mode != c.After.Mode:
		head += fmt.Sprintf("old mode %s\nnew mode %s\n", mode(c.Before), mode(c.After))
	default:
		index += " " + mode(c.After)
	}
	return head + fmt.Sprintf("%s\n--- a/%s\n+++ b/%s\n", index, c.Path, c.Path)
}
