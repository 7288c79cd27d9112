package aws

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// alarms is the driver on a wire that speaks the query protocol, which can be read in a test.
func alarms(t *testing.T, w *wire) *alarm {
	t.Helper()
	base := w.base()
	base.ServiceOptions = []func(string, any){func(_ string, options any) {
		if o, ok := options.(*cloudwatch.Options); ok {
			o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801)
		}
	}}
	s, err := newSessions(base, []Account{{ID: testAccount, RoleARN: testRole}})
	if err != nil {
		t.Fatal(err)
	}
	return newAlarm(s)
}

// alarmOnWire is CloudWatch with one alarm, of our own definition's settings, and its tags.
func alarmOnWire(member string, tags tagged) func(call) reply {
	return func(c call) reply {
		body := ""
		switch c.op {
		case "DescribeAlarms":
			body = "<DescribeAlarmsResult>" + member + "</DescribeAlarmsResult>"
		case "ListTagsForResource":
			for key, value := range tags {
				body += fmt.Sprintf("<member><Key>%s</Key><Value>%s</Value></member>", key, value)
			}
			body = "<ListTagsForResourceResult><Tags>" + body + "</Tags></ListTagsForResourceResult>"
		default:
			body = "<" + c.op + "Result></" + c.op + "Result>"
		}
		return reply{body: fmt.Sprintf(`<%sResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">%s</%sResponse>`, c.op, body, c.op)}
	}
}

const (
	oneAlarm = `<MetricAlarms><member><AlarmName>age</AlarmName><AlarmArn>arn:aws:cloudwatch:eu-central-1:111122223333:alarm:age</AlarmArn>` +
		`<Namespace>AWS/SQS</Namespace><MetricName>Age</MetricName><Statistic>Maximum</Statistic><Period>60</Period>` +
		`<EvaluationPeriods>1</EvaluationPeriods><Threshold>300.0</Threshold><ComparisonOperator>GreaterThanThreshold</ComparisonOperator>` +
		`<ActionsEnabled>true</ActionsEnabled></member></MetricAlarms>`
	composite = `<CompositeAlarms><member><AlarmName>age</AlarmName></member></CompositeAlarms>`
)

func wantAlarm(more map[string]any) resource.Desired {
	all := map[string]any{
		"name": "age", "namespace": "AWS/SQS", "metric": "Age", "statistic": "Maximum",
		"threshold": 300, "comparison": "GreaterThanThreshold",
	}
	maps.Copy(all, more)
	return desired(kindAlarm, all)
}

func TestAlarmAsWantedIsLeftAlone(t *testing.T) {
	w := newWire(t, alarmOnWire(oneAlarm, ourTags(kindAlarm)))
	if _, err := alarms(t, w).Update(t.Context(), have(kindAlarm, "age", nil), wantAlarm(nil)); err != nil {
		t.Fatal(err)
	}
	if got := w.wrote(); len(got) != 0 {
		t.Errorf("wrote %q, and everything was as wanted", got)
	}
}

