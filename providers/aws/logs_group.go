package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindLogGroup describes aws.logs.group.
var kindLogGroup = resource.Kind{
	Name:        "aws.logs.group",
	DataBearing: true,
	Uses:        []string{"aws.kms.key"},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "retentionDays", Default: resource.Int(0)},
		{Name: "kmsKey", Default: resource.String("")},
		{Name: "subscriptionFilters", Default: emptyList, Canonical: tidied(tidyFilters)},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name"},
}

type logGroupAttributes struct {
	Name string `json:"name"`
	// RetentionDays is one of the periods that the service knows; 0 keeps logs for ever.
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
	RetentionDays       int32                `json:"retentionDays"`
	KMSKey              string               `json:"kmsKey"` // empty: encrypted by a key of the service
	SubscriptionFilters []subscriptionFilter `json:"subscriptionFilters"`
	Tags                map[string]string    `json:"tags"`
}

// logGroup drives log groups. Their id is the name.
type logGroup struct {
	sessions *sessions
	clients  *pool[*cloudwatchlogs.Client]
}

func newLogGroup(s *sessions) *logGroup {
	return &logGroup{sessions: s, clients: newPool(s, func(c aws.Config) *cloudwatchlogs.Client {
		return cloudwatchlogs.NewFromConfig(c)
	})}
}

// Kind describes log groups.
func (d *logGroup) Kind() resource.Kind { return kindLogGroup }

// Observe costs ⌈groups of the scope / 50⌉ DescribeLogGroups + ours × DescribeSubscriptionFilters, and
// ListTagsForResource for each group whose tags the index doesn't tell. The list has all the rest.
func (d *logGroup) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindLogGroup, fleet)
}

// Survey costs ⌈groups of the scope / 50⌉ DescribeLogGroups + groups × 2.
func (d *logGroup) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindLogGroup)
}

func (d *logGroup) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var groups []types.LogGroup
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(50)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list log groups of", scope.String(), err)
		}
		groups = append(groups, page.LogGroups...)
	}
	index := d.sessions.index(ctx, scope)
	return each(ctx, groups, func(ctx context.Context, group types.LogGroup) (sighting, error) {
		return s.indexed(index, logGroupARN(group), str(group.LogGroupName),
			func() (tagged, error) {
				tags, err := d.tags(ctx, client, logGroupARN(group))
				return tags, failed("read the tags of log group", str(group.LogGroupName), err)
			},
			func(tags tagged) (resource.Observed, error) { return d.details(ctx, client, scope, group, tags) })
	})
}

// Refresh reads one group again.
func (d *logGroup) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	_, _, now, err := d.checked(ctx, "read log group", have)
	return now, err
}

// Create makes the group with its key and tags, and then sets what creation can't. If the name is
// taken, what is there is finished, provided that it is ours.
func (d *logGroup) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w logGroupAttributes
	if err := decode(kindLogGroup, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	input := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &w.Name, Tags: tags}
	if w.KMSKey != "" {
		input.KmsKeyId = &w.KMSKey
	}
	_, err = client.CreateLogGroup(ctx, input)
	if hasCode(err, "ResourceAlreadyExistsException") {
		there := resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: w.Name}
		finished, err := d.Update(ctx, there, want)
		return finished, existing("create log group", w.Name, err)
	}
	if err != nil {
		return resource.Observed{}, failed("create log group", w.Name, err)
	}
	group := types.LogGroup{
		LogGroupName: &w.Name, KmsKeyId: input.KmsKeyId,
		LogGroupArn: aws.String(arnOf(want.Scope, "logs", "log-group:"+w.Name)),
	}
	made, err := seenLogGroup(want.Scope, group, nil, tags)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.bring(ctx, client, made, tags, want)
}

// Update writes only what differs from what is there now.
func (d *logGroup) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	client, tags, now, err := d.checked(ctx, "update log group", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.bring(ctx, client, now, tags, want)
}

// bring makes the calls that have needs to be as wanted.
func (d *logGroup) bring(ctx context.Context, client *cloudwatchlogs.Client, have resource.Observed, tags tagged, want resource.Desired) (resource.Observed, error) {
	var w logGroupAttributes
	if err := decode(kindLogGroup, want, &w); err != nil {
		return resource.Observed{}, err
	}
	wish := wishFor(kindLogGroup, have.Attributes, want, w)
	if wish.differs("subscriptionFilters") {
		var had logGroupAttributes
		if err := have.Attributes.Decode(&had); err != nil {
			return resource.Observed{}, err
		}
		if err := d.setFilters(ctx, client, have.ID, had.SubscriptionFilters, w.SubscriptionFilters); err != nil {
			return resource.Observed{}, err
		}
	}
	if wish.differs("kmsKey") {
		if err := d.setKey(ctx, client, have.ID, w.KMSKey); err != nil {
			return resource.Observed{}, err
		}
	}
	if wish.differs("retentionDays") {
		if err := d.setRetention(ctx, client, have.ID, w.RetentionDays); err != nil {
			return resource.Observed{}, err
		}
	}
	set, remove := tags.change(w.Tags)
	if err := d.setTags(ctx, client, have, set, remove); err != nil {
		return resource.Observed{}, err
	}
	return wish.met(have), nil
}

