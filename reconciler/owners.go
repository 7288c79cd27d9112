package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/codeowners"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	// stateFiles keeps, by branch, which files define what a report of drift is about.
	stateFiles = "files/"
	// teamsAsked bounds how many teams are asked for one decision.
	teamsAsked = 20
)

// onlyWriters refuses a person who may not write to the repository.
func (d *Daemon) onlyWriters(ctx context.Context, login, verb string) (string, error) {
	may, err := d.Reviews.MayWrite(ctx, login)
	if err != nil {
		return "", fmt.Errorf("whether %s may %s: %w", login, verb, err)
	}
	if may {
		return "", nil
	}
	return report.Refusal{Login: login, What: verb, Outsider: true}.String(), nil
}

// onlyWritingOwners tells why a person may not have something done that some files are about, in Markdown; empty if
// they may: they may write to the repository, and own the files.
func (d *Daemon) onlyWritingOwners(ctx context.Context, login, verb string, files []string) (string, error) {
	refused, err := d.onlyWriters(ctx, login, verb)
	if err != nil || refused != "" {
		return refused, err
	}
	return d.onlyOwners(ctx, login, verb, files)
}

// onlyOwners refuses a person who, of some file that CODEOWNERS gives to somebody, is no owner, neither
// themselves nor by a team. CODEOWNERS is that of the watched branch, whatever a pull request makes of it. In
// doubt the answer is no, but what couldn't be asked for this once is an error.
func (d *Daemon) onlyOwners(ctx context.Context, login, verb string, files []string) (string, error) {
	rules, place, unread, err := d.codeowners(ctx)
	if err != nil || place == "" {
		return "", err
	}
	refusal := report.Refusal{Login: login, What: verb, Place: place, Unread: unread}
	if unread != "" {
		return refusal.String(), nil
	}
	j := assay{teams: d.Teams, login: login, asked: map[string]bool{}}
	for _, rule := range owned(rules, files) {
		is, err := j.owns(ctx, rule.Owners)
		if err != nil {
			return "", fmt.Errorf("whether %s may %s: %w", login, verb, err)
		}
		if !is {
			refusal.Lacking = append(refusal.Lacking, report.Lacking{Files: rule.files, Owners: names(rule.Owners), Line: rule.Line})
		}
	}
	if len(refusal.Lacking) == 0 {
		return "", nil
	}
	refusal.Doubts = j.doubts
	for _, f := range rules.Findings {
		refusal.Skipped = append(refusal.Skipped, f.String())
	}
	return refusal.String(), nil
}

// codeowners reads CODEOWNERS of the watched branch. Without one the place is empty; if it can't be used,
// unread says why.
func (d *Daemon) codeowners(ctx context.Context) (rules codeowners.Ruleset, place, unread string, err error) {
	newest, err := d.Source.Head(ctx)
	if err != nil {
		return rules, "", "", fmt.Errorf("read the config repository: %w", err)
	}
	files, err := d.Source.Open(ctx, newest)
	if err != nil {
		return rules, "", "", fmt.Errorf("open commit %s: %w", newest.Short(), err)
	}
	for _, place := range codeowners.Places() {
		if rules, unread, found := readRules(files, place); found {
			return rules, place, unread, nil
		}
	}
	return rules, "", "", nil
}

// readRules reads one CODEOWNERS file; unread says why it can't be used.
func readRules(files fs.FS, place string) (rules codeowners.Ruleset, unread string, found bool) {
	text, err := fs.ReadFile(files, place)
	if errors.Is(err, fs.ErrNotExist) {
		return rules, "", false
	}
	if err == nil {
		rules, err = codeowners.Parse(text)
	}
	if err != nil {
		return rules, err.Error(), true
	}
	return rules, "", true
}

// An ownedRule is a rule of CODEOWNERS with those of some files that fall under it.
type ownedRule struct {
	codeowners.Rule
	files []string
}

// owned are the rules that give some of the files to somebody, in the order of the file.
func owned(rules codeowners.Ruleset, files []string) []ownedRule {
	files = slices.Clone(files)
	slices.Sort(files)
	var list []ownedRule
	for _, file := range slices.Compact(files) {
		rule, found := rules.Of(file)
		if !found || len(rule.Owners) == 0 {
			continue
		}
		at := slices.IndexFunc(list, func(r ownedRule) bool { return r.Line == rule.Line })
		if at < 0 {
			at = len(list)
			list = append(list, ownedRule{Rule: rule})
		}
		list[at].files = append(list[at].files, file)
	}
	slices.SortFunc(list, func(a, b ownedRule) int { return a.Line - b.Line })
	return list
}

func names(owners []codeowners.Owner) []string {
	list := make([]string, len(owners))
	for i, o := range owners {
		list[i] = string(o)
	}
	return list
}

// An assay tells whether one person is an owner.
type assay struct {
	teams  Teams // may be nil
	login  string
	asked  map[string]bool // by team, whether they belong to it
	doubts []string        // why that couldn't be told, once each
}

// owns tells whether the person is one of some owners. A person behind an e-mail address isn't known, and
// counts as somebody else.
func (j *assay) owns(ctx context.Context, owners []codeowners.Owner) (bool, error) {
	if slices.ContainsFunc(owners, func(o codeowners.Owner) bool { return o.Is(j.login) }) {
		return true, nil
	}
	for _, o := range owners {
		team, isTeam := o.Team()
		if !isTeam {
			if !strings.HasPrefix(string(o), "@") {
				j.doubt("whose e-mail address it is, the forge doesn't say: name the login in CODEOWNERS")
			}
			continue
		}
		is, err := j.belongs(ctx, team)
		if err != nil || is {
			return is, err
		}
	}
	return false, nil
}

