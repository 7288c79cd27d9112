package awsbox

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// s3Service is https://docs.aws.amazon.com/AmazonS3/latest/API/, as far as buckets go.
func s3Service() *service {
	s := &service{
		name: "s3", codes: s3Codes, speaks: always(restS3{}),
		operations: map[string]operation{
			"ListBuckets":           {false, listBuckets},
			"CreateBucket":          {true, createBucket},
			"HeadBucket":            {false, headBucket},
			"DeleteBucket":          {true, deleteBucket},
			"GetBucketLocation":     {false, getBucketLocation},
			"GetBucketTagging":      {false, getBucketTagging},
			"PutBucketTagging":      {true, putBucketTagging},
			"DeleteBucketTagging":   {true, deleteBucketTagging},
			"GetBucketPolicyStatus": {false, getBucketPolicyStatus},
			"PutBucketAcl":          {true, putBucketACL},
		},
	}
	for _, part := range bucketParts() {
		s.operations["Get"+part.name] = operation{false, part.get}
		if part.check != nil {
			s.operations["Put"+part.name] = operation{true, part.put}
		}
		if part.deletable {
			s.operations["Delete"+strings.TrimSuffix(part.name, "Configuration")] = operation{true, part.delete}
		}
	}
	return s
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

type tagSet struct {
	Tag []struct{ Key, Value string }
}

func (t tagSet) list() []any {
	var list []any
	for _, tag := range t.Tag {
		list = append(list, obj{"Key": tag.Key, "Value": tag.Value})
	}
	return list
}

// Defaults of new buckets since 2023:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
const (
	defaultEncryption = `<ServerSideEncryptionConfiguration xmlns="` + s3Namespace + `"><Rule><ApplyServerSideEncryptionByDefault>` +
		`<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`
	defaultPublicAccessBlock = `<PublicAccessBlockConfiguration xmlns="` + s3Namespace + `"><BlockPublicAcls>true</BlockPublicAcls>` +
		`<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`
	defaultOwnership = `<OwnershipControls xmlns="` + s3Namespace + `"><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`
)

func createBucket(c *call) (any, error) {
	name := c.in.str("Bucket")
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return nil, refuse("InvalidBucketName", "The specified bucket is not valid.")
	}
	var config struct {
		LocationConstraint string
		Tags               tagSet
	}
	if body := c.in.str("body"); body != "" {
		if err := xml.Unmarshal([]byte(body), &config); err != nil {
			return nil, malformedXML()
		}
	}
	if err := checkLocation(c.Region, config.LocationConstraint); err != nil {
		return nil, err
	}
	if old := c.get(kindBucket, name); old != nil {
		return recreateBucket(c, old)
	}
	r := c.make(kindBucket, name, "arn:aws:s3:::"+name)
	r.Region = c.Region
	r.Attributes["Encryption"] = defaultEncryption
	r.Attributes["PublicAccessBlock"] = defaultPublicAccessBlock
	r.Attributes["OwnershipControls"] = defaultOwnership
	if err := c.tag(r, config.Tags.list()); err != nil {
		return nil, err
	}
	c.put(r)
	return created(r), nil
}

func created(r *Resource) s3Reply {
	return s3Reply{header: http.Header{"Location": {"/" + r.Name}, "X-Amz-Bucket-Arn": {r.ID}}}
}

