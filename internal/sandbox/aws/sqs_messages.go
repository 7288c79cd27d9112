package awsbox

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS answers with it, and clients check it
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// mostMessages is how many messages one request may receive or delete.
const mostMessages = 10

// A mailbox has a queue's messages. They are no management writes: nothing logs them, and counts of
// writes leave them out.
type mailbox struct {
	messages []*message
	arrived  chan struct{} // closed when something arrives, and then replaced
}

// A message is one that was sent to a queue and that nobody deleted.
type message struct {
	id, body string
	receipt  string    // of the last receive
	sent     time.Time // when it arrives
	visible  time.Time // when it can be received, for the first time or again
	received int
}

// mail is the mailbox of a queue.
func (s *Server) mail(queue string) *mailbox {
	box := s.mailboxes[queue]
	if box == nil {
		box = &mailbox{arrived: make(chan struct{})}
		s.mailboxes[queue] = box
	}
	return box
}

// send puts a message into a queue, from where it can be received after a delay.
func (s *Server) send(queue *Resource, body string, delay time.Duration) *message {
	now := s.opts.Now()
	m := &message{id: s.trail.ids.uuid(), body: body, sent: now, visible: now.Add(delay)}
	box := s.mail(queue.ID)
	box.messages = append(box.messages, m)
	close(box.arrived)
	box.arrived = make(chan struct{})
	return m
}

func sendMessage(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	seconds, _ := strconv.Atoi(r.Attributes["DelaySeconds"])
	m := c.srv.send(r, c.in.str("MessageBody"), time.Duration(c.in.int("DelaySeconds", seconds))*time.Second)
	return obj{"MessageId": m.id, "MD5OfMessageBody": md5Of(m.body)}, nil
}

// receiveMessage waits for a message if there is none and the caller, or the queue, says so.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func receiveMessage(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	number := func(member, attribute string) time.Duration {
		standard, _ := strconv.Atoi(r.Attributes[attribute])
		return time.Duration(c.in.int(member, standard)) * time.Second
	}
	most := c.in.int("MaxNumberOfMessages", 1)
	if most < 1 || most > mostMessages {
		return nil, refuse("InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)
	}
	box, now := c.srv.mail(r.ID), c.now()
	box.expire(now.Add(-number("", "MessageRetentionPeriod")))
	taken := []obj{}
	soonest := time.Duration(1 << 62)
	for _, m := range box.messages {
		if wait := m.visible.Sub(now); wait > 0 || len(taken) == most {
			soonest = min(soonest, wait)
			continue
		}
		m.receipt, m.visible = c.srv.trail.ids.uuid(), now.Add(number("VisibilityTimeout", "VisibilityTimeout"))
		m.received++
		taken = append(taken, obj{
			"MessageId": m.id, "ReceiptHandle": m.receipt, "Body": m.body, "MD5OfBody": md5Of(m.body),
			"Attributes": map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.received), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10)},
		})
	}
	if patience := number("WaitTimeSeconds", "ReceiveMessageWaitTimeSeconds"); len(taken) == 0 && patience > 0 && !c.late {
		return nil, &notYet{arrived: box.arrived, patience: patience, next: soonest}
	}
	if len(taken) == 0 {
		return obj{}, nil
	}
	return obj{"Messages": taken}, nil
}

// expire forgets messages that were sent before a time.
func (m *mailbox) expire(before time.Time) {
	m.messages = slices.DeleteFunc(m.messages, func(one *message) bool { return one.sent.Before(before) })
}

func deleteMessage(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	c.srv.mail(r.ID).remove(c.in.str("ReceiptHandle"))
	return nil, nil
}

func deleteMessages(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	entries := c.in.list("Entries")
	if len(entries) == 0 || len(entries) > mostMessages {
		return nil, refuse("AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one and at most 10 DeleteMessageBatchRequestEntry in the request.")
	}
	done := []obj{}
	for _, e := range entries {
		entry, _ := e.(obj)
		c.srv.mail(r.ID).remove(entry.str("ReceiptHandle"))
		done = append(done, obj{"Id": entry.str("Id")})
	}
	return obj{"Successful": done, "Failed": []obj{}}, nil
}

// remove deletes the message of a receipt. The receipt of an earlier receive has no effect.
func (m *mailbox) remove(receipt string) {
	m.messages = slices.DeleteFunc(m.messages, func(one *message) bool { return receipt != "" && one.receipt == receipt })
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// notYet is a handler's error that says: there is nothing to answer yet. The handler is called again
// when something arrived, and for the last time when its patience is over.
type notYet struct {
	arrived        <-chan struct{}
	patience, next time.Duration // how long to wait in all, and for what is on its way
}

func (*notYet) Error() string { return "nothing to answer yet" }

// wait returns when something arrived, or is due to; false if the time is over or nobody listens any more.
func (n *notYet) wait(ctx context.Context, over <-chan time.Time) bool {
	next := time.NewTimer(n.next)
	defer next.Stop()
	select {
	case <-n.arrived:
	case <-next.C:
	case <-over:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}
