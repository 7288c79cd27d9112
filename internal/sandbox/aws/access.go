package awsbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An access is who may do what. The zero value allows everything to everybody.
type access struct {
	permits map[string][]document // by the role's ARN; a role without an entry may do everything
	trusts  map[string]document   // by the role's ARN; a role without an entry trusts who knows its external id
	noting  bool
	reads   map[string]bool // the actions that calls asked for, while noting
	writes  map[string]bool
}

// Permit evaluates these policies, and nothing else, for what sessions of a role do from now on. What
// can't be evaluated is refused. Boundaries, service control policies and policies of resources aren't
// looked at.
func (s *Server) Permit(role string, policies ...string) error {
	read, err := readPolicies(policies)
	if err != nil {
		return fmt.Errorf("permit %s: %w", role, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access.permits == nil {
		s.access.permits = map[string][]document{}
	}
	s.access.permits[role] = read
	return nil
}

// Trust evaluates this policy when somebody assumes the role from now on, tags of the session included.
// Whom it names as principal isn't looked at.
func (s *Server) Trust(role, policy string) error {
	read, err := readPolicies([]string{policy})
	if err != nil {
		return fmt.Errorf("trust of %s: %w", role, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access.trusts == nil {
		s.access.trusts = map[string]document{}
	}
	s.access.trusts[role] = read[0]
	return nil
}

// NoteActions has the actions noted from now on that calls of assumed roles ask to be allowed; see Actions.
func (s *Server) NoteActions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access.noting, s.access.reads, s.access.writes = true, map[string]bool{}, map[string]bool{}
}

// Actions returns the actions that reads and writes asked to be allowed since NoteActions, sorted.
func (s *Server) Actions() (reads, writes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.access.reads)), slices.Sorted(maps.Keys(s.access.writes))
}

// authorize refuses a call that its caller's policies don't allow. The caller holds the lock.
func (s *Server) authorize(c *call) error {
	policies, limited := s.access.permits[c.who.role]
	if !limited && !s.access.noting || c.Service == "sts" {
		return nil
	}
	needs := c.needs()
	if s.access.noting && c.who.role != "" {
		into := s.access.reads
		if c.Write {
			into = s.access.writes
		}
		for _, n := range needs {
			into[n.action] = true
		}
	}
	return c.refusal(policies, limited, needs)
}

// refusal is the error for the first need that the policies don't allow.
func (c *call) refusal(policies []document, limited bool, needs []need) error {
	for _, n := range needs {
		if why, allowed := decide(policies, n); limited && !allowed {
			return c.srv.services[c.Service].codes.unauthorized(c.Caller, n, why)
		}
	}
	return nil
}

// actionPrefixes are the names of services in policies, where they differ from those in signatures.
var actionPrefixes = map[string]string{"monitoring": "cloudwatch", "cloudcontrolapi": "cloudformation", "tagging": "tag"}

// actionNames are the actions of operations that have another name than the operation.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var actionNames = map[string]string{
	"sqs.DeleteMessageBatch":                "sqs:DeleteMessage", // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
	"s3.ListBuckets":                        "s3:ListAllMyBuckets",
	"s3.HeadBucket":                         "s3:ListBucket",
	"s3.ListObjects":                        "s3:ListBucket",
	"s3.ListObjectsV2":                      "s3:ListBucket",
	"s3.DeleteBucketTagging":                "s3:PutBucketTagging",
	"s3.GetPublicAccessBlock":               "s3:GetBucketPublicAccessBlock",
	"s3.PutPublicAccessBlock":               "s3:PutBucketPublicAccessBlock",
	"s3.DeletePublicAccessBlock":            "s3:PutBucketPublicAccessBlock",
	"s3.GetBucketEncryption":                "s3:GetEncryptionConfiguration",
	"s3.PutBucketEncryption":                "s3:PutEncryptionConfiguration",
	"s3.DeleteBucketEncryption":             "s3:PutEncryptionConfiguration",
	"s3.GetBucketLifecycleConfiguration":    "s3:GetLifecycleConfiguration",
	"s3.PutBucketLifecycleConfiguration":    "s3:PutLifecycleConfiguration",
	"s3.DeleteBucketLifecycle":              "s3:PutLifecycleConfiguration",
	"s3.GetBucketReplication":               "s3:GetReplicationConfiguration",
	"s3.PutBucketReplication":               "s3:PutReplicationConfiguration",
	"s3.DeleteBucketReplication":            "s3:PutReplicationConfiguration",
	"s3.GetBucketCors":                      "s3:GetBucketCORS",
	"s3.PutBucketCors":                      "s3:PutBucketCORS",
	"s3.DeleteBucketCors":                   "s3:PutBucketCORS",
	"s3.GetBucketNotificationConfiguration": "s3:GetBucketNotification",
	"s3.PutBucketNotificationConfiguration": "s3:PutBucketNotification",
	"s3.DeleteBucketOwnershipControls":      "s3:PutBucketOwnershipControls",
	"s3.GetObjectLockConfiguration":         "s3:GetBucketObjectLockConfiguration",
	"s3.PutObjectLockConfiguration":         "s3:PutBucketObjectLockConfiguration",
}