// TestAlarmIsPutWhole: what a put leaves out is reset.
func TestAlarmIsPutWhole(t *testing.T) {
	w := newWire(t, alarmOnWire(oneAlarm, ourTags(kindAlarm)))
	want := wantAlarm(map[string]any{
		"threshold": 0.5, "dimensions": map[string]string{"b": "2", "a": "1"}, "alarmActions": []string{"arn:y", "arn:x"},
		"tags": map[string]string{"team": "blue"},
	})
	if _, err := alarms(t, w).Update(t.Context(), have(kindAlarm, "age", nil), want); err != nil {
		t.Fatal(err)
	}
	if got := w.wrote(); !slices.Equal(got, []string{"PutMetricAlarm", "TagResource"}) {
		t.Errorf("wrote %q", got)
	}
	put := w.sent("PutMetricAlarm")[0].form
	for name, value := range map[string]string{
		"Namespace": "AWS/SQS", "MetricName": "Age", "Statistic": "Maximum", "Period": "60", "EvaluationPeriods": "1",
		"Threshold": "0.5", "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing", "ActionsEnabled": "true",
		"AlarmActions.member.1": "arn:x", "AlarmActions.member.2": "arn:y", "Dimensions.member.1.Name": "a", "Dimensions.member.2.Value": "2",
	} {
		if got := put.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	for name := range put {
		if strings.HasPrefix(name, "Tags") {
			t.Errorf("sent %s, which a put of an existing alarm ignores", name)
		}
	}
}

// TestAlarmOfOthersIsNotOverwritten: a put doesn't ask.
func TestAlarmOfOthersIsNotOverwritten(t *testing.T) {
	for name, answer := range map[string]func(call) reply{
		"no mark":         alarmOnWire(oneAlarm, nil),
		"another fleet":   alarmOnWire(oneAlarm, marked(nil, "other", address(kindAlarm.Name, "main"), "")),
		"composite alarm": alarmOnWire(composite, nil),
	} {
		w := newWire(t, answer)
		_, err := alarms(t, w).Create(t.Context(), wantAlarm(map[string]any{"threshold": 1}), testFleet)
		if !errors.Is(err, providers.ErrNotOurs) || len(w.wrote()) != 0 {
			t.Errorf("%s: error %v, wrote %q", name, err, w.wrote())
		}
	}
}

func TestAlarmIsCreatedWithItsTags(t *testing.T) {
	w := newWire(t, alarmOnWire("", nil))
	made, err := alarms(t, w).Create(t.Context(), wantAlarm(nil), testFleet)
	if err != nil {
		t.Fatal(err)
	}
	if made.Outputs["arn"] != "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:age" {
		t.Errorf("the ARN is %s", made.Outputs["arn"])
	}
	put := w.sent("PutMetricAlarm")[0].form
	if put.Get("Tags.member.1.Key") != tagAddress || put.Get("Tags.member.2.Value") != testFleet {
		t.Errorf("sent %v", put)
	}
}

func TestOnlyMetricAlarmsAreListed(t *testing.T) {
	w := newWire(t, alarmOnWire(oneAlarm, ourTags(kindAlarm)))
	found, err := alarms(t, w).Observe(t.Context(), testScope, testFleet)
	if err != nil || len(found) != 1 {
		t.Fatalf("observed %v, error %v", found, err)
	}
	form := w.sent("DescribeAlarms")[0].form
	if form.Get("AlarmTypes.member.1") != "MetricAlarm" || form.Has("AlarmTypes.member.2") || form.Get("MaxRecords") != "100" {
		t.Errorf("asked for %v", form)
	}
}

// TestSettingsBeyondDefinitionsShow: what somebody sets by hand differs, though no attribute says it.
func TestSettingsBeyondDefinitionsShow(t *testing.T) {
	plain := types.MetricAlarm{AlarmName: aws.String("age"), Statistic: types.StatisticSum}
	for name, set := range map[string]func(*types.MetricAlarm){
		"unit":       func(a *types.MetricAlarm) { a.Unit = types.StandardUnitBytes },
		"actions":    func(a *types.MetricAlarm) { a.InsufficientDataActions = []string{"arn:x"} },
		"percentile": func(a *types.MetricAlarm) { a.Statistic, a.ExtendedStatistic = "", aws.String("p99") },
		"metrics":    func(a *types.MetricAlarm) { a.Metrics = []types.MetricDataQuery{{}} },
	} {
		changed := plain
		set(&changed)
		before, err := seenAlarm(testScope, plain, ourTags(kindAlarm))
		if err != nil {
			t.Fatal(err)
		}
		after, err := seenAlarm(testScope, changed, ourTags(kindAlarm))
		if err != nil {
			t.Fatal(err)
		}
		if before.Attributes["statistic"] == after.Attributes["statistic"] {
			t.Errorf("%s: doesn't show", name)
		}
	}
}
