package githubbox

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"tenantry.dev/internal/sandbox/github/bare"
)

// maxTreeEntries is where GitHub cuts a recursive listing.
const maxTreeEntries = 100_000

func (r *repo) empty() error {
	if len(r.git.Refs()) == 0 {
		return fail(http.StatusConflict, "Git Repository is empty.")
	}
	return nil
}

func (c *call) createBlob() (reply, error) {
	var in struct{ Content, Encoding string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.repo.empty(); err != nil {
		return reply{}, err
	}
	content := []byte(in.Content)
	switch in.Encoding {
	case "", "utf-8":
	case "base64":
		var err error
		if content, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", "")); err != nil {
			return reply{}, fail(http.StatusUnprocessableEntity, "content is not valid Base64")
		}
	default:
		return reply{}, fail(http.StatusUnprocessableEntity, "encoding must be utf-8 or base64")
	}
	h, err := c.repo.git.PutBlob(content)
	if err != nil {
		return reply{}, err
	}
	return created(object{"sha": h.String(), "url": c.gitURL("blobs", h)})
}

func (c *call) gitURL(kind string, h bare.Hash) string {
	return c.s.api("/repos/%s/git/%s/%s", c.repo.fullName(), kind, h)
}

// hash reads an id from the path, and answers as GitHub if it is none.
func (c *call) hash(name string) (bare.Hash, error) {
	h, ok := bare.ParseHash(c.vars[name])
	if !ok {
		return h, fail(http.StatusUnprocessableEntity, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	return h, nil
}

func (c *call) getBlob() (reply, error) {
	h, err := c.hash("sha")
	if err != nil {
		return reply{}, err
	}
	content, err := c.repo.git.Blob(h)
	if err != nil {
		return reply{}, notFound()
	}
	if strings.Contains(c.r.Header.Get("Accept"), "raw") {
		c.header.Set("Content-Type", "application/vnd.github.raw; charset=utf-8")
		return ok(content)
	}
	return ok(object{
		"sha": h.String(), "node_id": "B_" + h.String(), "size": len(content), "url": c.gitURL("blobs", h),
		"encoding": "base64", "content": wrap64(content),
	})
}

// wrap64 is Base64 in lines of 60 characters, as GitHub writes it.
func wrap64(content []byte) string {
	text := base64.StdEncoding.EncodeToString(content)
	var out strings.Builder
	for len(text) > 0 {
		n := min(60, len(text))
		out.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return out.String()
}

func (c *call) createCommit() (reply, error) {
	var in struct {
		Message           string
		Tree              string
		Parents           []string
		Author, Committer *identity
		Signature         string
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Message == "" && c.body != nil && !strings.Contains(string(c.body), `"message"`) {
		return reply{}, fail(http.StatusUnprocessableEntity, "Invalid request.\n\n\"message\" wasn't supplied.")
	}
	tree, _ := bare.ParseHash(in.Tree)
	if kind, err := c.repo.git.Kind(tree); err != nil || kind != "tree" {
		return reply{}, fail(http.StatusUnprocessableEntity, "Tree SHA does not exist")
	}
	var parents []bare.Hash
	for _, p := range in.Parents {
		h, _ := bare.ParseHash(p)
		if kind, err := c.repo.git.Kind(h); err != nil || kind != "commit" {
			return reply{}, fail(http.StatusUnprocessableEntity, "Parent SHA does not exist or is not a commit object")
		}
		parents = append(parents, h)
	}
	commit := bare.Commit{Tree: tree, Parents: parents, Message: in.Message, Signature: in.Signature}
	// GitHub signs what an App commits in its own name, and nothing else.
	signs := c.by.isInstallation() && in.Author == nil && in.Committer == nil && in.Signature == ""
	now := c.s.now().UTC().Truncate(time.Second)
	commit.Author = in.Author.or(bare.Person{Name: c.by.account.displayName(), Email: c.by.account.noreply(), When: now})
	commit.Committer = in.Committer.or(commit.Author)
	if signs {
		commit.Committer = bare.Person{Name: webFlowName, Email: webFlowEmail, When: now}
	}
	h, err := c.repo.git.PutCommit(commit)
	if err != nil {
		return reply{}, err
	}
	if signs {
		c.repo.verified[h] = true
	}
	out, err := c.s.gitCommitJSON(c.repo, h)
	if err != nil {
		return reply{}, err
	}
	return created(out)
}

// identity is an author or committer of a request.
type identity struct {
	Name, Email string
	Date        *time.Time
}

func (i *identity) or(p bare.Person) bare.Person {
	if i == nil {
		return p
	}
	p.Name, p.Email = i.Name, i.Email
	if i.Date != nil {
		p.When = *i.Date
	}
	return p
}

func (c *call) getGitCommit() (reply, error) {
	h, err := c.hash("sha")
	if err != nil {
		return reply{}, err
	}
	out, err := c.s.gitCommitJSON(c.repo, h)
	if errors.Is(err, bare.ErrNotFound) {
		return reply{}, notFound()
	}
	if err != nil {
		return reply{}, err
	}
	return ok(out)
}

func (c *call) createRef() (reply, error) {
	var in struct{ Ref, SHA string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if err := c.repo.empty(); err != nil {
		return reply{}, err
	}
	if !strings.HasPrefix(in.Ref, "refs/") || strings.Count(in.Ref, "/") < 2 || !bare.ValidRefName(in.Ref) {
		return reply{}, fail(http.StatusUnprocessableEntity, "Reference name must start with 'refs/' and contain at least two slashes")
	}
	if _, exists := c.repo.git.Ref(in.Ref); exists {
		return reply{}, fail(http.StatusUnprocessableEntity, "Reference already exists")
	}
	if c.clashes(in.Ref) {
		return reply{}, fail(http.StatusUnprocessableEntity, "Reference update failed")
	}
	h, _ := bare.ParseHash(in.SHA)
	if err := c.moveRef(refMove{ref: in.Ref, to: h, by: c.by.account}); err != nil {
		return reply{}, err
	}
	return created(c.s.refJSON(c.repo, in.Ref, h))
}

// clashes tells whether a name is a folder of another ref's name or the other way round, which no
// bare repository can hold.
func (c *call) clashes(name string) bool {
	for _, ref := range c.repo.git.Refs() {
		if strings.HasPrefix(ref.Name, name+"/") || strings.HasPrefix(name, ref.Name+"/") {
			return true
		}
	}
	return false
}

// moveRef words the server's refusals as the API does.
func (c *call) moveRef(m refMove) error {
	err := c.s.moveRef(c.repo, m)
	switch {
	case errors.Is(err, errProtected):
		return fail(http.StatusUnprocessableEntity, "Changes must be made through a pull request.")
	case errors.Is(err, errNotFastForward):
		return fail(http.StatusUnprocessableEntity, "Update is not a fast forward")
	case errors.Is(err, errMissing):
		return fail(http.StatusUnprocessableEntity, "Object does not exist")
	case errors.Is(err, errHidden):
		return fail(http.StatusUnprocessableEntity, "Reference update failed")
	}
	return err
}

func (c *call) getRef() (reply, error) {
	name := "refs/" + c.vars["ref"]
	h, found := c.repo.git.Ref(name)
	if !found {
		return reply{}, notFound()
	}
	return ok(c.s.refJSON(c.repo, name, h))
}

func (c *call) matchingRefs() (reply, error) {
	var refs []bare.Ref
	for _, ref := range c.repo.git.Refs() {
		if strings.HasPrefix(ref.Name, "refs/"+c.vars["ref"]) {
			refs = append(refs, ref)
		}
	}
	return ok(collect(page(c, refs), func(ref bare.Ref) object { return c.s.refJSON(c.repo, ref.Name, ref.Hash) }))
}

func (c *call) updateRef() (reply, error) {
	var in struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	name := "refs/" + c.vars["ref"]
	if _, found := c.repo.git.Ref(name); !found {
		return reply{}, fail(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	h, ok2 := bare.ParseHash(in.SHA)
	if !ok2 {
		return reply{}, errSHA()
	}
	if err := c.moveRef(refMove{ref: name, to: h, force: in.Force, by: c.by.account}); err != nil {
		return reply{}, err
	}
	return ok(c.s.refJSON(c.repo, name, h))
}

func errSHA() error {
	return fail(http.StatusUnprocessableEntity, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
}

func (c *call) deleteRef() (reply, error) {
	name := "refs/" + c.vars["ref"]
	if _, found := c.repo.git.Ref(name); !found {
		return reply{}, fail(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	if name == c.repo.git.Head() {
		return reply{}, fail(http.StatusUnprocessableEntity, "Cannot delete the default branch")
	}
	if err := c.moveRef(refMove{ref: name, by: c.by.account}); err != nil {
		return reply{}, err
	}
	return noContent()
}

func (s *Server) refJSON(r *repo, name string, h bare.Hash) object {
	kind, err := r.git.Kind(h)
	if err != nil {
		kind = "commit"
	}
	base := s.api("/repos/%s/git/", r.fullName())
	return object{
		"ref": name, "node_id": "REF_" + h.String(), "url": base + name,
		"object": object{"type": kind, "sha": h.String(), "url": base + kind + "s/" + h.String()},
	}
}
