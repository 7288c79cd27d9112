// Package awsbox is a small AWS in one process: it speaks the wire protocols of STS, S3, IAM, KMS,
// CloudWatch Logs, CloudWatch, SNS, SQS, Secrets Manager and the tagging API well enough that the
// unmodified SDK and the AWS command line work against it with AWS_ENDPOINT_URL.
//
// It is made for drivers to be wrong against. Where AWS refuses, answers late, cuts a list or fills
// in a default, so does the sandbox, with AWS's codes. What it doesn't do: evaluate IAM policies,
// verify signatures, store objects, deliver messages.
//
// A Server is an http.Handler without goroutines or sockets of its own; Start puts it on a loopback
// port, Transport calls it in process, so that it runs inside a testing/synctest bubble.
//
//	box := awsbox.New(awsbox.Options{Accounts: []awsbox.Account{{ID: "111111111111",
//		RoleARN: "arn:aws:iam::111111111111:role/tenantry", ExternalID: "example"}}})
//	running, err := box.Start()
//	defer running.Close()
//	// AWS_ENDPOINT_URL=running.URL AWS_ACCESS_KEY_ID=AKIASANDBOX AWS_SECRET_ACCESS_KEY=sandbox
//
// People use it under /_sandbox/: see what exists, change it by hand, make the weather worse.
package awsbox
