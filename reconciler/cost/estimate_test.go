package cost

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// want is what Git asks for: a kind, a region and attributes as JSON.
func want(kind, region, attributes string) resource.Desired {
	v, err := resource.ParseValue([]byte(attributes))
	if err != nil {
		panic(err)
	}
	members, _ := v.Members()
	return resource.Desired{
		Address:    resource.Address{Owner: "tenant/acme", Kind: kind, Name: "it"},
		Scope:      resource.Scope{Account: "111122223333", Region: region},
		Attributes: members,
	}
}

const task = `{"Cpu":"1024","Memory":"2048","RuntimePlatform":{"CpuArchitecture":"ARM64"}}`

func ref(kind, output string) string { return `"${tenant/acme/` + kind + `/it#` + output + `}"` }

func TestWhatKindsCost(t *testing.T) {
	taskRef := ref("AWS::ECS::TaskDefinition", "TaskDefinitionArn")
	fargate := `{"LaunchType":"FARGATE","TaskDefinition":` + taskRef + `,"DesiredCount":2}`
	for _, r := range []struct {
		kind, region, attributes string
		state                    State
		money, why               string
	}{
		{"aws.kms.key", "eu-central-1", `{}`, Priced, "$1.00", "a key"},
		{"aws.kms.key", "cn-north-1", `{}`, Unknown, "$0.00", "no price for it in cn-north-1"},
		{"aws.kms.key", "us-gov-west-1", `{}`, Unknown, "$0.00", "no price"},
		{"AWS::KMS::ReplicaKey", "us-east-1", `{}`, Priced, "$1.00", "a key"},
		{"aws.secretsmanager.secret", "us-east-1", `{}`, Priced, "$0.40", "1 secret"},
		{"aws.secretsmanager.secret", "us-east-1", `{"replicas":[{"region":"eu-west-1"},{"region":"eu-west-2"}]}`, Priced, "$1.20", "3 secrets"},
		{"aws.cloudwatch.alarm", "us-east-1", `{"period":60}`, Priced, "$0.10", "an alarm"},
		{"aws.cloudwatch.alarm", "us-east-1", `{"period":10}`, Priced, "$0.30", "a high-resolution alarm"},
		{"aws.cloudwatch.alarm", "sa-east-1", `{"period":60}`, Unknown, "$0.00", "no price for it in sa-east-1"},
		{"AWS::CloudWatch::CompositeAlarm", "eu-west-1", `{}`, Priced, "$0.50", "a composite alarm"},
		{"AWS::CloudWatch::Dashboard", "eu-west-1", `{}`, Priced, "$3.00", "a dashboard"},
		{"AWS::Synthetics::Canary", "us-east-1", `{"Schedule":{"Expression":"rate(5 minutes)"}}`, Priced, "$10.51", "a run every 5 minutes"},
		{"AWS::Synthetics::Canary", "us-east-1", `{"Schedule":{"Expression":"rate(1 hour)"}}`, Priced, "$0.88", "a run every 60 minutes"},
		{"AWS::Synthetics::Canary", "us-east-1", `{"Schedule":{"Expression":"rate(0 minute)"}}`, Free, "$0.00", ""},
		{"AWS::Synthetics::Canary", "us-east-1", `{"Schedule":{"Expression":"cron(0 9 * * ? *)"}}`, Unknown, "$0.00", "cron(0 9 * * ? *)"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"Subnets":["a","b"]}`, Priced, "$27.01", "a load balancer, 2 public IPv4 addresses"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"Type":"network","SubnetMappings":[{"SubnetId":"a"}]}`, Priced, "$23.36", "1 public IPv4 address"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"Scheme":"internal","Subnets":["a","b"]}`, Priced, "$19.71", "a load balancer"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"IpAddressType":"dualstack-without-public-ipv4","Subnets":["a"]}`, Priced, "$19.71", "a load balancer"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"Type":"gateway"}`, Priced, "$10.73", "a load balancer"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{}`, Unknown, "$0.00", "how many subnets"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", "eu-central-1", `{"Type":"odd","Subnets":["a"]}`, Unknown, "$0.00", "no price"},
		{"AWS::EC2::VPCEndpoint", "us-east-1", `{"VpcEndpointType":"Interface","SubnetIds":["a","b","c"]}`, Priced, "$21.90", "an endpoint in 3 subnets"},
		{"AWS::EC2::VPCEndpoint", "us-east-1", `{"VpcEndpointType":"GatewayLoadBalancer","SubnetIds":["a"]}`, Priced, "$7.30", "an endpoint in 1 subnet"},
		{"AWS::EC2::VPCEndpoint", "us-east-1", `{}`, Free, "$0.00", "type Gateway"},
		{"AWS::EC2::VPCEndpoint", "us-east-1", `{"VpcEndpointType":"Resource","SubnetIds":["a"]}`, Unknown, "$0.00", "type Resource"},
		{"AWS::EC2::VPCEndpoint", "us-east-1", `{"VpcEndpointType":"Interface"}`, Unknown, "$0.00", "how many subnets"},
		{"AWS::EC2::NatGateway", "us-east-1", `{}`, Priced, "$32.85", "a NAT gateway"},
		{"AWS::EC2::NatGateway", "eu-central-1", `{}`, Unknown, "$0.00", "no price for it in eu-central-1"},
		{"AWS::EC2::EIP", "us-east-1", `{}`, Priced, "$3.65", "a public IPv4 address"},
		{"AWS::EKS::Cluster", "us-east-1", `{}`, Priced, "$73.00", "a cluster"},
		{"AWS::WAFv2::WebACL", "us-east-1", `{"Rules":[{"Name":"a"},{"Name":"b"}]}`, Priced, "$7.00", "a web ACL, 2 rules"},
		{"AWS::WAFv2::WebACL", "us-east-1", `{}`, Priced, "$5.00", "a web ACL"},
		{"AWS::WAFv2::WebACL", "us-east-1", `{"Rules":[{"Statement":{"ManagedRuleGroupStatement":{"VendorName":"AWS","Name":"AWSManagedRulesBotControlRuleSet"}}}]}`, Unknown, "$0.00", "BotControl"},
		{"AWS::WAFv2::WebACL", "us-east-1", `{"Rules":[{"Statement":{"ManagedRuleGroupStatement":{"VendorName":"Fort","Name":"x"}}}]}`, Unknown, "$0.00", "others sell"},
		{"AWS::Route53::HostedZone", "global", `{}`, Priced, "$0.50", "a zone"},

		{"AWS::ECS::Service", "eu-central-1", fargate, Priced, "$66.33", "2 tasks of 1 vCPU and 2 GiB"},
		{"AWS::ECS::Service", "eu-central-1", strings.Replace(fargate, `"DesiredCount":2`, `"NetworkConfiguration":{"AwsvpcConfiguration":{"AssignPublicIp":"ENABLED"}}`, 1), Priced, "$36.81", "1 task of 1 vCPU and 2 GiB, 1 public IPv4 address"},
		{"AWS::ECS::Service", "eu-central-1", strings.Replace(fargate, `2}`, `0}`, 1), Priced, "$0.00", "0 tasks"},
		{"AWS::ECS::Service", "eu-central-1", strings.Replace(fargate, "FARGATE", "EC2", 1), Free, "$0.00", "machines"},
		{"AWS::ECS::Service", "eu-central-1", `{"CapacityProviderStrategy":[{"CapacityProvider":"FARGATE"}],"TaskDefinition":` + taskRef + `}`, Priced, "$33.16", "1 task"},
		{"AWS::ECS::Service", "eu-central-1", `{"CapacityProviderStrategy":[{"CapacityProvider":"FARGATE_SPOT"}],"TaskDefinition":` + taskRef + `}`, Unknown, "$0.00", "FARGATE_SPOT"},
		{"AWS::ECS::Service", "eu-central-1", `{"TaskDefinition":` + taskRef + `}`, Unknown, "$0.00", "what its cluster says"},
		{"AWS::ECS::Service", "eu-central-1", `{"LaunchType":"FARGATE","TaskDefinition":"helpdesk:7"}`, Unknown, "$0.00", "isn't among"},
		{"AWS::ECS::Service", "eu-central-1", `{"LaunchType":"FARGATE","SchedulingStrategy":"DAEMON","TaskDefinition":` + taskRef + `}`, Unknown, "$0.00", "how many tasks"},

		{"aws.s3.bucket", "us-east-1", `{}`, ByUse, "$0.00", "storage"},
		{"AWS::DynamoDB::Table", "us-east-1", `{"BillingMode":"PAY_PER_REQUEST"}`, ByUse, "$0.00", "requests"},
		{"AWS::DynamoDB::Table", "us-east-1", `{}`, Unknown, "$0.00", "provisioned"},
		{"AWS::CertificateManager::Certificate", "us-east-1", `{}`, Free, "$0.00", "no charge"},
		{"AWS::CertificateManager::Certificate", "us-east-1", `{"CertificateAuthorityArn":"arn:x"}`, Unknown, "$0.00", "private"},
		{"aws.iam.role", "global", `{}`, Free, "$0.00", "no charge"},
		{"AWS::RDS::DBInstance", "us-east-1", `{"DBInstanceClass":"db.r7g.large"}`, Unknown, "$0.00", "no price for this kind"},
	} {
		d, definition := want(r.kind, r.region, r.attributes), want("AWS::ECS::TaskDefinition", r.region, task)
		page := newPage(Book{}, []resource.Desired{d, definition})
		got, _ := page.item(d.Address)
		if got.State != r.state || Money(Dollars, got.PerMonth) != r.money || !strings.Contains(got.Why, r.why) {
			t.Errorf("%s %s in %s: %s, %s (%s); want %s, %s (%s)", r.kind, r.attributes, r.region, got.State, Money(Dollars, got.PerMonth), got.Why, r.state, r.money, r.why)
		}
		if got.State == Priced && len(got.Sources) == 0 {
			t.Errorf("%s has a price without a source", r.kind)
		}
		if got.State != Priced && got.PerMonth != 0 {
			t.Errorf("%s has no price, and costs %d", r.kind, got.PerMonth)
		}
	}
}

