// SPDX-License-Identifier: Apache-2.0

// What is done to pods.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func command(words ...string) error {
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", words, err, out)
	}
	return nil
}

// manager calls a method of systemd's, as the kubelet does it.
func manager(method, signature string, words ...string) error {
	return command(append([]string{"busctl", "--quiet", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", method, signature}, words...)...)
}

// limits are properties as busctl has them.
func (p *pod) limits() []string {
	bytes := uint64(p.limitBytes())
	if bytes == 0 {
		bytes = math.MaxUint64
	}
	// As runc turns shares into a weight.
	weight := 1 + (p.shares()-2)*9999/262142
	return []string{"2", "MemoryMax", "t", fmt.Sprint(bytes), "CPUWeight", "t", fmt.Sprint(weight)}
}

// makeSlices makes a unit of the pod, and of all pods together: those are held to what is allocatable, here the whole
// machine. What is between them has no properties.
func (p *pod) makeSlices() error {
	slices := p.slices()
	err := command("systemctl", "is-active", "--quiet", slices[0])
	if err != nil {
		err = manager("StartTransientUnit", "ssa(sv)a(sa(sv))", slices[0], "fail", "1",
			"MemoryMax", "t", fmt.Sprint(nodeBytes()), "0")
	}
	words := append([]string{p.slice(), "fail"}, p.limits()...)
	return errors.Join(err, manager("StartTransientUnit", "ssa(sv)a(sa(sv))", append(words, "0")...))
}

func (p *pod) setLimits() error {
	return manager("SetUnitProperties", "sba(sv)", append([]string{p.slice(), "true"}, p.limits()...)...)
}

func (n *node) run(file string) error {
	p, err := readPod(file)
	if err != nil {
		return err
	}
	if err := p.makeSlices(); err != nil {
		return err
	}
	if err := os.MkdirAll(p.logDirectory(), 0o755); err != nil {
		return err
	}
	made, err := n.runtime.RunPodSandbox(n.ctx, &cri.RunPodSandboxRequest{Config: p.sandboxConfig()})
	if err != nil {
		return err
	}
	p.Sandbox = made.PodSandboxId
	for i := range p.Containers {
		// What is there is known, also where the next one fails.
		err = errors.Join(n.start(p, &p.Containers[i]), p.save())
		if err != nil {
			return err
		}
		fmt.Println(p.Containers[i].Name, p.Containers[i].ID)
	}
	return nil
}

func (n *node) start(p *pod, c *container) error {
	if err := os.MkdirAll(filepath.Join(p.logDirectory(), c.Name), 0o755); err != nil {
		return err
	}
	if err := p.makeVolumes(c); err != nil {
		return err
	}
	created, err := n.runtime.CreateContainer(n.ctx, &cri.CreateContainerRequest{
		PodSandboxId:  p.Sandbox,
		Config:        p.containerConfig(c),
		SandboxConfig: p.sandboxConfig(),
	})
	if err != nil {
		return err
	}
	c.ID = created.ContainerId
	_, err = n.runtime.StartContainer(n.ctx, &cri.StartContainerRequest{ContainerId: c.ID})
	if err != nil {
		return err
	}
	return p.link(c)
}

// link comes last, as the kubelet does it: for a moment a container runs that has no name yet.
func (p *pod) link(c *container) error {
	link := p.logLink(c)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(p.logDirectory(), p.logFile(c)), link)
}

// resize never has a pod below the sum of its containers: it grows first, and shrinks last.
func (n *node) resize(what string, bytes int64) error {
	p, c, err := find(what)
	if err != nil {
		return err
	}
	if c == nil || bytes <= 0 {
		return fmt.Errorf("%s: a container and its bytes are needed", what)
	}
	grows := bytes > c.LimitBytes
	if p.class() == guaranteed {
		c.RequestBytes = bytes
	}
	c.LimitBytes = bytes
	container := func() error {
		_, err := n.runtime.UpdateContainerResources(n.ctx, &cri.UpdateContainerResourcesRequest{
			ContainerId: c.ID,
			Linux:       p.resources(c),
		})
		return err
	}
	steps := []func() error{container, p.setLimits, p.save}
	if grows {
		steps = []func() error{p.setLimits, container, p.save}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// end is how a container is told to end: it has the pod's grace to do so, or is killed at once.
func (n *node) end(c *container, grace int64) error {
	_, err := n.runtime.StopContainer(n.ctx, &cri.StopContainerRequest{ContainerId: c.ID, Timeout: grace})
	return err
}

func (n *node) kill(what string) error {
	_, c, err := find(what)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("%s: a container is needed", what)
	}
	return n.end(c, 0)
}

// exec's code is that of the command.
func (n *node) exec(what string, words []string) error {
	_, c, err := find(what)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("%s: a container is needed", what)
	}
	got, err := n.runtime.ExecSync(n.ctx, &cri.ExecSyncRequest{ContainerId: c.ID, Cmd: words, Timeout: 60})
	if err != nil {
		return err
	}
	os.Stdout.Write(got.Stdout)
	os.Stderr.Write(got.Stderr)
	if got.ExitCode != 0 {
		os.Exit(int(got.ExitCode))
	}
	return nil
}

func (n *node) address(what string) error {
	p, _, err := find(what)
	if err != nil {
		return err
	}
	got, err := n.runtime.PodSandboxStatus(n.ctx, &cri.PodSandboxStatusRequest{PodSandboxId: p.Sandbox})
	if err != nil {
		return err
	}
	fmt.Println(got.Status.Network.GetIp())
	return nil
}

func (n *node) restart(what string) error {
	p, c, err := find(what)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("%s: a container is needed", what)
	}
	if err := n.end(c, max(p.GraceSeconds, 5)); err != nil {
		return err
	}
	_, err = n.runtime.RemoveContainer(n.ctx, &cri.RemoveContainerRequest{ContainerId: c.ID})
	if err != nil {
		return err
	}
	if err := os.Remove(p.logLink(c)); err != nil {
		return err
	}
	c.Restarts++
	if err := n.start(p, c); err != nil {
		return err
	}
	fmt.Println(c.ID)
	return p.save()
}

func (n *node) state(what string) error {
	_, c, err := find(what)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("%s: a container is needed", what)
	}
	got, err := n.runtime.ContainerStatus(n.ctx, &cri.ContainerStatusRequest{ContainerId: c.ID})
	if err != nil {
		return err
	}
	switch s := got.Status; s.State {
	case cri.ContainerState_CONTAINER_RUNNING:
		fmt.Println("running")
	case cri.ContainerState_CONTAINER_EXITED:
		fmt.Println("exited", s.ExitCode, s.Reason, s.StartedAt/1e6, s.FinishedAt/1e6)
	default:
		fmt.Println(s.State)
	}
	return nil
}

func (n *node) stop(what string) error {
	p, _, err := find(what)
	if err != nil {
		return err
	}
	// A sandbox that stops kills what is left in it.
	for i := range p.Containers {
		if c := &p.Containers[i]; p.GraceSeconds > 0 && c.ID != "" {
			err = errors.Join(err, n.end(c, p.GraceSeconds))
		}
	}
	if err != nil {
		return err
	}
	_, err = n.runtime.StopPodSandbox(n.ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.Sandbox})
	if err != nil {
		return err
	}
	_, err = n.runtime.RemovePodSandbox(n.ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.Sandbox})
	if err != nil {
		return err
	}
	for i := range p.Containers {
		os.Remove(p.logLink(&p.Containers[i]))
	}
	return errors.Join(os.RemoveAll(p.logDirectory()), os.RemoveAll(p.volumes()), command("systemctl", "stop", p.slice()),
		os.Remove(statePath(p.Namespace, p.Name)))
}