func (j *assay) belongs(ctx context.Context, team string) (bool, error) {
	if is, known := j.asked[team]; known {
		return is, nil
	}
	if j.teams == nil || len(j.asked) >= teamsAsked {
		j.doubt(fmt.Sprintf("nobody is asked who belongs to @%s", team))
		return false, nil
	}
	is, err := j.teams.Member(ctx, team, j.login)
	if errors.Is(err, ErrNoTeams) {
		j.doubt(err.Error())
		err = nil
	}
	j.asked[team] = is
	return is, err
}

func (j *assay) doubt(why string) {
	if !slices.Contains(j.doubts, why) {
		j.doubts = append(j.doubts, why)
	}
}

// mayDecide tells why a person may not have drift put back, which writes to the cloud, whether by closing a
// report or by a command; empty if they may. They own what defines it, and are no robot: whoever may triage
// can close a pull request as well, and so can robots that tidy up.
func (d *Daemon) mayDecide(ctx context.Context, t Target, cause report.Cause, login string) (string, error) {
	if login == "" || strings.HasSuffix(login, "[bot]") {
		return "A robot decides nothing about drift.", nil
	}
	return d.onlyWritingOwners(ctx, login, verbRevert, filesOf(t, cause))
}

// refuse says on a report of drift why what somebody decided isn't done.
func (d *Daemon) refuse(ctx context.Context, p ProposalState, why string) error {
	d.Log.Warn("a drift proposal was decided on by somebody who can't; it is made again", "pull_request", p.Number, "by", p.ClosedBy)
	c := Command{Pull: p.Number, Verb: verbRevert, Author: p.ClosedBy, At: p.ClosedAt}
	if p.State != "open" {
		c.Unknown = "closed"
		why += "\nGit's values are not put back. The drift is reported again."
	}
	return errors.Join(d.reply(ctx, c, why), d.forgetWish(ctx, p.Branch))
}

// filesOf are the files that define what a cause is about, sorted: the lines of the attributes that differ,
// of the resources that are gone, and the owner's definition for what Git doesn't have.
func filesOf(t Target, cause report.Cause) []string {
	var files []string
	add := func(origins ...resource.Origin) {
		for _, o := range origins {
			if o.File != "" {
				files = append(files, o.File)
			}
		}
	}
	for _, c := range cause.Changes {
		before := len(files)
		for _, a := range c.Attributes {
			add(a.Origin)
		}
		if len(files) == before {
			add(c.Origin)
		}
		if len(files) == before {
			files = append(files, t.definitionOf(c.Address.Owner))
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// definitionOf is the file that defines an owner; that of the fleet for one that isn't defined.
func (t Target) definitionOf(owner resource.Owner) string {
	if t.Fleet != nil {
		for _, tenant := range t.Fleet.Tenants {
			if resource.Tenant(tenant.Name) == owner && tenant.Origin.File != "" {
				return tenant.Origin.File
			}
		}
		for _, cell := range t.Fleet.Cells {
			if resource.Cell(cell.Name) == owner && cell.Origin.File != "" {
				return cell.Origin.File
			}
		}
	}
	return "fleet.cue"
}

// A concern is what a report of drift is about, in Git.
type concern struct {
	Digest string   `json:"digest"` // of the drift
	Files  []string `json:"files"`
}

// rememberFiles keeps which files a cause is about, before it is proposed.
func (d *Daemon) rememberFiles(ctx context.Context, t Target, cause report.Cause) error {
	about := concern{cause.Digest, filesOf(t, cause)}
	return d.remember(ctx, stateFiles+driftBranches+cause.Slug, about, "which files "+cause.Slug+" is about")
}

// mayWish is for a decision on a report of drift: an owner of the files that define what drifted may. If
// these aren't known, or of another drift than the one that is shown, nobody may until it was looked at again.
func (d *Daemon) mayWish(ctx context.Context, c Command) (string, error) {
	refused, err := d.onlyWriters(ctx, c.Author, c.Verb)
	if err != nil || refused != "" {
		return refused, err
	}
	proposals, err := d.Forge.Proposals(ctx, driftBranches, time.Now().Add(-remembered))
	if err != nil {
		return "", fmt.Errorf("list drift proposals: %w", err)
	}
	at := slices.IndexFunc(proposals, func(p ProposalState) bool { return p.Number == c.Pull && p.State == "open" })
	if at < 0 || undecidable(proposals[at]) {
		return "", nil // there is nothing to decide, which is the answer
	}
	text, err := d.Reconciler.State.Get(ctx, stateFiles+proposals[at].Branch)
	if err != nil {
		return "", fmt.Errorf("recall which files %s is about: %w", proposals[at].Branch, err)
	}
	var about concern
	known := json.Unmarshal([]byte(text), &about) == nil && about.Digest == driftDigest(proposals[at])
	if !known {
		d.trigger(ctx, keyDrift, true)
		return answers("moved", c.Verb), nil
	}
	return d.onlyOwners(ctx, c.Author, c.Verb, about.Files)
}
