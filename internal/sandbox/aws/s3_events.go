package awsbox

import (
	"encoding/xml"
	"slices"
	"strings"
)

// What leads out of a bucket: its copies in other buckets, and the events that it sends.

type replication struct {
	XMLName xml.Name `xml:"ReplicationConfiguration"`
	Role    string
	Rule    []replicationRule
}

type replicationRule struct {
	ID       string `xml:",omitempty"`
	Priority *int
	Status   string
	Prefix   *string
	Filter   *struct {
		Inner string `xml:",innerxml"`
	}
	DeleteMarkers *struct{ Status string } `xml:"DeleteMarkerReplication"`
	Destination   struct {
		Bucket       string
		Account      string                            `xml:",omitempty"`
		StorageClass string                            `xml:",omitempty"`
		Owner        *struct{ Owner string }           `xml:"AccessControlTranslation"`
		Key          *struct{ ReplicaKmsKeyID string } `xml:"EncryptionConfiguration"`
	}
	Source *struct {
		Inner string `xml:",innerxml"`
	} `xml:"SourceSelectionCriteria"`
}

// checkReplication: both buckets exist and are versioned.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html
func checkReplication(c *call, r *Resource, body string) (string, error) {
	var in replication
	if _, err := normal(body, &in); err != nil {
		return "", err
	}
	if len(in.Rule) == 0 || len(in.Rule) > 1000 || in.Role == "" {
		return "", malformedXML()
	}
	if !versioned(r) {
		return "", refuse("InvalidRequest", "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
	}
	for i := range in.Rule {
		rule := &in.Rule[i]
		if rule.ID == "" {
			rule.ID = c.srv.ids.uuid()
		}
		if rule.Status != "Enabled" && rule.Status != "Disabled" {
			return "", malformedXML()
		}
		switch to := c.get(kindBucket, strings.TrimPrefix(rule.Destination.Bucket, "arn:aws:s3:::")); {
		case to == nil:
			return "", refuse("InvalidRequest", "Destination bucket must exist.")
		case !versioned(to):
			return "", refuse("InvalidRequest", "Destination bucket must have versioning enabled.")
		}
	}
	text, err := xml.Marshal(in)
	if err != nil {
		return "", malformedXML()
	}
	return string(text), nil
}

func versioned(r *Resource) bool { return strings.Contains(r.Attributes["Versioning"], ">Enabled<") }

type notification struct {
	XMLName     xml.Name             `xml:"NotificationConfiguration"`
	Topics      []notificationTarget `xml:"TopicConfiguration"`
	Queues      []notificationTarget `xml:"QueueConfiguration"`
	Functions   []notificationTarget `xml:"CloudFunctionConfiguration"`
	EventBridge *struct{}            `xml:"EventBridgeConfiguration"`
}

type notificationTarget struct {
	ID       string   `xml:"Id"`
	Topic    string   `xml:",omitempty"`
	Queue    string   `xml:",omitempty"`
	Function string   `xml:"CloudFunction,omitempty"`
	Event    []string `xml:"Event"`
	Filter   *struct {
		Inner string `xml:",innerxml"`
	}
}

// checkNotification sends a test message, as S3 does: what doesn't exist or doesn't let S3 in is refused.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
func checkNotification(c *call, _ *Resource, body string) (string, error) {
	var in notification
	if _, err := normal(body, &in); err != nil {
		return "", err
	}
	if in.EventBridge == nil && len(in.Topics)+len(in.Queues)+len(in.Functions) == 0 {
		return "", nil // which is how notifications are taken away
	}
	for kind, targets := range map[string][]notificationTarget{kindTopic: in.Topics, kindQueue: in.Queues, "": in.Functions} {
		for i := range targets {
			if targets[i].ID == "" {
				targets[i].ID = c.srv.ids.uuid()
			}
			arn := targets[i].Topic + targets[i].Queue
			if len(targets[i].Event) == 0 || kind != "" && !c.letsIn(kind, arn, "s3.amazonaws.com") {
				return "", refuse("InvalidArgument", "Unable to validate the following destination configurations")
			}
		}
	}
	text, err := xml.Marshal(in)
	if err != nil {
		return "", malformedXML()
	}
	return string(text), nil
}

// letsIn tells whether a queue or topic, in whichever account, exists and has a policy that allows
// something to a service.
func (c *call) letsIn(kind, arn, service string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return false
	}
	r := c.srv.store.get(placeOf(kind, parts[4], parts[3]), parts[5], nil)
	if r == nil {
		return false
	}
	return slices.ContainsFunc(statements(r.Attributes["Policy"]), func(s map[string]any) bool {
		principal, _ := s["Principal"].(map[string]any)
		return s["Effect"] == "Allow" && (everybody(s["Principal"]) || slices.Contains(oneOrMany(principal["Service"]), service))
	})
}
