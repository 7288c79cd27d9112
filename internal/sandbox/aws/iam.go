package awsbox

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// iamService is https://docs.aws.amazon.com/IAM/latest/APIReference/, as far as roles go. Roles are
// the account's, whatever region the request was signed for.
func iamService() *service {
	return &service{
		name: "iam", codes: queryCodes,
		speaks: always(query{"https://iam.amazonaws.com/doc/2010-05-08/"}),
		operations: map[string]operation{
			"CreateRole":                     {true, createRole},
			"GetRole":                        {false, getRole},
			"UpdateRole":                     {true, updateRole},
			"DeleteRole":                     {true, deleteRole},
			"ListRoles":                      {false, listRoles},
			"GetAccountAuthorizationDetails": {false, getAccountAuthorizationDetails},
			"UpdateAssumeRolePolicy":         {true, updateAssumeRolePolicy},
			"PutRolePermissionsBoundary":     {true, putRolePermissionsBoundary},
			"DeleteRolePermissionsBoundary":  {true, deleteRolePermissionsBoundary},
			"PutRolePolicy":                  {true, putRolePolicy},
			"GetRolePolicy":                  {false, getRolePolicy},
			"DeleteRolePolicy":               {true, deleteRolePolicy},
			"ListRolePolicies":               {false, listRolePolicies},
			"AttachRolePolicy":               {true, attachRolePolicy},
			"DetachRolePolicy":               {true, detachRolePolicy},
			"ListAttachedRolePolicies":       {false, listAttachedRolePolicies},
			"TagRole":                        {true, tagRole},
			"UntagRole":                      {true, untagRole},
			"ListRoleTags":                   {false, listRoleTags},
			"ListInstanceProfilesForRole":    {false, listInstanceProfilesForRole},
			"SimulatePrincipalPolicy":        {false, simulatePrincipalPolicy},
		},
	}
}

var (
	roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	rolePath = regexp.MustCompile(`^/$|^/[!-~]+/$`)
)

var iamPages = pager{size: 100, refusal: func() error { return refuse("ValidationError", "Invalid Marker.") }}

// seedIAM gives an account what every account has, and the policies asked for.
func seedIAM(s *store, a Account) {
	name := "AWSServiceRoleForSupport"
	s.put(&Resource{
		Kind: kindRole, Account: a.ID, Region: global, Name: name, managed: true,
		ID:   "arn:aws:iam::" + a.ID + ":role/aws-service-role/support.amazonaws.com/" + name,
		Tags: map[string]string{},
		Attributes: map[string]string{
			"RoleId": "AROASANDBOXSUPPORT000", "Path": "/aws-service-role/support.amazonaws.com/",
			"MaxSessionDuration": "3600", "AssumeRolePolicyDocument": serviceTrust,
		},
	}, cause{}, nil)
	for _, name := range a.Policies {
		s.put(&Resource{
			Kind: kindPolicy, Account: a.ID, Region: global, Name: name, managed: true,
			ID: "arn:aws:iam::" + a.ID + ":policy/" + name,
		}, cause{}, nil)
	}
}

const serviceTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"support.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func createRole(c *call) (any, error) {
	name, path := c.in.str("RoleName"), c.in.str("Path")
	if path == "" {
		path = "/"
	}
	if !roleName.MatchString(name) || !rolePath.MatchString(path) {
		return nil, refuse("ValidationError", "The specified value for roleName or path is invalid: %q, %q", name, path)
	}
	if c.get(kindRole, name) != nil {
		return nil, fail(http.StatusConflict, "EntityAlreadyExists", "Role with name %s already exists.", name)
	}
	r := c.make(kindRole, name, "arn:aws:iam::"+c.Account+":role"+path+name)
	r.Attributes["RoleId"] = c.srv.ids.upper("AROA")
	r.Attributes["Path"] = path
	r.Attributes["MaxSessionDuration"] = "3600"
	r.set("Description", c.in.str("Description"))
	if err := setTrust(r, c.in.str("AssumeRolePolicyDocument")); err != nil {
		return nil, err
	}
	if err := setDuration(c, r); err != nil {
		return nil, err
	}
	if arn := c.in.str("PermissionsBoundary"); arn != "" {
		if err := setBoundary(c, r, arn); err != nil {
			return nil, err
		}
	}
	if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return obj{"Role": roleOut(r, true)}, nil
}

// role finds the role that the request names.
func role(c *call) (*Resource, error) {
	name := c.in.str("RoleName")
	if r := c.get(kindRole, name); r != nil {
		return r, nil
	}
	return nil, fail(http.StatusNotFound, "NoSuchEntity", "The role with name %s cannot be found.", name)
}

