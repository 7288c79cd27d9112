package aws

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindBucket describes aws.s3.bucket. The defaults are those of a bucket that is made today.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-overview.html
var kindBucket = resource.Kind{
	Name:        "aws.s3.bucket",
	DataBearing: true,
	// A name that was deleted may be taken back for hours: OperationAborted.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html
	Patience: resource.Patience{Create: 4 * time.Hour},
	Uses:     []string{"aws.kms.key", "aws.sns.topic", "aws.sqs.queue"},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "objectOwnership", Default: resource.String(aclsOff)},
		{Name: "publicAccessBlock", Default: literal(publicAccessBlock{true, true, true, true})},
		{Name: "encryption", Default: literal(bucketEncryption{Algorithm: "AES256"})},
		{Name: "versioning", Default: resource.Bool(false)},
		{Name: "lifecycle", Default: emptyList, Set: true},
		{Name: "policy", Canonical: canonicalPolicy},
		{Name: "replication", Canonical: tidied(tidyReplication)},
		{Name: "notifications", Default: emptyList, Canonical: tidied(tidyNotifications)},
		{Name: "eventBridge", Default: resource.Bool(false)},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name"},
}

type bucketAttributes struct {
	Name              string               `json:"name"`
	ObjectOwnership   string               `json:"objectOwnership"`
	PublicAccessBlock publicAccessBlock    `json:"publicAccessBlock"`
	Encryption        bucketEncryption     `json:"encryption"`
	Versioning        bool                 `json:"versioning"`
	Lifecycle         []lifecycleRule      `json:"lifecycle"`
	Policy            json.RawMessage      `json:"policy,omitempty"`
	Replication       *bucketReplication   `json:"replication,omitempty"`
	Notifications     []bucketNotification `json:"notifications"`
	EventBridge       bool                 `json:"eventBridge"` // whether its events go there
	Tags              map[string]string    `json:"tags"`
}

type publicAccessBlock struct {
	BlockPublicAcls       bool `json:"blockPublicAcls"`
	IgnorePublicAcls      bool `json:"ignorePublicAcls"`
	BlockPublicPolicy     bool `json:"blockPublicPolicy"`
	RestrictPublicBuckets bool `json:"restrictPublicBuckets"`
}

type bucketEncryption struct {
	Algorithm string `json:"algorithm"` // AES256 or aws:kms
	KMSKey    string `json:"kmsKey"`    // empty: the account's aws/s3 key
}

type lifecycleRule struct {
	ID                   string `json:"id"`
	Prefix               string `json:"prefix"`
	ExpireDays           int32  `json:"expireDays"`           // 0: never
	NoncurrentExpireDays int32  `json:"noncurrentExpireDays"` // 0: never
	// Other names what a rule does beyond that. It is observed, so that it shows as a difference,
	// and never wanted.
	Other string `json:"other,omitempty"`
}

type bucket struct {
	sessions *sessions
	clients  *pool[*s3.Client]
}

func newBucket(s *sessions) *bucket {
	return &bucket{sessions: s, clients: newPool(s, func(c aws.Config) *s3.Client { return s3.NewFromConfig(c) })}
}

// Kind describes buckets.
func (d *bucket) Kind() resource.Kind { return kindBucket }

// Observe costs ⌈buckets of the region / 10,000⌉ ListBuckets + ours × 7 (public access block, ownership,
// encryption, versioning, lifecycle, policy, notifications) + ours that are versioned × 1 (replication), and
// GetBucketTagging for each bucket of the region whose tags the index doesn't tell.
func (d *bucket) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindBucket, fleet)
}

// Survey costs ⌈buckets of the region / 10,000⌉ ListBuckets + buckets of the region × 8 or 9.
func (d *bucket) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindBucket)
}

func (d *bucket) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	names, err := d.names(ctx, client, scope, "")
	if err != nil {
		return nil, err
	}
	index := d.sessions.index(ctx, scope)
	return each(ctx, names, func(ctx context.Context, name string) (sighting, error) {
		return s.indexed(index, bucketARN(scope, name), name,
			func() (tagged, error) { return d.tags(ctx, client, scope, name) },
			func(tags tagged) (resource.Observed, error) { return d.details(ctx, client, scope, name, tags) })
	})
}

// names lists the account's buckets in the scope's region whose names begin with prefix.
func (d *bucket) names(ctx context.Context, client *s3.Client, scope resource.Scope, prefix string) ([]string, error) {
	input := &s3.ListBucketsInput{BucketRegion: &scope.Region, MaxBuckets: aws.Int32(10000)}
	if prefix != "" {
		input.Prefix = &prefix
	}
	var names []string
	pages := s3.NewListBucketsPaginator(client, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list buckets of", scope.String(), err)
		}
		for _, b := range page.Buckets {
			// Servers that don't know the filter give the region of each.
			if region := str(b.BucketRegion); region == "" || region == scope.Region {
				names = append(names, str(b.Name))
			}
		}
	}
	return names, nil
}

// Refresh reads one bucket again.
func (d *bucket) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	var tags tagged
	var attributes bucketAttributes
	err = together(ctx,
		func(ctx context.Context) (err error) {
			tags, err = d.owned(ctx, client, "read bucket", have)
			return err
		},
		func(ctx context.Context) (err error) {
			attributes, err = d.settings(ctx, client, have.Scope, have.ID)
			return err
		},
	)
	if err != nil {
		return resource.Observed{}, err
	}
	return seenBucket(have.Scope, attributes, tags)
}

