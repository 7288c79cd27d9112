package githubbox

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

// visit reads a page, following redirects, and returns its text and where it ended.
func (b *box) visit(path string, form url.Values) (status int, text, at string) {
	b.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = http.Get(b.URL() + path)
	} else {
		resp, err = http.PostForm(b.URL()+path, form)
	}
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	if resp.Header.Get("Content-Security-Policy") == "" {
		b.Errorf("%s has no content security policy", path)
	}
	return resp.StatusCode, string(body), resp.Request.URL.Path
}

func (b *box) shows(path string, want ...string) {
	b.Helper()
	status, text, _ := b.visit(path, nil)
	if status != http.StatusOK {
		b.Errorf("%s: status %d", path, status)
	}
	text = html.UnescapeString(text)
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.Errorf("%s doesn't show %q", path, w)
		}
	}
}

// TestStoryInTheBrowser does the demo's story with pages alone.
func TestStoryInTheBrowser(t *testing.T) {
	b := newBox(t)
	b.shows("/", fleet)
	b.shows("/acme/fleet", "tenants/", "git clone "+b.GitURL(fleet))
	b.shows("/acme/fleet/blob/main/tenants/globex.cue", "retention: 30", "/edit/main/tenants/globex.cue")
	b.shows("/acme/fleet/edit/main/tenants/globex.cue", globex)
	status, text, at := b.visit("/acme/fleet/propose", url.Values{
		"base": {"main"}, "from": {"tenants/globex.cue"}, "path": {"tenants/globex.cue"},
		"content": {strings.ReplaceAll(strings.Replace(globex, "30", "90", 1), "\n", "\r\n")}, "title": {"Keep logs longer"},
		"body": {"Because **audit**."},
	})
	if status != 200 || at != "/acme/fleet/pull/1" || !strings.Contains(text, "<strong>audit</strong>") {
		t.Fatalf("proposing ends at %s with status %d", at, status)
	}
	p := b.pr(1)
	if p.Additions != 1 || p.Deletions != 1 {
		t.Errorf("the proposal changes +%d -%d lines", p.Additions, p.Deletions)
	}
	_, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{
		Name: "tenantry/plan", HeadSHA: p.Head, Conclusion: new("success"),
		Output: &github.CheckRunOutput{
			Title: new("1 to update"), Summary: new("| a | b |\n|---|---|\n| 1 | 2 |"),
			Annotations: []*github.CheckRunAnnotation{{
				Path: new("tenants/globex.cue"), StartLine: new(2), EndLine: new(2),
				AnnotationLevel: new("notice"), Message: new("updates the log group"),
			}},
		},
	})
	b.must(err)
	b.shows("/acme/fleet/pull/1", "tenantry/plan", "1 to update", "<td>1</td>", "updates the log group", "+retention: 90", "Merge pull request")
	b.visit("/acme/fleet/pull/1/comment", url.Values{"body": {"<details><summary>More</summary>\n\nhidden\n\n</details>"}})
	b.shows("/acme/fleet/pull/1", "<details><summary>More</summary>")
	b.shows("/acme/fleet/pulls", "Keep logs longer", "1 of 1 checks passed")
	if status, _, _ := b.visit("/acme/fleet/pull/1/merge", url.Values{"sha": {"0000"}}); status != http.StatusConflict {
		t.Errorf("merging another head: status %d", status)
	}
	b.visit("/acme/fleet/pull/1/merge", url.Values{"sha": {p.Head}})
	b.shows("/acme/fleet/pull/1", "ana merged this", "It became <a", "Revert")
	if _, _, at := b.visit("/acme/fleet/pull/1/revert", url.Values{}); at != "/acme/fleet/pull/2" {
		t.Errorf("reverting ends at %s", at)
	}
	b.shows("/acme/fleet/pull/2", `Revert "Keep logs longer"`, "-retention: 90", "+retention: 30")
	b.visit("/acme/fleet/pull/2/close", url.Values{})
	b.shows("/acme/fleet/pull/2", "ana closed this", "Reopen")
	b.visit("/acme/fleet/pull/2/reopen", url.Values{})
	b.shows("/acme/fleet/commit/"+p.Head, "Keep logs longer", "tenantry/plan", "1 to update", "updates the log group")
	b.shows("/acme/fleet/new/main/tenants", `value="tenants/"`)
	b.shows("/acme/fleet/pull/1.diff", "diff --git a/tenants/globex.cue")
	for _, path := range []string{"/acme/none", "/acme/fleet/pull/99", "/acme/fleet/blob/main/none", "/acme/fleet/blob/none/x", "/acme/fleet/commit/0"} {
		if status, _, _ := b.visit(path, nil); status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
	}
}

func TestProposeNothing(t *testing.T) {
	b := newBox(t)
	same := url.Values{"base": {"main"}, "from": {"tenants/globex.cue"}, "path": {"tenants/globex.cue"}, "content": {globex}}
	if status, _, _ := b.visit("/acme/fleet/propose", same); status != http.StatusUnprocessableEntity {
		t.Errorf("proposing nothing: status %d", status)
	}
	bad := url.Values{"base": {"main"}, "path": {"../../etc/passwd"}, "content": {"x"}}
	if status, _, _ := b.visit("/acme/fleet/propose", bad); status != http.StatusUnprocessableEntity {
		t.Errorf("a bad path: status %d", status)
	}
}

