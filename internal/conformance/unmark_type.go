package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// unmarkType takes our tags off a resource of one of AWS's types, in the form that its type has for tags.
func unmarkType(ctx context.Context, client *cloudcontrol.Client, have resource.Observed) error {
	table, err := awstypes.Open()
	if err != nil {
		return err
	}
	t, err := table.Type(have.Address.Kind)
	if err != nil {
		return err
	}
	out, err := client.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: &t.Name, Identifier: &have.ID})
	if err != nil {
		return err
	}
	var properties map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(out.ResourceDescription.Properties)), &properties); err != nil {
		return err
	}
	left := withoutMarks(properties[t.Tagging.Property])
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/" + t.Tagging.Property, "value": left}})
	if err != nil {
		return err
	}
	asked, err := client.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{
		TypeName: &t.Name, Identifier: &have.ID, PatchDocument: aws.String(string(patch)),
	})
	if err != nil {
		return err
	}
	return ended(ctx, client, asked.ProgressEvent)
}

// withoutMarks are a resource's tags but for ours.
func withoutMarks(tags any) any {
	switch v := tags.(type) {
	case map[string]any:
		for _, mark := range marks {
			delete(v, mark)
		}
		return v
	case []any:
		return slices.DeleteFunc(v, func(tag any) bool {
			pair, _ := tag.(map[string]any)
			key, _ := pair["Key"].(string)
			return slices.Contains(marks, key)
		})
	}
	return tags
}

// ended waits until a request of Cloud Control has ended.
func ended(ctx context.Context, client *cloudcontrol.Client, event *types.ProgressEvent) error {
	for {
		switch event.OperationStatus {
		case types.OperationStatusSuccess:
			return nil
		case types.OperationStatusFailed, types.OperationStatusCancelComplete:
			if event.ErrorCode == types.HandlerErrorCodeNotFound {
				return providers.ErrGone
			}
			return fmt.Errorf("%s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
		out, err := client.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err != nil {
			return err
		}
		event = out.ProgressEvent
	}
}
