package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tenantry.dev/reconciler/resource"
)

// A bucket's settings are sub-resources, each with its own calls. Every call names the account that
// must own the bucket, so that a name that changed hands is refused by S3 itself.

// tags reads the bucket's tags; a bucket without any has none (NoSuchTagSet).
func (d *bucket) tags(ctx context.Context, client *s3.Client, scope resource.Scope, name string) (tagged, error) {
	out, err := client.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &name, ExpectedBucketOwner: &scope.Account})
	present, err := unlessAbsent(err, "NoSuchTagSet")
	if err != nil || !present {
		return tagged{}, failed("read the tags of bucket", name, err)
	}
	return fromTags(out.TagSet, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

// owned reads the tags and refuses a bucket that no longer carries the mark it had.
func (d *bucket) owned(ctx context.Context, client *s3.Client, operation string, have resource.Observed) (tagged, error) {
	tags, err := d.tags(ctx, client, have.Scope, have.ID)
	if err != nil {
		return nil, err
	}
	return tags, tags.require(operation, have.ID, have.Fleet, have.Address)
}

// putTags replaces all tags, so tags must hold the ones that stay, AWS's own included.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
func (d *bucket) putTags(ctx context.Context, client *s3.Client, scope resource.Scope, name string, tags tagged) error {
	_, err := client.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
		Bucket: &name, ExpectedBucketOwner: &scope.Account, Tagging: &types.Tagging{TagSet: toBucketTags(tags)},
	})
	return failed("tag bucket", name, err)
}

func toBucketTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// details reads all settings of a bucket whose tags are known.
func (d *bucket) details(ctx context.Context, client *s3.Client, scope resource.Scope, name string, tags tagged) (resource.Observed, error) {
	attributes, err := d.settings(ctx, client, scope, name)
	if err != nil {
		return resource.Observed{}, err
	}
	return seenBucket(scope, attributes, tags)
}

func seenBucket(scope resource.Scope, attributes bucketAttributes, tags tagged) (resource.Observed, error) {
	attributes.Tags = tags.users()
	return seen{
		kind: kindBucket, scope: scope, id: attributes.Name, tags: tags, attributes: attributes, outputs: bucketOutputs(scope, attributes.Name),
	}.observed()
}

// settings reads all but the tags.
func (d *bucket) settings(ctx context.Context, client *s3.Client, scope resource.Scope, name string) (bucketAttributes, error) {
	attributes := bucketAttributes{Name: name}
	var reads []func(context.Context) error
	for _, read := range []func(context.Context, *s3.Client, *string, *bucketAttributes) error{ // each of attributes of its own
		readPublicAccess, readOwnership, readEncryption, readVersioning, readLifecycle, readBucketPolicy, readNotifications,
	} {
		reads = append(reads, func(ctx context.Context) error { return read(ctx, client, &scope.Account, &attributes) })
	}
	err := together(ctx, reads...)
	return attributes, err
}

// readPublicAccess: without a configuration (NoSuchPublicAccessBlockConfiguration) nothing is blocked.
func readPublicAccess(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	out, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "NoSuchPublicAccessBlockConfiguration")
	if err != nil || !present || out.PublicAccessBlockConfiguration == nil {
		return failed("read the public access block of bucket", a.Name, err)
	}
	c := out.PublicAccessBlockConfiguration
	a.PublicAccessBlock = publicAccessBlock{
		BlockPublicAcls:       aws.ToBool(c.BlockPublicAcls),
		IgnorePublicAcls:      aws.ToBool(c.IgnorePublicAcls),
		BlockPublicPolicy:     aws.ToBool(c.BlockPublicPolicy),
		RestrictPublicBuckets: aws.ToBool(c.RestrictPublicBuckets),
	}
	return nil
}

// readEncryption: without a configuration (ServerSideEncryptionConfigurationNotFoundError) S3
// encrypts with AES256 all the same.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
func readEncryption(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	a.Encryption.Algorithm = string(types.ServerSideEncryptionAes256)
	out, err := client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "ServerSideEncryptionConfigurationNotFoundError")
	if err != nil || !present || out.ServerSideEncryptionConfiguration == nil {
		return failed("read the encryption of bucket", a.Name, err)
	}
	for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
		if by := rule.ApplyServerSideEncryptionByDefault; by != nil {
			a.Encryption = bucketEncryption{Algorithm: string(by.SSEAlgorithm), KMSKey: str(by.KMSMasterKeyID)}
		}
	}
	return nil
}

// readVersioning: a bucket that never had it answers with an empty status. Replication is read after it, as
// there is none without.
func readVersioning(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	out, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	if err != nil {
		return failed("read the versioning of bucket", a.Name, err)
	}
	a.Versioning = out.Status == types.BucketVersioningStatusEnabled
	return readReplication(ctx, client, owner, a)
}

// readLifecycle: no rules are NoSuchLifecycleConfiguration.
func readLifecycle(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	a.Lifecycle = []lifecycleRule{}
	out, err := client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "NoSuchLifecycleConfiguration")
	if err != nil || !present {
		return failed("read the lifecycle of bucket", a.Name, err)
	}
	for _, rule := range out.Rules {
		a.Lifecycle = append(a.Lifecycle, fromRule(rule))
	}
	return nil
}

// readBucketPolicy: no policy is NoSuchBucketPolicy.
func readBucketPolicy(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	out, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "NoSuchBucketPolicy")
	if err != nil || !present {
		return failed("read the policy of bucket", a.Name, err)
	}
	a.Policy = policyFrom(str(out.Policy))
	return nil
}

