package report

import (
	"fmt"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
)

// Corrected reports on drift that was put back without asking, because the fleet says so. There is
// nothing left to decide: merging such a report files it, and closing it does nothing.
func Corrected(cause Cause, o DriftOptions, at time.Time, run string) (title, markdown string, data []byte) {
	title = cut(strings.Replace(DriftTitle(cause, o.Deeds), "Drift (", "Drift corrected (", 1), 200)
	level, why := cause.Severity()
	p := &page{tail: fmt.Sprintf("<sub>fleet %s · compared with %s · cause %s · run %s · digest %s</sub>\n",
		code(o.Fleet), code(shortID(o.Commit)), code(cause.Slug), code(run), code(cause.Digest))}
	p.write(fmt.Sprintf("**✅ Put back at %s, with nobody asked.** The cloud was changed, and Git was not, and this fleet says `drift: \"correct\"`. Severity %s: %s.%s\n\n",
		minute(at), level, why, known(cause, o)))
	p.write(byWhom(cause, o) + "\n\n")
	s := differences(cause, o)
	s.head = "### What differed\n\n" + table([]string{"Whose", "Resource", "Attribute", "Git says", "The cloud had", "Since"}, nil)
	p.section(s)
	p.section(deeds(cause, o))
	p.section(remade(cause))
	p.write("### Merging or closing this\n\nThere is nothing left to decide. Merging files this report in `reports/drift/`; closing throws it away. " +
		"If the cloud's value was right, write it into Git.\n\n")
	for _, change := range cause.Changes {
		p.fold(longValues(change))
	}
	return title, p.String(), driftJSON(cause, o, title, level, why, correction{at.UTC().Format(time.RFC3339), run})
}

// remade lists what could be put back only by making it anew.
func remade(cause Cause) section {
	s := section{noun: "resource", most: 12_000, head: "### Made anew\n\n", foot: "\n"}
	for _, change := range cause.Changes {
		switch change.Action {
		case changeset.Create:
			s.items = append(s.items, "- "+code(change.Address.String())+" was made again, empty\n")
		case changeset.Replace:
			s.items = append(s.items, "- **"+code(change.Address.String())+" was deleted and made again**, as "+
				prose(strings.Join(change.Replacing, ", "))+" can't be changed in place\n")
		}
	}
	return s
}

// leftSection says why a fleet that corrects drift left some of it for a person.
func leftSection(cause Cause, o DriftOptions) section {
	s := section{noun: "resource", most: 8_000, foot: "\n"}
	s.head = "### Why this was not put back\n\nThis fleet says `drift: \"correct\"`. Git's values are put back as soon as nothing stands in the way:\n\n"
	for _, change := range cause.Changes {
		if why := o.Left[change.Address]; why != "" {
			s.items = append(s.items, "- "+code(change.Address.String())+": "+prose(cut(why, 600))+"\n")
		}
	}
	return s
}
