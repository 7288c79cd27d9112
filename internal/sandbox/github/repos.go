package githubbox

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// repo is a repository with all that GitHub keeps beside the Git objects.
type repo struct {
	owner, name string
	id          int64
	private     bool
	branch      string // the default branch
	created     time.Time
	pushed      time.Time
	git         *bare.Repo

	verified    map[bare.Hash]bool // commits that GitHub signed
	lastIssue   int
	pulls       map[int]*pull
	comments    []*comment // in order of creation
	labels      map[string]*label
	runs        []*checkRun
	suites      []*suite
	statuses    []*status
	deployments []*deployment         // in order of creation
	protected   map[string]Protection // by branch
}

func (r *repo) fullName() string { return r.owner + "/" + r.name }

// tip is the commit of a branch.
func (r *repo) tip(branch string) (bare.Hash, bool) { return r.git.Ref("refs/heads/" + branch) }

// CreateRepo makes a repository "owner/name" whose main branch holds the files as one commit by
// a person. A nil FS leaves it empty.
func (s *Server) CreateRepo(fullName, login string, files fs.FS) (commit string, err error) {
	return s.createRepo(fullName, login, files, false)
}

// CreatePrivateRepo is CreateRepo, and without a token nobody sees it over the API or Git.
func (s *Server) CreatePrivateRepo(fullName, login string, files fs.FS) (commit string, err error) {
	return s.createRepo(fullName, login, files, true)
}

func (s *Server) createRepo(fullName, login string, files fs.FS, private bool) (string, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") || apiRoots[owner] || owner == "api" {
		return "", fmt.Errorf("create repository %q: the name must be owner/name", fullName)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repos[fullName] != nil {
		return "", fmt.Errorf("create repository %s: it exists", fullName)
	}
	by, err := s.person(login)
	if err != nil {
		return "", fmt.Errorf("create repository %s: %w", fullName, err)
	}
	s.account(owner, "Organization")
	r := &repo{
		owner: owner, name: name, id: s.id(), private: private, branch: "main", created: s.now(), pushed: s.now(),
		git:      bare.New("main"),
		verified: map[bare.Hash]bool{}, pulls: map[int]*pull{}, labels: map[string]*label{}, protected: map[string]Protection{},
	}
	s.repos[fullName] = r
	if files == nil {
		return "", nil
	}
	h, err := s.firstCommit(r, by, files)
	if err != nil {
		delete(s.repos, fullName)
		return "", fmt.Errorf("create repository %s: %w", fullName, err)
	}
	return h.String(), nil
}

func (s *Server) firstCommit(r *repo, by *account, files fs.FS) (bare.Hash, error) {
	edits := map[string]bare.Entry{}
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		h, err := r.git.PutBlob(content)
		edits[p] = bare.Entry{Mode: bare.ModeFile, Hash: h}
		return err
	})
	if err != nil {
		return bare.Hash{}, err
	}
	tree, err := r.git.EditTree(bare.Hash{}, edits)
	if err != nil {
		return bare.Hash{}, err
	}
	h, err := s.commitAs(r, by, tree, nil, "Initial commit")
	if err != nil {
		return bare.Hash{}, err
	}
	return h, s.moveRef(r, refMove{ref: "refs/heads/" + r.branch, to: h, by: by, trusted: true})
}

// commitAs writes a commit as the web pages do: by a person, committed and signed by GitHub.
func (s *Server) commitAs(r *repo, by *account, tree bare.Hash, parents []bare.Hash, message string) (bare.Hash, error) {
	now := s.now().UTC().Truncate(time.Second)
	h, err := r.git.PutCommit(bare.Commit{
		Tree: tree, Parents: parents, Message: message,
		Author:    bare.Person{Name: by.displayName(), Email: by.noreply(), When: now},
		Committer: bare.Person{Name: webFlowName, Email: webFlowEmail, When: now},
	})
	if err == nil {
		r.verified[h] = true
	}
	return h, err
}