// fromRule reads a lifecycle rule, and names in Other what our rules can't say.
func fromRule(rule types.LifecycleRule) lifecycleRule {
	r := lifecycleRule{ID: str(rule.ID), Prefix: str(rule.Prefix)} //nolint:staticcheck // rules of before 2016 have their prefix there
	var other []string
	note := func(there bool, what string) {
		if there {
			other = append(other, what)
		}
	}
	if f := rule.Filter; f != nil {
		if f.Prefix != nil {
			r.Prefix = *f.Prefix
		}
		note(f.Tag != nil || f.And != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil, "filter")
	}
	if e := rule.Expiration; e != nil {
		r.ExpireDays = aws.ToInt32(e.Days)
		note(e.Date != nil, "expiration date")
		note(aws.ToBool(e.ExpiredObjectDeleteMarker), "delete markers")
	}
	if e := rule.NoncurrentVersionExpiration; e != nil {
		r.NoncurrentExpireDays = aws.ToInt32(e.NoncurrentDays)
		note(aws.ToInt32(e.NewerNoncurrentVersions) != 0, "newer versions kept")
	}
	note(rule.Status != types.ExpirationStatusEnabled, "disabled")
	note(rule.AbortIncompleteMultipartUpload != nil, "multipart uploads")
	note(len(rule.Transitions) > 0 || len(rule.NoncurrentVersionTransitions) > 0, "transitions")
	r.Other = strings.Join(other, ", ")
	return r
}

func toRule(r lifecycleRule) types.LifecycleRule {
	rule := types.LifecycleRule{
		ID: &r.ID, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &r.Prefix},
	}
	if r.ExpireDays > 0 {
		rule.Expiration = &types.LifecycleExpiration{Days: &r.ExpireDays}
	}
	if r.NoncurrentExpireDays > 0 {
		rule.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: &r.NoncurrentExpireDays}
	}
	return rule
}

// converge writes what differs. The caller has checked the mark in tags. Public access is settled
// before the policy, so that no policy is ever public for a moment that must not be.
func (d *bucket) converge(ctx context.Context, client *s3.Client, have resource.Observed, tags tagged, want resource.Desired, to bucketAttributes) (resource.Observed, error) {
	w := wishFor(kindBucket, have.Attributes, want, to)
	owner := &have.Scope.Account
	for _, set := range []func(context.Context, *s3.Client, *string, wish[bucketAttributes]) error{
		d.setPublicAccess, d.setOwnership, d.setEncryption, d.dropReplication, d.setVersioning, d.setReplication, d.setLifecycle,
		d.setNotifications, d.setPolicy,
	} {
		if err := set(ctx, client, owner, w); err != nil {
			return resource.Observed{}, err
		}
	}
	set, remove := tags.change(to.Tags)
	if len(set)+len(remove) > 0 {
		if err := d.putTags(ctx, client, have.Scope, have.ID, tags.with(set, remove)); err != nil {
			return resource.Observed{}, err
		}
	}
	return w.met(have), nil
}

func (d *bucket) setPublicAccess(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("publicAccessBlock") {
		return nil
	}
	b := w.to.PublicAccessBlock
	_, err := client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &b.BlockPublicAcls, IgnorePublicAcls: &b.IgnorePublicAcls,
			BlockPublicPolicy: &b.BlockPublicPolicy, RestrictPublicBuckets: &b.RestrictPublicBuckets,
		},
	})
	return failed("set the public access block of bucket", w.to.Name, err)
}

func (d *bucket) setEncryption(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("encryption") {
		return nil
	}
	by := types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(w.to.Encryption.Algorithm)}
	rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &by}
	if key := w.to.Encryption.KMSKey; key != "" {
		by.KMSMasterKeyID = &key
	}
	if by.SSEAlgorithm == types.ServerSideEncryptionAwsKms {
		rule.BucketKeyEnabled = aws.Bool(true) // one call to KMS per bucket and hour, not per object
	}
	_, err := client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
	})
	return failed("set the encryption of bucket", w.to.Name, err)
}

func (d *bucket) setVersioning(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("versioning") {
		return nil
	}
	status := types.BucketVersioningStatusSuspended
	if w.to.Versioning {
		status = types.BucketVersioningStatusEnabled
	}
	_, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner,
		VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	return failed("set the versioning of bucket", w.to.Name, err)
}

func (d *bucket) setLifecycle(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("lifecycle") {
		return nil
	}
	if len(w.to.Lifecycle) == 0 {
		_, err := client.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &w.to.Name, ExpectedBucketOwner: owner})
		return failed("remove the lifecycle of bucket", w.to.Name, err)
	}
	rules := make([]types.LifecycleRule, len(w.to.Lifecycle))
	for i, r := range w.to.Lifecycle {
		rules[i] = toRule(r)
	}
	_, err := client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	return failed("set the lifecycle of bucket", w.to.Name, err)
}

func (d *bucket) setPolicy(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("policy") {
		return nil
	}
	if len(w.to.Policy) == 0 {
		_, err := client.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &w.to.Name, ExpectedBucketOwner: owner})
		return failed("remove the policy of bucket", w.to.Name, err)
	}
	_, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner, Policy: aws.String(string(w.to.Policy)),
	})
	return d.sessions.failed("set the policy of bucket", w.to.Name, err)
}
