package awsbox

import (
	"encoding/json"
	"slices"
	"strings"
)

// kindRule is made through Cloud Control, as people's definitions do it.
const kindRule = "AWS::Events::Rule"

// targets are the queues that a rule sends an event to. Those that aren't there, or don't let
// EventBridge in, get nothing, and nobody is told.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
func (s *Server) targets(rule *Resource, event map[string]any) []*Resource {
	var pattern map[string]any
	var state, bus string
	var targets []struct{ Arn string }
	for name, into := range map[string]any{"EventPattern": &pattern, "State": &state, "EventBusName": &bus, "Targets": &targets} {
		if text := rule.Attributes[name]; text != "" && json.Unmarshal([]byte(text), into) != nil {
			return nil
		}
	}
	if strings.HasPrefix(state, "DISABLED") || bus != "" && bus != "default" || len(pattern) == 0 || !matches(pattern, event) {
		return nil
	}
	var queues []*Resource
	for _, target := range targets {
		name := target.Arn[strings.LastIndex(target.Arn, ":")+1:]
		queue := s.store.get(placeOf(kindQueue, rule.Account, rule.Region), name, nil)
		if queue != nil && queue.ID == target.Arn && letsEventsIn(queue.Attributes["Policy"]) {
			queues = append(queues, queue)
		}
	}
	return queues
}

// letsEventsIn reads as much of a queue's policy as it takes to tell one that was forgotten.
func letsEventsIn(policy string) bool {
	var document struct {
		Statement []struct {
			Effect    string
			Principal any
			Action    any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return false
	}
	for _, s := range document.Statement {
		principal, _ := json.Marshal(s.Principal)
		action, _ := json.Marshal(s.Action)
		if s.Effect == "Allow" && strings.Contains(string(principal), `"events.amazonaws.com"`) && strings.Contains(strings.ToLower(string(action)), `"sqs:sendmessage"`) {
			return true
		}
	}
	return false
}

// matches tells whether an event has what a pattern asks for: exact values, "prefix", "anything-but"
// and "exists", in any depth.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func matches(pattern, event map[string]any) bool {
	for name, want := range pattern {
		have, there := event[name]
		switch want := want.(type) {
		case map[string]any:
			inner, ok := have.(map[string]any)
			if !ok || !matches(want, inner) {
				return false
			}
		case []any:
			if !slices.ContainsFunc(want, func(one any) bool { return fits(one, have, there) }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// fits tells whether a value is as one alternative of a pattern has it; of a list, any element.
func fits(want, have any, there bool) bool {
	if list, ok := have.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return fits(want, one, there) })
	}
	rule, ok := want.(map[string]any)
	if !ok {
		return there && want == have
	}
	text, isText := have.(string)
	for operator, operand := range rule {
		switch operator {
		case "exists":
			if operand != there {
				return false
			}
		case "prefix":
			prefix, _ := operand.(string)
			if !isText || !strings.HasPrefix(text, prefix) {
				return false
			}
		case "anything-but":
			but, list := operand.([]any)
			if !list {
				but = []any{operand}
			}
			if !there || slices.Contains(but, have) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
