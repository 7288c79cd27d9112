package aws

import (
	"cmp"
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A subscriptionFilter sends what is logged somewhere else. Which of them there are is a complete set:
// an extra one is a difference, for it may be somebody reading along. There can be two.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
type subscriptionFilter struct {
	Name           string `json:"name"`
	Pattern        string `json:"pattern"` // empty: every event
	DestinationARN string `json:"destinationArn"`
	RoleARN        string `json:"roleArn"` // empty for functions and for destinations of other accounts
	Distribution   string `json:"distribution"`
	// Other names what a filter does beyond that. It is observed, so that it shows as a difference,
	// and never wanted.
	Other string `json:"other,omitempty"`
}

func tidyFilters(list *[]subscriptionFilter) {
	for i := range *list {
		f := &(*list)[i]
		f.Distribution = cmp.Or(f.Distribution, string(types.DistributionByLogStream))
	}
	*list = sortedBy(*list, func(f subscriptionFilter) string { return f.Name })
}

// filters costs one call.
func (d *logGroup) filters(ctx context.Context, client *cloudwatchlogs.Client, group string) ([]subscriptionFilter, error) {
	list := []subscriptionFilter{}
	pages := cloudwatchlogs.NewDescribeSubscriptionFiltersPaginator(client, &cloudwatchlogs.DescribeSubscriptionFiltersInput{
		LogGroupName: &group, Limit: aws.Int32(50),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("read the subscription filters of log group", group, err)
		}
		for _, f := range page.SubscriptionFilters {
			list = append(list, fromFilter(f))
		}
	}
	return list, nil
}

func fromFilter(f types.SubscriptionFilter) subscriptionFilter {
	var other []string
	if f.ApplyOnTransformedLogs {
		other = append(other, "transformed logs")
	}
	if criteria := str(f.FieldSelectionCriteria); criteria != "" {
		other = append(other, "criteria "+criteria)
	}
	if len(f.EmitSystemFields) > 0 {
		other = append(other, "system fields")
	}
	return subscriptionFilter{
		Name: str(f.FilterName), Pattern: str(f.FilterPattern), DestinationARN: str(f.DestinationArn), RoleARN: str(f.RoleArn),
		Distribution: string(f.Distribution), Other: strings.Join(other, ", "),
	}
}

// setFilters removes before it adds, because of the limit.
func (d *logGroup) setFilters(ctx context.Context, client *cloudwatchlogs.Client, group string, have, want []subscriptionFilter) error {
	wanted := map[string]bool{}
	for _, f := range want {
		wanted[f.Name] = true
	}
	there := map[string]subscriptionFilter{}
	for _, f := range have {
		there[f.Name] = f
		if wanted[f.Name] {
			continue
		}
		_, err := client.DeleteSubscriptionFilter(ctx, &cloudwatchlogs.DeleteSubscriptionFilterInput{LogGroupName: &group, FilterName: &f.Name})
		if _, err := unlessAbsent(err, "ResourceNotFoundException"); err != nil {
			return failed("remove subscription filter "+f.Name+" of log group", group, err)
		}
	}
	for _, f := range want {
		if there[f.Name] == f {
			continue
		}
		input := &cloudwatchlogs.PutSubscriptionFilterInput{
			LogGroupName: &group, FilterName: &f.Name, FilterPattern: &f.Pattern, DestinationArn: &f.DestinationARN,
			Distribution: types.Distribution(f.Distribution),
		}
		if f.RoleARN != "" {
			input.RoleArn = &f.RoleARN
		}
		if _, err := client.PutSubscriptionFilter(ctx, input); err != nil {
			return d.sessions.failedNaming("set subscription filter "+f.Name+" of log group", group, err)
		}
	}
	return nil
}