// Create makes the bucket with its tags. It looks first, because in us-east-1 creating a bucket
// that one has already succeeds and resets its ACLs.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html (BucketAlreadyOwnedByYou)
func (d *bucket) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w bucketAttributes
	if err := decode(kindBucket, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	exists, err := d.exists(ctx, client, want.Scope, w.Name)
	if err != nil {
		return resource.Observed{}, err
	}
	if exists {
		return d.finish(ctx, client, want, fleet, w)
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &w.Name, ObjectOwnership: types.ObjectOwnership(w.ObjectOwnership),
		CreateBucketConfiguration: bucketConfiguration(want.Scope.Region, tags),
	})
	switch {
	case hasCode(err, "BucketAlreadyOwnedByYou"): // an earlier attempt of this very call, or a race
		return d.finish(ctx, client, want, fleet, w)
	case hasCode(err, "BucketAlreadyExists"):
		return resource.Observed{}, notOurs("create bucket", w.Name, "the name is taken by another account; bucket names are global")
	case err != nil:
		return resource.Observed{}, failed("create bucket", w.Name, err)
	}
	if err := d.ensureMark(ctx, client, want, fleet, tags); err != nil {
		return resource.Observed{}, err
	}
	have := resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: w.Name,
		Attributes: d.fresh(want), Outputs: bucketOutputs(want.Scope, w.Name),
	}
	have, err = d.converge(ctx, client, have, tags, want, w)
	return have, existing("create bucket", w.Name, err)
}

func bucketConfiguration(region string, tags tagged) *types.CreateBucketConfiguration {
	c := &types.CreateBucketConfiguration{Tags: toBucketTags(tags)}
	if region != homeRegion { // which S3 doesn't accept as a constraint
		c.LocationConstraint = types.BucketLocationConstraint(region)
	}
	return c
}

// ensureMark reads the tags of the bucket that was made just now. S3 sets them with the bucket;
// endpoints that are older than that leave them out, and then they are put.
func (d *bucket) ensureMark(ctx context.Context, client *s3.Client, want resource.Desired, fleet string, tags tagged) error {
	name := want.Attributes["name"].Text()
	got, err := d.tags(ctx, client, want.Scope, name)
	switch {
	case err != nil:
		return existing("create bucket", name, err)
	case len(got) > 0:
		return got.require("create bucket", name, fleet, want.Address)
	}
	return d.putTags(ctx, client, want.Scope, name, tags)
}

// fresh is what is known of a bucket just made. Public access and encryption are left open, so that
// they are written in any case: what they are by default depends on the account's age and settings.
func (d *bucket) fresh(want resource.Desired) resource.Attributes {
	return resource.Attributes{
		"name":              want.Attributes["name"],
		"objectOwnership":   want.Attributes["objectOwnership"],
		"publicAccessBlock": literal("unknown"),
		"encryption":        literal("unknown"),
	}
}

// finish brings a bucket of ours that exists already to what is wanted.
func (d *bucket) finish(ctx context.Context, client *s3.Client, want resource.Desired, fleet string, w bucketAttributes) (resource.Observed, error) {
	tags, err := d.tags(ctx, client, want.Scope, w.Name)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.require("create bucket", w.Name, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	have, err := d.details(ctx, client, want.Scope, w.Name, tags)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.converge(ctx, client, have, tags, want, w)
}

// exists tells whether the account has a bucket of this name in the region. A name that somebody
// else has, or that is in another region, is ErrNotOurs. S3 answers a HEAD without a body, so that
// a foreign bucket looks like one that we may not read; the account's own list tells them apart.
func (d *bucket) exists(ctx context.Context, client *s3.Client, scope resource.Scope, name string) (bool, error) {
	_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name, ExpectedBucketOwner: &scope.Account})
	if err == nil {
		return true, nil
	}
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return false, failed("look for bucket", name, err)
	}
	switch status := response.HTTPStatusCode(); status {
	case 404:
		return false, nil
	case 301:
		return false, notOurs("create bucket", name, "there is one of this name in another region")
	case 403:
		names, listErr := d.names(ctx, client, scope, name)
		if listErr != nil {
			return false, listErr
		}
		if slices.Contains(names, name) {
			return false, failed("look for bucket", name, err)
		}
		return false, notOurs("create bucket", name, "the name is taken by another account, as names of buckets are global, or the role may not s3:ListBucket")
	}
	return false, failed("look for bucket", name, err)
}

// Update writes only what differs.
func (d *bucket) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w bucketAttributes
	if err := decode(kindBucket, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags, err := d.owned(ctx, client, "update bucket", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.converge(ctx, client, have, tags, want, w)
}

// Delete refuses: a bucket holds data. No code here calls DeleteBucket or deletes an object.
func (d *bucket) Delete(_ context.Context, have resource.Observed) error { return holdsData(have) }

// Retire tags the bucket with the time; its objects stay.
func (d *bucket) Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags, err := d.owned(ctx, client, "retire bucket", have)
	if err != nil {
		return resource.Observed{}, err
	}
	if tags[tagRetired] == "" {
		tags[tagRetired] = at
		if err := d.putTags(ctx, client, have.Scope, have.ID, tags); err != nil {
			return resource.Observed{}, err
		}
	}
	return d.details(ctx, client, have.Scope, have.ID, tags)
}

// Adopt puts our mark on the account's bucket that want.Adopt names.
func (d *bucket) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags, err := d.tags(ctx, client, want.Scope, want.Adopt)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	if !tags.in(fleet, kindBucket.Name) {
		maps.Copy(tags, marked(nil, fleet, want.Address, ""))
		if err := d.putTags(ctx, client, want.Scope, want.Adopt, tags); err != nil {
			return resource.Observed{}, err
		}
	}
	return d.details(ctx, client, want.Scope, want.Adopt, tags)
}

func bucketOutputs(scope resource.Scope, name string) map[string]string {
	return map[string]string{"arn": "arn:" + partition(scope.Region) + ":s3:::" + name, "name": name}
}
