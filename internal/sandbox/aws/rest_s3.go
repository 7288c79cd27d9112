package awsbox

import (
	"encoding/xml"
	"net/http"
	"strings"
)

// restS3 is S3's own protocol: the operation is in method, path and query, bodies are XML. Buckets
// are addressed by path, as the SDK does for endpoints without a domain name.
type restS3 struct{}

// s3Parts are the sub-resources of a bucket by the query that selects them, with the name of their
// operations behind the verb.
var s3Parts = map[string]string{
	"tagging": "BucketTagging", "publicAccessBlock": "PublicAccessBlock", "encryption": "BucketEncryption",
	"versioning": "BucketVersioning", "lifecycle": "BucketLifecycleConfiguration", "policy": "BucketPolicy",
	"policyStatus": "BucketPolicyStatus", "location": "BucketLocation", "ownershipControls": "BucketOwnershipControls",
	"logging": "BucketLogging", "acl": "BucketAcl", "cors": "BucketCors", "website": "BucketWebsite",
	"object-lock": "ObjectLockConfiguration", "replication": "BucketReplication", "uploads": "MultipartUploads",
	"notification": "BucketNotificationConfiguration", "accelerate": "BucketAccelerateConfiguration",
	"requestPayment": "BucketRequestPayment", "versions": "ObjectVersions", "delete": "Objects",
}

// decode leaves the body to the handlers, under "body".
func (restS3) decode(r *http.Request, body []byte) (string, obj, *apiError) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	in := obj{"Bucket": bucket, "Key": key, "body": string(body)}
	for name, values := range r.URL.Query() {
		in[name] = values[0]
	}
	return s3Operation(r.Method, bucket, key, in), in, nil
}

func s3Operation(method, bucket, key string, in obj) string {
	verb := map[string]string{
		http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete",
		http.MethodHead: "Head", http.MethodPost: "Post",
	}[method]
	for query, part := range s3Parts {
		if in.has(query) && key == "" {
			if verb == "Delete" && query == "lifecycle" {
				return "DeleteBucketLifecycle" // the one that is named differently
			}
			return verb + part
		}
	}
	switch {
	case bucket == "":
		return "ListBuckets"
	case key != "":
		return verb + "Object"
	case method == http.MethodGet && in.has("list-type"):
		return "ListObjectsV2"
	case method == http.MethodGet:
		return "ListObjects"
	case method == http.MethodPut:
		return "CreateBucket"
	}
	return verb + "Bucket"
}

// An s3Reply is an answer with more than a body.
type s3Reply struct {
	status int
	header http.Header
	body   any // nil, a document as text, or anything that encoding/xml can write
}

func (restS3) encode(_ *call, result any, requestID string) response {
	reply, ok := result.(s3Reply)
	if !ok {
		reply = s3Reply{body: result}
	}
	if reply.status == 0 {
		reply.status = http.StatusOK
	}
	answer := response{status: reply.status, header: reply.header.Clone()}
	if answer.header == nil {
		answer.header = http.Header{}
	}
	answer.header.Set("X-Amz-Request-Id", requestID)
	switch body := reply.body.(type) {
	case nil:
	case string:
		answer.body = []byte(body)
	default:
		text, err := xml.Marshal(body)
		if err != nil {
			return response{status: http.StatusInternalServerError, body: []byte(err.Error())}
		}
		answer.body = append([]byte(xml.Header), text...)
		answer.header.Set("Content-Type", "application/xml")
	}
	return answer
}

func (restS3) fail(c *call, e *apiError, requestID string) response {
	type s3Error struct {
		XMLName                             xml.Name `xml:"Error"`
		Code, Message, BucketName, Resource string   `xml:",omitempty"`
		RequestID                           string   `xml:"RequestId"`
		HostID                              string   `xml:"HostId"`
	}
	return restS3{}.encode(c, s3Reply{status: e.status, header: e.header, body: s3Error{
		Code: e.code, Message: e.message, BucketName: c.in.str("Bucket"), Resource: c.req.URL.Path,
		RequestID: requestID, HostID: "sandbox",
	}}, requestID)
}
