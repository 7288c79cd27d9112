package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindAlarm describes aws.cloudwatch.alarm: an alarm on one metric.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
var kindAlarm = resource.Kind{
	Name: "aws.cloudwatch.alarm",
	Uses: []string{"aws.sns.topic", "aws.sqs.queue"},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "description", Default: resource.String("")},
		{Name: "namespace"},
		{Name: "metric"},
		{Name: "dimensions", Default: emptyMap},
		{Name: "statistic"},
		{Name: "period", Default: resource.Int(60)},
		{Name: "evaluationPeriods", Default: resource.Int(1)},
		{Name: "datapointsToAlarm", Default: resource.Int(0)},
		{Name: "threshold"},
		{Name: "comparison"},
		{Name: "treatMissingData", Default: resource.String("missing")},
		{Name: "actionsEnabled", Default: resource.Bool(true)},
		{Name: "alarmActions", Default: emptyList, Set: true},
		{Name: "okActions", Default: emptyList, Set: true},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name"},
}

type alarmAttributes struct {
	Name              string            `json:"name"`
	Description       string            `json:"description"`
	Namespace         string            `json:"namespace"`
	Metric            string            `json:"metric"`
	Dimensions        map[string]string `json:"dimensions"`
	Statistic         string            `json:"statistic"`
	Period            int32             `json:"period"` // seconds
	EvaluationPeriods int32             `json:"evaluationPeriods"`
	DatapointsToAlarm int32             `json:"datapointsToAlarm"` // 0: as many as EvaluationPeriods
	Threshold         float64           `json:"threshold"`
	Comparison        string            `json:"comparison"`
	TreatMissingData  string            `json:"treatMissingData"`
	ActionsEnabled    bool              `json:"actionsEnabled"`
	AlarmActions      []string          `json:"alarmActions"`
	OKActions         []string          `json:"okActions"`
	Tags              map[string]string `json:"tags"`
}

// alarm drives metric alarms. Their id is the name.
type alarm struct {
	sessions *sessions
	clients  *pool[*cloudwatch.Client]
}

func newAlarm(s *sessions) *alarm {
	return &alarm{sessions: s, clients: newPool(s, func(c aws.Config) *cloudwatch.Client {
		return cloudwatch.NewFromConfig(c)
	})}
}

// Kind describes alarms.
func (d *alarm) Kind() resource.Kind { return kindAlarm }

// Observe costs ⌈metric alarms of the scope / 100⌉ DescribeAlarms, and ListTagsForResource for each metric
// alarm whose tags the index doesn't tell. The list has everything but the tags.
func (d *alarm) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindAlarm, fleet)
}

// Survey costs what Observe does, less the tags of the alarms that scaling policies keep for
// themselves, which are left out: nobody else may change them.
// https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
func (d *alarm) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindAlarm)
}

func (d *alarm) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var alarms []types.MetricAlarm
	pages := cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}, MaxRecords: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list alarms of", scope.String(), err)
		}
		alarms = append(alarms, page.MetricAlarms...)
	}
	index := d.sessions.index(ctx, scope)
	return each(ctx, alarms, func(ctx context.Context, a types.MetricAlarm) (sighting, error) {
		name := str(a.AlarmName)
		if s.fleet == "" && strings.HasPrefix(name, trackingAlarm) {
			return sighting{}, notOurs("read alarm", name, "a scaling policy manages it")
		}
		return s.indexed(index, str(a.AlarmArn), name,
			func() (tagged, error) {
				tags, err := d.tags(ctx, client, str(a.AlarmArn))
				return tags, failed("read the tags of alarm", name, err)
			},
			func(tags tagged) (resource.Observed, error) { return seenAlarm(scope, a, tags) })
	})
}

// trackingAlarm begins the names of the alarms of target tracking policies.
const trackingAlarm = "TargetTracking-"

// Refresh reads one alarm again.
func (d *alarm) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	_, _, now, err := d.checked(ctx, "read alarm", have)
	return now, err
}

