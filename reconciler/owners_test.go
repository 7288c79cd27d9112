package reconciler_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/codeowners"
	"tenantry.dev/reconciler/resource"
)

// owned commits to the watched branch who owns which files; an empty text removes the file.
func (o *office) owned(place, text string) {
	o.t.Helper()
	o.git.mu.Lock()
	newest := o.git.refs[mainRef]
	o.git.mu.Unlock()
	o.git.commit(mainRef, newest, func(tree fstest.MapFS) {
		for _, place := range codeowners.Places() {
			delete(tree, place)
		}
		if text != "" {
			tree[place] = &fstest.MapFile{Data: []byte(text)}
		}
	})
	o.wait(2 * time.Minute)
}

// reaction is the last one to a comment.
func (o *office) reaction(comment int64) string {
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	for _, r := range slices.Backward(o.board.reactions) {
		if word, ours := strings.CutPrefix(r, fmt.Sprint(comment, " ")); ours {
			return word
		}
	}
	return ""
}

// Whoever has writes go on owns fleet.cue by the CODEOWNERS of the watched branch, or nobody does.
func TestOnlyOwnersResume(t *testing.T) {
	const root = "CODEOWNERS"
	inOffice(t, func(o *office) {
		o.board.teams = map[string][]string{"brightdesk/platform": {"dana"}, "brightdesk/ops": {"erin"}}
		for _, c := range []struct {
			place, text, by string
			may             bool
			says            string
		}{
			{root, "* @brightdesk/platform\n", "erin", false, "- `fleet.cue`: `@brightdesk/platform` (line 1)"},
			{root, "* @brightdesk/platform\n", "dana", true, ""},
			{root, "* @erin\n", "erin", true, ""},
			{root, "* @ERIN\n", "erin", true, ""},
			{root, "* @erin\n", "mallory", false, "Only those who may write to this repository may `resume`"},
			{root, "* @mallory\n", "mallory", false, "Only those who may write to this repository may `resume`"},
			{root, "* erin@example.com\n", "erin", false, "name the login in CODEOWNERS"},
			{root, "* @dana\n/fleet.cue\n", "erin", true, ""},
			{root, "/plans/ @dana\n", "erin", true, ""},
			{root, "* @dana\nfleet.cue erin\n", "erin", false, "line 2: \"erin\" is no owner"},
			{root, "* @brightdesk/platform @brightdesk/ops\n", "erin", true, ""},
			{root, "* @brightdesk/secret\n", "erin", false, "there is no permission"},
			{root, "* @brightdesk/secret @erin\n", "erin", true, ""},
			{".github/CODEOWNERS", "* @erin\n", "erin", true, ""},
			{root, string(bytes.Repeat([]byte("#\n"), codeowners.MaxSize/2)), "erin", false, "can't be used"},
			{root, "", "erin", true, ""},
		} {
			o.owned(c.place, c.text)
			o.tell("dana", "hold")
			o.wait(time.Minute)
			id := o.tell(c.by, "resume")
			o.wait(time.Minute)
			name := fmt.Sprintf("%s with %.60q", c.by, c.text)
			if o.onHold() == c.may {
				t.Errorf("%s: may %t, and on hold %t: %s", name, c.may, o.onHold(), o.board.newest())
			}
			if want := map[bool]string{true: "+1", false: "confused"}[c.may]; o.reaction(id) != want {
				t.Errorf("%s: the reaction is %s, want %s", name, o.reaction(id), want)
			}
			if !strings.Contains(o.board.newest(), c.says) {
				t.Errorf("%s: said %q, want %q", name, o.board.newest(), c.says)
			}
		}
	})
}

// A hold is the safe direction: whoever may write stops writes, whoever owns what.
func TestEveryWriterMayHold(t *testing.T) {
	inOffice(t, func(o *office) {
		o.owned("CODEOWNERS", "* @dana\n")
		o.tell("erin", "hold")
		o.wait(time.Minute)
		if !o.onHold() {
			t.Error("writes go on")
		}
	})
}

