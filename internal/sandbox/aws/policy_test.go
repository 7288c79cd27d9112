package awsbox

import (
	"strings"
	"testing"
)

// The rules are those of IAM's page on how policies are evaluated.
func TestPolicies(t *testing.T) {
	const allow = `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`
	onQueue := func(context map[string][]string) need {
		return need{"sqs:TagQueue", "arn:aws:sqs:eu-central-1:1:suite-one", context}
	}
	ours := map[string][]string{"aws:resourcetag/tenantry:fleet": {"suite"}}
	tests := []struct {
		name       string
		statements string
		need       need
		want       bool
		why        string
	}{
		{"nothing is allowed by nobody", ``, onQueue(nil), false, "no identity-based policy allows the sqs:TagQueue action"},
		{"what is allowed is", allow, onQueue(nil), true, ""},
		{"an explicit denial wins", allow + `,{"Effect":"Deny","Action":"sqs:Tag*","Resource":"*"}`, onQueue(nil), false, "explicit deny"},
		{"actions have no case", `{"Effect":"Allow","Action":["SQS:tagqueue"],"Resource":"*"}`, onQueue(nil), true, ""},
		{"resources have one", `{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-central-1:1:Suite-*"}`, onQueue(nil), false, "no identity"},
		{"a pattern fits", `{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:1:suite-???"}`, onQueue(nil), true, ""},
		{"and doesn't fit more", `{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:1:suite-??"}`, onQueue(nil), false, "no identity"},
		{"what can't be limited needs everything", `{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*"}`, need{"sqs:ListQueues", "*", nil}, false, "no identity"},
		{"all but some", `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, onQueue(nil), true, ""},
		{"not those", `{"Effect":"Allow","NotAction":"sqs:*","Resource":"*"}`, onQueue(nil), false, "no identity"},
		{"a tag that it has", tagged(`"StringEquals":{"aws:ResourceTag/tenantry:fleet":"suite"}`), onQueue(ours), true, ""},
		{"a tag that it hasn't", tagged(`"StringEquals":{"aws:ResourceTag/tenantry:fleet":"suite"}`), onQueue(nil), false, "no identity"},
		{"another's", tagged(`"StringEquals":{"aws:ResourceTag/tenantry:fleet":"rival"}`), onQueue(ours), false, "no identity"},
		{"no tag", tagged(`"Null":{"aws:ResourceTag/tenantry:fleet":"true"}`), onQueue(nil), true, ""},
		{"no tag, and it has one", tagged(`"Null":{"aws:ResourceTag/tenantry:fleet":"true"}`), onQueue(ours), false, "no identity"},
		{"all conditions", tagged(`"StringLike":{"aws:ResourceTag/tenantry:fleet":"s*e"},"Null":{"aws:RequestTag/a":"false"}`), onQueue(ours), false, "no identity"},
		{"all keys of these", tagged(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), onQueue(map[string][]string{"aws:tagkeys": {"b", "a"}}), true, ""},
		{"one key too many", tagged(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), onQueue(map[string][]string{"aws:tagkeys": {"b", "c"}}), false, "no identity"},
		{"no keys", tagged(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), onQueue(nil), true, ""},
		{"if it exists, and it doesn't", tagged(`"StringEqualsIfExists":{"aws:ResourceTag/x":"y"}`), onQueue(nil), true, ""},
	}
	for _, tt := range tests {
		policies, err := readPolicies([]string{`{"Version":"2012-10-17","Statement":[` + tt.statements + `]}`})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		why, got := decide(policies, tt.need)
		if got != tt.want || !got && !strings.Contains(why, tt.why) {
			t.Errorf("%s: allowed %t, %s", tt.name, got, why)
		}
	}
	if _, err := readPolicies([]string{`{"Statement":[` + tagged(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`) + `]}`}); err == nil {
		t.Error("a condition that can't be evaluated is taken")
	}
}

func tagged(condition string) string {
	return `{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{` + condition + `}}`
}
