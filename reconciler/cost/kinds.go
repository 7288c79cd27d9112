package cost

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// rules say how the kinds are counted that have a price by the month or the hour. What they are paid by use on top of
// that, such as requests and transfer, is in none of them. The pages are those of prices.txt.
var rules = map[string]func(*meter, *resource.Desired){
	// Each rotation of a key's material adds to its price, the first two times; how often it was rotated isn't
	// something that Git says.
	"aws.kms.key":          func(m *meter, _ *resource.Desired) { m.add("kms.key", "a key", 1, 1) },
	"AWS::KMS::ReplicaKey": func(m *meter, _ *resource.Desired) { m.add("kms.key", "a key", 1, 1) },

	"aws.secretsmanager.secret": func(m *meter, d *resource.Desired) { // replicas count as secrets
		n, _ := length(d, "replicas")
		m.add("secret", some(1+n, "secret"), 1+n, 1)
	},

	"aws.cloudwatch.alarm": func(m *meter, d *resource.Desired) {
		if period, set := number(d, "period"); set && period < 60 {
			m.add("alarm.high-resolution", "a high-resolution alarm", 1, 1)
			return
		}
		m.add("alarm.standard", "an alarm", 1, 1)
	},
	"AWS::CloudWatch::CompositeAlarm": func(m *meter, _ *resource.Desired) { m.add("alarm.composite", "a composite alarm", 1, 1) },
	"AWS::CloudWatch::Dashboard":      func(m *meter, _ *resource.Desired) { m.add("dashboard", "a dashboard", 1, 1) },
	"AWS::Synthetics::Canary":         canary,

	"AWS::ElasticLoadBalancingV2::LoadBalancer": balancer,
	"AWS::EC2::VPCEndpoint":                     endpoint,
	"AWS::EC2::NatGateway":                      func(m *meter, _ *resource.Desired) { m.add("nat", "a NAT gateway", 1, 1) },
	"AWS::EC2::EIP":                             func(m *meter, _ *resource.Desired) { m.add("ipv4", "a public IPv4 address", 1, 1) },

	"AWS::ECS::Service":        service,
	"AWS::EKS::Cluster":        func(m *meter, _ *resource.Desired) { m.add("eks.cluster", "a cluster", 1, 1) },
	"AWS::WAFv2::WebACL":       webACL,
	"AWS::Route53::HostedZone": func(m *meter, _ *resource.Desired) { m.add("route53.zone", "a zone", 1, 1) },
}

// conditions say of kinds that have no price by nature when they have one all the same; empty if they don't.
var conditions = map[string]func(*resource.Desired) string{
	// Tables are provisioned unless they say otherwise.
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
	"AWS::DynamoDB::Table": func(d *resource.Desired) string {
		if text(d, "BillingMode") != "PAY_PER_REQUEST" {
			return "provisioned capacity isn't in AWS's list here"
		}
		return ""
	},
	// Certificates that can be exported, and those of an authority of one's own, are paid.
	"AWS::CertificateManager::Certificate": func(d *resource.Desired) string {
		if d.Attributes.At("CertificateAuthorityArn").IsSet() || text(d, "CertificateExport") == "ENABLED" {
			return "certificates that are exported or private aren't in AWS's list here"
		}
		return ""
	},
}

// canary counts the runs of a month of those that run at a rate.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-synthetics-canary-schedule.html
func canary(m *meter, d *resource.Desired) {
	expression := text(d, "Schedule.Expression")
	minutes, ok := minutesOf(expression)
	if !ok {
		m.lack("its schedule %q is none whose runs can be counted", expression)
		return
	}
	if minutes == 0 {
		return // it runs once
	}
	m.add("canary.run", "a run every "+some(minutes, "minute"), hours*60, minutes)
}

func minutesOf(expression string) (uint64, bool) {
	inside, ok := strings.CutPrefix(expression, "rate(")
	inside, closed := strings.CutSuffix(inside, ")")
	count, noun, found := strings.Cut(inside, " ")
	n, err := strconv.ParseUint(count, 10, 16)
	if !ok || !closed || !found || err != nil {
		return 0, false
	}
	switch strings.TrimSuffix(noun, "s") {
	case "minute":
		return n, true
	case "hour":
		return 60 * n, true
	}
	return 0, false
}

// balancer counts a load balancer's hours, and, if it is open to the internet, its public addresses: it has at least one
// in each of its subnets. What passes through it is paid by use.
func balancer(m *meter, d *resource.Desired) {
	kind := text(d, "Type")
	if kind == "" {
		kind = "application"
	}
	m.add("elb."+kind, "a load balancer", 1, 1)
	if kind == "gateway" || text(d, "Scheme") == "internal" || strings.Contains(text(d, "IpAddressType"), "without-public-ipv4") {
		return
	}
	subnets, ok := length(d, "Subnets")
	if mapped, also := length(d, "SubnetMappings"); also && mapped > 0 {
		subnets, ok = mapped, true
	}
	if !ok || subnets == 0 {
		m.lack("how many subnets it is in isn't known")
		return
	}
	m.add("ipv4", some(subnets, "public IPv4 address"), subnets, 1)
}

// endpoint counts the hours of an endpoint in each of its subnets; those of the type Gateway cost nothing.
func endpoint(m *meter, d *resource.Desired) {
	item := map[string]string{"Interface": "endpoint.interface", "GatewayLoadBalancer": "endpoint.gateway-lb"}[text(d, "VpcEndpointType")]
	switch kind := text(d, "VpcEndpointType"); {
	case kind == "" || kind == "Gateway":
		m.why = "endpoints of the type Gateway cost nothing"
		return
	case item == "":
		m.lack("endpoints of the type %s aren't in AWS's list here", kind)
		return
	}
	n, ok := length(d, "SubnetIds")
	if !ok || n == 0 {
		m.lack("how many subnets it is in isn't known")
		return
	}
	m.add(item, "an endpoint in "+some(n, "subnet"), n, 1)
}

// webACL counts its rules. Rules that AWS or others sell are paid on top.
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func webACL(m *meter, d *resource.Desired) {
	rules := d.Attributes.At("Rules")
	all := rules.Text()
	for _, sold := range []string{"AWSManagedRulesBotControlRuleSet", "AWSManagedRulesATPRuleSet", "AWSManagedRulesACFPRuleSet", "AWSManagedRulesAntiDDoSRuleSet"} {
		if strings.Contains(all, sold) {
			m.lack("%s isn't in AWS's list here", sold)
		}
	}
	if strings.Count(all, `"VendorName":`) != strings.Count(all, `"VendorName":"AWS"`) {
		m.lack("rules that others sell aren't in AWS's list here")
	}
	n, _ := length(d, "Rules")
	m.add("waf.acl", "a web ACL", 1, 1)
	if n > 0 {
		m.add("waf.rule", some(n, "rule"), n, 1)
	}
}

func text(d *resource.Desired, path string) string { return d.Attributes.At(path).Text() }

// number reads an attribute that is a whole number, or a text with one; false for anything else.
func number(d *resource.Desired, path string) (uint64, bool) {
	n, err := strconv.ParseUint(text(d, path), 10, 32)
	return n, err == nil
}

// length is how many elements a list has; false if it is none, or a reference to one.
func length(d *resource.Desired, path string) (uint64, bool) {
	shown, err := d.Attributes.At(path).MarshalJSON()
	var list []json.RawMessage
	if err != nil || json.Unmarshal(shown, &list) != nil {
		return 0, false
	}
	return uint64(len(list)), true
}

func some(n uint64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
