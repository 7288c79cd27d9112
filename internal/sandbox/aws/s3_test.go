package awsbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func inRegion(region string, tags ...types.Tag) *types.CreateBucketConfiguration {
	return &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region), Tags: tags}
}

func TestNewBucketHasTodaysDefaults(t *testing.T) {
	b := newBench(t)
	client := s3.NewFromConfig(b.as(blue))
	name := aws.String("acme-data")
	do(t, client.CreateBucket, &s3.CreateBucketInput{
		Bucket:                    name,
		CreateBucketConfiguration: inRegion(here, types.Tag{Key: aws.String("tenantry:address"), Value: aws.String("tenant/acme/aws.s3.bucket/data")}),
	})

	block := do(t, client.GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: name}).PublicAccessBlockConfiguration
	if !*block.BlockPublicAcls || !*block.IgnorePublicAcls || !*block.BlockPublicPolicy || !*block.RestrictPublicBuckets {
		t.Errorf("public access isn't blocked: %+v", block)
	}
	enc := do(t, client.GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: name}).ServerSideEncryptionConfiguration
	if got := enc.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm; got != "AES256" {
		t.Errorf("encryption is %s", got)
	}
	if got := do(t, client.GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: name}).Status; got != "" {
		t.Errorf("versioning is %q", got)
	}
	tags := do(t, client.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: name}).TagSet
	if len(tags) != 1 || *tags[0].Value != "tenant/acme/aws.s3.bucket/data" {
		t.Errorf("tags are %v", tags)
	}
	if got := do(t, client.GetBucketLocation, &s3.GetBucketLocationInput{Bucket: name}).LocationConstraint; got != here {
		t.Errorf("location is %q", got)
	}
	own := do(t, client.GetBucketOwnershipControls, &s3.GetBucketOwnershipControlsInput{Bucket: name}).OwnershipControls
	if got := own.Rules[0].ObjectOwnership; got != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("ownership is %q", got)
	}
	refused(t, "NoSuchBucketPolicy", client.GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: name})
	refused(t, "NoSuchBucketPolicy", client.GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: name})
	refused(t, "NoSuchLifecycleConfiguration", client.GetBucketLifecycleConfiguration, &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	refused(t, "ObjectLockConfigurationNotFoundError", client.GetObjectLockConfiguration, &s3.GetObjectLockConfigurationInput{Bucket: name})
	do(t, client.DeleteBucketTagging, &s3.DeleteBucketTaggingInput{Bucket: name})
	refused(t, "NoSuchTagSet", client.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: name})
	do(t, client.DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: name})
	refused(t, "NoSuchPublicAccessBlockConfiguration", client.GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: name})
}

func TestBucketNamesAreGlobal(t *testing.T) {
	b := newBench(t)
	mine, theirs := s3.NewFromConfig(b.as(blue)), s3.NewFromConfig(b.as(green))
	name := aws.String("the-name")
	in := &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: inRegion(here)}
	do(t, mine.CreateBucket, in)
	refused(t, "BucketAlreadyOwnedByYou", mine.CreateBucket, in)
	refused(t, "BucketAlreadyExists", theirs.CreateBucket, in)
	refused(t, "Forbidden", theirs.HeadBucket, &s3.HeadBucketInput{Bucket: name})
	refused(t, "AccessDenied", theirs.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: name})
	refused(t, "AccessDenied", mine.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: name, ExpectedBucketOwner: aws.String(green)})
	refused(t, "NotFound", mine.HeadBucket, &s3.HeadBucketInput{Bucket: aws.String("nobodys")})
	if got := do(t, theirs.ListBuckets, &s3.ListBucketsInput{}).Buckets; len(got) != 0 {
		t.Errorf("the other account lists %v", got)
	}
}

func TestBucketRegions(t *testing.T) {
	b := newBench(t)
	home, virginia := s3.NewFromConfig(b.as(blue)), s3.NewFromConfig(b.in(blue, "us-east-1"))
	create := func(name, constraint string) *s3.CreateBucketInput {
		in := &s3.CreateBucketInput{Bucket: aws.String(name)}
		if constraint != "" {
			in.CreateBucketConfiguration = inRegion(constraint)
		}
		return in
	}
	refused(t, "IllegalLocationConstraintException", home.CreateBucket, create("plain", ""))
	refused(t, "IllegalLocationConstraintException", home.CreateBucket, create("plain", "eu-west-1"))
	refused(t, "InvalidLocationConstraint", virginia.CreateBucket, create("plain", "us-east-1"))
	refused(t, "InvalidBucketName", virginia.CreateBucket, create("UPPER", ""))
	do(t, virginia.CreateBucket, create("american", ""))
	do(t, virginia.CreateBucket, create("american", "")) // the legacy of us-east-1
	do(t, home.CreateBucket, create("german", here))
	refused(t, "PermanentRedirect", home.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: aws.String("american")})
	if got := do(t, home.ListBuckets, &s3.ListBucketsInput{BucketRegion: aws.String(here)}).Buckets; len(got) != 1 || *got[0].Name != "german" {
		t.Errorf("buckets of %s are %v", here, got)
	}
}

