package aws

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// roles answers for IAM: by operation first, else with one role that has these tags.
type roles struct {
	tags tagged
	say  map[string]reply
}

const trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func (r *roles) answer(c call) reply {
	if said, there := r.say[c.op]; there {
		return said
	}
	var body string
	switch c.op {
	case "GetRole", "CreateRole":
		body = "<Role>" + r.fields("acme-app") + "</Role>"
	case "GetAccountAuthorizationDetails": // two pages: a foreign role, then ours with policies
		if c.form.Get("Marker") == "" {
			body = "<RoleDetailList><member><RoleName>foreign</RoleName></member></RoleDetailList><IsTruncated>true</IsTruncated><Marker>2</Marker>"
			break
		}
		body = "<RoleDetailList><member>" + r.fields("acme-app") +
			"<RolePolicyList><member><PolicyName>extra</PolicyName><PolicyDocument>" + url.PathEscape(trustPolicy) + "</PolicyDocument></member></RolePolicyList>" +
			"<AttachedManagedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/B</PolicyArn></member><member><PolicyArn>arn:aws:iam::aws:policy/A</PolicyArn></member></AttachedManagedPolicies>" +
			"</member></RoleDetailList>"
	case "ListRoles":
		body = "<Roles><member><RoleName>acme-app</RoleName><Description>the app</Description><MaxSessionDuration>7200</MaxSessionDuration></member></Roles>"
	case "ListRolePolicies":
		body = "<PolicyNames><member>inline</member></PolicyNames>"
	case "ListAttachedRolePolicies":
		body = "<AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/A</PolicyArn></member></AttachedPolicies>"
	case "GetRolePolicy":
		body = "<PolicyDocument>" + url.PathEscape(trustPolicy) + "</PolicyDocument>"
	}
	return reply{body: fmt.Sprintf("<%sResponse><%sResult>%s</%sResult></%sResponse>", c.op, c.op, body, c.op, c.op)}
}

func (r *roles) fields(name string) string {
	var tags strings.Builder
	for key, value := range r.tags {
		fmt.Fprintf(&tags, "<member><Key>%s</Key><Value>%s</Value></member>", key, value)
	}
	return "<RoleName>" + name + "</RoleName><RoleId>AROA1</RoleId><Path>/</Path><Arn>arn:aws:iam::111122223333:role/" + name + "</Arn>" +
		"<AssumeRolePolicyDocument>" + url.PathEscape(trustPolicy) + "</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration>" +
		"<Tags>" + tags.String() + "</Tags>"
}

func wantedRole() resource.Desired {
	return desired(kindRole, map[string]any{"name": "acme-app", "assumeRolePolicy": rawJSON(trustPolicy)})
}

type rawJSON string

// MarshalJSON returns the text.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestRolesAreJoinedFromTwoLists(t *testing.T) {
	cloud := roles{tags: marked(nil, testFleet, wantedRole().Address, "")}
	w := newWire(t, cloud.answer)
	seen, err := newRole(w.sessions()).Observe(t.Context(), testGlobal, testFleet)
	if err != nil || len(seen) != 1 {
		t.Fatalf("%v, %v", seen, err)
	}
	a := seen[0].Attributes
	if a["description"].Text() != "the app" || a["maxSessionDuration"].Text() != "7200" ||
		a["managedPolicies"].Reveal() != `["arn:aws:iam::aws:policy/A","arn:aws:iam::aws:policy/B"]` ||
		a["inlinePolicies"].Reveal() != `{"extra":`+canonicalPolicy(literal(rawJSON(trustPolicy))).Reveal()+`}` ||
		a["assumeRolePolicy"] != wantedRole().Attributes["assumeRolePolicy"] {
		t.Errorf("seen as %v", a)
	}
	for _, op := range []string{"GetAccountAuthorizationDetails", "ListRoles"} {
		if c := w.sent(op)[0]; c.form.Get("MaxItems") != "1000" {
			t.Errorf("%s asked for %q at a time", op, c.form.Get("MaxItems"))
		}
	}
	if seen, err := newRole(newWire(t, (&roles{}).answer).sessions()).Observe(t.Context(), testGlobal, testFleet); err != nil || len(seen) != 0 {
		t.Errorf("unmarked: %v, %v", seen, err)
	}
}

