package githubbox

import (
	"maps"
	"slices"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// emit sends a webhook about a repository to the App that is installed on it, if it listens to the
// event. The payload is made now, and delivered in order later.
func (s *Server) emit(r *repo, event, action string, by *account, more object) {
	a := s.appFor(r)
	if a == nil || !s.hooks.configured() || !a.listens(event) {
		return
	}
	payload := object{
		"repository": s.hookRepo(r), "organization": s.organizationJSON(r.owner),
		"sender": s.userJSON(by), "installation": object{"id": a.installation, "node_id": nodeID("MDIz", a.installation)},
	}
	if action != "" {
		payload["action"] = action
	}
	maps.Copy(payload, more)
	s.enqueue(a, event, action, payload)
}

func (a *app) listens(event string) bool {
	if event == "ping" {
		return true
	}
	return slices.Contains(a.events, event)
}

// hookRepo is a repository as webhooks show it.
func (s *Server) hookRepo(r *repo) object {
	out := s.repoJSON(r)
	out["custom_properties"] = object{}
	for _, name := range []string{"allow_merge_commit", "allow_squash_merge", "allow_rebase_merge", "network_count", "subscribers_count"} {
		delete(out, name)
	}
	return out
}

// pushRepo is a repository as push events alone show it: with times as numbers, and an owner with
// a name.
func (s *Server) pushRepo(r *repo) object {
	out := s.hookRepo(r)
	owner := s.userJSON(s.account(r.owner, "Organization"))
	owner["name"], owner["email"] = r.owner, nil
	out["owner"], out["organization"] = owner, r.owner
	out["created_at"], out["pushed_at"] = r.created.Unix(), r.pushed.Unix()
	out["stargazers"], out["master_branch"] = 0, r.branch
	return out
}

func (s *Server) organizationJSON(login string) object {
	u := s.api("/orgs/%s", escape(login))
	a := s.account(login, "Organization")
	return object{
		"login": login, "id": a.id, "node_id": nodeID("O", a.id), "url": u, "description": nil,
		"repos_url": u + "/repos", "events_url": u + "/events", "hooks_url": u + "/hooks", "issues_url": u + "/issues",
		"members_url": u + "/members{/member}", "public_members_url": u + "/public_members{/member}",
		"avatar_url": s.pageURL("/avatars/%d", a.id),
	}
}

// emitPull sends a pull_request event.
func (s *Server) emitPull(r *repo, p *pull, action string, by *account, more object) {
	body, err := s.fullPullJSON(r, p)
	if err != nil { // the objects were read a moment ago: a broken store has nothing to announce
		return
	}
	payload := object{"number": p.number, "pull_request": body}
	maps.Copy(payload, more)
	s.emit(r, "pull_request", action, by, payload)
}

func (s *Server) emitRun(r *repo, run *checkRun, action string, by *account, more object) {
	body := s.runJSON(r, run)
	suite, err := s.suiteJSON(r, run.suite)
	if err != nil {
		return
	}
	for _, name := range []string{"check_runs_url", "head_commit", "latest_check_runs_count", "repository", "rerequestable", "runs_rerequestable"} {
		delete(suite, name) // here a suite is shown in short
	}
	body["check_suite"] = suite
	payload := object{"check_run": body}
	maps.Copy(payload, more)
	s.emit(r, "check_run", action, by, payload)
}

func (s *Server) emitSuite(r *repo, su *suite, action string, by *account) error {
	body, err := s.suiteJSON(r, su)
	if err != nil {
		return err
	}
	delete(body, "repository") // it is beside it
	s.emit(r, "check_suite", action, by, object{"check_suite": body})
	return nil
}

// pushEvent is a ref that was moved.
type pushEvent struct {
	ref             string
	before, after   bare.Hash
	created, forced bool
	by              *account
}

// maxPushCommits is how many commits GitHub puts into a push event.
const maxPushCommits = 2048

func branchName(ref string) (string, bool) { return strings.CutPrefix(ref, "refs/heads/") }

// emitPush sends what GitHub sends when a ref moves: create or delete, push, and for a branch that
// has a new tip, check_suite.
func (s *Server) emitPush(r *repo, e pushEvent) {
	kind, short := "tag", strings.TrimPrefix(e.ref, "refs/tags/")
	branch, isBranch := branchName(e.ref)
	if isBranch {
		kind, short = "branch", branch
	}
	change := object{"ref": short, "ref_type": kind, "pusher_type": "user"}
	deleted := e.after.IsZero()
	if e.created {
		made := object{"master_branch": r.branch, "description": nil}
		maps.Copy(made, change)
		s.emit(r, "create", "", e.by, made)
	}
	if deleted {
		s.emit(r, "delete", "", e.by, change)
	}
	commits := s.pushCommits(r, e)
	push := object{
		"ref": e.ref, "before": e.before.String(), "after": e.after.String(), "created": e.created, "deleted": deleted,
		"forced": e.forced, "base_ref": nil, "compare": s.pageURL("/%s/compare/%s...%s", r.fullName(), e.before, e.after),
		"commits": commits, "head_commit": nil,
		"pusher": object{"name": e.by.login, "email": e.by.noreply()}, "repository": s.pushRepo(r),
	}
	if !deleted {
		if c, err := r.git.Commit(r.git.Peel(e.after)); err == nil {
			push["head_commit"] = s.pushCommit(r, c)
		}
	}
	s.emit(r, "push", "", e.by, push)
	if a := s.appFor(r); isBranch && !deleted && a != nil && rank(a.grants["checks"]) > 0 {
		// A store that can't be read has nothing to announce.
		_ = s.emitSuite(r, s.suiteFor(r, a, e.after), "requested", e.by)
	}
}

// pushCommits are the commits that are new to the ref; for a new ref, those that the default
// branch hasn't.
func (s *Server) pushCommits(r *repo, e pushEvent) []object {
	out := []object{}
	if e.after.IsZero() {
		return out
	}
	known := r.git.Peel(e.before)
	if e.created && e.ref != "refs/heads/"+r.branch {
		known, _ = r.tip(r.branch)
	}
	list, err := r.git.Between(known, r.git.Peel(e.after))
	if err != nil {
		return out
	}
	for _, c := range list[max(0, len(list)-maxPushCommits):] {
		out = append(out, s.pushCommit(r, c))
	}
	return out
}

// pushCommit is a commit with the paths that it changed against its first parent.
func (s *Server) pushCommit(r *repo, c bare.Commit) object {
	paths := map[string][]string{"added": {}, "modified": {}, "removed": {}}
	before := bare.Hash{}
	if len(c.Parents) > 0 {
		if parent, err := r.git.Commit(c.Parents[0]); err == nil {
			before = parent.Tree
		}
	}
	if changes, err := r.git.Diff(before, c.Tree); err == nil {
		for _, change := range changes {
			paths[change.Status()] = append(paths[change.Status()], change.Path)
		}
	}
	return object{
		"id": c.Hash.String(), "tree_id": c.Tree.String(), "distinct": true, "message": c.Message,
		"timestamp": stamp(c.Committer.When), "url": s.commitPage(r, c.Hash),
		"author": s.pushPerson(c.Author), "committer": s.pushPerson(c.Committer),
		"added": paths["added"], "modified": paths["modified"], "removed": paths["removed"],
	}
}

func (s *Server) pushPerson(p bare.Person) object {
	out := object{"name": p.Name, "email": p.Email}
	for _, a := range s.accounts {
		if a.noreply() == p.Email {
			out["username"] = a.login
		}
	}
	return out
}
