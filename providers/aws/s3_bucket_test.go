package aws

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// buckets answers for S3: by operation first, else as a bucket with these tags and no settings.
type buckets struct {
	listed []string // the account's buckets in the region
	tags   tagged
	say    map[string]reply
}

func (b *buckets) answer(c call) reply {
	op := c.op
	if op == "GET" {
		op = "LIST"
	}
	if r, said := b.say[op]; said {
		return r
	}
	switch op {
	case "LIST":
		return b.list(c.query)
	case "GET tagging":
		if len(b.tags) == 0 {
			return s3Error(404, "NoSuchTagSet")
		}
		var text strings.Builder
		for key, value := range b.tags {
			fmt.Fprintf(&text, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", key, value)
		}
		return reply{body: "<Tagging><TagSet>" + text.String() + "</TagSet></Tagging>"}
	case "GET publicAccessBlock":
		return s3Error(404, "NoSuchPublicAccessBlockConfiguration")
	case "GET encryption":
		return s3Error(404, "ServerSideEncryptionConfigurationNotFoundError")
	case "GET versioning":
		return reply{body: "<VersioningConfiguration/>"}
	case "GET lifecycle":
		return s3Error(404, "NoSuchLifecycleConfiguration")
	case "GET ownershipControls":
		return reply{body: "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"}
	case "GET notification":
		return reply{body: "<NotificationConfiguration/>"}
	case "GET replication":
		return s3Error(404, "ReplicationConfigurationNotFoundError")
	case "GET policy":
		return s3Error(404, "NoSuchBucketPolicy")
	}
	return reply{}
}

// list has one bucket per page.
func (b *buckets) list(query url.Values) reply {
	var found []string
	for _, name := range b.listed {
		if strings.HasPrefix(name, query.Get("prefix")) {
			found = append(found, name)
		}
	}
	at := len(query.Get("continuation-token"))
	if at >= len(found) {
		return reply{body: "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"}
	}
	next := ""
	if at+1 < len(found) {
		next = "<ContinuationToken>" + strings.Repeat("x", at+1) + "</ContinuationToken>"
	}
	return reply{body: "<ListAllMyBucketsResult><Buckets><Bucket><Name>" + found[at] + "</Name></Bucket></Buckets>" + next + "</ListAllMyBucketsResult>"}
}

func wantedBucket() resource.Desired {
	return desired(kindBucket, map[string]any{"name": "acme-data"})
}

func TestABucketOfOthersIsNeverTaken(t *testing.T) {
	ours := marked(nil, testFleet, wantedBucket().Address, "")
	tests := []struct {
		reason string
		cloud  buckets
		want   error
		create bool // CreateBucket may be sent
	}{
		{"another account has it", buckets{listed: []string{"acme-data-2"}, say: map[string]reply{"HEAD": {status: 403}}}, providers.ErrNotOurs, false},
		{"it is ours and may not be read", buckets{listed: []string{"acme-data"}, say: map[string]reply{"HEAD": {status: 403}}}, providers.ErrDenied, false},
		{"it is in another region", buckets{say: map[string]reply{"HEAD": {status: 301}}}, providers.ErrNotOurs, false},
		{"the account has it without a mark", buckets{}, providers.ErrNotOurs, false},
		{"it is another fleet's", buckets{tags: marked(nil, "other", wantedBucket().Address, "")}, providers.ErrNotOurs, false},
		{"another address has it", buckets{tags: marked(nil, testFleet, address(kindBucket.Name, "logs"), "")}, providers.ErrNotOurs, false},
		{"another account was faster", buckets{say: map[string]reply{"HEAD": {status: 404}, "PUT": s3Error(409, "BucketAlreadyExists")}}, providers.ErrNotOurs, true},
		{"somebody in the account was faster", buckets{tags: tagged{"team": "red"}, say: map[string]reply{"HEAD": {status: 404}, "PUT": s3Error(409, "BucketAlreadyOwnedByYou")}}, providers.ErrNotOurs, true},
		{"us-east-1 gave us somebody's", buckets{tags: tagged{"team": "red"}, say: map[string]reply{"HEAD": {status: 404}}}, providers.ErrNotOurs, true},
		{"it is ours already", buckets{tags: ours}, nil, false},
		{"an attempt before made it", buckets{tags: ours, say: map[string]reply{"HEAD": {status: 404}, "PUT": s3Error(409, "BucketAlreadyOwnedByYou")}}, nil, true},
		{"it is free", buckets{tags: ours, say: map[string]reply{"HEAD": {status: 404}}}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWire(t, tt.cloud.answer)
			got, err := newBucket(w.sessions()).Create(t.Context(), wantedBucket(), testFleet)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if sent := len(w.sent("PUT")) > 0; sent != tt.create {
				t.Errorf("CreateBucket sent: %t", sent)
			}
			if tt.want != nil && len(w.wrote()) > len(w.sent("PUT")) {
				t.Errorf("wrote %v to what isn't ours", w.wrote())
			}
			if err == nil && (got.ID != "acme-data" || got.Outputs["arn"] != "arn:aws:s3:::acme-data" || got.Fleet != testFleet) {
				t.Errorf("made %+v", got)
			}
		})
	}
}

