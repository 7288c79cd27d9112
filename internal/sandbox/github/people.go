package githubbox

import (
	"fmt"
	"slices"

	"tenantry.dev/internal/sandbox/github/bare"
)

// This file is what a program does in the place of people: the demo and the tests.

// lookup finds what the methods below are about. A number of 0 is no pull request.
func (s *Server) lookup(fullName string, number int, login string) (*repo, *pull, *account, error) {
	by, err := s.person(login)
	if err != nil {
		return nil, nil, nil, err
	}
	r := s.repos[fullName]
	if r == nil {
		return nil, nil, nil, fmt.Errorf("repository %s: %w", fullName, bare.ErrNotFound)
	}
	if number == 0 {
		return r, nil, by, nil
	}
	p := r.pulls[number]
	if p == nil {
		return nil, nil, nil, fmt.Errorf("pull request %s#%d: %w", fullName, number, bare.ErrNotFound)
	}
	return r, p, by, nil
}

// CommitFiles commits whole files on a branch as a person would push them, protection included. A
// nil content removes the file. A branch that doesn't exist is made from the default branch.
func (s *Server) CommitFiles(fullName, branch, login, message string, files map[string][]byte) (commit string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, by, err := s.lookup(fullName, 0, login)
	if err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	h, err := s.commitFiles(r, by, branch, message, files)
	if err != nil {
		return "", fmt.Errorf("commit to %s of %s: %w", branch, fullName, err)
	}
	return h.String(), nil
}

func (s *Server) commitFiles(r *repo, by *account, branch, message string, files map[string][]byte) (bare.Hash, error) {
	parent, exists := r.tip(branch)
	if !exists {
		var found bool
		if parent, found = r.tip(r.branch); !found {
			return parent, fmt.Errorf("branch %s: %w", r.branch, bare.ErrNotFound)
		}
	}
	base, err := r.git.Commit(parent)
	if err != nil {
		return parent, err
	}
	edits := map[string]bare.Entry{}
	for p, content := range files {
		if !bare.ValidPath(p) {
			return parent, fmt.Errorf("path %q can't be committed", p)
		}
		edits[p] = bare.Entry{}
		if content == nil {
			continue
		}
		h, err := r.git.PutBlob(content)
		if err != nil {
			return parent, err
		}
		edits[p] = bare.Entry{Mode: bare.ModeFile, Hash: h}
	}
	tree, err := r.git.EditTree(base.Tree, edits)
	if err != nil {
		return parent, err
	}
	now := s.now()
	who := bare.Person{Name: by.displayName(), Email: by.noreply(), When: now}
	h, err := r.git.PutCommit(bare.Commit{Tree: tree, Parents: []bare.Hash{parent}, Author: who, Committer: who, Message: message + "\n"})
	if err != nil {
		return h, err
	}
	return h, s.moveRef(r, refMove{ref: "refs/heads/" + branch, to: h, by: by})
}

// OpenPullRequest opens a pull request as a person and returns its number.
func (s *Server) OpenPullRequest(fullName, login, head, base, title, body string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, by, err := s.lookup(fullName, 0, login)
	if err != nil {
		return 0, fmt.Errorf("open pull request: %w", err)
	}
	p, err := s.openPull(r, newPull{title: title, body: body, head: head, base: base, by: by})
	if err != nil {
		return 0, fmt.Errorf("open pull request for %s of %s: %w", head, fullName, err)
	}
	return p.number, nil
}

// Merge presses the merge button and returns the new tip of the base branch.
func (s *Server) Merge(fullName string, number int, login string) (commit string, err error) {
	var h bare.Hash
	err = s.on(fullName, number, login, "merge", func(r *repo, p *pull, by *account) error {
		h, err = s.merge(r, p, mergeRequest{by: by})
		return err
	})
	return h.String(), err
}

// Close presses the close button.
func (s *Server) Close(fullName string, number int, login string) error {
	return s.on(fullName, number, login, "close", func(r *repo, p *pull, by *account) error {
		s.closePull(r, p, by)
		return nil
	})
}

// Revert presses the revert button and returns the number of the pull request that takes it back.
func (s *Server) Revert(fullName string, number int, login string) (int, error) {
	var q *pull
	err := s.on(fullName, number, login, "revert", func(r *repo, p *pull, by *account) (err error) {
		q, err = s.revert(r, p, by)
		return err
	})
	if err != nil {
		return 0, err
	}
	return q.number, nil
}

