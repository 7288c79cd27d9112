package githubbox

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// press does something to the pull request of the path and shows it again.
func (c *call) press(act func(p *pull) error) (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	if err := act(p); err != nil {
		return reply{}, err
	}
	return c.seeOther("/%s/pull/%d", c.repo.fullName(), p.number)
}

func (c *call) pressMerge() (reply, error) {
	return c.press(func(p *pull) error {
		_, err := c.s.merge(c.repo, p, mergeRequest{sha: c.form("sha"), by: c.by.account})
		return err
	})
}

func (c *call) pressClose() (reply, error) {
	return c.press(func(p *pull) error {
		c.s.closePull(c.repo, p, c.by.account)
		return nil
	})
}

func (c *call) pressReopen() (reply, error) {
	return c.press(func(p *pull) error { return c.s.reopenPull(c.repo, p, c.by.account) })
}

func (c *call) pressComment() (reply, error) {
	return c.press(func(p *pull) error {
		_, err := c.s.addComment(c.repo, p, c.by.account, nil, c.form("body"))
		return err
	})
}

// pressRevert shows the pull request that takes the other one back.
func (c *call) pressRevert() (reply, error) {
	p, err := c.pull()
	if err != nil {
		return reply{}, err
	}
	q, err := c.s.revert(c.repo, p, c.by.account)
	if err != nil {
		return reply{}, err
	}
	return c.seeOther("/%s/pull/%d", c.repo.fullName(), q.number)
}

// openPage offers to open a pull request for a branch that was pushed.
func (c *call) openPage() (reply, error) {
	branch := c.vars["branch"]
	head, found := c.repo.tip(branch)
	base, found2 := c.repo.tip(c.repo.branch)
	if !found || !found2 {
		return reply{}, notFound()
	}
	fork, _, err := c.repo.git.MergeBase(base, head)
	if err != nil {
		return reply{}, err
	}
	trees, err := c.repo.pullTrees(&pull{fork: fork, head: head})
	if err != nil {
		return reply{}, err
	}
	files, _, err := c.diffView(trees[0], trees[1], nil)
	if err != nil {
		return reply{}, err
	}
	return c.show("open", "Open a pull request", object{"Branch": branch, "Base": c.repo.branch, "Suggest": branch, "Files": files})
}

func (c *call) openFromPage() (reply, error) {
	q, err := c.s.openPull(c.repo, newPull{
		title: c.form("title"), body: c.form("body"), head: c.form("head"), base: c.repo.branch, by: c.by.account,
	})
	if err != nil {
		return reply{}, err
	}
	return c.seeOther("/%s/pull/%d", c.repo.fullName(), q.number)
}

// manifest is what an App's maker asks for.
// See docs.github.com, "Registering a GitHub App from a manifest".
type manifest struct {
	Name           string
	URL            string
	HookAttributes struct {
		URL string
	} `json:"hook_attributes"`
	RedirectURL        string            `json:"redirect_url"`
	DefaultPermissions map[string]string `json:"default_permissions"`
	DefaultEvents      []string          `json:"default_events"`
}

// manifestPage asks the person whether to create the App that another page's form describes.
func (c *call) manifestPage() (reply, error) {
	var m manifest
	if err := json.Unmarshal([]byte(c.form("manifest")), &m); err != nil || m.Name == "" || m.RedirectURL == "" {
		return reply{}, fail(http.StatusUnprocessableEntity, "The manifest needs at least name and redirect_url.")
	}
	owner := c.vars["org"]
	if owner == "" {
		owner = c.s.pagePerson
	}
	return c.show("manifest", "Create a GitHub App", object{
		"Name": m.Name, "Permissions": m.DefaultPermissions, "Manifest": c.form("manifest"), "State": c.query("state"), "Owner": owner,
	})
}

// createFromManifest makes the App and sends the browser back with the code that fetches its secrets.
func (c *call) createFromManifest() (reply, error) {
	var m manifest
	if err := json.Unmarshal([]byte(c.form("manifest")), &m); err != nil {
		return reply{}, fail(http.StatusUnprocessableEntity, "The manifest is no JSON.")
	}
	back, err := url.Parse(m.RedirectURL)
	if err != nil || m.RedirectURL == "" {
		return reply{}, fail(http.StatusUnprocessableEntity, "redirect_url is no URL.")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return reply{}, fmt.Errorf("make key of App %s: %w", m.Name, err)
	}
	a := c.s.addApp(AppOptions{Slug: slug(m.Name), Owner: c.form("owner"), Permissions: m.DefaultPermissions, Events: m.DefaultEvents, Key: key})
	a.secret = randomHex(20)
	if m.HookAttributes.URL != "" {
		c.s.hooks.url, c.s.hooks.secret = m.HookAttributes.URL, a.secret
	}
	code := randomHex(20)
	c.s.codes[code] = a
	q := back.Query()
	q.Set("code", code)
	if state := c.form("state"); state != "" {
		q.Set("state", state)
	}
	back.RawQuery = q.Encode()
	return c.seeOther("%s", back)
}

// slug is an App's name as it stands in addresses and in its bot's login.
func slug(name string) string {
	out := []rune{}
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			out = append(out, r+'a'-'A')
		case (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9'):
			out = append(out, r)
		case len(out) > 0 && out[len(out)-1] != '-':
			out = append(out, '-')
		}
	}
	return string(out)
}