// Create puts the alarm with its tags. Putting overwrites what has the name, so it looks first; what
// is there is finished, provided that it is ours.
func (d *alarm) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w alarmAttributes
	if err := decode(kindAlarm, want, &w); err != nil {
		return resource.Observed{}, err
	}
	there := resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: w.Name}
	finished, err := d.Update(ctx, there, want)
	if !errors.Is(err, providers.ErrGone) {
		return finished, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	input := w.input()
	input.Tags = toAlarmTags(tags)
	if _, err := client.PutMetricAlarm(ctx, input); err != nil {
		return resource.Observed{}, failed("create alarm", w.Name, err)
	}
	there.Attributes = kindAlarm.Canonical(want.Attributes)
	there.Outputs = map[string]string{"arn": arnOf(want.Scope, "cloudwatch", "alarm:"+w.Name), "name": w.Name}
	return there, nil
}

// Update puts the whole alarm if anything but its tags differs: what a put leaves out is reset, but
// for the tags, which it ignores.
func (d *alarm) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w alarmAttributes
	if err := decode(kindAlarm, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, tags, now, err := d.checked(ctx, "update alarm", have)
	if err != nil {
		return resource.Observed{}, err
	}
	wish := wishFor(kindAlarm, now.Attributes, want, w)
	if wish.differs(alarmSettings...) {
		if _, err := client.PutMetricAlarm(ctx, w.input()); err != nil {
			return resource.Observed{}, failed("update alarm", have.ID, err)
		}
	}
	set, remove := tags.change(w.Tags)
	if err := d.setTags(ctx, client, now, set, remove); err != nil {
		return resource.Observed{}, err
	}
	return wish.met(now), nil
}

// alarmSettings are the attributes that PutMetricAlarm sets.
var alarmSettings = settingsOf(kindAlarm)

// settingsOf returns the names of a kind's attributes but for its name and its tags.
func settingsOf(kind resource.Kind) []string {
	var names []string
	for _, a := range kind.Attributes {
		if !a.Immutable && a.Name != "tags" {
			names = append(names, a.Name)
		}
	}
	return names
}

// Delete removes the alarm.
func (d *alarm) Delete(ctx context.Context, have resource.Observed) error {
	client, _, _, err := d.checked(ctx, "delete alarm", have)
	if errors.Is(err, providers.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = client.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{have.ID}})
	if hasCode(err, "ResourceNotFound") {
		return nil
	}
	return failed("delete alarm", have.ID, err)
}

// Adopt puts our mark on the alarm that want.Adopt names.
func (d *alarm) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	a, tags, err := d.read(ctx, client, "adopt alarm", want.Adopt)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	mark := marked(nil, fleet, want.Address, "")
	now, err := seenAlarm(want.Scope, a, tags.with(mark, nil))
	if err != nil {
		return resource.Observed{}, err
	}
	return now, d.setTags(ctx, client, now, mark, nil)
}

func (d *alarm) setTags(ctx context.Context, client *cloudwatch.Client, have resource.Observed, set tagged, remove []string) error {
	arn := have.Outputs["arn"]
	if len(set) > 0 {
		_, err := client.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: &arn, Tags: toAlarmTags(set)})
		if err != nil {
			return failed("tag alarm", have.ID, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: &arn, TagKeys: remove})
		return failed("untag alarm", have.ID, err)
	}
	return nil
}

// checked reads an alarm whole, and refuses one that no longer carries the mark it had.
func (d *alarm) checked(ctx context.Context, operation string, have resource.Observed) (*cloudwatch.Client, tagged, resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	a, tags, err := d.read(ctx, client, operation, have.ID)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	if err := tags.require(operation, have.ID, have.Fleet, have.Address); err != nil {
		return nil, nil, resource.Observed{}, err
	}
	now, err := seenAlarm(have.Scope, a, tags)
	return client, tags, now, err
}