// Who has what is merged tried again owns each file that the pull request changes, by the CODEOWNERS of the
// watched branch, whatever the pull request itself says.
func TestOnlyOwnersOfItsFilesTryAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		o.owned("CODEOWNERS", "* @dana\n/tenants/ @erin\n/docs/\n")
		o.git.commit("refs/pull/7/head", o.first, func(tree fstest.MapFS) {
			tree["CODEOWNERS"] = &fstest.MapFile{Data: []byte("* @erin\n")}
			tree[".github/CODEOWNERS"] = &fstest.MapFile{Data: []byte("* @erin\n")}
		})
		for _, c := range []struct {
			files []string
			by    string
			may   bool
			says  string
		}{
			{[]string{"tenants/a.cue", "docs/x"}, "erin", true, ""},
			{[]string{"tenants/a.cue", "plans/b.cue"}, "erin", false, "- `plans/b.cue`: `@dana` (line 1)"},
			{[]string{"tenants/a.cue", "plans/b.cue"}, "dana", false, "- `tenants/a.cue`: `@erin` (line 2)"},
			{[]string{"CODEOWNERS", ".github/CODEOWNERS"}, "erin", false, "`CODEOWNERS`: `@dana`"},
			{nil, "mallory", false, "Only those who may write"},
		} {
			o.board.mu.Lock()
			o.board.files = map[int][]string{7: c.files}
			o.board.mu.Unlock()
			for _, verb := range []string{"retry", "apply"} {
				id := o.tell(c.by, verb)
				o.wait(time.Minute)
				if want := map[bool]string{true: "+1", false: "confused"}[c.may]; o.reaction(id) != want || !strings.Contains(o.board.newest(), c.says) {
					t.Errorf("%s of %s with %s: reaction %s, said %q", verb, c.by, c.files, o.reaction(id), o.board.newest())
				}
			}
		}
		o.board.mu.Lock()
		o.board.many = true
		o.board.mu.Unlock()
		id := o.tell("dana", "retry")
		o.wait(time.Minute)
		if o.reaction(id) != "confused" || !strings.Contains(o.board.newest(), "more files than can be asked for") {
			t.Errorf("with too many files: reaction %s, said %q", o.reaction(id), o.board.newest())
		}
	})
}

// Drift is decided on by owners of what defines it, by a command as well as by closing the report.
func TestOnlyOwnersDecideOnDrift(t *testing.T) {
	inOffice(t, func(o *office) {
		o.owned("CODEOWNERS", "* @erin\n/tenants/cedar-clinic.cue @dana\n")
		branch, writes := o.drifted(t), o.cloud.writeCount()
		number := o.board.proposals[len(o.board.proposals)-1].Number
		said := func(number int) string { return o.board.comments[fmt.Sprint(number, " command")] }
		for _, command := range [][2]string{{"revert", ""}, {"ignore", "until " + time.Now().AddDate(0, 0, 7).Format(time.DateOnly) + " so be it"}} {
			o.wish("erin", command[0], command[1])
			o.wait(5 * time.Minute)
			text, _, _ := strings.Cut(said(number), "<details>")
			if !strings.Contains(text, "- `tenants/cedar-clinic.cue`: `@dana` (line 2)") {
				t.Errorf("%s: said %q", command[0], text)
			}
			if p := o.board.content[branch]; strings.Contains(p.Title, "Waive") || o.cloud.writeCount() != writes {
				t.Errorf("%s was obeyed: %s", command[0], p.Title)
			}
		}
		o.decide(t, branch, "erin")
		if o.cloud.writeCount() != writes || len(o.board.open()) != 1 {
			t.Fatalf("closing it was obeyed: open %v", o.board.open())
		}
		if text := said(number); !strings.Contains(text, "closed` by `erin`") || !strings.Contains(text, "`@dana` (line 2)") || !strings.Contains(text, "reported again") {
			t.Errorf("nobody is told why: %q", text)
		}
		o.decide(t, o.board.open()[0], "dana")
		if got := o.retention(); got != "180" {
			t.Errorf("the owner's decision isn't carried out: kept for %s days", got)
		}
	})
}

