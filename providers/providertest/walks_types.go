package providertest

import (
	"maps"
	"slices"
	"strings"
)

// typed tells whether a kind is one of AWS's resource types, described by data.
func typed(kind string) bool { return strings.Contains(kind, "::") }

// A sample of a type is a resource at its plainest, and what changes in it without a replacement.
type sample struct{ plain, change Attr }

// Types returns the resource types that have samples, sorted: those that tenants need most.
func Types() []string { return slices.Sorted(maps.Keys(samples())) }

// typeWalks brings a sample of a type through a change and back, and takes its tags along.
func typeWalks(kind string, s sample) []Walk {
	return []Walk{
		{Kind: kind, Name: "tags", Steps: []Step{
			{Name: "plain", State: []Resource{one(kind)}},
			{Name: "tagged", State: []Resource{one(kind).with(Attr{"tags": map[string]any{"team": "blue"}})}},
			{Name: "other tags", State: []Resource{one(kind).with(Attr{"tags": map[string]any{"team": "green", "note": "a b/c:d"}})}},
			{Name: "plain again", State: []Resource{one(kind)}},
		}},
		{Kind: kind, Name: "a change and back", Steps: []Step{
			{Name: "plain", State: []Resource{one(kind)}},
			{Name: "changed", State: []Resource{one(kind).with(s.change)}},
			{Name: "plain again", State: []Resource{one(kind)}},
		}},
	}
}

// samples has a resource of each type as small as AWS's documentation allows. What it refers to
// needn't exist, since Cloud Control leaves that to the service.
func samples() map[string]sample {
	all := hostingSamples()
	maps.Copy(all, operationsSamples())
	return all
}

// ownName is a name that is unique for each check and resource.
const ownName = "{fleet}-{name}"

