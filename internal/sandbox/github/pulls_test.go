package githubbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

const globex = "plan: \"team\"\nretention: 30\nregion: \"eu\"\n\n\nowner: \"x\"\n"

func TestMergeMethods(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			b := newBox(t)
			n := b.propose("topic", "tenants/globex.cue", strings.Replace(globex, "30", "90", 1))
			_, err := b.CommitFiles(fleet, "topic", "ana", "Second", map[string][]byte{"n": []byte("1")})
			b.must(err)
			_, err = b.CommitFiles(fleet, "main", "ana", "Meanwhile", map[string][]byte{"tenants/globex.cue": []byte(strings.Replace(globex, "\"x\"", "\"y\"", 1))})
			b.must(err)
			res, _, err := b.ana.PullRequests.Merge(ctx(), "acme", "fleet", n, "", &github.PullRequestOptions{MergeMethod: method})
			b.must(err)
			want := strings.Replace(strings.Replace(globex, "30", "90", 1), "\"x\"", "\"y\"", 1)
			if got, err := b.ReadFile(fleet, "main", "tenants/globex.cue"); err != nil || string(got) != want {
				t.Errorf("merged to %q, %v", got, err)
			}
			commit, _, err := b.ana.Git.GetCommit(ctx(), "acme", "fleet", res.GetSHA())
			b.must(err)
			if parents := map[string]int{"merge": 2, "squash": 1, "rebase": 1}[method]; len(commit.Parents) != parents {
				t.Errorf("the commit has %d parents", len(commit.Parents))
			}
			pr, _, err := b.ana.PullRequests.Get(ctx(), "acme", "fleet", n)
			b.must(err)
			if !pr.GetMerged() || pr.GetMergeCommitSHA() != res.GetSHA() || pr.GetMergedBy().GetLogin() != "ana" || pr.GetChangedFiles() != 2 {
				t.Errorf("merged %v as %s by %s with %d files", pr.GetMerged(), pr.GetMergeCommitSHA(), pr.GetMergedBy().GetLogin(), pr.GetChangedFiles())
			}
			// And back again.
			m, err := b.Revert(fleet, n, "ana")
			b.must(err)
			if p := b.pr(m); !strings.HasPrefix(p.Title, "Revert ") || !slices.Equal(p.Files, []string{"n", "tenants/globex.cue"}) {
				t.Errorf("the revert is %q and changes %v", p.Title, p.Files)
			}
			_, err = b.Merge(fleet, m, "ana")
			b.must(err)
			if got, err := b.ReadFile(fleet, "main", "tenants/globex.cue"); err != nil || string(got) != strings.Replace(globex, "\"x\"", "\"y\"", 1) {
				t.Errorf("reverted to %q, %v", got, err)
			}
			if _, err := b.Revert(fleet, n, "ana"); err == nil {
				t.Error("a second revert found something to do")
			}
		})
	}
}

func TestConflictAndStaleHead(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "tenants/globex.cue", strings.Replace(globex, "30", "90", 1))
	old := b.pr(n).Head
	_, err := b.CommitFiles(fleet, "topic", "ana", "More", map[string][]byte{"n": []byte("1")})
	b.must(err)
	_, _, err = b.ana.PullRequests.Merge(ctx(), "acme", "fleet", n, "", &github.PullRequestOptions{SHA: old})
	b.status(err, http.StatusConflict)
	before, _, err := b.gh.Git.GetRef(ctx(), "acme", "fleet", "pull/1/merge")
	b.must(err)
	_, err = b.CommitFiles(fleet, "main", "ana", "Other", map[string][]byte{"tenants/globex.cue": []byte(strings.Replace(globex, "30", "60", 1))})
	b.must(err)
	pr, _, err := b.ana.PullRequests.Get(ctx(), "acme", "fleet", n)
	b.must(err)
	if pr.GetMergeable() || pr.GetMergeableState() != "dirty" {
		t.Errorf("mergeable %v, %s", pr.GetMergeable(), pr.GetMergeableState())
	}
	_, _, err = b.ana.PullRequests.Merge(ctx(), "acme", "fleet", n, "", nil)
	b.status(err, http.StatusMethodNotAllowed)
	after, _, err := b.gh.Git.GetRef(ctx(), "acme", "fleet", "pull/1/merge")
	b.must(err)
	if before.Object.GetSHA() != after.Object.GetSHA() {
		t.Error("the merge ref moved in spite of the conflict")
	}
}

