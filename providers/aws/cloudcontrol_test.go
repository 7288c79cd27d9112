package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A network is a type whose identity AWS makes up.
func newNetwork(t *testing.T, w *wire) *cloudControl {
	t.Helper()
	table, err := awstypes.Open()
	if err != nil {
		t.Fatal(err)
	}
	kind, err := table.Type("AWS::EC2::VPC")
	if err != nil {
		t.Fatal(err)
	}
	s := w.sessions()
	d, err := newCloudControl(s, newCloudControlPool(s), kind)
	if err != nil {
		t.Fatal(err)
	}
	if !d.kind.Unrepeatable {
		t.Fatal("a VPC has no name of its own")
	}
	return d
}

func aNetwork() resource.Desired {
	return resource.Desired{
		Address: resource.Address{Owner: "tenant/acme", Kind: "AWS::EC2::VPC", Name: "net"}, Scope: testScope, Nonce: "n1",
		Attributes: resource.Attributes{"CidrBlock": resource.String("10.0.0.0/16")},
	}
}

func progress(status, code, id string, at time.Time) reply {
	return reply{body: fmt.Sprintf(`{"ProgressEvent": {"RequestToken": "r1", "Operation": "CREATE", "OperationStatus": %q, "ErrorCode": %q, "Identifier": %q, "EventTime": %d}}`,
		status, code, id, at.Unix())}
}

// A create whose end isn't known is in doubt, so that what comes next is the same create and no other:
// its nonce, which the log keeps for that, is part of its token.
func TestACreateWithoutAnEndIsUnsure(t *testing.T) {
	now := time.Now()
	for name, answer := range map[string]func(call) reply{
		"the answer is lost": func(call) reply { return reply{lost: io.ErrUnexpectedEOF} },
		"the service says nothing of it": func(c call) reply {
			return reply{status: 500, body: `{"__type":"ServiceInternalErrorException"}`}
		},
		"the handler doesn't know":              func(call) reply { return progress("FAILED", "InternalFailure", "", now) },
		"an attempt was lost, the next refused": lostThenRefused(),
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := newNetwork(t, newWire(t, answer)).Create(t.Context(), aNetwork(), testFleet)
			if !errors.Is(err, providers.ErrUnsure) || errors.Is(err, providers.ErrPending) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	refused := newWire(t, func(call) reply { return jsonError("ValidationException", "no such thing") })
	if _, err := newNetwork(t, refused).Create(t.Context(), aNetwork(), testFleet); err == nil || errors.Is(err, providers.ErrUnsure) {
		t.Errorf("refused: %v", err)
	}
}

// A request that the service took and isn't done with is under way, by its token; that it can't be looked
// at changes nothing. Looked at later, it ends in one of four ways.
func TestARequestThatTakesLongerIsUnderWay(t *testing.T) {
	now := time.Now()
	taken := func(then reply) func(call) reply {
		return func(c call) reply {
			if c.op == "CreateResource" {
				return progress("IN_PROGRESS", "", "", now)
			}
			return then
		}
	}
	for name, answer := range map[string]func(call) reply{
		"it takes longer":       taken(progress("IN_PROGRESS", "", "", now)),
		"it can't be looked at": taken(jsonError("AccessDeniedException", "no")),
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := newNetwork(t, newWire(t, answer)).Create(t.Context(), aNetwork(), testFleet)
			under, ok := errors.AsType[*providers.UnderWay](err)
			if !ok || under.Ticket != "r1" || errors.Is(err, providers.ErrUnsure) || time.Since(now) > time.Hour {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for name, test := range map[string]struct {
		answer reply
		want   func(error) bool
	}{
		"done":                {progress("SUCCESS", "", "vpc-1", now), func(err error) bool { return err == nil }},
		"going on":            {progress("IN_PROGRESS", "", "", now), func(err error) bool { return errors.Is(err, providers.ErrPending) && !isEnded(err) }},
		"refused":             {progress("FAILED", "InvalidRequest", "", now), func(err error) bool { return isEnded(err) && !errors.Is(err, providers.ErrUnsure) }},
		"nobody knows":        {progress("FAILED", "InternalFailure", "", now), func(err error) bool { return isEnded(err) && errors.Is(err, providers.ErrUnsure) }},
		"made in part":        {progress("FAILED", "NotStabilized", "vpc-1", now), func(err error) bool { return isEnded(err) && errors.Is(err, providers.ErrUnsure) }},
		"forgotten":           {jsonError("RequestTokenNotFoundException", "no"), func(err error) bool { return errors.Is(err, providers.ErrGone) && !isEnded(err) }},
		"not to be looked at": {jsonError("AccessDeniedException", "no"), func(err error) bool { return err != nil && !isEnded(err) && !errors.Is(err, providers.ErrGone) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newNetwork(t, newWire(t, func(call) reply { return test.answer }))
			if err := d.Await(t.Context(), testScope, "r1"); !test.want(err) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func isEnded(err error) bool {
	_, ended := errors.AsType[*providers.Ended](err)
	return ended
}

func lostThenRefused() func(call) reply {
	sent := 0
	return func(call) reply {
		if sent++; sent == 1 {
			return reply{lost: io.ErrUnexpectedEOF}
		}
		return jsonError("ValidationException", "no such thing")
	}
}

// What a failed create left is there: another create would make a second one. That its time looks old
// may lie in our clock.
func TestAFailureThatLeftSomethingIsNotTriedUnderAnotherToken(t *testing.T) {
	for name, first := range map[string]string{"at once": "FAILED", "after a while": "IN_PROGRESS"} {
		synctest.Test(t, func(t *testing.T) {
			old := time.Now().Add(-3 * time.Minute)
			w := newWire(t, func(c call) reply {
				switch {
				case c.op == "GetResource":
					return reply{body: `{"ResourceDescription": {"Identifier": "vpc-1", "Properties": "{}"}}`}
				case c.op == "CreateResource" && first != "FAILED":
					return progress(first, "", "", old)
				}
				return progress("FAILED", "NotStabilized", "vpc-1", old)
			})
			made, err := newNetwork(t, w).Create(t.Context(), aNetwork(), testFleet)
			if n := len(w.sent("CreateResource")); err == nil || made.ID != "vpc-1" || n != 1 {
				t.Errorf("%s: %d creates, made %q: %v", name, n, made.ID, err)
			}
		})
	}
}

// A list that shows no tags may not have read them.
func TestAListWithoutTagsHidesNothing(t *testing.T) {
	want := aNetwork()
	tags, err := json.Marshal(map[string]any{"VpcId": "vpc-1", "Tags": []any{
		map[string]any{"Key": tagFleet, "Value": testFleet}, map[string]any{"Key": tagAddress, "Value": want.Address.String()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range []string{`{"VpcId": "vpc-1"}`, `{"VpcId": "vpc-1", "Tags": []}`, `{"VpcId": "vpc-1", "Tags": null}`} {
		w := newWire(t, func(c call) reply {
			if c.op == "ListResources" {
				return reply{body: fmt.Sprintf(`{"ResourceDescriptions": [{"Identifier": "vpc-1", "Properties": %q}]}`, listed)}
			}
			return reply{body: fmt.Sprintf(`{"ResourceDescription": {"Identifier": "vpc-1", "Properties": %q}}`, strings.TrimSpace(string(tags)))}
		})
		seen, err := newNetwork(t, w).Observe(t.Context(), testScope, testFleet)
		if err != nil || len(seen) != 1 || seen[0].Address != want.Address {
			t.Errorf("%s: %v, %v", listed, seen, err)
		}
	}
}
