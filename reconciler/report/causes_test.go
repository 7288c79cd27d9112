package report

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

func edited(address, path string) changeset.Change {
	return held(change(changeset.Update, changeset.Drift, address, drifted(path, "1", "2")), changeset.HoldDrift, "drift")
}

func lost(address string) changeset.Change {
	return held(change(changeset.Create, changeset.Drift, address, drifted("name", "", `"x"`)), changeset.HoldDrift, "deleted")
}

// described is what belongs together, in a form that is easy to read.
func described(causes []Cause) map[string][]string {
	out := map[string][]string{}
	for _, cause := range causes {
		for _, c := range cause.Changes {
			out[cause.Slug] = append(out[cause.Slug], c.Address.String())
		}
	}
	return out
}

func addressed(text string) resource.Address {
	address, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return address
}

func did(who string, after time.Duration, addresses ...string) map[resource.Address][]Deed {
	out := map[resource.Address][]Deed{}
	for _, a := range addresses {
		out[addressed(a)] = []Deed{{Action: "x:Put", By: "arn:aws:sts::111122223333:assumed-role/Admins/" + who, Session: who, At: noon.Add(after)}}
	}
	return out
}

func all(lists ...map[resource.Address][]Deed) map[resource.Address][]Deed {
	out := map[resource.Address][]Deed{}
	for _, list := range lists {
		for a, deeds := range list {
			out[a] = append(out[a], deeds...)
		}
	}
	return out
}

const (
	acmeLogs  = "tenant/acme/aws.logs.group/app"
	betaLogs  = "tenant/beta/aws.logs.group/app"
	acmeQueue = "tenant/acme/aws.sqs.queue/jobs"
	acmeTopic = "tenant/acme/aws.sns.topic/events"
	logsSlug  = "logs-group_retentiondays"
	queueSlug = "sqs-queue_delay"
)

