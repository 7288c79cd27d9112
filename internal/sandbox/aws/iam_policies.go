package awsbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// The policies of a role: trust, inline, attached, boundary.

// checkDocument refuses what IAM wouldn't take for a policy.
func checkDocument(code, document string) error {
	var parsed struct{ Statement any }
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return refuse(code, "This policy contains invalid Json")
	}
	if parsed.Statement == nil {
		return refuse(code, "Syntax errors in policy: it has no Statement")
	}
	return nil
}

func setTrust(r *Resource, document string) error {
	if err := checkDocument("MalformedPolicyDocument", document); err != nil {
		return err
	}
	for _, s := range statements(document) {
		if _, ok := s["Principal"]; !ok {
			return refuse("MalformedPolicyDocument", "AssumeRole policy must contain a Principal")
		}
		if _, ok := s["Resource"]; ok {
			return refuse("MalformedPolicyDocument", "Has prohibited field Resource")
		}
	}
	r.Attributes["AssumeRolePolicyDocument"] = document
	return nil
}

// statements returns the statements of a document, one or a list of them.
func statements(document string) []map[string]any {
	var parsed struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &parsed) != nil {
		return nil
	}
	var list []map[string]any
	if json.Unmarshal(parsed.Statement, &list) == nil {
		return list
	}
	var one map[string]any
	if json.Unmarshal(parsed.Statement, &one) == nil {
		return []map[string]any{one}
	}
	return nil
}

func updateAssumeRolePolicy(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	if err := setTrust(r, c.in.str("PolicyDocument")); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

var policyARN = regexp.MustCompile(`^arn:aws:iam::(aws|[0-9]{12}):policy/([!-~]*/)?[\w+=,.@-]+$`)

// managedPolicy tells whether a managed policy exists. AWS's own all do.
func managedPolicy(c *call, arn string) error {
	m := policyARN.FindStringSubmatch(arn)
	if m == nil {
		return refuse("ValidationError", "ARN %s is not valid.", arn)
	}
	name := arn[strings.LastIndex(arn, "/")+1:]
	if m[1] == "aws" || (m[1] == c.Account && c.get(kindPolicy, name) != nil) {
		return nil
	}
	return fail(http.StatusNotFound, "NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
}

func setBoundary(c *call, r *Resource, arn string) error {
	if err := managedPolicy(c, arn); err != nil {
		return err
	}
	r.Attributes["PermissionsBoundary"] = arn
	return nil
}

func putRolePermissionsBoundary(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	if err := setBoundary(c, r, c.in.str("PermissionsBoundary")); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

func deleteRolePermissionsBoundary(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	if r.Attributes["PermissionsBoundary"] == "" {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "Role %s does not have a permissions boundary.", r.Name)
	}
	r.set("PermissionsBoundary", "")
	c.put(r)
	return nil, nil
}

// maxInline is how many characters the inline policies of a role may have together.
const maxInline = 10240

func putRolePolicy(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	name, document := c.in.str("PolicyName"), c.in.str("PolicyDocument")
	if !regexp.MustCompile(`^[\w+=,.@-]{1,128}$`).MatchString(name) {
		return nil, refuse("ValidationError", "The specified value for policyName is invalid: %q", name)
	}
	if err := checkDocument("MalformedPolicyDocument", document); err != nil {
		return nil, err
	}
	r.Attributes["inline/"+name] = document
	size := 0
	for _, n := range r.with("inline/") {
		size += len(r.Attributes["inline/"+n])
	}
	if size > maxInline {
		return nil, fail(http.StatusConflict, "LimitExceeded", "Maximum policy size of %d bytes exceeded for role %s", maxInline, r.Name)
	}
	c.put(r)
	return nil, nil
}

// inline returns the role and the document of the inline policy that the request names.
func inline(c *call) (*Resource, string, error) {
	r, err := role(c)
	if err != nil {
		return nil, "", err
	}
	document, ok := r.Attributes["inline/"+c.in.str("PolicyName")]
	if !ok {
		return nil, "", fail(http.StatusNotFound, "NoSuchEntity", "The role policy with name %s cannot be found.", c.in.str("PolicyName"))
	}
	return r, document, nil
}

func getRolePolicy(c *call) (any, error) {
	r, document, err := inline(c)
	if err != nil {
		return nil, err
	}
	return obj{"RoleName": r.Name, "PolicyName": c.in.str("PolicyName"), "PolicyDocument": escape(document)}, nil
}

func deleteRolePolicy(c *call) (any, error) {
	r, _, err := inline(c)
	if err != nil {
		return nil, err
	}
	delete(r.Attributes, "inline/"+c.in.str("PolicyName"))
	c.put(r)
	return nil, nil
}

func listRolePolicies(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	names, next, err := page(c, iamPages, r.with("inline/"),
		func(name string) string { return name }, c.in.str("Marker"), c.in.int("MaxItems", 0))
	if err != nil {
		return nil, err
	}
	return obj{"PolicyNames": append([]string{}, names...), "IsTruncated": next != ""}.add("Marker", next), nil
}

func attachRolePolicy(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	arn := c.in.str("PolicyArn")
	if err := managedPolicy(c, arn); err != nil {
		return nil, err
	}
	r.Attributes["managed/"+arn] = "attached"
	c.put(r)
	return nil, nil
}

func detachRolePolicy(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	arn := c.in.str("PolicyArn")
	if r.Attributes["managed/"+arn] == "" {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", arn)
	}
	delete(r.Attributes, "managed/"+arn)
	c.put(r)
	return nil, nil
}

// attached lists a role's managed policies.
func attached(r *Resource) []obj {
	list := []obj{}
	for _, arn := range r.with("managed/") {
		list = append(list, obj{"PolicyArn": arn, "PolicyName": arn[strings.LastIndex(arn, "/")+1:]})
	}
	return list
}

func listAttachedRolePolicies(c *call) (any, error) {
	r, err := role(c)
	if err != nil {
		return nil, err
	}
	list, next, err := page(c, iamPages, attached(r),
		func(o obj) string { return o.str("PolicyArn") }, c.in.str("Marker"), c.in.int("MaxItems", 0))
	if err != nil {
		return nil, err
	}
	return obj{"AttachedPolicies": list, "IsTruncated": next != ""}.add("Marker", next), nil
}