// taggings are the actions that tags in a request which makes something ask for besides.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
var taggings = map[string]string{
	"iam.CreateRole":              "iam:TagRole",
	"kms.CreateKey":               "kms:TagResource",
	"logs.CreateLogGroup":         "logs:TagResource",
	"monitoring.PutMetricAlarm":   "cloudwatch:TagResource",
	"s3.CreateBucket":             "s3:TagResource",
	"secretsmanager.CreateSecret": "secretsmanager:TagResource",
	"sns.CreateTopic":             "sns:TagResource",
	"sqs.CreateQueue":             "sqs:TagQueue",
}

// needs is what a call asks to be allowed. The caller holds the lock.
func (c *call) needs() []need {
	action := actionNames[c.Name()]
	if action == "" {
		prefix := actionPrefixes[c.Service]
		if prefix == "" {
			prefix = c.Service
		}
		action = prefix + ":" + c.Operation
	}
	tags := c.requestTags()
	var list []need
	for _, t := range c.targets() {
		list = append(list, c.need(action, t, tags))
		if more := taggings[c.Name()]; more != "" && len(tags) > 0 {
			if c.Name() == "kms.CreateKey" {
				t.arn = c.arn("kms", "key/new") // which is named by no request
			}
			list = append(list, c.need(more, t, tags))
		}
	}
	if function := c.in.str("RotationLambdaARN"); function != "" {
		list = append(list, need{action: "lambda:InvokeFunction", resource: function})
	}
	if role := c.passed(); role != "" {
		n := c.need("iam:PassRole", target{arn: role}, nil)
		n.context["iam:passedtoservice"] = []string{c.Service + ".amazonaws.com"}
		list = append(list, n)
	}
	return list
}

// passed is the role that a service is to act as from then on.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
func (c *call) passed() string {
	switch c.Name() {
	case "s3.PutBucketReplication":
		_, rest, _ := strings.Cut(c.in.str("body"), "<Role>")
		role, _, _ := strings.Cut(rest, "</Role>")
		return role
	case "logs.PutSubscriptionFilter":
		return c.in.str("roleArn")
	}
	return ""
}

// requestTags are the tags that a request comes with.
func (c *call) requestTags() map[string]string {
	if body := c.in.str("body"); c.Service == "s3" && strings.Contains(body, "<Tag>") {
		return map[string]string{"": ""} // S3 has no conditions on them that are of use here
	}
	for _, member := range []string{"Tags", "tags"} {
		if tags, err := c.readTags(c.in[member]); err == nil && len(tags) > 0 {
			return tags
		}
	}
	return nil
}

// need is one action on one target, with the values of AWS's condition keys.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (c *call) need(action string, t target, tags map[string]string) need {
	n := need{action: action, resource: t.arn, context: map[string][]string{
		"aws:requestedregion": {c.Region}, "aws:principalaccount": {c.Account},
	}}
	for key, value := range c.who.tags {
		n.context["aws:principaltag/"+strings.ToLower(key)] = []string{value}
	}
	for key, value := range tags {
		n.context["aws:requesttag/"+strings.ToLower(key)] = []string{value}
		n.context["aws:tagkeys"] = append(n.context["aws:tagkeys"], key)
	}
	if keys := append(c.in.strs("TagKeys"), c.in.strs("tagKeys")...); len(keys) > 0 {
		n.context["aws:tagkeys"] = keys
	}
	boundary := c.in.str("PermissionsBoundary")
	if t.have != nil {
		for key, value := range t.have.Tags {
			n.context["aws:resourcetag/"+strings.ToLower(key)] = []string{value}
		}
		if boundary == "" {
			boundary = t.have.Attributes["PermissionsBoundary"]
		}
	}
	if boundary != "" {
		n.context["iam:permissionsboundary"] = []string{boundary}
	}
	return n
}