func TestCausesByPerson(t *testing.T) {
	logs, others, queue, topic := edited(acmeLogs, "retentionDays"), edited(betaLogs, "retentionDays"), edited(acmeQueue, "delay"), lost(acmeTopic)
	stray := held(change(changeset.Delete, changeset.Orphan, "tenant/acme/aws.sqs.queue/stray"), changeset.HoldOrphan, "stray")
	robin := Causes([]changeset.Change{logs, queue}, did("robin@example.com", 0, acmeLogs, acmeQueue), nil)[0].Slug
	for name, test := range map[string]struct {
		changes []changeset.Change
		deeds   map[resource.Address][]Deed
		known   []Known
		want    map[string][]string
	}{
		"nobody is known to have done it": {
			changes: []changeset.Change{logs, others, queue},
			want:    map[string][]string{logsSlug: {acmeLogs, betaLogs}, queueSlug: {acmeQueue}},
		},
		"one person, several kinds and tenants": {
			changes: []changeset.Change{logs, others, queue, topic},
			deeds:   all(did("robin@example.com", 0, acmeLogs), did("robin@example.com", 20*time.Minute, acmeQueue), did("robin@example.com", 40*time.Minute, acmeTopic)),
			want:    map[string][]string{robin: {acmeLogs, acmeTopic, acmeQueue, betaLogs}},
		},
		"one person, after a pause": {
			changes: []changeset.Change{logs, queue},
			deeds:   all(did("robin", 0, acmeLogs), did("robin", time.Hour, acmeQueue)),
			want:    map[string][]string{logsSlug: {acmeLogs}, queueSlug: {acmeQueue}},
		},
		"two persons, and one attribute by both": {
			changes: []changeset.Change{logs, others, queue, topic},
			deeds:   all(did("robin", 0, acmeLogs, acmeTopic), did("sam", 0, betaLogs, acmeQueue)),
			want:    map[string][]string{logsSlug: {acmeLogs, betaLogs}, queueSlug: {acmeQueue}, "sns-topic_missing": {acmeTopic}},
		},
		"strays stay apart": {
			changes: []changeset.Change{logs, stray},
			deeds:   did("robin", 0, acmeLogs, stray.Address.String()),
			want:    map[string][]string{logsSlug: {acmeLogs}, "sqs-queue_orphan": {stray.Address.String()}},
		},
		"who did it is learnt later": {
			changes: []changeset.Change{logs, queue},
			deeds:   did("robin@example.com", 0, acmeLogs, acmeQueue),
			known:   []Known{{logsSlug, []resource.Address{logs.Address}, true}, {queueSlug, []resource.Address{queue.Address}, true}},
			want:    map[string][]string{logsSlug: {acmeLogs}, queueSlug: {acmeQueue}},
		},
		"they go on": {
			changes: []changeset.Change{logs, queue},
			deeds:   all(did("robin", 0, acmeLogs), did("robin", time.Minute, acmeQueue)),
			known:   []Known{{logsSlug, []resource.Address{logs.Address}, true}},
			want:    map[string][]string{logsSlug: {acmeLogs, acmeQueue}},
		},
		"they go on after somebody decided": {
			changes: []changeset.Change{logs, queue},
			deeds:   all(did("robin", 0, acmeLogs), did("robin", time.Minute, acmeQueue)),
			known:   []Known{{logsSlug, []resource.Address{logs.Address}, false}},
			want:    map[string][]string{logsSlug: {acmeLogs}, queueSlug: {acmeQueue}},
		},
		"the same elsewhere joins": {
			changes: []changeset.Change{logs, others, queue},
			known:   []Known{{robin, []resource.Address{logs.Address, queue.Address}, true}},
			want:    map[string][]string{robin: {acmeLogs, acmeQueue, betaLogs}},
		},
		"a member that is deleted stays": {
			changes: []changeset.Change{logs, lost(acmeQueue)},
			known:   []Known{{robin, []resource.Address{logs.Address, queue.Address}, true}},
			want:    map[string][]string{robin: {acmeLogs, acmeQueue}},
		},
		"a member that becomes a stray leaves": {
			changes: []changeset.Change{logs, stray},
			known:   []Known{{robin, []resource.Address{logs.Address, stray.Address}, true}},
			want:    map[string][]string{robin: {acmeLogs}, "sqs-queue_orphan": {stray.Address.String()}},
		},
		"a stray that is changed leaves": {
			changes: []changeset.Change{queue},
			known:   []Known{{"sqs-queue_orphan", []resource.Address{queue.Address}, true}},
			want:    map[string][]string{queueSlug: {acmeQueue}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, described(Causes(test.changes, test.deeds, test.known))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if robin != "by_robin-example-com-"+robin[len(robin)-8:] {
		t.Errorf("the cause of what one person did is called %s", robin)
	}
}

// A mixed cause says that some of it is gone.
func TestAMixedCause(t *testing.T) {
	cause := Causes([]changeset.Change{edited(acmeLogs, "retentionDays"), lost(acmeTopic)}, did("robin", 0, acmeLogs, acmeTopic), nil)[0]
	if cause.Sort != Mixed || cause.Kind != "" || !slices.Equal(cause.Paths, []string{"retentionDays"}) {
		t.Errorf("%s %q %v", cause.Sort, cause.Kind, cause.Paths)
	}
	part, ok := cause.Only(func(c changeset.Change) bool { return c.Have == nil })
	if !ok || part.Slug != cause.Slug || part.Sort != Missing || part.Digest == cause.Digest || !part.Shown(part.Changes) || part.Shown(cause.Changes) {
		t.Errorf("a part: %t, %+v", ok, part)
	}
	if _, ok := cause.Only(func(changeset.Change) bool { return false }); ok {
		t.Error("nothing is a part")
	}
}

// drifts draws differences of a few kinds at a few tenants, and who may have made some of them.
func drifts(t *rapid.T) ([]changeset.Change, map[resource.Address][]Deed) {
	var changes []changeset.Change
	deeds := map[resource.Address][]Deed{}
	for i := range rapid.IntRange(0, 4).Draw(t, "tenants") {
		for _, kind := range []string{"aws.logs.group", "aws.sqs.queue", "aws.sns.topic"} {
			address := fmt.Sprintf("tenant/t%d/%s/app", i, kind)
			switch rapid.IntRange(0, 4).Draw(t, "sort") {
			case 0:
				continue
			case 1:
				changes = append(changes, lost(address))
			case 2:
				changes = append(changes, held(change(changeset.Delete, changeset.Orphan, address), changeset.HoldOrphan, "stray"))
			default:
				changes = append(changes, edited(address, rapid.SampledFrom([]string{"delay", "tags.team", "policy"}).Draw(t, "path")))
			}
			deeds = all(deeds, done(t, address))
		}
	}
	return changes, deeds
}

func done(t *rapid.T, address string) map[resource.Address][]Deed {
	out := map[resource.Address][]Deed{}
	for range rapid.IntRange(0, 2).Draw(t, "deeds") {
		minutes := rapid.IntRange(0, 90).Draw(t, "minute")
		out = all(out, did(rapid.SampledFrom([]string{"robin", "sam"}).Draw(t, "who"), time.Duration(minutes)*time.Minute, address))
	}
	return out
}

// Each difference is in exactly one cause, in whichever order things come.
func TestCausesArePartitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes, deeds := drifts(t)
		causes := Causes(changes, deeds, nil)
		count := map[resource.Address]int{}
		slugs := map[string]bool{}
		for _, cause := range causes {
			if slugs[cause.Slug] || len(cause.Changes) == 0 {
				t.Fatalf("%s is there twice, or empty", cause.Slug)
			}
			slugs[cause.Slug] = true
			for _, c := range cause.Changes {
				count[c.Address]++
			}
		}
		for _, c := range changes {
			if count[c.Address] != 1 {
				t.Fatalf("%s is in %d causes", c.Address, count[c.Address])
			}
		}
		shuffled := rapid.Permutation(changes).Draw(t, "changes in another order")
		other := map[resource.Address][]Deed{}
		for a, list := range deeds {
			other[a] = rapid.Permutation(list).Draw(t, "deeds in another order")
		}
		if diff := cmp.Diff(described(causes), described(Causes(shuffled, other, nil))); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
	})
}

