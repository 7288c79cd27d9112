package awstypes

import (
	"slices"
	"testing"
)

// What a list needs and what tells resources apart comes from the table alone.
func TestWhatIsListedWithinAndToldApart(t *testing.T) {
	table := open(t)
	for _, c := range []struct {
		name             string
		marked           bool
		within, identity []string
	}{
		{"AWS::RUM::AppMonitor", true, nil, nil},
		{"AWS::ElasticLoadBalancingV2::Listener", true, []string{"LoadBalancerArn"}, nil},
		{"AWS::ElasticLoadBalancingV2::ListenerRule", true, []string{"ListenerArn"}, nil},
		{"AWS::WAFv2::WebACL", true, []string{"Scope"}, nil},
		{"AWS::Route53::HostedZone", true, nil, nil},
		{"AWS::Logs::MetricFilter", false, nil, []string{"LogGroupName", "FilterName"}},
		{"AWS::Logs::SubscriptionFilter", false, []string{"LogGroupName"}, []string{"FilterName", "LogGroupName"}},
		{"AWS::EC2::Route", false, []string{"RouteTableId"}, []string{"RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"}},
		{"AWS::IAM::ManagedPolicy", false, nil, []string{"ManagedPolicyName"}},
		{"AWS::Backup::BackupSelection", false, nil, []string{"BackupPlanId", "BackupSelection.SelectionName", "BackupSelection.IamRoleArn"}},
		{"AWS::ApiGateway::Authorizer", false, []string{"RestApiId"}, []string{"RestApiId", "Name"}},
		{"AWS::ApiGateway::Deployment", false, []string{"RestApiId"}, []string{"RestApiId", "Description"}},
		{"AWS::ECR::RegistryPolicy", false, nil, nil},
	} {
		typ, err := table.Type(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if typ.Marked() != c.marked || !slices.Equal(typ.Within(), c.within) || !slices.Equal(typ.Identity(), c.identity) {
			t.Errorf("%s: marked %t, within %q, identity %q", c.name, typ.Marked(), typ.Within(), typ.Identity())
		}
	}
}

// Of some properties no two resources in one place can have the same.
func TestNamed(t *testing.T) {
	x := index(t)
	for name, want := range map[string][]string{
		"AWS::RUM::AppMonitor": {"Name"}, "AWS::EC2::VPC": nil, "AWS::Logs::MetricFilter": {"LogGroupName", "FilterName"}, "AWS::IAM::ManagedPolicy": {"ManagedPolicyName"},
	} {
		if e, ok := x.Entry(name); !ok || !slices.Equal(e.Named, want) {
			t.Errorf("%s is named by %q, want %q", name, e.Named, want)
		}
	}
}
