package awsbox

import "strings"

// A target is what a call is about, as policies name it.
type target struct {
	arn  string    // "*" if AWS allows the action on everything only
	have *Resource // as it is; nil if it isn't there
}

// targets finds what a call is about. The forms of ARNs are those of the Service Authorization Reference:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
func (c *call) targets() []target {
	var list []target
	switch c.Service {
	case "s3":
		list = c.named(kindBucket, "arn:aws:s3:::", c.in.str("Bucket"))
	case "iam":
		list = c.roleTarget()
	case "kms":
		list = c.keyTargets()
	case "logs":
		name := c.in.str("logGroupName")
		if arn := c.in.str("resourceArn"); arn != "" {
			_, name, _ = strings.Cut(arn, ":log-group:")
		}
		list = c.named(kindLogGroup, c.arn("logs", "log-group:"), strings.TrimSuffix(name, ":*"))
	case "monitoring":
		name := c.in.str("AlarmName")
		if c.Operation == "DeleteAlarms" {
			name = strings.Join(c.in.strs("AlarmNames"), ",") // the drivers name one
		}
		if _, of, ok := strings.Cut(c.in.str("ResourceARN"), ":alarm:"); ok {
			name = of
		}
		list = c.named(kindAlarm, c.arn("cloudwatch", "alarm:"), name)
	case "sns":
		name := c.in.str("Name")
		if arn := c.in.str("TopicArn") + c.in.str("ResourceArn"); arn != "" {
			name = arn[strings.LastIndex(arn, ":")+1:]
		}
		list = c.named(kindTopic, c.arn("sns", ""), name)
	case "sqs":
		url := c.in.str("QueueUrl") + c.in.str("QueueName")
		list = c.named(kindQueue, c.arn("sqs", ""), url[strings.LastIndex(url, "/")+1:])
	case "secretsmanager":
		list = c.secretTarget()
	}
	if len(list) == 0 {
		return []target{{arn: "*"}}
	}
	return list
}

// named is the one thing of a kind with a name; none if there is no name.
func (c *call) named(kind, prefix, name string) []target {
	if name == "" {
		return nil
	}
	return []target{{prefix + name, c.srv.store.get(c.place(kind), name, nil)}}
}

func (c *call) roleTarget() []target {
	name := c.in.str("RoleName")
	if name == "" && c.in.str("PolicySourceArn") != "" {
		return []target{{arn: c.in.str("PolicySourceArn")}}
	}
	if name == "" {
		return nil
	}
	have := c.srv.store.get(c.place(kindRole), name, nil)
	if have != nil {
		return []target{{have.ID, have}}
	}
	path := c.in.str("Path")
	if path == "" {
		path = "/"
	}
	return []target{{arn: "arn:aws:iam::" + c.Account + ":role" + path + name}}
}

// keyTargets are a key, an alias, or both: what concerns an alias asks for both.
// https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html
func (c *call) keyTargets() []target {
	if strings.HasPrefix(c.Operation, "List") && c.Operation != "ListResourceTags" && c.Operation != "ListGrants" {
		return nil // of aliases and keys: everything or nothing
	}
	var list []target
	id := c.in.str("KeyId") + c.in.str("TargetKeyId")
	if alias := c.in.str("AliasName"); alias != "" {
		at := c.srv.store.get(c.place(kindAlias), alias, nil)
		list = append(list, target{arn: c.arn("kms", alias)})
		if id == "" && at != nil {
			id = at.Attributes["TargetKeyId"]
		}
	}
	if strings.HasPrefix(id, "alias/") {
		if at := c.srv.store.get(c.place(kindAlias), id, nil); at != nil {
			id = at.Attributes["TargetKeyId"]
		}
	}
	id = id[strings.LastIndex(id, "/")+1:]
	return append(list, c.named(kindKey, c.arn("kms", "key/"), id)...)
}

// secretTarget has the six characters that AWS appends to the name of a secret; of one that isn't made
// yet, any six.
func (c *call) secretTarget() []target {
	id := c.in.str("SecretId") + c.in.str("Name")
	if id == "" {
		return nil
	}
	for _, r := range c.srv.store.list(c.place(kindSecret), nil, nil) {
		if r.ID == id || r.Name == id {
			return []target{{r.ID, r}}
		}
	}
	if strings.HasPrefix(id, "arn:") {
		return []target{{arn: id}}
	}
	return []target{{arn: c.arn("secretsmanager", "secret:") + id + "-AbCdEf"}}
}