// Causes that people were asked about stay as they are: their names, what belongs to them, and their digests. What
// is learnt later of who did it doesn't move anything, and what drifts elsewhere takes nothing out of them.
func TestCausesThatAreKnownStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes, deeds := drifts(t)
		before := Causes(changes, deeds, nil)
		var known []Known
		for _, cause := range before {
			if !rapid.Bool().Draw(t, "asked about") {
				continue
			}
			k := Known{Slug: cause.Slug, Open: rapid.Bool().Draw(t, "open")}
			for _, c := range cause.Changes {
				k.Members = append(k.Members, c.Address)
			}
			known = append(known, k)
		}
		later := deeds
		for _, c := range changes {
			later = all(later, done(t, c.Address.String()))
		}
		after := map[string]Cause{}
		for _, cause := range Causes(changes, later, known) {
			after[cause.Slug] = cause
		}
		for _, k := range known {
			got := described([]Cause{after[k.Slug]})[k.Slug]
			for _, member := range k.Members {
				if !slices.Contains(got, member.String()) {
					t.Fatalf("%s lost %s: %v", k.Slug, member, got)
				}
			}
			if !k.Open && len(got) != len(k.Members) {
				t.Fatalf("%s, which was decided on, went from %v to %v", k.Slug, k.Members, got)
			}
		}
		if len(known) < len(before) {
			return
		}
		for _, cause := range before {
			if cause.Digest != after[cause.Slug].Digest {
				t.Fatalf("%s changed its digest", cause.Slug)
			}
		}
	})
}