// roleOut is a role as answers show it. ListRoles leaves out tags, boundary and last use.
func roleOut(r *Resource, whole bool) obj {
	out := obj{
		"RoleName": r.Name, "Arn": r.ID, "RoleId": r.Attributes["RoleId"], "Path": r.Attributes["Path"],
		"CreateDate": r.Created, "AssumeRolePolicyDocument": escape(r.Attributes["AssumeRolePolicyDocument"]),
		"MaxSessionDuration": r.Attributes["MaxSessionDuration"],
	}
	out.add("Description", r.Attributes["Description"])
	if whole {
		out["Tags"] = tagList(r.Tags, "Key", "Value")
		out["RoleLastUsed"] = obj{}
		addBoundary(out, r)
	}
	return out
}

func addBoundary(out obj, r *Resource) {
	if arn := r.Attributes["PermissionsBoundary"]; arn != "" {
		out["PermissionsBoundary"] = obj{"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}
	}
}

// escape writes a document as IAM returns it: percent-encoded after RFC 3986.
func escape(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func getRole(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	return obj{"Role": roleOut(r, true)}, nil
}

// updateRole leaves what isn't given as it is, except for the duration, whose default is applied:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html
func updateRole(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	if c.in.has("Description") {
		r.set("Description", c.in.str("Description"))
	}
	if err := setDuration(c, r); err != nil {
		return nil, err
	}
	c.put(r)
	return obj{}, nil
}

func setDuration(c *call, r *Resource) error {
	seconds := c.in.int("MaxSessionDuration", 3600)
	if seconds < 3600 || seconds > 43200 {
		return refuse("ValidationError", "Value '%d' at 'maxSessionDuration' failed to satisfy constraint: 3600 to 43200", seconds)
	}
	r.Attributes["MaxSessionDuration"] = strconv.Itoa(seconds)
	return nil
}

func deleteRole(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	switch {
	case r.managed:
		return nil, refuse("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s'", r.Name)
	case len(r.with("managed/")) > 0:
		return nil, fail(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	case len(r.with("inline/")) > 0:
		return nil, fail(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	c.remove(r)
	return nil, nil
}

func listRoles(c *call) (any, error) {
	return rolePage(c, "Roles", func(r *Resource) obj { return roleOut(r, false) })
}

// rolePage lists the roles below PathPrefix.
func rolePage(c *call, member string, show func(*Resource) obj) (any, error) {
	p := iamPages
	p.size = 1000
	limit := c.in.int("MaxItems", 100)
	var below []*Resource
	for _, r := range c.list(kindRole) {
		if strings.HasPrefix(r.Attributes["Path"], c.in.str("PathPrefix")) {
			below = append(below, r)
		}
	}
	roles, next, err := page(c, p, below, byName, c.in.str("Marker"), limit)
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range roles {
		list = append(list, show(r))
	}
	return obj{member: list, "IsTruncated": next != ""}.add("Marker", next), nil
}

// getAccountAuthorizationDetails lists roles whole, but for description and session duration. Users,
// groups and policies are none.
func getAccountAuthorizationDetails(c *call) (any, error) {
	filter := c.in.strs("Filter")
	if len(filter) > 0 && !slices.Contains(filter, "Role") {
		return obj{"RoleDetailList": []obj{}, "IsTruncated": false}, nil
	}
	return rolePage(c, "RoleDetailList", func(r *Resource) obj {
		inline := []obj{}
		for _, name := range r.with("inline/") {
			inline = append(inline, obj{"PolicyName": name, "PolicyDocument": escape(r.Attributes["inline/"+name])})
		}
		out := obj{
			"RoleName": r.Name, "Arn": r.ID, "RoleId": r.Attributes["RoleId"], "Path": r.Attributes["Path"],
			"CreateDate": r.Created, "AssumeRolePolicyDocument": escape(r.Attributes["AssumeRolePolicyDocument"]),
			"RolePolicyList": inline, "AttachedManagedPolicies": attached(r), "InstanceProfileList": []obj{},
			"Tags": tagList(r.Tags, "Key", "Value"), "RoleLastUsed": obj{},
		}
		addBoundary(out, r)
		return out
	})
}

func tagRole(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

func untagRole(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	untag(r, c.in.strs("TagKeys"))
	c.put(r)
	return nil, nil
}

func listRoleTags(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(c, iamPages, tagList(r.Tags, "Key", "Value"),
		func(o obj) string { return o.str("Key") }, c.in.str("Marker"), c.in.int("MaxItems", 0))
	if err != nil {
		return nil, err
	}
	return obj{"Tags": tags, "IsTruncated": next != ""}.add("Marker", next), nil
}

func listInstanceProfilesForRole(c *call) (any, error) {
	if _, err := role(c); err != nil {
		return nil, err
	}
	return obj{"InstanceProfiles": []obj{}, "IsTruncated": false}, nil
}