func TestTasksOfOtherSizes(t *testing.T) {
	service := want("AWS::ECS::Service", "us-east-1", `{"LaunchType":"FARGATE","TaskDefinition":`+ref("AWS::ECS::TaskDefinition", "TaskDefinitionArn")+`}`)
	for attributes, want1 := range map[string]string{
		`{"Cpu":"256","Memory":"512"}`:                                                                          "$9.01 1 task of 0.25 vCPU and 0.5 GiB",
		`{"Cpu":"256","Memory":"512","EphemeralStorage":{"SizeInGiB":100}}`:                                     "$15.49 1 task of 0.25 vCPU and 0.5 GiB, 100 GiB of storage each",
		`{"Cpu":"256","Memory":"512","EphemeralStorage":{"SizeInGiB":20}}`:                                      "$9.01 1 task of 0.25 vCPU and 0.5 GiB",
		`{"Cpu":".25 vCPU","Memory":"512"}`:                                                                     "$0.00 the processors and the memory of its tasks aren't known as numbers",
		`{"Cpu":"1024","Memory":"2048","RuntimePlatform":{"OperatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}}`: "$0.00 Windows on Fargate isn't in AWS's list here",
	} {
		page := newPage(Book{}, []resource.Desired{service, want("AWS::ECS::TaskDefinition", "us-east-1", attributes)})
		got, _ := page.item(service.Address)
		if text := Money(Dollars, got.PerMonth) + " " + got.Why; text != want1 {
			t.Errorf("%s: %s, want %s", attributes, text, want1)
		}
	}
}

