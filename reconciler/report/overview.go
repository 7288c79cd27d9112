package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

type overviewReport struct {
	FormatVersion string          `json:"format_version"`
	Fleet         string          `json:"fleet"`
	Commit        string          `json:"commit"`
	Causes        []overviewCause `json:"causes"`
}

type overviewCause struct {
	Cause     string   `json:"cause"`
	Title     string   `json:"title"`
	Severity  string   `json:"severity"`
	Resources int      `json:"resources"`
	Since     string   `json:"since,omitempty"`
	Who       []string `json:"who,omitempty"`
	Digest    string   `json:"digest"`
}

// Overview lists the causes of drift that wait for a pull request of their own, since own of them are open at a time at
// most. It decides nothing. Its digest is the same as long as the same waits, whatever is learnt about it.
func Overview(causes []Cause, own int, o DriftOptions) (title, markdown string, data []byte, digest string) {
	causes = slices.Clone(causes)
	slices.SortFunc(causes, func(a, b Cause) int { return Graver(a, b, o.Since) })
	out := overviewReport{FormatVersion: formatVersion, Fleet: o.Fleet, Commit: o.Commit, Causes: make([]overviewCause, len(causes))}
	levels, all := map[string]int{}, strings.Builder{}
	s := section{noun: "cause", most: 50_000, foot: "\n"}
	s.head = "### What waits, the gravest first\n\n" + table([]string{"Severity", "What", "Resources", "Since", "Who"}, nil)
	for i, cause := range causes {
		level, _ := cause.Severity()
		levels[level]++
		all.WriteString(cause.Slug + " " + cause.Digest + "\n")
		title := DriftTitle(cause, o.Deeds)
		who := Who(cause, o.Deeds)
		out.Causes[i] = overviewCause{
			Cause: cause.Slug, Title: title, Severity: level, Resources: len(cause.Changes), Since: rfc3339(cause.Since(o.Since)), Who: who, Digest: cause.Digest,
		}
		cells := []string{sign(level) + " " + level, prose(headline(cause)), fmt.Sprint(len(cause.Changes)), minute(cause.Since(o.Since)), people(who)}
		s.items = append(s.items, "| "+strings.Join(cells, " | ")+" |\n")
	}
	var counts []string
	for _, level := range []string{"high", "medium", "low"} {
		if n := levels[level]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, level))
		}
	}
	title = fmt.Sprintf("Drift: %s waiting (%s)", count(len(causes), "more cause"), strings.Join(counts, ", "))
	p := &page{tail: fmt.Sprintf("<sub>fleet %s · compared with %s</sub>\n", code(o.Fleet), code(shortID(o.Commit)))}
	p.write("**" + prose(title) + "**\n\n")
	p.write(fmt.Sprintf("At most %d pull requests about drift are open at a time, so that they can be read. The gravest come first; "+
		"each of these gets one as soon as another is decided or gone. `reports: openDrift` in `fleet.cue` says how many.\n\n", own))
	p.section(s)
	p.write("### Merging or closing this\n\nNeither decides anything: nothing is acknowledged, nothing is put back. Merging files this list in `reports/drift/`. " +
		"It is kept up to date while it is open, made again when something else waits, and closed by Tenantry when nothing does.\n\n")
	data, _ = indented(out) // texts and numbers: this can't fail
	sum := sha256.Sum256([]byte(all.String()))
	return title, p.String(), data, "overview:" + hex.EncodeToString(sum[:])
}
