package githubbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// refMove is a ref that is to be created, moved or deleted.
type refMove struct {
	ref     string
	to      bare.Hash // zero to delete
	force   bool      // allow a branch to go where the old commit isn't an ancestor
	by      *account
	trusted bool // a merge, or the server's own doing: protection doesn't apply
}

// Why a ref can't be moved.
var (
	errNotFastForward = errors.New("not a fast forward")
	errProtected      = errors.New("protected branch hook declined")
	errHidden         = errors.New("deny updating a hidden ref")
	errMissing        = errors.New("missing necessary objects")
)

// moveRef is the one way in which a branch or tag changes: it checks, changes, tells the pull
// requests that hang on the branch, and sends the webhooks.
func (s *Server) moveRef(r *repo, m refMove) error {
	if strings.HasPrefix(m.ref, "refs/pull/") {
		return errHidden
	}
	old, exists := r.git.Ref(m.ref)
	if !m.to.IsZero() && !r.git.Has(m.to) {
		return errMissing
	}
	branch, isBranch := strings.CutPrefix(m.ref, "refs/heads/")
	forced, err := rewrites(r, old, m.to)
	if err != nil {
		return err
	}
	if isBranch && !m.trusted {
		p, isProtected := r.protected[branch]
		if isProtected && (p.PullRequestsOnly || forced || m.to.IsZero()) {
			return errProtected
		}
	}
	if isBranch && forced && !m.force && !m.to.IsZero() {
		return errNotFastForward
	}
	if m.to.IsZero() {
		r.git.DeleteRef(m.ref)
	} else {
		r.git.SetRef(m.ref, m.to)
	}
	if old == m.to {
		return nil
	}
	r.pushed = s.now()
	s.emitPush(r, pushEvent{ref: m.ref, before: old, after: m.to, created: !exists, forced: forced && !m.to.IsZero(), by: m.by})
	if isBranch {
		return s.branchMoved(r, branch, old, m.to, m.by)
	}
	return nil
}

// rewrites tells whether a move loses commits.
func rewrites(r *repo, from, to bare.Hash) (bool, error) {
	if from.IsZero() || to.IsZero() {
		return false, nil
	}
	keeps, err := r.git.Ancestor(r.git.Peel(from), r.git.Peel(to))
	if err != nil {
		return false, fmt.Errorf("compare %s with %s: %w", from, to, err)
	}
	return !keeps, nil
}

// Protection says what a branch asks for. The zero value forbids only forced pushes and deletion.
type Protection struct {
	PullRequestsOnly bool     // no push and no update through the API, only merges
	RequiredChecks   []string // names of check runs or contexts of statuses that must have passed
	RequiredReviews  int      // approvals by people with write access, not counting the author
}

// Protect protects a branch, or changes how.
func (s *Server) Protect(fullName, branch string, p Protection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[fullName]
	if r == nil {
		return fmt.Errorf("protect %s of %s: no such repository", branch, fullName)
	}
	r.protected[branch] = p
	return nil
}

// Unprotect removes the protection of a branch.
func (s *Server) Unprotect(fullName, branch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[fullName]; r != nil {
		delete(r.protected, branch)
	}
}

func (p Protection) json() object {
	checks := []object{}
	for _, name := range p.RequiredChecks {
		checks = append(checks, object{"context": name, "app_id": nil})
	}
	level := "off"
	if len(checks) > 0 {
		level = "everyone"
	}
	contexts := append([]string{}, p.RequiredChecks...)
	return object{
		"enabled":                true,
		"required_status_checks": object{"enforcement_level": level, "contexts": contexts, "checks": checks},
	}
}

func (c *call) branchProtection() (reply, error) {
	p, found := c.repo.protected[c.vars["branch"]]
	if !found {
		return reply{}, fail(http.StatusNotFound, "Branch not protected")
	}
	out := p.json()
	out["url"] = c.s.api("/repos/%s/branches/%s/protection", c.repo.fullName(), c.vars["branch"])
	out["enforce_admins"] = object{"url": c.s.api("/repos/%s/branches/%s/protection/enforce_admins", c.repo.fullName(), c.vars["branch"]), "enabled": true}
	return ok(out)
}

// branchRules answers with the rules of a branch as a ruleset would give them.
func (c *call) branchRules() (reply, error) {
	rules := []object{}
	add := func(kind string, parameters object) {
		rule := object{"type": kind, "ruleset_source_type": "Repository", "ruleset_source": c.repo.fullName(), "ruleset_id": c.repo.id}
		if parameters != nil {
			rule["parameters"] = parameters
		}
		rules = append(rules, rule)
	}
	if p, found := c.repo.protected[c.vars["branch"]]; found {
		add("deletion", nil)
		add("non_fast_forward", nil)
		if p.PullRequestsOnly || p.RequiredReviews > 0 {
			add("pull_request", object{
				"required_approving_review_count": p.RequiredReviews, "dismiss_stale_reviews_on_push": false,
				"require_code_owner_review": false, "require_last_push_approval": false, "required_review_thread_resolution": false,
			})
		}
		if len(p.RequiredChecks) > 0 {
			checks := []object{}
			for _, name := range p.RequiredChecks {
				checks = append(checks, object{"context": name})
			}
			add("required_status_checks", object{"required_status_checks": checks, "strict_required_status_checks_policy": false})
		}
	}
	return ok(page(c, rules))
}