func (s *Server) on(fullName string, number int, login, verb string, act func(*repo, *pull, *account) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, by, err := s.lookup(fullName, number, login)
	if err == nil && p == nil {
		err = fmt.Errorf("pull request 0: %w", bare.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if err := act(r, p, by); err != nil {
		return fmt.Errorf("%s %s#%d: %w", verb, fullName, number, err)
	}
	return nil
}

// A PullRequest is what a person sees of one.
type PullRequest struct {
	Number                 int
	Title, Body, Author    string
	State                  string // "open", "merged" or "closed"
	Branch, Base           string
	Head, MergeCommit      string
	Labels                 []string
	Mergeable              bool
	URL, ClosedBy          string
	Files                  []string // paths that it changes, sorted
	Additions, Deletions   int
	ConflictsWith, Missing []string // paths in conflict; what protection still asks for
}

// PullRequests returns all pull requests of a repository by number.
func (s *Server) PullRequests(fullName string) ([]PullRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return nil, fmt.Errorf("repository %s: %w", fullName, bare.ErrNotFound)
	}
	var out []PullRequest
	for _, n := range r.pullNumbers() {
		p, err := s.view(r, r.pulls[n])
		if err != nil {
			return nil, fmt.Errorf("pull request %s#%d: %w", fullName, n, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (s *Server) view(r *repo, p *pull) (PullRequest, error) {
	files, sum, err := s.pullDiff(r, p)
	if err != nil {
		return PullRequest{}, err
	}
	out := PullRequest{
		Number: p.number, Title: p.title, Body: p.body, Author: p.author.login, State: p.state, Branch: p.headBranch,
		Base: p.baseBranch, Head: p.head.String(), Labels: slices.Clone(p.labels), Mergeable: p.open() && p.mergeable,
		URL: s.pageURL("/%s/pull/%d", r.fullName(), p.number), Additions: sum.additions, Deletions: sum.deletions,
		ConflictsWith: slices.Clone(p.conflicts),
	}
	if !p.merged.IsZero() {
		out.State, out.MergeCommit = "merged", p.mergeCommit.String()
	}
	if p.closedBy != nil {
		out.ClosedBy = p.closedBy.login
	}
	if missing := s.missing(r, p); p.open() && missing != "" {
		out.Missing = []string{missing}
	}
	for _, f := range files {
		out.Files = append(out.Files, fmt.Sprint(f["filename"]))
	}
	return out, nil
}

// A CheckRun is what a person sees of one.
type CheckRun struct {
	ID                               int64
	Name, App, Status, Conclusion    string
	Title, Summary, Text, ExternalID string
	Annotations                      []Annotation
}

// An Annotation is a remark of a check run on lines of a file.
type Annotation struct {
	Path                  string
	StartLine, EndLine    int
	Level, Title, Message string
}

// CheckRuns returns the newest check runs of each name on a commit.
func (s *Server) CheckRuns(fullName, commit string) []CheckRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	h, ok := bare.ParseHash(commit)
	if r == nil || !ok {
		return nil
	}
	var out []CheckRun
	for _, run := range r.latestRuns(h) {
		view := CheckRun{
			ID: run.id, Name: run.name, App: run.suite.app.slug, Status: run.status, Conclusion: run.conclusion,
			Title: run.title, Summary: run.summary, Text: run.text, ExternalID: run.externalID,
		}
		for _, a := range run.annotations {
			view.Annotations = append(view.Annotations, Annotation{a.Path, a.StartLine, a.EndLine, a.Level, a.Title, a.Message})
		}
		out = append(out, view)
	}
	return out
}

// A Comment is what a person sees of one.
type Comment struct {
	ID           int64
	Author, Body string
}

// Comments returns the comments on a pull request, oldest first.
func (s *Server) Comments(fullName string, number int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return nil
	}
	var out []Comment
	for _, m := range r.commentsOf(number) {
		out = append(out, Comment{m.id, m.by.login, m.body})
	}
	return out
}

// Tip returns the commit of a branch; empty if there is no such branch.
func (s *Server) Tip(fullName, branch string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return ""
	}
	h, found := r.tip(branch)
	if !found {
		return ""
	}
	return h.String()
}

// ReadFile returns a file as it is on a branch or at a commit.
func (s *Server) ReadFile(fullName, ref, path string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return nil, fmt.Errorf("repository %s: %w", fullName, bare.ErrNotFound)
	}
	content, err := s.readFile(r, ref, path)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s of %s: %w", path, ref, fullName, err)
	}
	return content, nil
}

func (s *Server) readFile(r *repo, ref, path string) ([]byte, error) {
	h, found := s.resolve(r, ref)
	if !found {
		return nil, bare.ErrNotFound
	}
	commit, err := r.git.Commit(h)
	if err != nil {
		return nil, err
	}
	e, err := r.git.Lookup(commit.Tree, path)
	if err != nil {
		return nil, err
	}
	return r.git.Blob(e.Hash)
}