// If it isn't known what a report is about, nobody decides on it in a comment until it was looked at again.
func TestNobodyDecidesOnWhatIsNotKnown(t *testing.T) {
	inOffice(t, func(o *office) {
		branch := o.drifted(t)
		for _, kept := range []string{"", `{"digest":"sha256:another","files":["docs/x"]}`} {
			if err := o.Daemon.Reconciler.State.Put(t.Context(), "files/"+branch, kept); err != nil {
				t.Fatal(err)
			}
			o.wish("dana", "revert", "")
			o.wait(10 * time.Minute)
			number := o.board.proposals[len(o.board.proposals)-1].Number
			if text := o.board.comments[fmt.Sprint(number, " command")]; o.retention() != "90" || !strings.Contains(text, "ask once more") {
				t.Fatalf("with %q: kept for %s days, said %q", kept, o.retention(), text)
			}
		}
		o.wish("dana", "revert", "")
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("it was looked at again, and is kept for %s days", got)
		}
	})
}

// What Git doesn't have is for whoever owns the definition of its owner.
func TestAnOrphanIsForWhoOwnsItsTenant(t *testing.T) {
	inOffice(t, func(o *office) {
		o.owned("CODEOWNERS", "* @erin\n/tenants/ @dana\n")
		live, err := o.cloud.byAddress()
		if err != nil {
			t.Fatal(err)
		}
		stray := live[cedarLogs]
		stray.Address.Name, stray.ID = "stray", "stray"
		o.cloud.mu.Lock()
		o.cloud.resources[stray.ID] = stray
		o.cloud.mu.Unlock()
		o.wait(2 * time.Hour)
		o.wish("erin", "revert", "")
		o.wait(5 * time.Minute)
		number := o.board.proposals[len(o.board.proposals)-1].Number
		if text := o.board.comments[fmt.Sprint(number, " command")]; !strings.Contains(text, "`tenants/cedar-clinic.cue`: `@dana`") {
			t.Errorf("said %q of %v", text, o.board.open())
		}
	})
}

// However many teams there are, few are asked.
func TestFewTeamsAreAsked(t *testing.T) {
	inOffice(t, func(o *office) {
		var owners []string
		for n := range 40 {
			owners = append(owners, fmt.Sprintf("@brightdesk/team-%d", n))
		}
		o.owned("CODEOWNERS", "* "+strings.Join(owners, " ")+"\n")
		o.board.mu.Lock()
		before := o.board.asked
		o.board.mu.Unlock()
		id := o.tell("erin", "resume")
		o.wait(time.Minute)
		if asked := o.board.asked - before; asked > 20 || o.reaction(id) != "confused" || !strings.Contains(o.board.newest(), "nobody is asked who belongs to") {
			t.Errorf("%d asked, reaction %s, said %q", asked, o.reaction(id), o.board.newest())
		}
	})
}

// Several answers on one pull request are all there, the newest first, and none twice.
func TestAnswersAreKept(t *testing.T) {
	inOffice(t, func(o *office) {
		o.tell("dana", "hold")
		o.tell("mallory", "resume")
		o.tell("dana", "resume")
		o.wait(time.Minute)
		text := o.board.said()
		for n, want := range []string{"`/tenantry resume` by `dana`", "Writes go on.", "/tenantry resume</b> by mallory", "Only those who may write", "/tenantry hold</b> by dana", "No more writes"} {
			at := strings.Index(text, want)
			if at < 0 {
				t.Fatalf("%d: %q isn't in its place in %q", n, want, o.board.said())
			}
			text = text[at:]
		}
		for range 10 {
			o.tell("dana", "help")
			o.wait(time.Second)
		}
		o.restart()
		o.tell("dana", "retry")
		o.wait(time.Minute)
		if text := o.board.said(); strings.Count(text, "</details>") != 4 || !strings.HasPrefix(text, "`/tenantry retry`") {
			t.Errorf("said %q", text)
		}
	})
}