// Who commits what is made on GitHub's own pages.
const (
	webFlowName  = "GitHub"
	webFlowEmail = "noreply@github.com"
)

func (s *Server) repoList() []*repo {
	var out []*repo
	for _, name := range slices.Sorted(maps.Keys(s.repos)) {
		out = append(out, s.repos[name])
	}
	return out
}

func (c *call) getRepo() (reply, error) {
	out := c.s.repoJSON(c.repo)
	switch {
	case c.by.isInstallation():
		out["permissions"] = permissionFlags(map[int]string{1: "read", 2: "write"}[rank(c.by.token.grants["contents"])])
	case c.by.account != nil:
		out["permissions"] = permissionFlags(c.by.account.role)
	}
	return ok(out)
}

// repoURLs are the templates of a repository's sub-resources, as GitHub names them.
var repoURLs = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
	"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
	"comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
	"contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
	"downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}",
	"git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
	"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
	"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
	"languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
	"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
	"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags",
	"teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}

func (s *Server) repoJSON(r *repo) object {
	u := s.api("/repos/%s", r.fullName())
	page := s.pageURL("/%s", r.fullName())
	open := 0
	for _, p := range r.pulls {
		if p.open() {
			open++
		}
	}
	out := object{
		"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.fullName(),
		"owner": s.userJSON(s.account(r.owner, "Organization")), "private": r.private,
		"visibility": map[bool]string{true: "private", false: "public"}[r.private],
		"html_url":   page, "description": nil, "fork": false, "url": u,
		"clone_url": page + ".git", "git_url": page + ".git", "ssh_url": page + ".git", "svn_url": page,
		"mirror_url": nil, "homepage": nil, "language": nil, "license": nil, "topics": []string{},
		"forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0, "size": 1,
		"default_branch": r.branch, "open_issues_count": open, "open_issues": open,
		"is_template": false, "has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false,
		"has_downloads": false, "has_discussions": false, "archived": false, "disabled": false,
		"allow_forking": false, "web_commit_signoff_required": false,
		"allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
		"network_count": 0, "subscribers_count": 0,
		"created_at": stamp(r.created), "updated_at": stamp(r.pushed), "pushed_at": stamp(r.pushed),
	}
	for k, suffix := range repoURLs {
		if k == "archive_url" {
			suffix = "/" + suffix[1:]
		}
		out[k] = u + suffix
	}
	return out
}

func (c *call) getBranch() (reply, error) {
	name := c.vars["branch"]
	h, found := c.repo.tip(name)
	if !found {
		return reply{}, fail(404, "Branch not found")
	}
	return c.branchReply(name, h)
}

func (c *call) branchReply(name string, h bare.Hash) (reply, error) {
	commit, err := c.s.commitJSON(c.repo, h)
	if err != nil {
		return reply{}, err
	}
	u := c.s.api("/repos/%s/branches/%s", c.repo.fullName(), name)
	p, isProtected := c.repo.protected[name]
	return ok(object{
		"name": name, "commit": commit, "protected": isProtected, "protection_url": u + "/protection",
		"protection": p.json(), "_links": object{"self": u, "html": c.s.pageURL("/%s/tree/%s", c.repo.fullName(), name)},
	})
}

func (c *call) listBranches() (reply, error) {
	var names []string
	for _, ref := range c.repo.git.Refs() {
		if name, ok := strings.CutPrefix(ref.Name, "refs/heads/"); ok {
			names = append(names, name)
		}
	}
	return ok(collect(page(c, names), func(name string) object {
		h, _ := c.repo.tip(name)
		_, isProtected := c.repo.protected[name]
		return object{
			"name": name, "protected": isProtected,
			"commit": object{"sha": h.String(), "url": c.s.api("/repos/%s/commits/%s", c.repo.fullName(), h)},
		}
	}))
}