func TestOpenRefusals(t *testing.T) {
	b := newBox(t)
	b.propose("topic", "a", "1\n")
	_, err := b.CommitFiles(fleet, "ahead", "ana", "m", map[string][]byte{"b": []byte("1")})
	b.must(err)
	for _, tt := range []struct{ head, base, title, message string }{
		{"topic", "main", "t", "already exists"},
		{"none", "main", "t", "invalid"},
		{"ahead", "none", "t", "invalid"},
		{"ahead", "main", "", "missing_field"},
		{"main", "main", "t", "No commits between"},
	} {
		_, _, err := b.gh.PullRequests.Create(ctx(), "acme", "fleet", &github.NewPullRequest{
			Title: new(tt.title), Head: new(tt.head), Base: new(tt.base),
		})
		if e := b.status(err, http.StatusUnprocessableEntity); !strings.Contains(e.Error(), tt.message) {
			t.Errorf("%s into %s: got %v, want %q", tt.head, tt.base, e, tt.message)
		}
	}
}

func TestProtection(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	b.must(b.Protect(fleet, "main", Protection{PullRequestsOnly: true, RequiredChecks: []string{"tenantry/plan"}, RequiredReviews: 1}))

	if _, err := b.CommitFiles(fleet, "main", "ana", "m", map[string][]byte{"b": []byte("1")}); err == nil {
		t.Error("a commit went around the protection")
	}
	dir := t.TempDir()
	b.mustGit("", "clone", "-q", strings.Replace(b.GitURL(fleet), "http://", "http://ana:ghp_ana@", 1), dir)
	b.mustGit(dir, "commit", "-q", "--allow-empty", "-m", "direct")
	if out, err := b.git(dir, "push", "origin", "main"); err == nil || !strings.Contains(out, "protected branch hook declined") {
		t.Errorf("git push to the protected branch: %v\n%s", err, out)
	}
	_, _, err := b.gh.Git.UpdateRef(ctx(), "acme", "fleet", &github.Reference{
		Ref: new("refs/heads/main"), Object: &github.GitObject{SHA: new(b.Tip(fleet, "topic"))},
	}, false)
	b.status(err, http.StatusUnprocessableEntity)

	merge := func() error {
		_, _, err := b.ana.PullRequests.Merge(ctx(), "acme", "fleet", n, "", nil)
		return err
	}
	if e := b.status(merge(), http.StatusMethodNotAllowed); !strings.Contains(e.Message, "is expected") {
		t.Errorf("without the check: %v", e)
	}
	run, _, err := b.gh.Checks.CreateCheckRun(ctx(), "acme", "fleet", github.CreateCheckRunOptions{
		Name: "tenantry/plan", HeadSHA: b.pr(n).Head, Conclusion: new("failure"),
	})
	b.must(err)
	if e := b.status(merge(), http.StatusMethodNotAllowed); !strings.Contains(e.Message, "is failing") {
		t.Errorf("with a failed check: %v", e)
	}
	_, _, err = b.gh.Checks.UpdateCheckRun(ctx(), "acme", "fleet", run.GetID(), github.UpdateCheckRunOptions{
		Name: "tenantry/plan", Conclusion: new("neutral"),
	})
	b.must(err)
	if e := b.status(merge(), http.StatusMethodNotAllowed); !strings.Contains(e.Message, "review") {
		t.Errorf("without a review: %v", e)
	}
	approve := &github.PullRequestReviewRequest{Event: new("APPROVE")}
	_, _, err = b.ana.PullRequests.CreateReview(ctx(), "acme", "fleet", n, approve)
	b.status(err, http.StatusUnprocessableEntity)
	b.AddPerson(Person{Login: "ben", Token: "ghp_ben"})
	_, _, err = b.client(nil).WithAuthToken("ghp_ben").PullRequests.CreateReview(ctx(), "acme", "fleet", n, approve)
	b.must(err)
	b.must(merge())
}