func TestABucketIsMadeWithItsMark(t *testing.T) {
	cloud := buckets{tags: marked(nil, testFleet, wantedBucket().Address, ""), say: map[string]reply{"HEAD": {status: 404}}}
	w := newWire(t, cloud.answer)
	if _, err := newBucket(w.sessions()).Create(t.Context(), wantedBucket(), testFleet); err != nil {
		t.Fatal(err)
	}
	body := w.sent("PUT")[0].body
	for _, part := range []string{"eu-central-1", tagFleet, wantedBucket().Address.String()} {
		if !strings.Contains(body, part) {
			t.Errorf("CreateBucket lacks %q: %s", part, body)
		}
	}
	if c := bucketConfiguration(homeRegion, nil); c.LocationConstraint != "" {
		t.Errorf("us-east-1 can't be a constraint, got %q", c.LocationConstraint)
	}
}

func TestEveryCallToABucketNamesItsOwner(t *testing.T) {
	want := desired(kindBucket, map[string]any{
		"name": "acme-data", "versioning": true, "tags": map[string]string{"team": "blue"},
		"lifecycle": []any{map[string]any{"id": "a", "prefix": "", "expireDays": 3, "noncurrentExpireDays": 0}},
		"policy":    map[string]any{"Version": "2012-10-17", "Statement": []any{}},
	})
	cloud := buckets{listed: []string{"acme-data"}, tags: marked(nil, testFleet, want.Address, "")}
	w := newWire(t, cloud.answer)
	d := newBucket(w.sessions())
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 {
		t.Fatalf("%v, %v", seen, err)
	}
	if _, err := d.Update(t.Context(), seen[0], want); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Retire(t.Context(), seen[0], "2026-01-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	if n := len(w.wrote()); n != 6 { // public access, versioning, lifecycle, policy, tags; retired
		t.Errorf("wrote %v", w.wrote())
	}
	checked := 0
	for _, c := range w.calls {
		if !strings.HasPrefix(c.host, "acme-data.") {
			continue
		}
		checked++
		if c.header.Get("X-Amz-Expected-Bucket-Owner") != testAccount {
			t.Errorf("%s doesn't say whose bucket it means", c.op)
		}
	}
	if checked < 15 {
		t.Errorf("only %d calls went to the bucket", checked)
	}
}

func TestBucketsAreReadPageByPageAndWhole(t *testing.T) {
	cloud := buckets{listed: []string{"a", "b", "c"}, tags: marked(nil, testFleet, wantedBucket().Address, "")}
	seen, err := newBucket(newWire(t, cloud.answer).sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 3 || seen[2].ID != "c" {
		t.Fatalf("%d seen, %v", len(seen), err)
	}
	for _, op := range []string{"LIST", "GET tagging", "GET policy", "GET ownershipControls", "GET notification", "GET publicAccessBlock", "GET encryption", "GET versioning", "GET lifecycle"} {
		cloud.say = map[string]reply{op: s3Error(403, "AccessDenied")}
		if _, err := newBucket(newWire(t, cloud.answer).sessions()).Observe(t.Context(), testScope, testFleet); !errors.Is(err, providers.ErrDenied) {
			t.Errorf("%s denied: %v, want ErrDenied", op, err)
		}
		cloud.say = map[string]reply{op: s3Error(404, "NoSuchBucket")}
		if seen, err := newBucket(newWire(t, cloud.answer).sessions()).Observe(t.Context(), testScope, testFleet); op != "LIST" && (err != nil || len(seen) != 0) {
			t.Errorf("%s of a bucket that is being deleted: %d seen, %v", op, len(seen), err)
		}
	}
}

func TestAbsentSettingsMeanWhatS3Means(t *testing.T) {
	cloud := buckets{listed: []string{"a"}, tags: marked(nil, testFleet, wantedBucket().Address, "")}
	seen, err := newBucket(newWire(t, cloud.answer).sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil {
		t.Fatal(err)
	}
	a := seen[0].Attributes
	if a["publicAccessBlock"] != literal(publicAccessBlock{}) {
		t.Errorf("without a configuration nothing is blocked, got %s", a["publicAccessBlock"])
	}
	if a["encryption"] != literal(bucketEncryption{Algorithm: "AES256"}) || a["policy"].IsSet() || a["lifecycle"] != emptyList {
		t.Errorf("%v", a)
	}
}

func TestTagsOfAWSStayOnABucket(t *testing.T) {
	tags := marked(map[string]string{"old": "x"}, testFleet, wantedBucket().Address, "")
	tags["aws:cloudformation:stack-name"] = "theirs"
	cloud := buckets{tags: tags}
	w := newWire(t, cloud.answer)
	if _, err := newBucket(w.sessions()).Update(t.Context(), have(kindBucket, "acme-data", map[string]any{"name": "acme-data"}), wantedBucket()); err != nil {
		t.Fatal(err)
	}
	body := w.sent("PUT tagging")[0].body
	if !strings.Contains(body, "aws:cloudformation") || strings.Contains(body, "old") || !strings.Contains(body, tagAddress) {
		t.Errorf("sent %s", body)
	}
}

func TestLifecycleRules(t *testing.T) {
	ours := lifecycleRule{ID: "a", Prefix: "tmp/", ExpireDays: 3, NoncurrentExpireDays: 9}
	if got := fromRule(toRule(ours)); got != ours {
		t.Errorf("%+v came back as %+v", ours, got)
	}
	for reason, change := range map[string]func(*types.LifecycleRule){
		"disabled":    func(r *types.LifecycleRule) { r.Status = types.ExpirationStatusDisabled },
		"transitions": func(r *types.LifecycleRule) { r.Transitions = []types.Transition{{Days: aws.Int32(1)}} },
		"filter":      func(r *types.LifecycleRule) { r.Filter.ObjectSizeGreaterThan = aws.Int64(1) },
		"multipart uploads": func(r *types.LifecycleRule) {
			r.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{}
		},
	} {
		rule := toRule(ours)
		change(&rule)
		if got := fromRule(rule); got.Other != reason {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}
