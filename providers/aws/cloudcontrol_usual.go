package aws

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// usual tells, of a type that can't be tagged, which of its resources AWS or its users put into ours as a
// matter of course. Those are nobody's unless a definition asks for them, and aren't reported. AWS's table
// doesn't say; each line follows the service's documentation.
func usual(name string) func(resource.Attributes) bool {
	text := func(attribute, value string) func(resource.Attributes) bool {
		return func(a resource.Attributes) bool { return a[attribute].Text() == value }
	}
	switch name {
	case "AWS::EC2::Route": // https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html, "local routes"
		return text("GatewayId", "local")
	case "AWS::ApiGateway::Resource": // https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-method-settings.html, the root
		return text("ParentId", "")
	case "AWS::Route53::RecordSet": // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html
		return func(a resource.Attributes) bool { return slices.Contains([]string{"NS", "SOA"}, a["Type"].Text()) }
	case "AWS::EC2::SecurityGroupEgress": // https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html, the default rule
		return func(a resource.Attributes) bool {
			return a["IpProtocol"].Text() == "-1" && slices.Contains([]string{"0.0.0.0/0", "::/0"}, a["CidrIp"].Text()+a["CidrIpv6"].Text())
		}
	case "AWS::Logs::LogStream", // whoever logs makes them
		"AWS::Lambda::Version",            // deployments publish them
		"AWS::Cognito::UserPoolUser",      // users sign up
		"AWS::ApiGateway::Deployment",     // earlier ones stay
		"AWS::IdentityStore::Group",       // an identity provider brings them
		"AWS::ServiceDiscovery::Instance": // tasks register themselves
		return func(resource.Attributes) bool { return true }
	}
	return nil
}