func TestATakenNameOfARole(t *testing.T) {
	exists := queryError(409, "EntityAlreadyExists", "exists")
	for reason, tt := range map[string]struct {
		cloud roles
		want  error
	}{
		"ours":            {roles{tags: marked(nil, testFleet, wantedRole().Address, ""), say: map[string]reply{"CreateRole": exists}}, nil},
		"without a mark":  {roles{say: map[string]reply{"CreateRole": exists}}, providers.ErrNotOurs},
		"another address": {roles{tags: marked(nil, testFleet, address(kindRole.Name, "x"), ""), say: map[string]reply{"CreateRole": exists}}, providers.ErrNotOurs},
		"not readable yet": {roles{say: map[string]reply{
			"CreateRole": exists, "GetRole": queryError(404, "NoSuchEntity", "not yet"),
		}}, providers.ErrPending},
	} {
		w := newWire(t, tt.cloud.answer)
		_, err := newRole(w.sessions()).Create(t.Context(), wantedRole(), testFleet)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", reason, err, tt.want)
		}
		if tt.want != nil && len(w.wrote()) != 1 {
			t.Errorf("%s: wrote %v", reason, w.wrote())
		}
	}
}

// What limits comes before what grants; what isn't wanted goes.
func TestARolesPoliciesAreComplete(t *testing.T) {
	want := desired(kindRole, map[string]any{
		"name": "acme-app", "assumeRolePolicy": rawJSON(trustPolicy), "permissionsBoundary": "arn:aws:iam::aws:policy/Edge",
		"inlinePolicies": map[string]any{"kept": rawJSON(trustPolicy), "new": rawJSON(trustPolicy)}, "managedPolicies": []string{"arn:aws:iam::aws:policy/New"},
	})
	was := have(kindRole, "acme-app", map[string]any{
		"name": "acme-app", "assumeRolePolicy": rawJSON(trustPolicy),
		"inlinePolicies": map[string]any{"kept": rawJSON(trustPolicy), "extra": rawJSON(trustPolicy)}, "managedPolicies": []string{"arn:aws:iam::aws:policy/Admin"},
	})
	w := newWire(t, (&roles{tags: marked(nil, testFleet, want.Address, "")}).answer)
	if _, err := newRole(w.sessions()).Update(t.Context(), was, want); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.wrote(), " "); got != "PutRolePermissionsBoundary DetachRolePolicy AttachRolePolicy DeleteRolePolicy PutRolePolicy" {
		t.Errorf("wrote %s", got)
	}
	if got := w.sent("PutRolePolicy")[0].form.Get("PolicyName"); got != "new" {
		t.Errorf("wrote %q", got)
	}
}

func TestARoleIsDeletedWithWhatIsOnIt(t *testing.T) {
	was := have(kindRole, "acme-app", map[string]any{"name": "acme-app"})
	ours := marked(nil, testFleet, was.Address, "")
	w := newWire(t, (&roles{tags: ours}).answer)
	if err := newRole(w.sessions()).Delete(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.wrote(), " "); got != "DetachRolePolicy DeleteRolePolicy DeleteRole" {
		t.Errorf("wrote %s", got)
	}
	gone := queryError(404, "NoSuchEntity", "gone")
	for _, op := range []string{"GetRole", "ListAttachedRolePolicies", "DetachRolePolicy", "ListRolePolicies", "DeleteRolePolicy", "DeleteRole"} {
		w := newWire(t, (&roles{tags: ours, say: map[string]reply{op: gone}}).answer)
		if err := newRole(w.sessions()).Delete(t.Context(), was); err != nil {
			t.Errorf("gone at %s: %v", op, err)
		}
	}
	w = newWire(t, (&roles{}).answer)
	if err := newRole(w.sessions()).Delete(t.Context(), was); !errors.Is(err, providers.ErrNotOurs) || len(w.wrote()) != 0 {
		t.Errorf("without a mark: %v, wrote %v", err, w.wrote())
	}
}

func TestALostAnswerToCreateRoleIsRepeatedAndFinished(t *testing.T) {
	lost := true
	cloud := roles{tags: marked(nil, testFleet, wantedRole().Address, "")}
	w := newWire(t, func(c call) reply {
		if c.op == "CreateRole" {
			if lost {
				lost = false
				return reply{status: 500}
			}
			return queryError(409, "EntityAlreadyExists", "exists")
		}
		return cloud.answer(c)
	})
	if _, err := newRole(w.sessions()).Create(t.Context(), wantedRole(), testFleet); err != nil || len(w.sent("CreateRole")) != 2 {
		t.Errorf("%v after %d sends", err, len(w.sent("CreateRole")))
	}
}