// setKey sets the key for what is logged from now on; what was logged keeps the key it has.
func (d *logGroup) setKey(ctx context.Context, client *cloudwatchlogs.Client, name, key string) error {
	if key == "" {
		_, err := client.DisassociateKmsKey(ctx, &cloudwatchlogs.DisassociateKmsKeyInput{LogGroupName: &name})
		return failed("remove the key of log group", name, err)
	}
	_, err := client.AssociateKmsKey(ctx, &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: &name, KmsKeyId: &key})
	return failed("set the key of log group", name, err)
}

func (d *logGroup) setRetention(ctx context.Context, client *cloudwatchlogs.Client, name string, days int32) error {
	if days == 0 {
		_, err := client.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &name})
		return failed("remove the retention of log group", name, err)
	}
	_, err := client.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: &days})
	return failed("set the retention of log group", name, err)
}

func (d *logGroup) setTags(ctx context.Context, client *cloudwatchlogs.Client, have resource.Observed, set tagged, remove []string) error {
	arn := have.Outputs["arn"]
	if len(set) > 0 {
		_, err := client.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: set})
		if err != nil {
			return failed("tag log group", have.ID, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: remove})
		return failed("untag log group", have.ID, err)
	}
	return nil
}

// Delete refuses: logs can't be made again. No code here calls DeleteLogGroup.
func (d *logGroup) Delete(_ context.Context, have resource.Observed) error { return holdsData(have) }

// Retire tags the group with the time; its logs are kept for as long as its retention says.
func (d *logGroup) Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error) {
	client, _, now, err := d.checked(ctx, "retire log group", have)
	if err != nil || now.Retired != "" {
		return now, err
	}
	if err := d.setTags(ctx, client, now, tagged{tagRetired: at}, nil); err != nil {
		return resource.Observed{}, err
	}
	now.Retired = at
	return now, nil
}

// Adopt puts our mark on the group that want.Adopt names.
func (d *logGroup) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	group, tags, err := d.read(ctx, client, "adopt log group", want.Adopt)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	mark := marked(nil, fleet, want.Address, "")
	now, err := d.details(ctx, client, want.Scope, group, tags.with(mark, nil))
	if err != nil {
		return resource.Observed{}, err
	}
	return now, d.setTags(ctx, client, now, mark, nil)
}

// checked reads a group whole, and refuses one that no longer carries the mark it had.
func (d *logGroup) checked(ctx context.Context, operation string, have resource.Observed) (*cloudwatchlogs.Client, tagged, resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	var group types.LogGroup
	var tags tagged
	var filters []subscriptionFilter
	err = together(ctx,
		func(ctx context.Context) (err error) {
			group, tags, err = d.read(ctx, client, operation, have.ID)
			return err
		},
		func(ctx context.Context) (err error) { filters, err = d.filters(ctx, client, have.ID); return err },
	)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	if err := tags.require(operation, have.ID, have.Fleet, have.Address); err != nil {
		return nil, nil, resource.Observed{}, err
	}
	now, err := seenLogGroup(have.Scope, group, filters, tags)
	return client, tags, now, err
}

// read finds a group by its exact name, which no call but a listing by prefix can. Groups come
// sorted, so that it is the first one.
func (d *logGroup) read(ctx context.Context, client *cloudwatchlogs.Client, operation, name string) (types.LogGroup, tagged, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{
		LogGroupNamePrefix: &name, Limit: aws.Int32(50),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return types.LogGroup{}, nil, failed(operation, name, err)
		}
		for _, group := range page.LogGroups {
			if str(group.LogGroupName) == name {
				tags, err := d.tags(ctx, client, logGroupARN(group))
				return group, tags, failed(operation, name, err)
			}
		}
	}
	return types.LogGroup{}, nil, gone(operation, name)
}

func (d *logGroup) tags(ctx context.Context, client *cloudwatchlogs.Client, arn string) (tagged, error) {
	out, err := client.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	return tagged{}.with(out.Tags, nil), nil
}

// logGroupARN is the ARN as tagging calls and policies take it. The field arn ends in ":*" and
// stands for the streams; logGroupArn doesn't.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
func logGroupARN(group types.LogGroup) string {
	if group.LogGroupArn != nil {
		return *group.LogGroupArn
	}
	return strings.TrimSuffix(str(group.Arn), ":*")
}

// details adds to what a listing tells of a group whom it sends its events to.
func (d *logGroup) details(ctx context.Context, client *cloudwatchlogs.Client, scope resource.Scope, group types.LogGroup, tags tagged) (resource.Observed, error) {
	filters, err := d.filters(ctx, client, str(group.LogGroupName))
	if err != nil {
		return resource.Observed{}, err
	}
	return seenLogGroup(scope, group, filters, tags)
}

func seenLogGroup(scope resource.Scope, group types.LogGroup, filters []subscriptionFilter, tags tagged) (resource.Observed, error) {
	name := str(group.LogGroupName)
	return seen{
		kind: kindLogGroup, scope: scope, id: name, tags: tags,
		attributes: logGroupAttributes{
			Name: name, RetentionDays: aws.ToInt32(group.RetentionInDays), KMSKey: str(group.KmsKeyId),
			SubscriptionFilters: filters, Tags: tags.users(),
		},
		outputs: map[string]string{"arn": logGroupARN(group), "name": name},
	}.observed()
}
