package cost

import (
	"encoding/json"
	"fmt"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// service counts what the tasks of a service take on Fargate, at the number of tasks that Git asks for: what scaling
// makes of it is use. Tasks elsewhere are paid with the machines that they run on.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
func service(m *meter, d *resource.Desired) {
	on := where(d)
	switch {
	case on == "machines":
		m.why = "paid with the machines that it runs on"
		return
	case on != "FARGATE":
		m.lack("what it runs on, %s, has no fixed price", on)
		return
	}
	tasks, counted := number(d, "DesiredCount")
	if !counted && d.Attributes.At("DesiredCount").IsSet() || text(d, "SchedulingStrategy") == "DAEMON" {
		m.lack("how many tasks it runs isn't known")
		return
	}
	if !counted {
		tasks = 1 // AWS's default
	}
	task, found := m.task(d)
	if !found {
		m.lack("the definition of its tasks isn't among what its owner has")
		return
	}
	m.tasks(tasks, task)
	if text(d, "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp") == "ENABLED" && tasks > 0 {
		m.add("ipv4", some(tasks, "public IPv4 address"), tasks, 1)
	}
}

// where is what a service runs on: FARGATE, machines, or the name of what has no fixed price.
func where(d *resource.Desired) string {
	switch launch := text(d, "LaunchType"); launch {
	case "FARGATE":
		return launch
	case "EC2", "EXTERNAL":
		return "machines"
	}
	var strategy []struct{ CapacityProvider string }
	shown, err := d.Attributes.At("CapacityProviderStrategy").MarshalJSON()
	if err != nil || json.Unmarshal(shown, &strategy) != nil || len(strategy) == 0 {
		return "what its cluster says"
	}
	for _, s := range strategy {
		if s.CapacityProvider != "FARGATE" {
			return s.CapacityProvider
		}
	}
	return "FARGATE"
}

// task is the definition of a service's tasks, if the service refers to it.
func (m *meter) task(d *resource.Desired) (*resource.Desired, bool) {
	refs := d.Attributes.At("TaskDefinition").Refs()
	if len(refs) != 1 || m.lookup == nil {
		return nil, false
	}
	return m.lookup(refs[0].Address)
}

// tasks adds so many tasks of a definition: its processors in units of 1/1024, its memory in MiB, and its storage in GiB,
// of which 20 are in the price.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html
func (m *meter) tasks(n uint64, task *resource.Desired) {
	family := ""
	if text(task, "RuntimePlatform.CpuArchitecture") == "ARM64" {
		family = "arm."
	}
	if strings.HasPrefix(text(task, "RuntimePlatform.OperatingSystemFamily"), "WINDOWS") {
		m.lack("Windows on Fargate isn't in AWS's list here")
		return
	}
	cpu, hasCPU := number(task, "Cpu")
	memory, hasMemory := number(task, "Memory")
	if !hasCPU || !hasMemory {
		m.lack("the processors and the memory of its tasks aren't known as numbers")
		return
	}
	m.add("fargate."+family+"cpu", fmt.Sprintf("%s of %s vCPU and %s GiB", some(n, "task"), parts(cpu), parts(memory)), n*cpu, 1024)
	m.add("fargate."+family+"memory", "", n*memory, 1024)
	const within = 20
	if storage, set := number(task, "EphemeralStorage.SizeInGiB"); set && storage > within {
		m.add("fargate.storage", fmt.Sprintf("%d GiB of storage each", storage), n*(storage-within), 1)
	}
}

// parts writes a number of 1024ths as a decimal: 512 is "0.5".
func parts(n uint64) string {
	thousandths := (n*1000 + 512) / 1024
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000), "0"), ".")
}