func TestWhatAFleetStatesWins(t *testing.T) {
	db := "AWS::RDS::DBInstance"
	book := Book{Own: []Price{
		{Kind: db, PerMonth: 50 * unit},
		{Kind: db, Where: map[string]string{"DBInstanceClass": "db.r7g.large"}, PerMonth: 120 * unit, Origin: resource.Origin{File: "fleet.cue", Line: 9}},
		{Kind: db, Where: map[string]string{"DBInstanceClass": "db.r7g.large"}, Region: "us-east-1", PerMonth: 110 * unit},
		{Kind: "aws.kms.key", PerMonth: unit / 2},
		{Kind: "aws.s3.bucket", PerMonth: 3 * unit},
	}}
	for _, r := range []struct {
		kind, region, attributes, want string
	}{
		{db, "eu-central-1", `{"DBInstanceClass":"db.t4g.micro"}`, "$50.00"},
		{db, "eu-central-1", `{"DBInstanceClass":"db.r7g.large"}`, "$120.00"},
		{db, "us-east-1", `{"DBInstanceClass":"db.r7g.large"}`, "$110.00"},
		{"aws.kms.key", "us-east-1", `{}`, "$0.50"},
		{"aws.s3.bucket", "us-east-1", `{}`, "$3.00"},
		{"aws.secretsmanager.secret", "us-east-1", `{}`, "$0.40"}, // not stated: AWS's
	} {
		d := want(r.kind, r.region, r.attributes)
		got := book.Of(&d, nil)
		if got.State != Priced || Money(Dollars, got.PerMonth) != r.want {
			t.Errorf("%s %s in %s: %s %s, want %s", r.kind, r.attributes, r.region, got.State, Money(Dollars, got.PerMonth), r.want)
		}
	}
	secret := want(db, "eu-central-1", `{"DBInstanceClass":"db.r7g.large"}`)
	secret.Attributes["DBInstanceClass"] = secret.Attributes["DBInstanceClass"].AsSecret()
	if got := book.Of(&secret, nil); got.PerMonth != 50*unit {
		t.Errorf("a secret chose the price %d", got.PerMonth)
	}
}

