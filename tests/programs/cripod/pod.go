// SPDX-License-Identifier: Apache-2.0

// What a pod's description comes to: its class, its cgroups and the figures in them. All as the kubelet does it
// (pkg/kubelet/cm: helpers_linux.go and qos_container_manager_linux.go, pkg/kubelet/qos/policy.go).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod is a description, and what became of it.
type pod struct {
	Namespace  string      `json:"namespace"`
	Name       string      `json:"name"`
	UID        string      `json:"uid"`
	Containers []container `json:"containers"`
	Sandbox    string      `json:"sandbox,omitempty"`
	// Network is "pod" for one of its own; else it is the node's.
	Network string `json:"network,omitempty"`
	HostPID bool   `json:"host_pid,omitempty"`
	// Critical ones are of the classes system-node-critical and system-cluster-critical.
	Critical     bool                         `json:"critical,omitempty"`
	GraceSeconds int64                        `json:"grace_seconds,omitempty"`
	Configs      map[string]map[string]string `json:"configs,omitempty"`
}

// Figures of 0 are figures that the description leaves out.
type container struct {
	Name         string   `json:"name"`
	Image        string   `json:"image"`
	Command      []string `json:"command"`
	Args         []string `json:"args,omitempty"`
	Env          []string `json:"env,omitempty"`
	RequestBytes int64    `json:"request_bytes,omitempty"`
	LimitBytes   int64    `json:"limit_bytes,omitempty"`
	RequestMilli int64    `json:"request_millicpu,omitempty"`
	LimitMilli   int64    `json:"limit_millicpu,omitempty"`
	ID           string   `json:"id,omitempty"`
	Restarts     uint32   `json:"restarts,omitempty"`
	Mounts       []mount  `json:"mounts,omitempty"`
	// User runs it, where Security says nothing; 0 is the image's, which is root.
	User int64 `json:"user,omitempty"`
	// Security is what the container may do; without it, what the runtime has for those of which nothing is said.
	Security *security `json:"security,omitempty"`
}

const (
	guaranteed = "guaranteed"
	burstable  = "burstable"
	bestEffort = "besteffort"
	podNetwork = "pod"
)

func (c *container) fixed() bool {
	return c.LimitBytes > 0 && c.LimitBytes == c.RequestBytes && c.LimitMilli > 0 && c.LimitMilli == c.RequestMilli
}

func (c *container) asksNothing() bool {
	return c.LimitBytes+c.RequestBytes+c.LimitMilli+c.RequestMilli == 0
}

func (p *pod) class() string {
	fixed, nothing := true, true
	for i := range p.Containers {
		fixed = fixed && p.Containers[i].fixed()
		nothing = nothing && p.Containers[i].asksNothing()
	}
	switch {
	case fixed:
		return guaranteed
	case nothing:
		return bestEffort
	}
	return burstable
}

// slices are the units from the root down: kubepods.slice, that of the class (a guaranteed pod has none), the pod's.
func (p *pod) slices() []string {
	name, slices := "kubepods", []string{"kubepods.slice"}
	if class := p.class(); class != guaranteed {
		name += "-" + class
		slices = append(slices, name+".slice")
	}
	return append(slices, name+"-pod"+strings.ReplaceAll(p.UID, "-", "_")+".slice")
}

func (p *pod) slice() string {
	slices := p.slices()
	return slices[len(slices)-1]
}

func (p *pod) cgroup() string {
	return "/" + strings.Join(p.slices(), "/")
}

// limitBytes of the pod: the sum, or 0 where one of them has none.
func (p *pod) limitBytes() (sum int64) {
	for i := range p.Containers {
		if p.Containers[i].LimitBytes == 0 {
			return 0
		}
		sum += p.Containers[i].LimitBytes
	}
	return sum
}

func (p *pod) shares() (sum int64) {
	for i := range p.Containers {
		sum += shares(p.Containers[i].RequestMilli)
	}
	return sum
}

const (
	leastShares   = 2
	sharesPerCPU  = 1024
	quotaPeriod   = 100000
	scoreReserved = 3 // between a burstable container and a guaranteed one
)

func shares(milli int64) int64 {
	if n := milli * sharesPerCPU / 1000; n > leastShares {
		return n
	}
	return leastShares
}

func (p *pod) score(c *container) int64 {
	switch class := p.class(); {
	case class == guaranteed || p.Critical:
		return -997
	case class == bestEffort:
		return 1000
	}
	score := 1000 - 1000*c.RequestBytes/nodeBytes()
	if score < scoreReserved {
		return scoreReserved
	}
	if score > 999 {
		return 999
	}
	return score
}

// nodeBytes is the capacity of this machine.
func nodeBytes() int64 {
	var total int64
	text, err := os.ReadFile("/proc/meminfo")
	check(err)
	_, err = fmt.Sscanf(string(text), "MemTotal: %d kB", &total)
	check(err)
	return total << 10
}

func (p *pod) resources(c *container) *cri.LinuxContainerResources {
	r := &cri.LinuxContainerResources{
		CpuPeriod:          quotaPeriod,
		CpuShares:          shares(c.RequestMilli),
		OomScoreAdj:        p.score(c),
		MemoryLimitInBytes: c.LimitBytes,
		// All of a container ends together.
		Unified: map[string]string{"memory.oom.group": "1"},
	}
	if c.LimitMilli > 0 {
		r.CpuQuota = c.LimitMilli * quotaPeriod / 1000
	}
	return r
}

func (p *pod) logDirectory() string {
	return filepath.Join("/var/log/pods", p.Namespace+"_"+p.Name+"_"+p.UID)
}

func (p *pod) logFile(c *container) string {
	return filepath.Join(c.Name, fmt.Sprint(c.Restarts)+".log")
}

// logLink is how log collectors find a container by its id.
func (p *pod) logLink(c *container) string {
	return filepath.Join("/var/log/containers", fmt.Sprintf("%s_%s_%s-%s.log", p.Name, p.Namespace, c.Name, c.ID))
}

func (p *pod) labels(c *container) map[string]string {
	labels := map[string]string{
		"io.kubernetes.pod.name":      p.Name,
		"io.kubernetes.pod.namespace": p.Namespace,
		"io.kubernetes.pod.uid":       p.UID,
	}
	if c != nil {
		labels["io.kubernetes.container.name"] = c.Name
	}
	return labels
}

func (p *pod) sandboxConfig() *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: p.Name, Namespace: p.Namespace, Uid: p.UID},
		LogDirectory: p.logDirectory(),
		Labels:       p.labels(nil),
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent: p.cgroup(),
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: p.namespaces(),
				Seccomp:          profile("RuntimeDefault"),
			},
		},
	}
}

func (p *pod) containerConfig(c *container) *cri.ContainerConfig {
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: c.Name, Attempt: c.Restarts},
		Image:    &cri.ImageSpec{Image: c.Image},
		Command:  c.Command,
		Args:     c.Args,
		LogPath:  p.logFile(c),
		Labels:   p.labels(c),
		Mounts:   p.mounts(c),
		Linux:    &cri.LinuxContainerConfig{Resources: p.resources(c), SecurityContext: p.securityContext(c)},
	}
	for _, word := range c.Env {
		key, value, _ := strings.Cut(word, "=")
		config.Envs = append(config.Envs, &cri.KeyValue{Key: key, Value: value})
	}
	return config
}