// read finds an alarm by its name. Names are shared with composite alarms, which never are ours:
// all types are asked for, so that none is overwritten.
func (d *alarm) read(ctx context.Context, client *cloudwatch.Client, operation, name string) (types.MetricAlarm, tagged, error) {
	out, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name},
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	switch {
	case err != nil:
		return types.MetricAlarm{}, nil, failed(operation, name, err)
	case len(out.CompositeAlarms) > 0:
		return types.MetricAlarm{}, nil, notOurs(operation, name, "it is a composite alarm")
	case len(out.MetricAlarms) == 0:
		return types.MetricAlarm{}, nil, gone(operation, name)
	}
	tags, err := d.tags(ctx, client, str(out.MetricAlarms[0].AlarmArn))
	return out.MetricAlarms[0], tags, failed(operation, name, err)
}

func (d *alarm) tags(ctx context.Context, client *cloudwatch.Client, arn string) (tagged, error) {
	out, err := client.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, err
	}
	return fromTags(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

func toAlarmTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// input is the whole alarm without tags.
func (w alarmAttributes) input() *cloudwatch.PutMetricAlarmInput {
	input := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &w.Name, AlarmDescription: &w.Description,
		Namespace: &w.Namespace, MetricName: &w.Metric,
		Statistic: types.Statistic(w.Statistic), Period: &w.Period,
		EvaluationPeriods: &w.EvaluationPeriods,
		Threshold:         &w.Threshold, ComparisonOperator: types.ComparisonOperator(w.Comparison),
		TreatMissingData: &w.TreatMissingData,
		ActionsEnabled:   &w.ActionsEnabled, AlarmActions: w.AlarmActions, OKActions: w.OKActions,
	}
	if w.DatapointsToAlarm > 0 {
		input.DatapointsToAlarm = &w.DatapointsToAlarm
	}
	for _, name := range slices.Sorted(maps.Keys(w.Dimensions)) {
		input.Dimensions = append(input.Dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(w.Dimensions[name])})
	}
	return input
}

func seenAlarm(scope resource.Scope, a types.MetricAlarm, tags tagged) (resource.Observed, error) {
	attributes := alarmAttributes{
		Name: str(a.AlarmName), Description: str(a.AlarmDescription),
		Namespace: str(a.Namespace), Metric: str(a.MetricName), Dimensions: map[string]string{},
		Statistic: string(a.Statistic) + beyond(a), Period: aws.ToInt32(a.Period),
		EvaluationPeriods: aws.ToInt32(a.EvaluationPeriods), DatapointsToAlarm: aws.ToInt32(a.DatapointsToAlarm),
		Threshold: aws.ToFloat64(a.Threshold), Comparison: string(a.ComparisonOperator),
		TreatMissingData: cmp.Or(str(a.TreatMissingData), "missing"),
		ActionsEnabled:   a.ActionsEnabled == nil || *a.ActionsEnabled,
		AlarmActions:     append([]string{}, a.AlarmActions...), OKActions: append([]string{}, a.OKActions...),
		Tags: tags.users(),
	}
	for _, dimension := range a.Dimensions {
		attributes.Dimensions[str(dimension.Name)] = str(dimension.Value)
	}
	return seen{
		kind: kindAlarm, scope: scope, id: attributes.Name, tags: tags, attributes: attributes,
		outputs: map[string]string{"arn": str(a.AlarmArn), "name": attributes.Name},
	}.observed()
}

// beyond names the settings that an alarm has and our definitions can't say. It becomes part of
// what is observed as the statistic, so that setting one by hand shows as a difference, and the put
// that corrects the statistic resets it.
func beyond(a types.MetricAlarm) string {
	var extras []string
	add := func(what, value string) {
		if value != "" {
			extras = append(extras, what+" "+value)
		}
	}
	add("percentile", str(a.ExtendedStatistic))
	add("unit", string(a.Unit))
	add("low samples", str(a.EvaluateLowSampleCountPercentile))
	add("threshold metric", str(a.ThresholdMetricId))
	add("insufficient data actions", strings.Join(slices.Sorted(slices.Values(a.InsufficientDataActions)), " "))
	if len(a.Metrics) > 0 {
		add("metric math of", fmt.Sprintf("%d queries", len(a.Metrics)))
	}
	if len(extras) == 0 {
		return ""
	}
	return " with " + strings.Join(extras, ", ")
}