func TestNoCurrencyIsConverted(t *testing.T) {
	book := Book{Currency: "EUR", Own: []Price{{Kind: "aws.kms.key", PerMonth: 9 * unit / 10}}}
	for kind, state := range map[string]State{"aws.kms.key": Priced, "aws.secretsmanager.secret": Unknown, "aws.s3.bucket": ByUse, "aws.iam.role": Free} {
		d := want(kind, "eu-central-1", `{}`)
		if got := book.Of(&d, nil); got.State != state || state == Unknown && !strings.Contains(got.Why, "not converted") {
			t.Errorf("%s in euros: %s (%s), want %s", kind, got.State, got.Why, state)
		}
	}
	if book.In() != "EUR" || (Book{}).In() != "USD" || book.Listed() || !(Book{Currency: "USD"}).Listed() {
		t.Error("a book doesn't know its currency")
	}
}

// named gives what Git asks for another address.
func named(d resource.Desired, owner resource.Owner, name string) resource.Desired {
	d.Address.Owner, d.Address.Name = owner, name
	return d
}

func TestCompare(t *testing.T) {
	key, bucket, alarm := want("aws.kms.key", "us-east-1", `{}`), want("aws.s3.bucket", "us-east-1", `{}`), want("aws.cloudwatch.alarm", "us-east-1", `{"period":60}`)
	db := want("AWS::RDS::DBInstance", "us-east-1", `{}`)
	fast := want("aws.cloudwatch.alarm", "us-east-1", `{"period":10}`)
	before := []resource.Desired{named(alarm, "tenant/acme", "a"), named(key, "tenant/gone", "key"), named(bucket, "tenant/gone", "data"), named(db, "tenant/same", "db")}
	after := []resource.Desired{named(fast, "tenant/acme", "a"), named(bucket, "tenant/acme", "data"), named(db, "tenant/acme", "db"), named(db, "tenant/same", "db")}

	d := Compare(Book{}, before, after, nil)
	if d.Before != 1_100_000 || d.After != 300_000 || d.Change() != -800_000 || d.Unpriced != 1 || d.ByUse != 2 {
		t.Errorf("from %d to %d, %d unpriced, %d by use", d.Before, d.After, d.Unpriced, d.ByUse)
	}
	var text []string
	for _, o := range d.Owners {
		text = append(text, fmt.Sprintf("%s %d %d %d %d %d", o.Owner, o.Change(), o.Unpriced, o.ByUse, o.NoPrice, o.Used))
	}
	if got, want := strings.Join(text, "; "), "tenant/acme 200000 1 1 1 1; tenant/gone -1000000 0 1 0 0; tenant/same 0 0 0 1 0"; got != want {
		t.Errorf("owners: %s\nwant:   %s", got, want)
	}
	text = nil
	for _, i := range d.Items {
		text = append(text, fmt.Sprintf("%s %d %s", i.Address.Name, i.Change(), i.State))
	}
	if got, want := strings.Join(text, "; "), "key -1000000 priced; a 200000 priced; db 0 unknown"; got != want {
		t.Errorf("items: %s\nwant:  %s", got, want)
	}
	if len(d.Sources) != 2 || d.Stated {
		t.Errorf("sources: %+v, stated %v", d.Sources, d.Stated)
	}

	kept := map[resource.Address]bool{before[1].Address: true}
	d = Compare(Book{}, before, after, kept)
	at := slices.IndexFunc(d.Items, func(i ItemChange) bool { return i.Kept })
	if d.After != 1_300_000 || at < 0 || d.Items[at].Address.Kind != "aws.kms.key" {
		t.Errorf("what is retired is no longer paid: %d, %+v", d.After, d.Items)
	}
}

func TestCompareAddsUp(t *testing.T) {
	kinds := []string{"aws.kms.key", "aws.s3.bucket", "aws.secretsmanager.secret", "AWS::RDS::DBInstance", "aws.iam.role"}
	side := rapid.Custom(func(t *rapid.T) []resource.Desired {
		var list []resource.Desired
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			owner := resource.Tenant(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "owner"))
			list = append(list, named(want(rapid.SampledFrom(kinds).Draw(t, "kind"), "us-east-1", `{}`), owner, fmt.Sprint(i)))
		}
		return list
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := side.Draw(t, "before"), side.Draw(t, "after")
		d := Compare(Book{}, before, after, nil)
		var owners, items Amount
		unpriced := 0
		for _, o := range d.Owners {
			owners += o.Change()
			unpriced += o.Unpriced
		}
		for _, i := range d.Items {
			items += i.Change()
		}
		if owners != d.Change() || items != d.Change() || unpriced != d.Unpriced {
			t.Errorf("the change is %d, of the owners %d, of the resources %d", d.Change(), owners, items)
		}
		if back := Compare(Book{}, after, before, nil); back.Change() != -d.Change() || back.Unpriced != d.Unpriced {
			t.Errorf("the way back is %d, the way there %d", back.Change(), d.Change())
		}
		if same := Compare(Book{}, after, after, nil); same.Change() != 0 || len(same.Items) != 0 || same.Unpriced != 0 {
			t.Errorf("nothing changes, and yet %+v", same)
		}
	})
}
