package githubbox

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"tenantry.dev/internal/sandbox/github/bare"
)

// crumbs are the links to the folders above a path.
func (c *call) crumbs(ref, p string) []object {
	base := "/" + c.repo.fullName()
	out := []object{{"Name": c.repo.name, "Link": base + "/tree/" + ref}}
	at := ""
	for name := range strings.SplitSeq(p, "/") {
		if name == "" {
			continue
		}
		at = path.Join(at, name)
		out = append(out, object{"Name": name, "Link": base + "/tree/" + ref + "/" + at})
	}
	return out
}

// editable tells whether a change can be proposed from a page: on a branch, by somebody.
func (c *call) editable(ref string) bool {
	_, isBranch := c.repo.tip(ref)
	return isBranch && c.by.account != nil
}

func (c *call) treePage() (reply, error) {
	if len(c.repo.git.Refs()) == 0 {
		return c.show("tree", c.repo.fullName(), object{
			"Crumbs": c.crumbs(c.repo.branch, ""), "Ref": c.repo.branch, "Note": "This repository is empty.", "Clone": c.cloneURL(),
		})
	}
	ref, p, commit, err := c.at()
	if err != nil {
		return reply{}, err
	}
	e, err := c.repo.git.Lookup(commit.Tree, p)
	if err != nil {
		return reply{}, err
	}
	if !e.IsTree() {
		return c.seeOther("/%s/blob/%s/%s", c.repo.fullName(), ref, p)
	}
	list, err := c.repo.git.Tree(e.Hash)
	if err != nil {
		return reply{}, err
	}
	data := object{"Crumbs": c.crumbs(ref, p), "Ref": ref}
	if p == "" {
		data["Clone"] = c.cloneURL()
		data["Deployments"] = c.deploymentViews(c.repo.environments())
	}
	if c.editable(ref) {
		data["NewLink"] = fmt.Sprintf("/%s/new/%s", c.repo.fullName(), path.Join(ref, p))
	}
	data["Entries"] = collect(list, func(e bare.Entry) object {
		kind := "blob"
		if e.IsTree() {
			kind = "tree"
		}
		link := fmt.Sprintf("/%s/%s/%s", c.repo.fullName(), kind, path.Join(ref, p, e.Name))
		return object{"Name": e.Name, "Folder": e.IsTree(), "Link": link}
	})
	return c.show("tree", c.repo.fullName(), data)
}

func (c *call) cloneURL() string { return c.s.pageURL("/%s.git", c.repo.fullName()) }

// file reads the file that a page's address names.
func (c *call) file() (ref, p string, content []byte, err error) {
	ref, p, commit, err := c.at()
	if err != nil {
		return ref, p, nil, err
	}
	e, err := c.repo.git.Lookup(commit.Tree, p)
	if err != nil {
		return ref, p, nil, err
	}
	content, err = c.repo.git.Blob(e.Hash)
	return ref, p, content, err
}

func (c *call) blobPage() (reply, error) {
	ref, p, content, err := c.file()
	if err != nil {
		return reply{}, err
	}
	data := object{"Crumbs": c.crumbs(ref, p), "Ref": ref, "RawLink": fmt.Sprintf("/%s/raw/%s/%s", c.repo.fullName(), ref, p)}
	if c.editable(ref) {
		data["EditLink"] = fmt.Sprintf("/%s/edit/%s/%s", c.repo.fullName(), ref, p)
	}
	if strings.HasSuffix(p, ".md") {
		data["Markdown"] = markdown(string(content))
	}
	var lines []object
	for i, text := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		lines = append(lines, object{"New": i + 1, "Text": text})
	}
	data["Lines"] = lines
	return c.show("blob", p, data)
}

func (c *call) rawPage() (reply, error) {
	_, _, content, err := c.file()
	if err != nil {
		return reply{}, err
	}
	c.header.Set("Content-Type", "text/plain; charset=utf-8")
	c.header.Set("X-Content-Type-Options", "nosniff")
	return ok(content)
}