// Another tool's command, or one that there isn't, does nothing and is answered with ours.
func TestAnUnknownCommandIsAnswered(t *testing.T) {
	inOffice(t, func(o *office) {
		for unknown, says := range map[string]string{
			"atlantis apply": "merging is what applies", "/hold": "make it a draft", "unlock": "`/tenantry resume` comes closest", "dance": "There is no such command",
		} {
			o.board.mu.Lock()
			id := int64(3001 + len(o.board.commands))
			o.board.commands = append(o.board.commands, reconciler.Command{Comment: id, Pull: 7, Verb: "help", Unknown: unknown, Author: "mallory", At: time.Now()})
			o.board.mu.Unlock()
			o.Notice(t.Context(), reconciler.Hint{Comment: id})
			o.wait(time.Minute)
			if o.onHold() || o.reaction(id) != "confused" || !strings.Contains(o.board.newest(), says) {
				t.Errorf("%s: reaction %s, said %q", unknown, o.reaction(id), o.board.newest())
			}
		}
	})
}

// More than tenants is evaluated of nobody who may not push here.
func TestAForkHasNoPreviewOfCode(t *testing.T) {
	for file, says := range map[string]string{"plans/team.cue": "No preview: the head is in another repository", "tenants/cedar-clinic.cue": "Preview: "} {
		inOffice(t, func(o *office) {
			head := o.git.commit("refs/pull/7/head", o.first, func(tree fstest.MapFS) {
				tree[file] = &fstest.MapFile{Data: append(slices.Clone(tree[file].Data), "\n// changed\n"...)}
			})
			o.board.mu.Lock()
			o.board.pulls = []reconciler.PullRequest{{Number: 7, Author: "olivia", Head: head, Base: o.first, Fork: true}}
			o.board.mu.Unlock()
			o.tell("olivia", "preview")
			o.wait(time.Minute)
			if text := o.board.comments["7 preview"]; !strings.Contains(text, says) {
				t.Errorf("%s: %q", file, text)
			}
		})
	}
}

// A preview shows what a pull request asks for without looking at the cloud, and writes nothing.
func TestAPreviewAsksNothingOfTheCloud(t *testing.T) {
	inOffice(t, func(o *office) {
		o.ask(7, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.board.mu.Lock()
		o.board.pulls[0].Author = "olivia"
		o.board.mu.Unlock()
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(1)) // no matter to a preview
		looks, writes := o.cloud.looks, o.cloud.writeCount()
		preview := func(by, words string) string {
			o.board.mu.Lock()
			id := int64(4001 + len(o.board.commands))
			o.board.commands = append(o.board.commands, reconciler.Command{Comment: id, Pull: 7, Verb: "preview", Words: words, Author: by, At: time.Now()})
			o.board.mu.Unlock()
			o.Notice(t.Context(), reconciler.Hint{Comment: id})
			o.wait(10 * time.Second)
			o.board.mu.Lock()
			defer o.board.mu.Unlock()
			return o.board.comments["7 preview"]
		}
		text := preview("olivia", "")
		if !strings.Contains(text, "-   retentionDays: 180\n+   retentionDays: 90") || strings.Contains(text, "harbor") {
			t.Errorf("of what it touches: %s", text)
		}
		text = preview("erin", "harbor-books tenant/cedar-clinic nobody")
		for _, want := range []string{"`tenant/harbor-books` | 0 | 0 | 0 | 0 | all", "There is no `nobody`", "1 to change", "`erin` asked"} {
			if !strings.Contains(text, want) {
				t.Errorf("of some: want %q in %s", want, text)
			}
		}
		if again := preview("mallory", "cedar-clinic"); again != text || !strings.Contains(o.board.newest(), "Only those who may write") {
			t.Errorf("a stranger has one made: %s", again)
		}
		if o.cloud.looks != looks || o.cloud.writeCount() != writes {
			t.Errorf("%d looks at the cloud and %d writes", o.cloud.looks-looks, o.cloud.writeCount()-writes)
		}
		o.board.mu.Lock()
		o.board.pulls = nil
		o.board.mu.Unlock()
		if text := preview("dana", ""); !strings.Contains(text, "isn't open") {
			t.Errorf("of a closed one: %s", text)
		}
	})
}