func TestLifeOfAPullRequest(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	b.must(b.Close(fleet, n, "ana"))
	issue, _, err := b.gh.Issues.Get(ctx(), "acme", "fleet", n)
	b.must(err)
	if issue.GetState() != "closed" || issue.GetClosedBy().GetLogin() != "ana" || !issue.IsPullRequest() {
		t.Errorf("state %s, closed by %s", issue.GetState(), issue.GetClosedBy().GetLogin())
	}
	if _, _, err := b.gh.Git.GetRef(ctx(), "acme", "fleet", "pull/1/merge"); err == nil {
		t.Error("the merge ref outlives the pull request")
	}
	_, _, err = b.gh.PullRequests.Edit(ctx(), "acme", "fleet", n, &github.PullRequest{State: new("open"), Title: new("New")})
	b.must(err)
	if p := b.pr(n); p.State != "open" || p.Title != "New" {
		t.Errorf("%s, %q", p.State, p.Title)
	}
	// Without its branch it is closed and can't be opened again.
	_, err = b.gh.Git.DeleteRef(ctx(), "acme", "fleet", "heads/topic")
	b.must(err)
	if p := b.pr(n); p.State != "closed" {
		t.Errorf("%s after its branch is gone", p.State)
	}
	_, _, err = b.gh.PullRequests.Edit(ctx(), "acme", "fleet", n, &github.PullRequest{State: new("open")})
	b.status(err, http.StatusUnprocessableEntity)
}

// A pull request is reopened while its branch has what it had then, or more; also if the branch was made again.
func TestReopening(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	head := b.pr(n).Head
	base, _, err := b.gh.Git.GetRef(ctx(), "acme", "fleet", "heads/main")
	b.must(err)
	set := func(sha string) {
		t.Helper()
		_, _, err := b.gh.Git.UpdateRef(ctx(), "acme", "fleet", &github.Reference{Ref: new("refs/heads/topic"), Object: &github.GitObject{SHA: &sha}}, true)
		b.must(err)
	}
	reopen := func() error {
		_, _, err := b.gh.PullRequests.Edit(ctx(), "acme", "fleet", n, &github.PullRequest{State: new("open")})
		return err
	}
	b.must(b.Close(fleet, n, "ana"))
	_, _, err = b.gh.Git.UpdateRef(ctx(), "acme", "fleet", &github.Reference{Ref: new("refs/heads/topic"), Object: base.Object}, true)
	b.must(err)
	b.status(reopen(), http.StatusUnprocessableEntity)
	if err := reopen(); !strings.Contains(err.Error(), "The topic branch was force-pushed or recreated.") {
		t.Errorf("it says %v", err)
	}
	set(head)
	b.must(reopen())
	b.must(b.Close(fleet, n, "ana"))
	_, err = b.gh.Git.DeleteRef(ctx(), "acme", "fleet", "heads/topic")
	b.must(err)
	_, _, err = b.gh.Git.CreateRef(ctx(), "acme", "fleet", &github.Reference{Ref: new("refs/heads/topic"), Object: &github.GitObject{SHA: &head}})
	b.must(err)
	b.must(reopen())
}

func TestMergedByHand(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	dir := t.TempDir()
	b.mustGit("", "clone", "-q", strings.Replace(b.GitURL(fleet), "http://", "http://ana:ghp_ana@", 1), dir)
	b.mustGit(dir, "merge", "-q", "origin/topic")
	b.mustGit(dir, "push", "-q", "origin", "main")
	if p := b.pr(n); p.State != "merged" {
		t.Errorf("%s after its commits were pushed", p.State)
	}
}

func TestFilesAndPages(t *testing.T) {
	b := newBox(t)
	files := map[string][]byte{"tenants/initech.cue": nil, "tenants/renamed.cue": []byte("plan: \"pool\"\n"), "fleet.cue": []byte("name: \"acme\"\nx: 1\n")}
	_, err := b.CommitFiles(fleet, "topic", "ana", "m", files)
	b.must(err)
	n, err := b.OpenPullRequest(fleet, "ana", "topic", "main", "t", "")
	b.must(err)
	var got []string
	opt := &github.ListOptions{PerPage: 1}
	for {
		list, resp, err := b.gh.PullRequests.ListFiles(ctx(), "acme", "fleet", n, opt)
		b.must(err)
		for _, f := range list {
			got = append(got, f.GetStatus()+" "+f.GetPreviousFilename()+f.GetFilename()+" "+f.GetPatch())
		}
		if resp.NextPage == 0 {
			break
		}
		opt.Page = resp.NextPage
	}
	want := []string{
		"modified fleet.cue @@ -1 +1,2 @@\n name: \"acme\"\n+x: 1", "renamed tenants/initech.cuetenants/renamed.cue ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	cmp, _, err := b.gh.Repositories.CompareCommits(ctx(), "acme", "fleet", "main", "topic", nil)
	b.must(err)
	if cmp.GetStatus() != "ahead" || cmp.GetAheadBy() != 1 || len(cmp.Files) != 2 {
		t.Errorf("compare: %s by %d, %d files", cmp.GetStatus(), cmp.GetAheadBy(), len(cmp.Files))
	}
}
