package githubbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// commitInput is the input of createCommitOnBranch, the one mutation that this GraphQL endpoint
// knows. See docs.github.com/graphql/reference/mutations#createcommitonbranch.
type commitInput struct {
	Branch struct {
		Repository string `json:"repositoryNameWithOwner"`
		Name       string `json:"branchName"`
	} `json:"branch"`
	Message struct {
		Headline, Body string
	} `json:"message"`
	Expected    string `json:"expectedHeadOid"`
	FileChanges struct {
		Additions []struct{ Path, Contents string }
		Deletions []struct{ Path string }
	} `json:"fileChanges"`
	ClientMutationID string `json:"clientMutationId"`
}

// graphqlError is a failure as GraphQL reports it: with status 200.
type graphqlError struct{ kind, message string }

func (e *graphqlError) Error() string { return e.message }

func (c *call) graphql() (reply, error) {
	var in struct {
		Query     string
		Variables struct{ Input commitInput }
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if !strings.Contains(in.Query, "createCommitOnBranch") {
		return graphqlFailure(&graphqlError{"undefinedField", "Field doesn't exist on this endpoint; it knows createCommitOnBranch only"})
	}
	r, h, err := c.commitOnBranch(in.Variables.Input)
	if bad, ok := errors.AsType[*graphqlError](err); ok {
		return graphqlFailure(bad)
	}
	if err != nil {
		return reply{}, err
	}
	return ok(object{"data": object{"createCommitOnBranch": object{
		"clientMutationId": orNull(in.Variables.Input.ClientMutationID),
		"commit": object{
			"oid": h.String(), "url": c.s.commitPage(r, h), "id": "C_" + h.String(),
			"signature": object{"isValid": r.verified[h], "wasSignedByGitHub": r.verified[h]},
		},
		"ref": object{"name": in.Variables.Input.Branch.Name, "target": object{"oid": h.String()}},
	}}})
}

func graphqlFailure(e *graphqlError) (reply, error) {
	return ok(object{
		"data":   object{"createCommitOnBranch": nil},
		"errors": []object{{"type": e.kind, "path": []string{"createCommitOnBranch"}, "message": e.message}},
	})
}

func (c *call) commitOnBranch(in commitInput) (*repo, bare.Hash, error) {
	r := c.s.repos[in.Branch.Repository]
	if r == nil || !c.by.sees(r) {
		return nil, bare.Hash{}, &graphqlError{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", in.Branch.Repository)}
	}
	if !c.by.granted("contents:write") {
		return nil, bare.Hash{}, &graphqlError{"FORBIDDEN", "Resource not accessible by integration"}
	}
	tip, found := r.tip(in.Branch.Name)
	switch {
	case !found:
		return nil, tip, &graphqlError{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Ref with the name '%s'.", in.Branch.Name)}
	case tip.String() != in.Expected:
		return nil, tip, &graphqlError{"STALE_DATA", fmt.Sprintf("Expected branch to point to %q but it did not. Pull and try again.", in.Expected)}
	}
	edits := map[string]bare.Entry{}
	for _, d := range in.FileChanges.Deletions {
		edits[d.Path] = bare.Entry{}
	}
	for _, a := range in.FileChanges.Additions {
		content, err := base64.StdEncoding.DecodeString(a.Contents)
		if err != nil || !bare.ValidPath(a.Path) {
			return nil, tip, &graphqlError{"UNPROCESSABLE", "A file to add has a malformed path or content: " + a.Path}
		}
		h, err := r.git.PutBlob(content)
		if err != nil {
			return nil, tip, err
		}
		edits[a.Path] = bare.Entry{Mode: bare.ModeFile, Hash: h}
	}
	message := in.Message.Headline
	if in.Message.Body != "" {
		message += "\n\n" + in.Message.Body
	}
	h, err := c.s.commitEdits(r, c.by.account, in.Branch.Name, message, edits)
	if errors.Is(err, errProtected) {
		return nil, h, &graphqlError{"UNPROCESSABLE", "Changes must be made through a pull request."}
	}
	return r, h, err
}

// commitEdits commits edits on top of a branch as the web pages do, and moves the branch.
func (s *Server) commitEdits(r *repo, by *account, branch, message string, edits map[string]bare.Entry) (bare.Hash, error) {
	tip, found := r.tip(branch)
	if !found {
		return tip, fmt.Errorf("branch %s of %s: %w", branch, r.fullName(), bare.ErrNotFound)
	}
	parent, err := r.git.Commit(tip)
	if err != nil {
		return tip, err
	}
	tree, err := r.git.EditTree(parent.Tree, edits)
	if err != nil {
		return tip, err
	}
	h, err := s.commitAs(r, by, tree, []bare.Hash{tip}, message)
	if err != nil {
		return h, err
	}
	return h, s.moveRef(r, refMove{ref: "refs/heads/" + branch, to: h, by: by})
}
