package githubbox

import (
	"errors"
	"path"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// Sizes at which the contents API changes what it sends.
const (
	maxInline = 1 << 20
	maxRaw    = 100 << 20
)

// getContents reads a file or a folder at a ref.
func (c *call) getContents() (reply, error) {
	if err := c.repo.empty(); err != nil {
		return reply{}, fail(404, "This repository is empty.")
	}
	h, found := c.s.resolve(c.repo, c.query("ref"))
	if !found {
		return reply{}, fail(404, "No commit found for the ref %s", c.query("ref"))
	}
	commit, err := c.repo.git.Commit(h)
	if err != nil {
		return reply{}, notFound()
	}
	p := strings.Trim(c.vars["path"], "/")
	e, err := c.repo.git.Lookup(commit.Tree, p)
	if errors.Is(err, bare.ErrNotFound) {
		return reply{}, notFound()
	}
	if err != nil {
		return reply{}, err
	}
	if !e.IsTree() {
		return c.fileContents(p, h, e)
	}
	entries, err := c.repo.git.Tree(e.Hash)
	if err != nil {
		return reply{}, err
	}
	return ok(collect(entries, func(e bare.Entry) object { return c.contentJSON(path.Join(p, e.Name), h, e) }))
}

func (c *call) fileContents(p string, at bare.Hash, e bare.Entry) (reply, error) {
	if e.Mode == bare.ModeSubmodule {
		return ok(c.contentJSON(p, at, e))
	}
	content, err := c.repo.git.Blob(e.Hash)
	if err != nil {
		return reply{}, err
	}
	if len(content) > maxRaw {
		return reply{}, fail(403, "This API returns blobs up to 100 MB in size.")
	}
	if strings.Contains(c.r.Header.Get("Accept"), "raw") {
		c.header.Set("Content-Type", "application/vnd.github.raw; charset=utf-8")
		return ok(content)
	}
	out := c.contentJSON(p, at, e)
	out["encoding"], out["content"] = "base64", wrap64(content)
	if len(content) > maxInline {
		out["encoding"], out["content"] = "none", ""
	}
	return ok(out)
}

func (c *call) contentJSON(p string, at bare.Hash, e bare.Entry) object {
	kind, gitKind := "file", "blobs"
	switch e.Mode {
	case bare.ModeTree:
		kind, gitKind = "dir", "trees"
	case bare.ModeLink:
		kind = "symlink"
	case bare.ModeSubmodule:
		kind, gitKind = "submodule", "trees"
	}
	size, err := c.repo.git.BlobSize(e.Hash)
	if err != nil {
		size = 0
	}
	u := c.s.api("/repos/%s/contents/%s?ref=%s", c.repo.fullName(), p, at)
	page := c.s.pageURL("/%s/blob/%s/%s", c.repo.fullName(), at, p)
	out := object{
		"type": kind, "size": size, "name": path.Base(p), "path": p, "sha": e.Hash.String(), "url": u,
		"git_url": c.gitURL(gitKind, e.Hash), "html_url": page, "download_url": nil,
		"_links": object{"self": u, "git": c.gitURL(gitKind, e.Hash), "html": page},
	}
	if kind == "file" {
		out["download_url"] = c.s.pageURL("/%s/raw/%s/%s", c.repo.fullName(), at, p)
	}
	return out
}
