package report

import (
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/reconciler/changeset"
)

// Whatever holds data and would be retired or replaced is said before anything else: whose it is, which,
// and what becomes of it.
func TestDataComesFirst(t *testing.T) {
	const bucket, logs, topic = "/aws.s3.bucket/data", "/aws.logs.group/logs", "/aws.sns.topic/events"
	replaced := func(address string) changeset.Change {
		c := data(change(changeset.Replace, changeset.Config, address))
		c.Replacing = []string{"name"}
		return c
	}
	retired := func(address string) changeset.Change {
		return data(change(changeset.Retire, changeset.Config, address))
	}
	for _, r := range []struct {
		says    string
		changes []changeset.Change
		want    []string
	}{
		{"nothing with data", []changeset.Change{change(changeset.Delete, changeset.Config, "tenant/a"+topic), change(changeset.Replace, changeset.Config, "tenant/b"+topic)}, nil},
		{"data that is changed, made, adopted or moved", []changeset.Change{
			data(change(changeset.Update, changeset.Config, "tenant/a"+bucket)), data(change(changeset.Create, changeset.Config, "tenant/b"+bucket)),
			data(change(changeset.Adopt, changeset.Config, "tenant/c"+bucket)), data(change(changeset.Move, changeset.Config, "tenant/d"+bucket)),
		}, nil},
		{"what only carries a mark", []changeset.Change{held(data(change(changeset.Retire, changeset.Orphan, "tenant/a"+bucket)), changeset.HoldOrphan, "odd")}, nil},
		{"one tenant", []changeset.Change{retired("tenant/a" + bucket), retired("tenant/a" + logs)}, []string{
			"Data of tenant/a: 2 to be retired",
			"  tenant/a: aws.s3.bucket/data, aws.logs.group/logs: to be retired: taken out of service, the data is kept",
		}},
		{"several fates", []changeset.Change{
			retired("tenant/a" + bucket),
			held(replaced("tenant/a"+logs), changeset.HoldData, "no"),
			held(retired("tenant/b"+bucket), changeset.HoldLimit, "too many"),
			held(retired("tenant/b"+logs), changeset.HoldPending, "busy"),
		}, []string{
			"Data of 2 tenants: 1 to be retired, 1 kept from being replaced, 2 kept from being retired",
			"  tenant/a: aws.s3.bucket/data: to be retired: taken out of service, the data is kept",
			"  tenant/a: aws.logs.group/logs: would be replaced by an empty one, as name can't be changed in place; held, so that it stays as it is",
			"  tenant/b: aws.s3.bucket/data: would be retired; held by a limit, so that it stays in service until that is approved",
			"  tenant/b: aws.logs.group/logs: would be retired; held, so that it stays as it is",
		}},
		{"a cell's", []changeset.Change{retired("cell/eu-1" + logs), retired("tenant/a" + logs)}, []string{
			"Data of 2 owners: 2 to be retired",
			"  cell/eu-1: aws.logs.group/logs: to be retired: taken out of service, the data is kept",
			"  tenant/a: aws.logs.group/logs: to be retired: taken out of service, the data is kept",
		}},
		{"a replacement that nobody held", []changeset.Change{replaced("tenant/a" + bucket)}, []string{
			"Data of tenant/a: 1 to be replaced",
			"  tenant/a: aws.s3.bucket/data: to be replaced by an empty one: the data is LOST",
		}},
	} {
		t.Run(r.says, func(t *testing.T) {
			c := changeset.Changeset{Changes: r.changes}
			text, comment, title := Text(c, false), Comment(c, CommentOptions{}), Title(c, Facts{})
			if r.want == nil {
				if title != "Plan: "+Line(c) || strings.Contains(text+comment, "Data of") {
					t.Errorf("speaks of data: %s\n%s", title, text)
				}
				return
			}
			if want := strings.Join(r.want, "\n") + "\n\n"; !strings.HasPrefix(text, want) {
				t.Errorf("the plan begins\n%s\nwant\n%s", text[:min(len(text), len(want))], want)
			}
			if want := "**" + r.want[0] + "**\n\n- " + strings.TrimSpace(r.want[1]); !strings.HasPrefix(comment, want) {
				t.Errorf("the comment begins\n%s\nwant\n%s", comment[:len(want)], want)
			}
			if want := r.want[0] + " · " + Line(c); title != want {
				t.Errorf("the title is %s, want %s", title, want)
			}
		})
	}
}

func TestManyWithDataAreCounted(t *testing.T) {
	var c changeset.Changeset
	for tenant := range 25 {
		for i := range 9 {
			c.Changes = append(c.Changes, data(change(changeset.Retire, changeset.Config, fmt.Sprintf("tenant/t%02d/aws.s3.bucket/b%d", tenant, i))))
		}
	}
	text := Text(c, false)
	head, _, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) != 22 || lines[21] != "  and of 5 more owners" || !strings.Contains(lines[1], "aws.s3.bucket/b5 and 3 more: to be retired") {
		t.Errorf("%d lines, the second and the last:\n%s\n%s", len(lines), lines[1], lines[len(lines)-1])
	}
	if title := Title(c, Facts{}); !strings.HasPrefix(title, "Data of 25 tenants: 225 to be retired · ") {
		t.Errorf("title %s", title)
	}
	if text := Comment(c, CommentOptions{}); len(text) > 60_000 {
		t.Errorf("a comment of %d bytes", len(text))
	}
}
