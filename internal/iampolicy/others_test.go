package iampolicy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"tenantry.dev/internal/iampolicy"
)

// must makes one call of an API.
func must[In, Out, Opt any](t *testing.T, call func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) *Out {
	t.Helper()
	out, err := call(t.Context(), in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// denied requires that a call isn't allowed.
func denied[In, Out, Opt any](t *testing.T, call func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) {
	t.Helper()
	_, err := call(t.Context(), in)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" && api.ErrorCode() != "AccessDeniedException" && api.ErrorCode() != "AuthorizationError" {
		t.Errorf("%T: want a denial, got %v", in, err)
	}
}

// TestWhatOthersOwnIsOutOfReach has the writer's credentials try, without the drivers, to take, change and
// delete what another fleet has, to give a role more than its boundary, and to change Tenantry's own role.
func TestWhatOthersOwnIsOutOfReach(t *testing.T) {
	box, _ := place(t)
	if err := box.Permit(role, texts(iampolicy.Write(estate(t)).Writer)...); err != nil {
		t.Fatal(err)
	}
	theirs, cfg := base(box), base(box)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	session := must(t, sts.NewFromConfig(cfg).AssumeRole, &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("x-y"), ExternalId: aws.String("x")}).Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken)

	key, rival, own := aws.String("tenantry:fleet"), aws.String("rival"), aws.String(fleet)
	marked := map[string]string{*key: *own}

	queue := must(t, sqs.NewFromConfig(theirs).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("theirs"), Tags: map[string]string{*key: *rival}}).QueueUrl
	queues := sqs.NewFromConfig(cfg)
	denied(t, queues.TagQueue, &sqs.TagQueueInput{QueueUrl: queue, Tags: marked})
	denied(t, queues.UntagQueue, &sqs.UntagQueueInput{QueueUrl: queue, TagKeys: []string{*key}})
	denied(t, queues.SetQueueAttributes, &sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: map[string]string{"VisibilityTimeout": "1"}})
	denied(t, queues.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: queue})
	plain := must(t, sqs.NewFromConfig(theirs).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("nobodys")}).QueueUrl
	denied(t, queues.TagQueue, &sqs.TagQueueInput{QueueUrl: plain, Tags: map[string]string{*key: *rival}})
	denied(t, queues.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: plain})

	topic := must(t, sns.NewFromConfig(theirs).CreateTopic, &sns.CreateTopicInput{Name: aws.String("theirs"), Tags: []snstypes.Tag{{Key: key, Value: rival}}}).TopicArn
	denied(t, sns.NewFromConfig(cfg).TagResource, &sns.TagResourceInput{ResourceArn: topic, Tags: []snstypes.Tag{{Key: key, Value: own}}})
	denied(t, sns.NewFromConfig(cfg).DeleteTopic, &sns.DeleteTopicInput{TopicArn: topic})

	secret := must(t, secretsmanager.NewFromConfig(theirs).CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("theirs"), Tags: []secrettypes.Tag{{Key: key, Value: rival}}}).ARN
	denied(t, secretsmanager.NewFromConfig(cfg).GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: secret})
	denied(t, secretsmanager.NewFromConfig(cfg).UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: secret, Description: own})

	ours, roles := aws.String("suite-r"), iam.NewFromConfig(cfg)
	create := &iam.CreateRoleInput{
		RoleName: ours, AssumeRolePolicyDocument: aws.String(trust), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
		Tags: []iamtypes.Tag{{Key: key, Value: own}},
	}
	denied(t, roles.CreateRole, create)
	create.PermissionsBoundary = nil
	denied(t, roles.CreateRole, create)
	create.PermissionsBoundary = aws.String(boundary)
	must(t, roles.CreateRole, create)
	denied(t, roles.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: ours})
	denied(t, roles.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: ours, PermissionsBoundary: aws.String("arn:aws:iam::" + account + ":policy/other")})

	must(t, iam.NewFromConfig(theirs).CreateRole, &iam.CreateRoleInput{
		RoleName: aws.String("tenantry"), AssumeRolePolicyDocument: aws.String(trust), PermissionsBoundary: aws.String(boundary), Tags: []iamtypes.Tag{{Key: key, Value: own}},
	})
	denied(t, roles.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: aws.String("tenantry"), PolicyName: own, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	denied(t, roles.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("tenantry"), PolicyDocument: aws.String(trust)})
}