// hostingSamples are what a tenant runs on.
func hostingSamples() map[string]sample {
	list := func(v ...any) []any { return v }
	return map[string]sample{
		"AWS::ApiGatewayV2::Api": {
			Attr{"Name": ownName, "ProtocolType": "HTTP"}, Attr{"Description": "the tenant's API"},
		},
		"AWS::CertificateManager::Certificate": {
			Attr{"DomainName": "{name}.example.com", "ValidationMethod": "DNS"}, Attr{"CertificateTransparencyLoggingPreference": "DISABLED"},
		},
		"AWS::Cognito::UserPool": {
			Attr{"UserPoolName": ownName}, Attr{"MfaConfiguration": "ON"},
		},
		"AWS::DynamoDB::Table": {
			Attr{
				"TableName": ownName, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": list(map[string]any{"AttributeName": "id", "AttributeType": "S"}),
				"KeySchema": list(map[string]any{"AttributeName": "id", "KeyType": "HASH"}),
			},
			Attr{"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true}},
		},
		"AWS::EC2::SecurityGroup": {
			Attr{"GroupName": ownName, "GroupDescription": "what may reach the tenant", "VpcId": "vpc-0123456789abcdef0"},
			Attr{"SecurityGroupIngress": list(map[string]any{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"})},
		},
		"AWS::EC2::Subnet": {
			Attr{"VpcId": "vpc-0123456789abcdef0", "CidrBlock": "10.0.1.0/24"}, Attr{"MapPublicIpOnLaunch": true},
		},
		"AWS::EC2::VPC": {
			Attr{"CidrBlock": "10.0.0.0/16"}, Attr{"EnableDnsHostnames": true},
		},
		"AWS::ECS::Cluster": {
			Attr{"ClusterName": ownName}, Attr{"ClusterSettings": list(map[string]any{"Name": "containerInsights", "Value": "enabled"})},
		},
		"AWS::ECS::Service": {
			Attr{"ServiceName": ownName, "Cluster": "main", "TaskDefinition": "web:1", "DesiredCount": 1}, Attr{"DesiredCount": 2},
		},
		"AWS::EFS::FileSystem": {
			Attr{"Encrypted": true}, Attr{"ThroughputMode": "elastic"},
		},
		"AWS::ElastiCache::ServerlessCache": {
			Attr{"ServerlessCacheName": ownName, "Engine": "valkey"}, Attr{"Description": "sessions"},
		},
		"AWS::ElasticLoadBalancingV2::TargetGroup": {
			Attr{"Name": "{name}", "Port": 80, "Protocol": "HTTP", "VpcId": "vpc-0123456789abcdef0"}, Attr{"HealthCheckIntervalSeconds": 15},
		},
		"AWS::Lambda::Function": {
			Attr{"FunctionName": ownName, "Role": "arn:aws:iam::111122223333:role/lambda", "Runtime": "nodejs22.x", "Handler": "index.handler", "Code": map[string]any{"ZipFile": "exports.handler = async () => {}"}},
			Attr{"Environment": map[string]any{"Variables": map[string]any{"TENANT": "acme"}}, "Timeout": 30},
		},
		"AWS::RDS::DBInstance": {
			Attr{"DBInstanceIdentifier": ownName, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "AllocatedStorage": "20", "ManageMasterUserPassword": true, "MasterUsername": "app"},
			Attr{"BackupRetentionPeriod": 14},
		},
	}
}

// operationsSamples are what a tenant is watched, backed up and paid by.
func operationsSamples() map[string]sample {
	list := func(v ...any) []any { return v }
	return map[string]sample{
		"AWS::Backup::BackupPlan": {
			Attr{"BackupPlan": map[string]any{"BackupPlanName": ownName, "BackupPlanRule": list(map[string]any{"RuleName": "daily", "TargetBackupVault": "vault", "ScheduleExpression": "cron(0 5 * * ? *)"})}},
			Attr{"BackupPlan": map[string]any{"BackupPlanName": ownName, "BackupPlanRule": list(map[string]any{"RuleName": "hourly", "TargetBackupVault": "vault", "ScheduleExpression": "cron(0 * * * ? *)"})}},
		},
		"AWS::Backup::BackupVault": {
			Attr{"BackupVaultName": ownName}, Attr{"LockConfiguration": map[string]any{"MinRetentionDays": 7}},
		},
		"AWS::Budgets::Budget": {
			Attr{"Budget": map[string]any{"BudgetName": ownName, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": map[string]any{"Amount": 100, "Unit": "USD"}}},
			Attr{"Budget": map[string]any{"BudgetName": ownName, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": map[string]any{"Amount": 200, "Unit": "USD"}}},
		},
		"AWS::CloudTrail::Trail": {
			Attr{"TrailName": ownName, "S3BucketName": "trail-logs", "IsLogging": true}, Attr{"IsMultiRegionTrail": true},
		},
		"AWS::CloudWatch::CompositeAlarm": {
			Attr{"AlarmName": ownName, "AlarmRule": "ALARM(errors)"}, Attr{"AlarmRule": "ALARM(errors) OR ALARM(latency)"},
		},
		"AWS::Events::Rule": {
			Attr{"Name": ownName, "EventPattern": map[string]any{"source": list("aws.s3")}}, Attr{"State": "DISABLED"},
		},
		"AWS::RUM::AppMonitor": {
			Attr{"Name": ownName, "Domain": "app.example.com"}, Attr{"CwLogEnabled": true},
		},
		"AWS::SSM::Parameter": {
			Attr{"Name": "/{fleet}/{name}", "Type": "String", "Value": "a"}, Attr{"Value": "b"},
		},
		"AWS::Synthetics::Canary": {
			Attr{
				"Name": "{name}", "ArtifactS3Location": "s3://canaries", "ExecutionRoleArn": "arn:aws:iam::111122223333:role/canary", "RuntimeVersion": "syn-nodejs-puppeteer-10.0",
				"Schedule": map[string]any{"Expression": "rate(5 minutes)"}, "Code": map[string]any{"Handler": "index.handler", "Script": "exports.handler = async () => {}"},
			},
			Attr{"Schedule": map[string]any{"Expression": "rate(1 minute)"}},
		},
		"AWS::XRay::Group": {
			Attr{"GroupName": ownName, "FilterExpression": "responsetime > 5"}, Attr{"FilterExpression": "fault"},
		},
	}
}
