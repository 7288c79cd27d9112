package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// groupsOnWire is CloudWatch Logs with the groups of the given names, one to a page. Groups whose
// tags are nil vanished after they were listed.
type groupsOnWire map[string]tagged

func (g groupsOnWire) answer(c call) reply {
	var in struct {
		NextToken, LogGroupNamePrefix, ResourceArn, LogGroupName string
	}
	if err := json.Unmarshal([]byte(c.body), &in); err != nil {
		return jsonError("SerializationException", err.Error())
	}
	switch c.op {
	case "DescribeLogGroups":
		return g.page(in.LogGroupNamePrefix, in.NextToken)
	case "ListTagsForResource":
		name := strings.TrimPrefix(in.ResourceArn, "arn:aws:logs:eu-central-1:111122223333:log-group:")
		if g[name] == nil {
			return jsonError("ResourceNotFoundException", "The specified resource does not exist.")
		}
		text := literal(map[string]any{"tags": g[name]}).Reveal()
		return reply{body: text}
	case "CreateLogGroup":
		return jsonError("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	return reply{body: "{}"}
}

func (g groupsOnWire) page(prefix, token string) reply {
	var names []string
	for name := range g {
		if strings.HasPrefix(name, prefix) && name > token {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return reply{body: `{"logGroups":[]}`}
	}
	next := ""
	if len(names) > 1 {
		next = fmt.Sprintf(`,"nextToken":%q`, names[0])
	}
	return reply{body: fmt.Sprintf(`{"logGroups":[{"logGroupName":%q,"retentionInDays":30,"arn":"arn:aws:logs:eu-central-1:111122223333:log-group:%s:*"}]%s}`,
		names[0], names[0], next)}
}

func ourTags(kind resource.Kind) tagged {
	return marked(nil, testFleet, address(kind.Name, "main"), "")
}

func TestLogGroupsOfAllPages(t *testing.T) {
	other := marked(nil, testFleet, address(kindLogGroup.Name, "other"), "")
	w := newWire(t, groupsOnWire{"/a": ourTags(kindLogGroup), "/b": {}, "/c": nil, "/d": other}.answer)
	found, err := newLogGroup(w.sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].ID != "/a" || found[1].ID != "/d" {
		t.Errorf("observed %v, want /a and /d", found)
	}
	if arn := found[0].Outputs["arn"]; strings.HasSuffix(arn, ":*") {
		t.Errorf("the ARN is %s", arn)
	}
	for _, c := range w.sent("DescribeLogGroups") {
		if !strings.Contains(c.body, `"limit":50`) {
			t.Errorf("no page size in %s", c.body)
		}
	}
}

func TestLogGroupsWithoutOnePageAreAnError(t *testing.T) {
	groups := groupsOnWire{"/a": ourTags(kindLogGroup), "/b": {}}
	w := newWire(t, func(c call) reply {
		if c.op == "DescribeLogGroups" && strings.Contains(c.body, "nextToken") {
			return jsonError("AccessDeniedException", "no")
		}
		return groups.answer(c)
	})
	found, err := newLogGroup(w.sessions()).Observe(t.Context(), testScope, testFleet)
	if !errors.Is(err, providers.ErrDenied) || found != nil {
		t.Errorf("observed %v and error %v, want nothing but %v", found, err, providers.ErrDenied)
	}
}

// TestLogGroupByExactName: a listing by prefix has the neighbours as well.
func TestLogGroupByExactName(t *testing.T) {
	w := newWire(t, groupsOnWire{"/app": ourTags(kindLogGroup), "/app-2": {}}.answer)
	now, err := newLogGroup(w.sessions()).Refresh(t.Context(), have(kindLogGroup, "/app", nil))
	if err != nil || now.ID != "/app" {
		t.Errorf("refreshed %q, error %v", now.ID, err)
	}
	w = newWire(t, groupsOnWire{"/app-2": ourTags(kindLogGroup)}.answer)
	_, err = newLogGroup(w.sessions()).Refresh(t.Context(), have(kindLogGroup, "/app", nil))
	if !errors.Is(err, providers.ErrGone) {
		t.Errorf("error %v, want %v", err, providers.ErrGone)
	}
}

func TestLogGroupThatExists(t *testing.T) {
	want := desired(kindLogGroup, map[string]any{"name": "/app", "retentionDays": 7, "tags": map[string]string{"team": "blue"}})
	for _, test := range []struct {
		name  string
		tags  tagged
		err   error
		wrote []string
	}{
		{"ours", ourTags(kindLogGroup), nil, []string{"CreateLogGroup", "PutRetentionPolicy", "TagResource"}},
		{"nobody's", tagged{}, providers.ErrNotOurs, []string{"CreateLogGroup"}},
		{"another fleet's", marked(nil, "other", want.Address, ""), providers.ErrNotOurs, []string{"CreateLogGroup"}},
		{"vanished", nil, providers.ErrPending, []string{"CreateLogGroup"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, groupsOnWire{"/app": test.tags}.answer)
			_, err := newLogGroup(w.sessions()).Create(t.Context(), want, testFleet)
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if got := w.wrote(); !slices.Equal(got, test.wrote) {
				t.Errorf("wrote %q, want %q", got, test.wrote)
			}
		})
	}
}

func TestLogGroupIsNeverDeleted(t *testing.T) {
	w := newWire(t, groupsOnWire{"/app": ourTags(kindLogGroup)}.answer)
	d := newLogGroup(w.sessions())
	if err := d.Delete(t.Context(), have(kindLogGroup, "/app", nil)); !errors.Is(err, providers.ErrHoldsData) {
		t.Errorf("error %v, want %v", err, providers.ErrHoldsData)
	}
	if len(w.calls) != 0 {
		t.Errorf("made calls: %v", w.calls)
	}
}

// TestLogGroupRetiredOnce: the time of the first retirement counts.
func TestLogGroupRetiredOnce(t *testing.T) {
	tags := ourTags(kindLogGroup)
	tags[tagRetired] = "2026-01-01T00:00:00Z"
	w := newWire(t, groupsOnWire{"/app": tags}.answer)
	now, err := newLogGroup(w.sessions()).Retire(t.Context(), have(kindLogGroup, "/app", nil), "2026-05-05T00:00:00Z")
	if err != nil || now.Retired != "2026-01-01T00:00:00Z" || len(w.wrote()) != 0 {
		t.Errorf("retired at %q, wrote %q, error %v", now.Retired, w.wrote(), err)
	}
}