func TestBucketListPages(t *testing.T) {
	b := newBench(t)
	client := s3.NewFromConfig(b.as(blue))
	for _, name := range []string{"acme-a", "acme-b", "acme-c", "zeta"} {
		do(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: aws.String(name), CreateBucketConfiguration: inRegion(here)})
	}
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	var names []string
	pages := s3.NewListBucketsPaginator(client, &s3.ListBucketsInput{Prefix: aws.String("acme"), MaxBuckets: aws.Int32(100)})
	for pages.HasMorePages() {
		for _, bucket := range must[*s3.ListBucketsOutput](t)(pages.NextPage(t.Context())).Buckets {
			names = append(names, *bucket.Name)
		}
	}
	if len(names) != 3 || b.Counts()["s3.ListBuckets"] != 3 {
		t.Errorf("got %v in %d calls", names, b.Counts()["s3.ListBuckets"])
	}
}

func TestBucketSettings(t *testing.T) {
	b := newBench(t)
	client := s3.NewFromConfig(b.as(blue))
	name := aws.String("settings")
	do(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: inRegion(here)})

	do(t, client.PutBucketVersioning, &s3.PutBucketVersioningInput{
		Bucket:                  name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if got := do(t, client.GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: name}).Status; got != "Enabled" {
		t.Errorf("versioning is %q", got)
	}
	rule := types.LifecycleRule{
		ID: aws.String("old"), Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("logs/")},
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)}, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(7)},
	}
	put := func(rules ...types.LifecycleRule) *s3.PutBucketLifecycleConfigurationInput {
		return &s3.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}}
	}
	do(t, client.PutBucketLifecycleConfiguration, put(rule))
	refused(t, "InvalidArgument", client.PutBucketLifecycleConfiguration, put(rule, rule))
	refused(t, "InvalidRequest", client.PutBucketLifecycleConfiguration, put(types.LifecycleRule{Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}}))
	got := do(t, client.GetBucketLifecycleConfiguration, &s3.GetBucketLifecycleConfigurationInput{Bucket: name}).Rules
	if len(got) != 1 || *got[0].ID != "old" || *got[0].Filter.Prefix != "logs/" || *got[0].Expiration.Days != 30 ||
		*got[0].NoncurrentVersionExpiration.NoncurrentDays != 7 {
		t.Errorf("lifecycle is %+v", got)
	}
	do(t, client.DeleteBucketLifecycle, &s3.DeleteBucketLifecycleInput{Bucket: name})
	refused(t, "NoSuchLifecycleConfiguration", client.GetBucketLifecycleConfiguration, &s3.GetBucketLifecycleConfigurationInput{Bucket: name})

	do(t, client.PutBucketEncryption, &s3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms", KMSMasterKeyID: aws.String("k")}}},
	}})
	enc := do(t, client.GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: name}).ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault
	if enc.SSEAlgorithm != "aws:kms" || *enc.KMSMasterKeyID != "k" {
		t.Errorf("encryption is %+v", enc)
	}
}

func TestPublicBucketPolicyIsBlocked(t *testing.T) {
	b := newBench(t)
	client := s3.NewFromConfig(b.as(blue))
	name := aws.String("policies")
	do(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: inRegion(here)})
	open := &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::policies/*"}]}`)}
	refused(t, "AccessDenied", client.PutBucketPolicy, open)
	do(t, client.DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: name})
	do(t, client.PutBucketPolicy, open)
	if got := do(t, client.GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: name}).Policy; *got != *open.Policy {
		t.Errorf("policy is %s", *got)
	}
	if !*do(t, client.GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: name}).PolicyStatus.IsPublic {
		t.Error("the policy isn't seen as public")
	}
	refused(t, "MalformedPolicy", client.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(`{`)})
	do(t, client.DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: name})
	do(t, client.DeleteBucket, &s3.DeleteBucketInput{Bucket: name})
	refused(t, "NoSuchBucket", client.DeleteBucket, &s3.DeleteBucketInput{Bucket: name})
}
