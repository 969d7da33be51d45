// SPDX-License-Identifier: Apache-2.0

// What a pod sees of its node, and what it may do there: namespaces, volumes and the security context, as the kubelet hands
// them to a runtime (pkg/kubelet: kuberuntime/security_context.go, securitycontext/util.go, volume/util/atomic_writer.go).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// mount is a directory of the node's, or a ConfigMap of the description's.
type mount struct {
	Path     string `json:"path"`
	Host     string `json:"host,omitempty"`
	Type     string `json:"type,omitempty"` // as hostPath has it: Directory, DirectoryOrCreate
	Config   string `json:"config,omitempty"`
	ReadOnly bool   `json:"readonly,omitempty"`
}

type security struct {
	User            int64    `json:"user"`
	Group           int64    `json:"group"`
	Add             []string `json:"add"`
	Drop            []string `json:"drop"`
	ReadOnlyRoot    bool     `json:"readonly_root"`
	NoNewPrivileges bool     `json:"no_new_privileges"`
	Seccomp         string   `json:"seccomp"`
	AppArmor        string   `json:"apparmor"`
}

// What nobody sees of /proc and /sys, and what nobody writes there.
var (
	masked = []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"}
	readOnly = []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func profile(name string) *cri.SecurityProfile {
	if name == "RuntimeDefault" {
		return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}
	}
	return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Unconfined}
}

// Where a test says nothing the network is the node's: what it asks of a program, it asks of the loopback device.
func (p *pod) namespaces() *cri.NamespaceOption {
	to := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER}
	if p.Network == podNetwork {
		to.Network = cri.NamespaceMode_POD
	}
	if p.HostPID {
		to.Pid = cri.NamespaceMode_NODE
	}
	return to
}

func (p *pod) securityContext(c *container) *cri.LinuxContainerSecurityContext {
	to := &cri.LinuxContainerSecurityContext{NamespaceOptions: p.namespaces(), MaskedPaths: masked, ReadonlyPaths: readOnly}
	if c.User > 0 {
		to.RunAsUser = &cri.Int64Value{Value: c.User}
	}
	if s := c.Security; s != nil {
		to.Capabilities = &cri.Capability{AddCapabilities: s.Add, DropCapabilities: s.Drop}
		to.RunAsUser = &cri.Int64Value{Value: s.User}
		to.RunAsGroup = &cri.Int64Value{Value: s.Group}
		to.ReadonlyRootfs = s.ReadOnlyRoot
		to.NoNewPrivs = s.NoNewPrivileges
		to.Seccomp = profile(s.Seccomp)
		to.Apparmor = profile(s.AppArmor)
	}
	return to
}

func (p *pod) volumes() string {
	return filepath.Join("/var/lib/kubelet/pods", p.UID, "volumes")
}

func (p *pod) configDirectory(name string) string {
	return filepath.Join(p.volumes(), "kubernetes.io~configmap", name)
}

// makeConfig has each key behind the link ..data, which a change would replace.
func (p *pod) makeConfig(name string) error {
	dir := p.configDirectory(name)
	version := filepath.Join(dir, "..first")
	if _, there := p.Configs[name]; !there {
		return fmt.Errorf("no ConfigMap %q", name)
	}
	if err := os.MkdirAll(version, 0o755); err != nil {
		return err
	}
	if err := os.Symlink("..first", filepath.Join(dir, "..data")); err != nil && !os.IsExist(err) {
		return err
	}
	for key, text := range p.Configs[name] {
		if err := os.WriteFile(filepath.Join(version, key), []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// makeVolumes checks and makes what is to be mounted.
func (p *pod) makeVolumes(c *container) error {
	for _, m := range c.Mounts {
		if m.Config != "" {
			if err := p.makeConfig(m.Config); err != nil {
				return err
			}
			continue
		}
		about, err := os.Stat(m.Host)
		switch {
		case m.Type == "DirectoryOrCreate" && os.IsNotExist(err):
			if err := os.MkdirAll(m.Host, 0o755); err != nil {
				return err
			}
		case err != nil || !about.IsDir():
			return fmt.Errorf("hostPath type check failed: %s is not a directory", m.Host)
		}
	}
	return nil
}

func (p *pod) mounts(c *container) (to []*cri.Mount) {
	for _, m := range c.Mounts {
		from := m.Host
		if m.Config != "" {
			from = p.configDirectory(m.Config)
		}
		to = append(to, &cri.Mount{ContainerPath: m.Path, HostPath: from, Readonly: m.ReadOnly})
	}
	return to
}