func (c *call) editPage() (reply, error) {
	ref, p, content, err := c.file()
	if err != nil {
		return reply{}, err
	}
	if !c.editable(ref) {
		return reply{}, fail(http.StatusForbidden, "%s is no branch that you can propose changes to.", ref)
	}
	return c.show("edit", "Propose a change to "+p, object{
		"Base": ref, "From": p, "Path": p, "Content": string(content), "Suggest": "Change " + path.Base(p),
	})
}

func (c *call) newPage() (reply, error) {
	ref, dir, _, err := c.at()
	if err != nil {
		return reply{}, err
	}
	if !c.editable(ref) {
		return reply{}, fail(http.StatusForbidden, "%s is no branch that you can propose changes to.", ref)
	}
	p := dir
	if dir != "" {
		p += "/"
	}
	return c.show("edit", "Propose a new file", object{"Base": ref, "From": "", "Path": p, "Content": "", "Suggest": "Add a file"})
}

// propose commits what was typed to a new branch and opens a pull request for it.
func (c *call) propose() (reply, error) {
	base, from, p := c.form("base"), c.form("from"), strings.Trim(strings.TrimSpace(c.form("path")), "/")
	title := c.form("title")
	if title == "" {
		title = "Change " + path.Base(p)
	}
	tip, found := c.repo.tip(base)
	if !found || !bare.ValidPath(p) {
		return reply{}, fail(http.StatusUnprocessableEntity, "%q on %q can't be changed.", p, base)
	}
	files := map[string][]byte{}
	if from != "" {
		files[from] = nil
	}
	if c.form("delete") == "" {
		content := c.form("content")
		if content != "" && !strings.HasSuffix(content, "\n") {
			content += "\n"
		}
		files[p] = []byte(content)
	}
	if old, err := c.s.readFile(c.repo, base, from); err == nil && from == p && bytes.Equal(old, files[p]) && files[p] != nil {
		return reply{}, fail(http.StatusUnprocessableEntity, "You changed nothing in %s.", p)
	}
	branch := c.freeBranch(c.by.account.login + "-patch")
	if err := c.moveRef(refMove{ref: "refs/heads/" + branch, to: tip, by: c.by.account}); err != nil {
		return reply{}, err
	}
	if _, err := c.s.commitFiles(c.repo, c.by.account, branch, title, files); err != nil {
		return reply{}, err
	}
	return c.open(branch, base, title)
}

// open opens a pull request and shows it. If there is nothing to propose, the branch goes again.
func (c *call) open(branch, base, title string) (reply, error) {
	q, err := c.s.openPull(c.repo, newPull{title: title, body: c.form("body"), head: branch, base: base, by: c.by.account})
	if err != nil {
		undo := c.s.moveRef(c.repo, refMove{ref: "refs/heads/" + branch, by: c.by.account})
		return reply{}, errors.Join(err, undo)
	}
	return c.seeOther("/%s/pull/%d", c.repo.fullName(), q.number)
}

func (c *call) freeBranch(name string) string {
	for n := 1; ; n++ {
		branch := fmt.Sprintf("%s-%d", name, n)
		if _, taken := c.repo.tip(branch); !taken {
			return branch
		}
	}
}

// commitPage shows a commit and what it changed.
func (c *call) commitPage() (reply, error) {
	h, found := c.s.resolve(c.repo, c.vars["sha"])
	if !found {
		return reply{}, notFound()
	}
	commit, err := c.repo.git.Commit(h)
	if err != nil {
		return reply{}, err
	}
	before := bare.Hash{}
	if len(commit.Parents) > 0 {
		trees, err := c.repo.treesOf(commit.Parents[0])
		if err != nil {
			return reply{}, err
		}
		before = trees[0]
	}
	checks, remarks := c.checkViews(h)
	files, _, err := c.diffView(before, commit.Tree, remarks)
	if err != nil {
		return reply{}, err
	}
	name, message, _ := strings.Cut(commit.Message, "\n")
	return c.show("commit", name, object{
		"Name": name, "Message": strings.TrimSpace(message), "Author": commit.Author.Name, "SHA": h.String(),
		"At": when(commit.Author.When), "Verified": c.repo.verified[h], "Files": files, "Checks": checks,
		"Deployments": c.deploymentViews(c.repo.deploymentsOf(h)),
	})
}
