package awsbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestAssumeRoleAsksForTheExternalID(t *testing.T) {
	b := newBench(t)
	client := sts.NewFromConfig(b.base())
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + green + ":role/tenantry"), RoleSessionName: aws.String("tenantry")}
	for external, want := range map[string]string{"": "AccessDenied", "secret-of-blue": "AccessDenied", "secret-of-green": ""} {
		in.ExternalId = nil
		if external != "" {
			in.ExternalId = aws.String(external)
		}
		if got := try(t, client.AssumeRole, in); got != want {
			t.Errorf("external id %q: got %q, want %q", external, got, want)
		}
	}
	in.RoleArn = aws.String("arn:aws:iam::333333333333:role/tenantry")
	refused(t, "AccessDenied", client.AssumeRole, in)
}

func TestCallerIdentity(t *testing.T) {
	b := newBench(t)
	base := do(t, sts.NewFromConfig(b.base()).GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if *base.Account != blue {
		t.Errorf("the base credentials belong to %s", *base.Account)
	}
	role := do(t, sts.NewFromConfig(b.as(green)).GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if got, want := *role.Arn, "arn:aws:sts::"+green+":assumed-role/tenantry/test"; got != want || *role.Account != green {
		t.Errorf("the session is %s of %s, want %s", got, *role.Account, want)
	}
}

func TestUnknownAndExpiredKeys(t *testing.T) {
	b := newBench(t)
	session := b.as(blue)
	stranger := b.base()
	stranger.Credentials = credentials.NewStaticCredentialsProvider("AKIASTRANGER", "x", "")
	refused(t, "InvalidClientTokenId", sts.NewFromConfig(stranger).GetCallerIdentity, &sts.GetCallerIdentityInput{})
	refused(t, "InvalidClientTokenId", iam.NewFromConfig(stranger).ListRoles, &iam.ListRolesInput{})
	refused(t, "InvalidAccessKeyId", s3.NewFromConfig(stranger).ListBuckets, &s3.ListBucketsInput{})
	refused(t, "InvalidClientTokenId", sqs.NewFromConfig(stranger).ListQueues, &sqs.ListQueuesInput{})
	b.now = b.now.Add(time.Hour)
	refused(t, "ExpiredToken", iam.NewFromConfig(session).ListRoles, &iam.ListRolesInput{})
	refused(t, "ExpiredToken", s3.NewFromConfig(session).ListBuckets, &s3.ListBucketsInput{})
	refused(t, "ExpiredToken", sqs.NewFromConfig(session).ListQueues, &sqs.ListQueuesInput{})
}