// checkLocation: the constraint names the region that the request is sent to, and us-east-1 is
// named by leaving it out.
func checkLocation(region, constraint string) error {
	switch {
	case region == "us-east-1" && constraint == "us-east-1":
		return refuse("InvalidLocationConstraint", "The specified location-constraint is not valid")
	case cmp.Or(constraint, "us-east-1") != region && constraint == "":
		return refuse("IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case cmp.Or(constraint, "us-east-1") != region:
		return refuse("IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint)
	}
	return nil
}

// recreateBucket: us-east-1 alone answers its own bucket's owner with success, and changes nothing.
func recreateBucket(c *call, old *Resource) (any, error) {
	switch {
	case old.Account != c.Account:
		return nil, fail(http.StatusConflict, "BucketAlreadyExists", "The requested bucket name is not available. The bucket "+
			"namespace is shared by all users of the system. Please select a different name and try again.")
	case c.Region == "us-east-1" && old.Region == c.Region:
		return created(old), nil
	}
	return nil, fail(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
}

// bucket finds the bucket that the request names, if the caller may touch it from this region.
func bucket(c *call) (*Resource, error) {
	r := c.get(kindBucket, c.in.str("Bucket"))
	if r == nil {
		return nil, fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	owner := c.req.Header.Get("X-Amz-Expected-Bucket-Owner")
	switch {
	case r.Account != c.Account || (owner != "" && owner != r.Account):
		return nil, fail(http.StatusForbidden, "AccessDenied", "Access Denied")
	case r.Region != c.Region && c.Operation != "GetBucketLocation":
		e := fail(http.StatusMovedPermanently, "PermanentRedirect", "The bucket you are attempting to access must be "+
			"addressed using the specified endpoint. Please send all future requests to this endpoint.")
		e.header = http.Header{"X-Amz-Bucket-Region": {r.Region}}
		return nil, e
	}
	return r, nil
}

func headBucket(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	return s3Reply{header: http.Header{"X-Amz-Bucket-Region": {r.Region}, "X-Amz-Bucket-Arn": {r.ID}}}, nil
}

func deleteBucket(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	if len(r.with("object/")) > 0 {
		return nil, fail(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	}
	c.remove(r)
	return s3Reply{status: http.StatusNoContent}, nil
}

type bucketXML struct {
	Name         string
	CreationDate time.Time
	BucketRegion string
	BucketArn    string
}

// listBuckets pages only if max-buckets is given.
func listBuckets(c *call) (any, error) {
	var own []*Resource
	for _, r := range c.list(kindBucket) {
		region := c.in.str("bucket-region")
		if r.Account == c.Account && strings.HasPrefix(r.Name, c.in.str("prefix")) && (region == "" || region == r.Region) {
			own = append(own, r)
		}
	}
	next := ""
	if limit := c.in.int("max-buckets", 0); limit != 0 {
		if limit < 1 || limit > 10000 {
			return nil, refuse("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000")
		}
		p := pager{size: 10000, refusal: func() error {
			return refuse("InvalidArgument", "The continuation token provided is incorrect")
		}}
		var err error
		if own, next, err = page(c, p, own, byName, c.in.str("continuation-token"), limit); err != nil {
			return nil, err
		}
	}
	out := struct {
		XMLName           xml.Name    `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Owner             string      `xml:"Owner>ID"`
		Buckets           []bucketXML `xml:"Buckets>Bucket"`
		ContinuationToken string      `xml:",omitempty"`
		Prefix            string      `xml:",omitempty"`
	}{Owner: c.Account, ContinuationToken: next, Prefix: c.in.str("prefix")}
	for _, r := range own {
		out.Buckets = append(out.Buckets, bucketXML{r.Name, r.Created.UTC().Truncate(time.Second), r.Region, r.ID})
	}
	return out, nil
}

func getBucketLocation(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	region := r.Region
	if region == "us-east-1" {
		region = ""
	}
	return struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
		Region  string   `xml:",chardata"`
	}{Region: region}, nil
}

func getBucketTagging(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	if len(r.Tags) == 0 {
		return nil, fail(http.StatusNotFound, "NoSuchTagSet", "The TagSet does not exist")
	}
	type tag struct{ Key, Value string }
	out := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
		Tags    []tag    `xml:"TagSet>Tag"`
	}{}
	for _, t := range tagList(r.Tags, "Key", "Value") {
		out.Tags = append(out.Tags, tag{t.str("Key"), t.str("Value")})
	}
	return out, nil
}

// putBucketTagging replaces the whole set.
func putBucketTagging(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	var in struct{ TagSet tagSet }
	if err := xml.Unmarshal([]byte(c.in.str("body")), &in); err != nil {
		return nil, malformedXML()
	}
	r.Tags = map[string]string{}
	if err := c.tag(r, in.TagSet.list()); err != nil {
		return nil, err
	}
	c.put(r)
	return s3Reply{status: http.StatusNoContent}, nil
}

func deleteBucketTagging(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	r.Tags = map[string]string{}
	c.put(r)
	return s3Reply{status: http.StatusNoContent}, nil
}

func malformedXML() error {
	return refuse("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// getBucketPolicyStatus tells whether the policy makes the bucket public.
func getBucketPolicyStatus(c *call) (any, error) {
	r, err := bucket(c)
	if err != nil {
		return nil, err
	}
	policy := r.Attributes["Policy"]
	if policy == "" {
		return nil, fail(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	return struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
		IsPublic bool
	}{IsPublic: public(policy)}, nil
}

// public tells whether a policy allows something to everybody under no condition.
func public(policy string) bool {
	return slices.ContainsFunc(statements(policy), func(s map[string]any) bool {
		_, conditional := s["Condition"]
		return s["Effect"] == "Allow" && !conditional && everybody(s["Principal"])
	})
}

func everybody(principal any) bool {
	switch p := principal.(type) {
	case string:
		return p == "*"
	case []any:
		return slices.ContainsFunc(p, everybody)
	case map[string]any:
		return everybody(p["AWS"])
	}
	return false
}
