package aws

import (
	"context"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	keytypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	buckettypes "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topictypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"

	"tenantry.dev/reconciler/resource"
)

// addTagEar tells the index of every tag that is read or written through the clients of a scope, so
// that no driver has to remember to. It stands around the whole call, retries included: a write counts
// from before it is sent, and again from when its answer came.
func addTagEar(ix *tagIndex, scope resource.Scope) func(*middleware.Stack) error {
	listen := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		arn := tagsOf(scope, in.Parameters)
		if arn == "" {
			return next.HandleInitialize(ctx, in)
		}
		reads := isRead(awsmiddleware.GetOperationName(ctx))
		if !reads {
			ix.wrote(arn)
		}
		out, meta, err := next.HandleInitialize(ctx, in)
		switch tags, whole := tagsIn(out.Result); {
		case !reads:
			ix.wrote(arn)
		case hasCode(err, "NoSuchTagSet"):
			ix.read(arn, tagged{})
		case err == nil && whole:
			ix.read(arn, tags)
		}
		return out, meta, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("TenantryTagEar", listen), middleware.After)
	}
}

// tagsOf is the ARN of the resource whose tags a call is about, and "" for a call that isn't about tags.
// A create is: what had the name before may still be in the index.
func tagsOf(scope resource.Scope, input any) string {
	switch in := input.(type) {
	case *s3.GetBucketTaggingInput:
		return bucketARN(scope, str(in.Bucket))
	case *s3.PutBucketTaggingInput:
		return bucketARN(scope, str(in.Bucket))
	case *s3.CreateBucketInput:
		return bucketARN(scope, str(in.Bucket))
	case *kms.ListResourceTagsInput:
		return keyARN(scope, str(in.KeyId))
	case *kms.TagResourceInput:
		return keyARN(scope, str(in.KeyId))
	case *kms.UntagResourceInput:
		return keyARN(scope, str(in.KeyId))
	case *sqs.ListQueueTagsInput:
		return queueARN(scope, str(in.QueueUrl))
	case *sqs.TagQueueInput:
		return queueARN(scope, str(in.QueueUrl))
	case *sqs.UntagQueueInput:
		return queueARN(scope, str(in.QueueUrl))
	case *sqs.CreateQueueInput:
		return queueARN(scope, str(in.QueueName))
	}
	return tagsOfARN(scope, input)
}

// tagsOfARN is tagsOf for the services that are asked by ARN.
func tagsOfARN(scope resource.Scope, input any) string {
	switch in := input.(type) {
	case *cloudwatchlogs.ListTagsForResourceInput:
		return str(in.ResourceArn)
	case *cloudwatchlogs.TagResourceInput:
		return str(in.ResourceArn)
	case *cloudwatchlogs.UntagResourceInput:
		return str(in.ResourceArn)
	case *cloudwatchlogs.CreateLogGroupInput:
		return arnOf(scope, "logs", "log-group:"+str(in.LogGroupName))
	case *cloudwatch.ListTagsForResourceInput:
		return str(in.ResourceARN)
	case *cloudwatch.TagResourceInput:
		return str(in.ResourceARN)
	case *cloudwatch.UntagResourceInput:
		return str(in.ResourceARN)
	case *cloudwatch.PutMetricAlarmInput:
		return arnOf(scope, "cloudwatch", "alarm:"+str(in.AlarmName))
	case *sns.ListTagsForResourceInput:
		return str(in.ResourceArn)
	case *sns.TagResourceInput:
		return str(in.ResourceArn)
	case *sns.UntagResourceInput:
		return str(in.ResourceArn)
	case *sns.CreateTopicInput:
		return arnOf(scope, "sns", str(in.Name))
	}
	return ""
}

// tagsIn returns the tags that a service answered with; false if the answer has none, or not all.
func tagsIn(output any) (tagged, bool) {
	switch out := output.(type) {
	case *s3.GetBucketTaggingOutput:
		return fromTags(out.TagSet, func(t buckettypes.Tag) (key, value *string) { return t.Key, t.Value }), true
	case *kms.ListResourceTagsOutput:
		return fromTags(out.Tags, func(t keytypes.Tag) (key, value *string) { return t.TagKey, t.TagValue }), !out.Truncated
	case *cloudwatchlogs.ListTagsForResourceOutput:
		return out.Tags, true
	case *cloudwatch.ListTagsForResourceOutput:
		return fromTags(out.Tags, func(t alarmtypes.Tag) (key, value *string) { return t.Key, t.Value }), true
	case *sns.ListTagsForResourceOutput:
		return fromTags(out.Tags, func(t topictypes.Tag) (key, value *string) { return t.Key, t.Value }), true
	case *sqs.ListQueueTagsOutput:
		return out.Tags, true
	}
	return nil, false
}

// The ARNs by which the index knows what its service's calls name otherwise.

func bucketARN(scope resource.Scope, name string) string {
	return "arn:" + partition(scope.Region) + ":s3:::" + name
}

func keyARN(scope resource.Scope, id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return arnOf(scope, "kms", "key/"+id)
}

// queueARN takes a URL or a name.
func queueARN(scope resource.Scope, url string) string {
	return arnOf(scope, "sqs", url[strings.LastIndexByte(url, '/')+1:])
}
