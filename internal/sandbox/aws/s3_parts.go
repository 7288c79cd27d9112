package awsbox

import (
	"encoding/xml"
	"net/http"
	"strings"
)

// A bucketPart is a sub-resource of a bucket that is read, replaced and deleted whole. It is kept
// as the XML that goes over the wire.
type bucketPart struct {
	name      string // of its operations, behind the verb
	attribute string
	missing   *apiError // what reading answers when it isn't set; nil for empty
	empty     string    // what reading answers when it isn't set and that is no error
	deletable bool
	reset     string // what deleting leaves behind
	check     func(c *call, r *Resource, body string) (string, error)
}

func notSet(code, message string) *apiError { return fail(http.StatusNotFound, code, "%s", message) }

func bucketParts() []bucketPart {
	return []bucketPart{
		{
			name: "PublicAccessBlock", attribute: "PublicAccessBlock", deletable: true, check: checkAccessBlock,
			missing: notSet("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
		},
		{
			name: "BucketEncryption", attribute: "Encryption", deletable: true, reset: defaultEncryption, check: checkEncryption,
			missing: notSet("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
		},
		{
			name: "BucketVersioning", attribute: "Versioning", check: checkVersioning,
			empty: `<VersioningConfiguration xmlns="` + s3Namespace + `"/>`,
		},
		{
			name: "BucketLifecycleConfiguration", attribute: "Lifecycle", deletable: true, check: checkLifecycle,
			missing: notSet("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
		},
		{
			name: "BucketPolicy", attribute: "Policy", deletable: true, check: checkBucketPolicy,
			missing: notSet("NoSuchBucketPolicy", "The bucket policy does not exist"),
		},
		{
			name: "BucketOwnershipControls", attribute: "OwnershipControls", deletable: true, check: checkOwnership,
			missing: notSet("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
		},
		{
			name: "BucketReplication", attribute: "Replication", deletable: true, check: checkReplication,
			missing: notSet("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
		},
		{
			name: "BucketNotificationConfiguration", attribute: "Notification", check: checkNotification,
			empty: `<NotificationConfiguration xmlns="` + s3Namespace + `"/>`,
		},
		{name: "BucketLogging", attribute: "Logging", empty: `<BucketLoggingStatus xmlns="` + s3Namespace + `"/>`},
		{
			name: "ObjectLockConfiguration", attribute: "ObjectLock",
			missing: notSet("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"),
		},
	}
}

func (p bucketPart) get(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	text := r.Attributes[p.attribute]
	switch {
	case text == "" && p.missing != nil:
		return nil, p.missing
	case text == "":
		text = p.empty
	}
	return s3Reply{body: text}, nil
}

func (p bucketPart) put(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	text, err := p.check(c, r, c.in.str("body"))
	if err != nil {
		return nil, err
	}
	r.Attributes[p.attribute] = text
	c.put(r)
	return nil, nil
}

func (p bucketPart) delete(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	r.set(p.attribute, p.reset)
	c.put(r)
	return s3Reply{status: http.StatusNoContent}, nil
}

// normal reads a body into a structure and writes it again, so that what is kept holds what the
// structure knows and nothing else.
func normal(body string, into any) (string, error) {
	if err := xml.Unmarshal([]byte(body), into); err != nil {
		return "", malformedXML()
	}
	text, err := xml.Marshal(into)
	if err != nil {
		return "", malformedXML()
	}
	return string(text), nil
}

type accessBlock struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

// checkAccessBlock: what isn't given is off.
func checkAccessBlock(_ *call, _ *Resource, body string) (string, error) {
	return normal(body, &accessBlock{})
}

type encryption struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	Rule    []struct {
		Default struct {
			SSEAlgorithm   string
			KMSMasterKeyID string `xml:",omitempty"`
		} `xml:"ApplyServerSideEncryptionByDefault"`
		BucketKeyEnabled bool
	}
}

func checkEncryption(_ *call, _ *Resource, body string) (string, error) {
	var e encryption
	text, err := normal(body, &e)
	if err != nil {
		return "", err
	}
	if len(e.Rule) != 1 {
		return "", malformedXML()
	}
	d := e.Rule[0].Default
	switch {
	case d.SSEAlgorithm != "AES256" && d.SSEAlgorithm != "aws:kms" && d.SSEAlgorithm != "aws:kms:dsse":
		return "", malformedXML()
	case d.SSEAlgorithm == "AES256" && d.KMSMasterKeyID != "":
		return "", refuse("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return text, nil
}

// checkVersioning: a bucket that replicates stays versioned.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-and-other-bucket-configs.html
func checkVersioning(_ *call, r *Resource, body string) (string, error) {
	var v struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Status  string
	}
	text, err := normal(body, &v)
	if err != nil {
		return "", err
	}
	if v.Status != "Enabled" && v.Status != "Suspended" {
		return "", refuse("IllegalVersioningConfigurationException", "The versioning configuration specified in the request is invalid.")
	}
	if v.Status == "Suspended" && r.Attributes["Replication"] != "" {
		return "", fail(http.StatusConflict, "InvalidBucketState", "A replication configuration is present on this bucket, so you cannot change "+
			"the versioning state. To change the versioning state, first delete the replication configuration.")
	}
	return text, nil
}

type lifecycle struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	Rule    []lifecycleRule `xml:"Rule"`
}

type lifecycleRule struct {
	ID     string
	Prefix *string
	Filter *struct {
		Inner string `xml:",innerxml"`
	}
	Status     string
	Expiration *struct {
		Days                      int    `xml:",omitempty"`
		Date                      string `xml:",omitempty"`
		ExpiredObjectDeleteMarker *bool
	}
	Noncurrent *struct {
		NoncurrentDays          int
		NewerNoncurrentVersions int `xml:",omitempty"`
	} `xml:"NoncurrentVersionExpiration"`
	Abort *struct {
		DaysAfterInitiation int
	} `xml:"AbortIncompleteMultipartUpload"`
	Transitions []struct {
		Inner string `xml:",innerxml"`
	} `xml:"Transition"`
}

// checkLifecycle fills in ids that aren't given, as S3 does.
func checkLifecycle(c *call, _ *Resource, body string) (string, error) {
	var l lifecycle
	if _, err := normal(body, &l); err != nil {
		return "", err
	}
	if len(l.Rule) == 0 || len(l.Rule) > 1000 {
		return "", malformedXML()
	}
	seen := map[string]bool{}
	for i := range l.Rule {
		rule := &l.Rule[i]
		if rule.ID == "" {
			rule.ID = c.srv.ids.uuid()
		}
		switch {
		case seen[rule.ID]:
			return "", refuse("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
		case len(rule.ID) > 255:
			return "", refuse("InvalidArgument", "ID length should not exceed allowed limit of 255")
		case rule.Status != "Enabled" && rule.Status != "Disabled", (rule.Filter == nil) == (rule.Prefix == nil):
			return "", malformedXML()
		case rule.Expiration == nil && rule.Noncurrent == nil && rule.Abort == nil && rule.Transitions == nil:
			return "", refuse("InvalidRequest", "At least one action needs to be specified in a rule")
		case rule.Expiration != nil && rule.Expiration.Days <= 0 && rule.Expiration.Date == "" && rule.Expiration.ExpiredObjectDeleteMarker == nil,
			rule.Noncurrent != nil && rule.Noncurrent.NoncurrentDays <= 0:
			return "", refuse("InvalidArgument", "'Days' for Expiration action must be a positive integer")
		}
		seen[rule.ID] = true
	}
	text, err := xml.Marshal(l)
	if err != nil {
		return "", malformedXML()
	}
	return string(text), nil
}

// checkOwnership: access control lists can be turned off only while they grant nobody else anything.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
func checkOwnership(_ *call, r *Resource, body string) (string, error) {
	var o struct {
		XMLName xml.Name `xml:"OwnershipControls"`
		Rule    []struct{ ObjectOwnership string }
	}
	text, err := normal(body, &o)
	switch {
	case err != nil:
		return "", err
	case len(o.Rule) != 1:
		return "", malformedXML()
	case o.Rule[0].ObjectOwnership == enforced && r.Attributes["Acl"] != "":
		return "", refuse("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	}
	return text, nil
}

const enforced = "BucketOwnerEnforced"

// putBucketACL keeps a list that grants something; the canned one "private" takes it away.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
func putBucketACL(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	given := c.req.Header.Get("X-Amz-Acl") + c.in.str("body")
	if given == "private" {
		given = ""
	}
	if given != "" && strings.Contains(r.Attributes["OwnershipControls"], enforced) {
		return nil, refuse("AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	r.set("Acl", given)
	c.put(r)
	return nil, nil
}

// checkBucketPolicy refuses what S3 refuses without knowing the principals: bad JSON, statements
// about other buckets, and a public policy where public policies are blocked.
func checkBucketPolicy(c *call, r *Resource, body string) (string, error) {
	if err := checkDocument("MalformedPolicy", body); err != nil {
		return "", err
	}
	for _, s := range statements(body) {
		if _, ok := s["Principal"]; !ok && s["NotPrincipal"] == nil {
			return "", refuse("MalformedPolicy", "Missing required field Principal")
		}
		for _, about := range oneOrMany(s["Resource"]) {
			if about != r.ID && !strings.HasPrefix(about, r.ID+"/") && about != "*" {
				return "", refuse("MalformedPolicy", "Policy has invalid resource")
			}
		}
	}
	var block accessBlock
	_ = xml.Unmarshal([]byte(r.Attributes["PublicAccessBlock"]), &block) // none at all blocks nothing
	if block.BlockPublicPolicy && public(body) {
		return "", fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: "+
			"%q because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", c.Caller, r.ID)
	}
	return body, nil
}

// oneOrMany reads a policy's element that is a text or a list of them.
func oneOrMany(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, element := range v {
			out = append(out, text(element))
		}
		return out
	}
	return nil
}
