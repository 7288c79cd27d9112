package awsbox

import (
	"strconv"
	"strings"
)

// A published schema says that AWS makes up an identifier, and the schemas of what refers to it say
// what it looks like. idForms has those that others are held to, and those that people know by sight, by type
// and property. In a form, # is a hexadecimal digit, @ a small letter or digit, ^ a capital or digit, % a
// decimal digit, and ${…} what it is in the form of an ARN; ${Number} is one that rises.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html and the examples of return values
// on each type's page.
var idForms = map[string]string{
	"AWS::ApiGateway::RestApi.RestApiId":                        "@@@@@@@@@@",
	"AWS::ApiGateway::RestApi.RootResourceId":                   "@@@@@@@@@@",
	"AWS::ApiGateway::Resource.ResourceId":                      "@@@@@@",
	"AWS::ApiGateway::Deployment.DeploymentId":                  "@@@@@@",
	"AWS::ApiGatewayV2::Api.ApiId":                              "@@@@@@@@@@",
	"AWS::ApiGatewayV2::Integration.IntegrationId":              "@@@@@@@",
	"AWS::ApiGatewayV2::Route.RouteId":                          "@@@@@@@",
	"AWS::Backup::BackupPlan.BackupPlanId":                      uuidForm,
	"AWS::CertificateManager::Certificate.CertificateArn":       "arn:${Partition}:acm:${Region}:${Account}:certificate/" + uuidForm,
	"AWS::CloudFront::Distribution.Id":                          "E^^^^^^^^^^^^^",
	"AWS::CloudFront::Distribution.DomainName":                  "d@@@@@@@@@@@@@.cloudfront.net",
	"AWS::CloudFront::OriginAccessControl.Id":                   "E^^^^^^^^^^^^^",
	"AWS::Cognito::UserPool.UserPoolId":                         "${Region}_@@@@@@@@@",
	"AWS::Cognito::UserPoolClient.ClientId":                     "@@@@@@@@@@@@@@@@@@@@@@@@@@",
	"AWS::EC2::EIP.AllocationId":                                "eipalloc-#################",
	"AWS::EC2::EIP.PublicIp":                                    "203.0.113.${Number}",
	"AWS::EC2::InternetGateway.InternetGatewayId":               "igw-#################",
	"AWS::EC2::NatGateway.NatGatewayId":                         "nat-#################",
	"AWS::EC2::RouteTable.RouteTableId":                         "rtb-#################",
	"AWS::EC2::SecurityGroup.GroupId":                           "${Id}",
	"AWS::EC2::SecurityGroup.Id":                                "sg-#################",
	"AWS::EC2::Subnet.SubnetId":                                 "subnet-#################",
	"AWS::EC2::SubnetRouteTableAssociation.Id":                  "rtbassoc-#################",
	"AWS::EC2::VPC.VpcId":                                       "vpc-#################",
	"AWS::EC2::VPCEndpoint.Id":                                  "vpce-#################",
	"AWS::ECS::TaskDefinition.TaskDefinitionArn":                "arn:${Partition}:ecs:${Region}:${Account}:task-definition/${Family}:${Number}",
	"AWS::EFS::AccessPoint.AccessPointId":                       "fsap-#################",
	"AWS::EFS::FileSystem.FileSystemId":                         "fs-#################",
	"AWS::EFS::MountTarget.Id":                                  "fsmt-#################",
	"AWS::ElasticLoadBalancingV2::Listener.ListenerArn":         "arn:${Partition}:elasticloadbalancing:${Region}:${Account}:listener/app/web/################/################",
	"AWS::ElasticLoadBalancingV2::ListenerRule.RuleArn":         "arn:${Partition}:elasticloadbalancing:${Region}:${Account}:listener-rule/app/web/################/################/################",
	"AWS::ElasticLoadBalancingV2::LoadBalancer.DNSName":         "@@@@@@@@-%%%%%%%%%%.${Region}.elb.amazonaws.com",
	"AWS::ElasticLoadBalancingV2::LoadBalancer.LoadBalancerArn": "arn:${Partition}:elasticloadbalancing:${Region}:${Account}:loadbalancer/app/web/################",
	"AWS::ElasticLoadBalancingV2::TargetGroup.TargetGroupArn":   "arn:${Partition}:elasticloadbalancing:${Region}:${Account}:targetgroup/web/################",
	"AWS::Organizations::Account.AccountId":                     "%%%%%%%%%%%%",
	"AWS::RUM::AppMonitor.Id":                                   uuidForm,
	"AWS::Route53::HealthCheck.HealthCheckId":                   uuidForm,
	"AWS::Route53::HostedZone.Id":                               "Z^^^^^^^^^^^^^^^^^^^^",
	"AWS::SSO::PermissionSet.PermissionSetArn":                  "arn:${Partition}:sso:::permissionSet/ssoins-################/ps-################",
	"AWS::WAFv2::IPSet.Id":                                      uuidForm,
	"AWS::WAFv2::WebACL.Id":                                     uuidForm,
}

const uuidForm = "########-####-4###-8###-############"

// made up from a form: the properties that it names must be there.
func (g *ids) made(form string) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	sum, n := g.sum(), 0
	var b strings.Builder
	for _, r := range form {
		among := map[rune]int{'#': 16, '@': 36, '^': 36, '%': 10}[r]
		if among == 0 {
			b.WriteRune(r)
			continue
		}
		if n == len(sum) {
			sum, n = g.sum(), 0
		}
		letter := letters[int(sum[n])%among : int(sum[n])%among+1]
		if n++; r == '^' {
			letter = strings.ToUpper(letter)
		}
		b.WriteString(letter)
	}
	return b.String()
}

// number rises with each call, up to what fits into an address.
func (g *ids) number() string {
	g.n++
	return strconv.Itoa(g.n%254 + 1)
}
