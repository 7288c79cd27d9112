package aws

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"tenantry.dev/providers"
)

// The messages are those of AWS's page on access denied errors, and of services that say less.
func TestDenials(t *testing.T) {
	tests := []struct {
		message string
		want    Denial
	}{
		{
			"User: arn:aws:iam::777788889999:user/John is not authorized to perform: codecommit:ListRepositories because no identity-based policy allows the codecommit:ListRepositories action",
			Denial{Action: "codecommit:ListRepositories", Because: "because no identity-based policy allows the codecommit:ListRepositories action"},
		},
		{
			"User: arn:aws:iam::777788889999:user/John is not authorized to perform: codedeploy:ListDeployments on resource: arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:* with an explicit deny in an identity-based policy",
			Denial{Action: "codedeploy:ListDeployments", Resource: "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:*", Because: "with an explicit deny in an identity-based policy", Explicit: true},
		},
		{
			"User: arn:aws:sts::111122223333:assumed-role/tenantry/tenantry is not authorized to perform: sqs:SetQueueAttributes on resource: arn:aws:sqs:eu-central-1:111122223333:a because no permissions boundary allows the sqs:SetQueueAttributes action",
			Denial{Action: "sqs:SetQueueAttributes", Resource: "arn:aws:sqs:eu-central-1:111122223333:a", Because: "because no permissions boundary allows the sqs:SetQueueAttributes action"},
		},
		{
			"User: arn:aws:iam::111122223333:user/tenantry is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/tenantry",
			Denial{Action: "sts:TagSession", Resource: "arn:aws:iam::111122223333:role/tenantry"},
		},
		{"Access to the resource https://sqs.eu-central-1.amazonaws.com/ is denied.", Denial{}},
		{"Access Denied", Denial{}},
	}
	for _, tt := range tests {
		got, ok := DenialOf(failed("do", "it", apiError("AccessDenied", tt.message)))
		if !ok || got != tt.want {
			t.Errorf("%s\ngot  %+v, %t\nwant %+v", tt.message, got, ok, tt.want)
		}
	}
	handler := fmt.Errorf("create AWS::RUM::AppMonitor x: AccessDenied: User: u is not authorized to perform: rum:CreateAppMonitor because no identity-based policy allows the rum:CreateAppMonitor action (request r): %w", providers.ErrDenied)
	if got, ok := DenialOf(handler); !ok || got.Action != "rum:CreateAppMonitor" {
		t.Errorf("of a handler: %+v, %t", got, ok)
	}
	for _, err := range []error{nil, errors.New("not authorized to perform: s3:GetObject"), apiError("NoSuchBucket", "not authorized to perform: s3:GetObject")} {
		if got, ok := DenialOf(err); ok {
			t.Errorf("%v is taken for a denial: %+v", err, got)
		}
	}
}

// What a refusal doesn't say is known from the call.
func TestADenialWithoutAMessageNamesTheAction(t *testing.T) {
	for _, tt := range []struct{ service, operation, want string }{
		{"S3", "HeadBucket", "s3:ListBucket"},
		{"S3", "PutBucketPolicy", "s3:PutBucketPolicy"},
		{"CloudWatch Logs", "TagResource", "logs:TagResource"},
		{"CloudControl", "CreateResource", "cloudformation:CreateResource"},
		{"Resource Groups Tagging API", "GetResources", "tag:GetResources"},
		{"CloudWatch", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"},
		{"SQS", "TagQueue", "sqs:TagQueue"},
	} {
		err := failed("read", "it", &smithy.OperationError{ServiceID: tt.service, OperationName: tt.operation, Err: apiError("AccessDenied", "Access Denied")})
		if !strings.HasSuffix(err.Error(), ": Access Denied (it takes "+tt.want+")") {
			t.Errorf("%s.%s reads %q", tt.service, tt.operation, err)
		}
	}
	err := failed("read", "it", &smithy.OperationError{ServiceID: "S3", OperationName: "HeadBucket", Err: apiError("ExpiredToken", "The token has expired")})
	if strings.Contains(err.Error(), "takes") {
		t.Errorf("no permission mends credentials: %q", err)
	}
}
