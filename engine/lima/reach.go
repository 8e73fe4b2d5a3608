package lima

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dvm/engine"
)

const (
	answerWithin = 10 * time.Second // for the guest to greet
	answerHolds  = time.Minute      // after which the guest is asked again
)

// answers waits until the guest answers, which one that hangs does not do. It is for what has no deadline of its own: where Lima
// keeps a connection, which may be dead though the server greets, by a session in that; else by the greeting of its ssh server,
// which costs no process here. Where nothing listens at all, limactl will know better what is wrong.
//
// Who connects and does not log in is punished by sshd, which in the end lets in nobody from here for a while (PerSourcePenalties
// in sshd_config(5)). So an answer holds for a while, and words of any kind are one.
func (c *Client) answers(ctx context.Context, instance string, within time.Duration) error {
	if c.answeredLately(instance) {
		return nil
	}
	if c.CanForward(instance) {
		return c.keptAnswers(ctx, instance, within)
	}
	port := c.sshPort(instance)
	if port == 0 {
		return nil
	}
	deadline := time.Now().Add(within)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil
		}
		return fmt.Errorf("reach %s: %w", instance, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		c.noteAnswer(instance)
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return engine.Advise(fmt.Errorf("%s runs, but its ssh server does not answer", instance),
		"to end it, and lose what the guest has not written to its disk: limactl stop --force %s", instance)
}

// keptAnswers opens a session in the connection that Lima keeps. Any end of it is an answer.
func (c *Client) keptAnswers(ctx context.Context, instance string, within time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, unanswered(instance, "no word by Lima's connection within "+within.String()))
	defer cancel()
	cmd := c.ssh(ctx, instance, []string{"-o", "ControlMaster=no", "-o", "BatchMode=yes"}, "true")
	_ = cmd.Run() // without ssh, limactl will say so
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.noteAnswer(instance)
	return nil
}

func (c *Client) answeredPath(instance string) string {
	return filepath.Join(c.lockDir(), instance+".answered")
}

// answeredLately tells whether the guest has answered since it was started, and not long ago.
func (c *Client) answeredLately(instance string) bool {
	answered, err := os.Stat(c.answeredPath(instance))
	if err != nil || time.Since(answered.ModTime()).Abs() > answerHolds {
		return false
	}
	started, err := os.Stat(c.sshConfig(instance))
	return err == nil && started.ModTime().Before(answered.ModTime())
}

// noteAnswer makes a note for the next call. Without one it asks again.
func (c *Client) noteAnswer(instance string) {
	_ = os.MkdirAll(c.lockDir(), 0o700)
	_ = os.WriteFile(c.answeredPath(instance), []byte("\n"), 0o600)
}

// ping has a guest run something, within the time that any guest which is well needs. It is for what may last, and has no
// deadline of its own: the connection that limactl uses again may be dead, though the ssh server answers.
func (c *Client) ping(ctx context.Context, instance string) error {
	ctx, cancel := c.soon(ctx, instance)
	defer cancel()
	_, err := c.run(ctx, c.shellArgs(instance, "true"))
	return err
}

// soon is a context for what a guest does at once.
func (c *Client) soon(ctx context.Context, instance string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, helloWithin, silent(instance))
}

// silent is the error of a guest that has not said a word within helloWithin.
func silent(instance string) error {
	return engine.Advise(fmt.Errorf("%s does not answer: no word from the guest within %s", instance, helloWithin),
		"run the same command again after: limactl stop --force %s", instance)
}

// unanswered is the error of a connection of Lima's that may be dead, with what makes a new one.
func unanswered(instance, why string) error {
	return engine.Advise(fmt.Errorf("%s does not answer: %s", instance, why), "run the same command again after: limactl shell --reconnect %s true", instance)
}

// ssh prepares an ssh by the configuration that Lima writes for an instance, in a process group of its own.
func (c *Client) ssh(ctx context.Context, instance string, options []string, words ...string) *exec.Cmd {
	args := slices.Concat([]string{"-F", c.sshConfig(instance)}, options, []string{"lima-" + instance}, words)
	c.note("ssh", args)
	cmd := exec.CommandContext(ctx, "ssh", args...)
	cmd.Env = c.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// sshConfig is written by Lima at each start.
func (c *Client) sshConfig(instance string) string {
	return filepath.Join(c.Dir(instance), "ssh.config")
}

// sshPort is the host's port of the guest's ssh server, which Lima writes down at each start; 0 where it has not.
func (c *Client) sshPort(instance string) (port int) {
	_ = eachLine(c.sshConfig(instance), func(line []byte) bool {
		if fields := strings.Fields(string(line)); len(fields) == 2 && strings.EqualFold(fields[0], "Port") {
			port, _ = strconv.Atoi(fields[1])
		}
		return port == 0
	})
	return port
}
