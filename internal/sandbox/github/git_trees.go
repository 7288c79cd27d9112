package githubbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// treeEntry is an entry of a tree that is asked for. SHA tells apart null (remove) and absent.
type treeEntry struct {
	Path, Mode, Type string
	SHA              json.RawMessage
	Content          *string
}

func (c *call) createTree() (reply, error) {
	var in struct {
		BaseTree string `json:"base_tree"`
		Tree     []treeEntry
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.repo.empty(); err != nil {
		return reply{}, err
	}
	if len(in.Tree) == 0 {
		return reply{}, fail(http.StatusUnprocessableEntity, "Invalid tree info")
	}
	base, err := c.baseTree(in.BaseTree)
	if err != nil {
		return reply{}, err
	}
	edits := map[string]bare.Entry{}
	for _, e := range in.Tree {
		if !bare.ValidPath(e.Path) {
			return reply{}, fail(http.StatusUnprocessableEntity, "tree.path contains a malformed path component")
		}
		if edits[e.Path], err = c.treeEntry(base, e); err != nil {
			return reply{}, err
		}
	}
	h, err := c.repo.git.EditTree(base, edits)
	if err != nil {
		return reply{}, err
	}
	out, err := c.treeJSON(h, false)
	if err != nil {
		return reply{}, err
	}
	return created(out)
}

// baseTree takes a tree's id, or a commit's, as GitHub does.
func (c *call) baseTree(text string) (bare.Hash, error) {
	if text == "" {
		return bare.Hash{}, nil
	}
	h, _ := bare.ParseHash(text)
	switch kind, _ := c.repo.git.Kind(h); kind {
	case "tree":
		return h, nil
	case "commit":
		commit, err := c.repo.git.Commit(h)
		return commit.Tree, err
	}
	return h, fail(http.StatusUnprocessableEntity, "base_tree is not a valid tree oid")
}

var modes = map[string]bare.Entry{
	"100644": {Mode: bare.ModeFile}, "100755": {Mode: bare.ModeExecutable}, "120000": {Mode: bare.ModeLink},
	"040000": {Mode: bare.ModeTree}, "160000": {Mode: bare.ModeSubmodule},
}

// treeEntry makes the entry that was asked for: removed, from content, or from an object.
func (c *call) treeEntry(base bare.Hash, in treeEntry) (bare.Entry, error) {
	e, known := modes[in.Mode]
	if !known {
		return e, fail(http.StatusUnprocessableEntity, "tree.mode must be one of 100644, 100755, 040000, 160000, 120000")
	}
	switch {
	case string(in.SHA) == "null" && in.Content == nil:
		if _, err := c.repo.git.Lookup(base, in.Path); err != nil {
			return e, fail(http.StatusUnprocessableEntity, "GitRPC::BadObjectState")
		}
		return bare.Entry{}, nil
	case in.Content != nil:
		h, err := c.repo.git.PutBlob([]byte(*in.Content))
		e.Hash = h
		return e, err
	}
	var sha string
	if err := json.Unmarshal(in.SHA, &sha); err != nil {
		return e, fail(http.StatusUnprocessableEntity, "tree.sha or tree.content must be supplied")
	}
	want := "blob"
	if e.IsTree() {
		want = "tree"
	}
	h, _ := bare.ParseHash(sha)
	kind, err := c.repo.git.Kind(h)
	if e.Mode != bare.ModeSubmodule && (err != nil || kind != want) {
		return e, fail(http.StatusUnprocessableEntity, "tree.sha %s is not a valid %s", sha, want)
	}
	e.Hash = h
	return e, nil
}

func (c *call) getTree() (reply, error) {
	h, err := c.resolve(c.vars["sha"])
	if err != nil {
		return reply{}, err
	}
	if commit, err := c.repo.git.Commit(h); err == nil {
		h = commit.Tree
	}
	out, err := c.treeJSON(h, c.query("recursive") != "")
	if errors.Is(err, bare.ErrNotFound) {
		return reply{}, notFound()
	}
	if err != nil {
		return reply{}, err
	}
	return ok(out)
}

func (c *call) treeJSON(h bare.Hash, recursive bool) (object, error) {
	var list []bare.PathEntry
	if recursive {
		var err error
		if list, err = c.repo.git.Walk(h); err != nil {
			return nil, err
		}
	} else {
		entries, err := c.repo.git.Tree(h)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			list = append(list, bare.PathEntry{Path: e.Name, Entry: e})
		}
	}
	truncated := len(list) > maxTreeEntries
	if truncated {
		list = list[:maxTreeEntries]
	}
	return object{
		"sha": h.String(), "url": c.gitURL("trees", h), "truncated": truncated, "tree": collect(list, c.treeEntryJSON),
	}, nil
}

func (c *call) treeEntryJSON(e bare.PathEntry) object {
	kind := "blob"
	switch e.Mode {
	case bare.ModeTree:
		kind = "tree"
	case bare.ModeSubmodule:
		kind = "commit"
	}
	out := object{
		"path": e.Path, "mode": strings.TrimPrefix(e.Mode.String(), "0"), "type": kind, "sha": e.Hash.String(),
		"url": c.gitURL(kind+"s", e.Hash),
	}
	if size, err := c.repo.git.BlobSize(e.Hash); err == nil && kind == "blob" {
		out["size"] = size
	}
	return out
}