func TestOtherSitesPressNoButtons(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	r, err := http.NewRequest(http.MethodPost, b.URL()+"/acme/fleet/pull/1/merge", nil)
	b.must(err)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(r)
	b.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || b.pr(n).State != "open" {
		t.Errorf("status %d, the pull request is %s", resp.StatusCode, b.pr(n).State)
	}
}

func TestReadOnlyPages(t *testing.T) {
	b := newBox(t, func(o *Options) { o.PagePerson = "" })
	b.propose("topic", "a", "1\n")
	status, text, _ := b.visit("/acme/fleet/pull/1", nil)
	if status != 200 || strings.Contains(text, "<button") {
		t.Error("the page has buttons for nobody")
	}
	if status, _, _ := b.visit("/acme/fleet/pull/1/merge", url.Values{}); status != http.StatusForbidden {
		t.Errorf("merging as nobody: status %d", status)
	}
}

func TestMarkdown(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"details", "<details><summary>A</summary>\n\n**b**\n\n</details>", "<details><summary>A</summary>\n<p><strong>b</strong></p>\n</details>"},
		{"open details", "<details open>\n\nx\n\n</details>\n", "<details open>\n<p>x</p>\n</details>\n"},
		{"left open", "<details>\n\nx", "<details>\n<p>x</p>\n</details>"},
		{"closes the page's", "a </details></main>", "<p>a &lt;/main&gt;</p>\n"},
		{"script", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"handler", "<details ontoggle=alert(1)>", "&lt;details ontoggle=alert(1)&gt;"},
		{"handler on an image", "x <img src=x onerror=alert(1)>", "<p>x &lt;img src=x onerror=alert(1)&gt;</p>\n"},
		{"link", "[a](javascript:alert(1))", "<p><a href=\"\">a</a></p>\n"},
		{"hidden marker", "<!-- tenantry:plan v1 -->\nx", "\n<p>x</p>\n"},
		{"table", "|a|\n|-|\n|1|", "<table>"},
		{"code", "```go\na < b\n```", "<pre><code>a &lt; b\n</code></pre>\n"},
		{"diff", "```diff\n+ <b>\n- c\n  d\n```", "<pre><code><span class=\"added\">+ &lt;b&gt;\n</span><span class=\"removed\">- c\n</span>  d\n</code></pre>\n"},
		{"chart", "```mermaid\npie\n```", "<p class=\"grey\">GitHub draws a chart from this:</p><pre><code>pie\n</code></pre>\n"},
		{"sub", "a<sub>1</sub><br/>b", "<p>a<sub>1</sub><br>b</p>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(markdown(tt.in)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// harmful finds tags beyond what goldmark and the filter make.
var harmful = regexp.MustCompile(`(?i)<\s*/?(script|style|iframe|object|embed|form|input\s+(?:[^>]*\s)?on|link|meta|base|svg|math|main|html)|<[a-z][^>"]*\son[a-z]+\s*=`)

func FuzzMarkdown(f *testing.F) {
	f.Add("<details><summary>x</summary><script>alert(1)</script></details>")
	f.Add("<img src=x onerror=alert(1)>")
	f.Add("<!-- a --><b><scr<script>ipt>")
	f.Fuzz(func(t *testing.T, text string) {
		out := string(markdown(text))
		if m := harmful.FindString(out); m != "" {
			t.Fatalf("%q renders as %q, which holds %q", text, out, m)
		}
		for name := range pairs {
			// goldmark writes some of them itself, with attributes.
			opened, closed := strings.Count(out, "<"+name+">")+strings.Count(out, "<"+name+" "), strings.Count(out, "</"+name+">")
			if opened != closed {
				t.Fatalf("%q renders as %q with %d <%s> and %d ends", text, out, opened, name, closed)
			}
		}
	})
}

func TestManifest(t *testing.T) {
	b := newBox(t)
	manifest := `{"name":"Tenantry of Acme","url":"https://x.example","redirect_url":"` + b.URL() + `/acme/fleet","default_permissions":{"contents":"write"},"default_events":["push"]}`
	_, text, _ := b.visit("/organizations/acme/settings/apps/new?state=abc", url.Values{"manifest": {manifest}})
	if !strings.Contains(text, "Tenantry of Acme") || !strings.Contains(text, `value="abc"`) {
		t.Fatalf("the page shows %s", text)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(b.URL()+"/settings/apps/create", url.Values{"manifest": {manifest}, "state": {"abc"}, "owner": {"acme"}})
	b.must(err)
	resp.Body.Close()
	back, err := resp.Location()
	b.must(err)
	if back.Query().Get("state") != "abc" {
		t.Errorf("back to %s", back)
	}
	cfg, _, err := b.client(nil).Apps.CompleteAppManifest(ctx(), back.Query().Get("code"))
	b.must(err)
	if cfg.GetSlug() != "tenantry-of-acme" || !strings.HasPrefix(cfg.GetPEM(), "-----BEGIN RSA") || cfg.GetWebhookSecret() == "" {
		t.Errorf("the App is %q", cfg.GetSlug())
	}
	_, _, err = b.client(nil).Apps.CompleteAppManifest(ctx(), back.Query().Get("code"))
	b.status(err, http.StatusNotFound)
}
