package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Status is the state in an event of ha.stdout.log.
type Status struct {
	Running      bool     `json:"running,omitempty"`
	Degraded     bool     `json:"degraded,omitempty"`
	Exiting      bool     `json:"exiting,omitempty"`
	Errors       []string `json:"errors,omitempty"`
	SSHLocalPort int      `json:"sshLocalPort,omitempty"`
}

// Event is one line of ha.stdout.log.
type Event struct {
	Time   time.Time `json:"time"`
	Status Status    `json:"status"`
}

// LogRecord is one line of ha.stderr.log.
type LogRecord struct {
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	Time  time.Time `json:"time"`
}

// agent is the host agent: it owns the guest from boot to shutdown, and tells of it on its standard streams,
// which are ha.stdout.log and ha.stderr.log.
type agent struct {
	spec   Spec
	port   int
	muxMu  sync.Mutex
	mux    *muxServer // once the guest's sshd answers
	events *json.Encoder
	log    *json.Encoder
}

// Agent runs the host agent of the instance that specJSON describes until it is told to stop or the guest ends, and
// returns its exit code.
func Agent(specJSON string) int {
	a := &agent{events: json.NewEncoder(os.Stdout), log: json.NewEncoder(os.Stderr)}
	err := json.Unmarshal([]byte(specJSON), &a.spec)
	if err == nil {
		err = a.run()
	}
	a.emit(Status{Exiting: true}) // before it says why, as the real one does
	if err != nil {
		a.record("fatal", err.Error())
		return 1
	}
	return 0
}

func (a *agent) run() error {
	absorbSignals()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)

	remove, err := writePID(a.spec.path("ha.pid"), os.Getpid())
	if err != nil {
		return err
	}
	defer remove()
	if a.port, err = freePort(); err != nil {
		return err
	}
	closeInfo, err := a.serveInfo()
	if err != nil {
		return err
	}
	defer closeInfo()

	a.record("info", fmt.Sprintf("Starting QEMU (hint: to watch the boot progress, see %#q)", a.spec.path("serial*.log")))
	if err := a.writeSSHConfig(); err != nil {
		return err
	}
	switch {
	case a.spec.Fatal != "":
		return errors.New(a.spec.Fatal)
	case a.spec.LastWords != "":
		a.driverFails()
		return nil
	}
	guest, err := bootGuest(a.spec)
	if err != nil {
		return err
	}
	remove, err = writePID(a.spec.path(a.spec.Driver), guest.pid())
	if err != nil {
		return errors.Join(err, guest.kill())
	}
	defer remove()
	defer os.Remove(socket(a.spec.Dir))
	defer a.endMaster()
	a.emit(Status{SSHLocalPort: a.port})
	if a.spec.OwnNet {
		defer os.Remove(netSocket(a.spec.Dir))
		end, ended := make(chan struct{}), make(chan struct{})
		go func() {
			(&forwarder{agent: a, open: map[address]net.Listener{}}).run(end)
			close(ended)
		}()
		defer func() { close(end); <-ended }()
	}
	return a.follow(guest, stop)
}

// driverFails says what Lima does where QEMU ends by itself: nothing of it as an error.
func (a *agent) driverFails() {
	a.emit(Status{SSHLocalPort: a.port})
	a.record("info", "Waiting for the essential requirement 1 of 3: `ssh`")
	a.record("debug", "qemu[stderr]: "+a.spec.LastWords)
	a.record("info", "Driver stopped due to error: `exit status 1`")
	a.record("info", "Shutting down QEMU with the power button")
	a.record("warning", fmt.Sprintf("failed to open the QMP socket %#q, forcibly killing QEMU", a.spec.path("qmp.sock")))
	a.record("info", "QEMU has already exited")
}

// absorbSignals keeps this process from ending with the terminal or the shell that it was started from. It does not
// ignore the signals, and undoes that whoever started it did: a child would inherit that.
func absorbSignals() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTERM)
}

// follow tells of the boot as the guest reports it, then waits for the end.
func (a *agent) follow(g *guest, stop <-chan os.Signal) error {
	a.record("info", "Waiting for the essential requirement 1 of 3: `ssh`")
	reports, ended := g.reports(), g.ended()
	for {
		select {
		case report, ok := <-reports:
			if !ok {
				reports = nil
				continue
			}
			if report != reportSSH && report != reportDone {
				return errors.Join(errors.New(report), g.kill())
			}
			if err := a.booted(report); err != nil {
				return errors.Join(err, g.kill())
			}
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("driver ended: %w", err)
			}
			return nil
		case <-stop:
			a.record("info", "Received SIGINT, shutting down the host agent")
			a.record("info", "Shutting down the host agent")
			a.record("info", "Shutting down QEMU with the power button")
			err := g.kill()
			a.record("info", "QEMU has exited")
			return err
		}
	}
}

// booted says what Lima says when the guest has come so far.
func (a *agent) booted(report string) error {
	if report == reportSSH {
		if err := a.startMaster(); err != nil {
			return err
		}
		a.record("info", "The essential requirement 1 of 3 is satisfied")
		a.record("info", "Waiting for the essential requirement 2 of 3: `user session is ready for ssh`")
		a.record("info", "The essential requirement 2 of 3 is satisfied")
		a.record("info", "Waiting for the essential requirement 3 of 3: `Explicitly start ssh ControlMaster`")
		a.record("info", "The essential requirement 3 of 3 is satisfied")
		a.record("info", "Waiting for the guest agent to be running")
		a.record("info", "Guest agent is running")
		a.record("info", "Waiting for the final requirement 1 of 1: `boot scripts must have finished`")
		return nil
	}
	status := Status{Running: true, SSHLocalPort: a.port}
	if a.spec.Degraded {
		a.record("error", "failed to satisfy the final requirement 1 of 1 `boot scripts must have finished`")
		status.Degraded = true
		status.Errors = []string{"failed to satisfy the final requirement 1 of 1 `boot scripts must have finished`"}
	} else {
		a.record("info", "The final requirement 1 of 1 is satisfied")
	}
	a.emit(status)
	return nil
}

// startMaster answers ssh.sock, anew where it did so before.
func (a *agent) startMaster() (err error) {
	a.muxMu.Lock()
	defer a.muxMu.Unlock()
	if a.mux != nil {
		a.mux.Close()
	}
	a.mux, err = serveMux(a.spec.path("ssh.sock"), a.dialGuest)
	return err
}

func (a *agent) endMaster() {
	a.muxMu.Lock()
	defer a.muxMu.Unlock()
	if a.mux != nil {
		a.mux.Close()
	}
}

func (a *agent) emit(s Status) {
	// An event that cannot be written is one that nobody can be told of.
	_ = a.events.Encode(Event{Time: time.Now(), Status: s})
}

func (a *agent) record(level, msg string) {
	_ = a.log.Encode(LogRecord{Level: level, Msg: msg, Time: time.Now()})
}

// serveInfo answers GET /v1/info on ha.sock, which is how list tells a live host agent from a stuck one.
func (a *agent) serveInfo() (stop func(), err error) {
	path := a.spec.path("ha.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/info", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"sshLocalPort\":%d}\n", a.port)
	})
	mux.HandleFunc("POST "+masterPath, func(w http.ResponseWriter, _ *http.Request) {
		if err := a.startMaster(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	a.record("info", "hostagent socket created at "+path)
	go http.Serve(l, mux) //nolint:errcheck // ends with the listener
	return func() { l.Close() }, nil
}

// masterPath is the stand-in's own: here it is the agent that plays ssh's master.
const masterPath = "/limatest/master"

// MendMaster does what ssh does that finds a socket whose master has died: it takes the socket away and becomes the master.
func MendMaster(instanceDir string) error {
	conn, err := net.Dial("unix", filepath.Join(instanceDir, "ssh.sock"))
	if err == nil {
		return conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil // there is none, as before the guest has booted
	}
	answer, err := AskAgent(filepath.Join(instanceDir, "ha.sock"), http.MethodPost, masterPath)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// AskAgent has the host agent behind a socket answer a request.
func AskAgent(sock, method, path string) (*http.Response, error) {
	client := http.Client{
		Timeout: 3 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", sock)
			},
		},
	}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://lima-hostagent"+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

func (a *agent) writeSSHConfig() error {
	limaHome := a.spec.path("..")
	text := fmt.Sprintf(`# This SSH config file can be passed to 'ssh -F'.
# Modifications to this file will be lost on restarting the Lima instance.
Host %s
  IdentityFile %q
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  NoHostAuthenticationForLocalhost yes
  PreferredAuthentications publickey
  Compression no
  BatchMode yes
  IdentitiesOnly yes
  GSSAPIAuthentication no
  User %s
  ControlMaster auto
  ControlPath %q
  ControlPersist yes
  Hostname 127.0.0.1
  Port %d
`, a.spec.Hostname, limaHome+"/_config/user", a.spec.Account.Name, a.spec.path("ssh.sock"), a.port)
	return os.WriteFile(a.spec.path("ssh.config"), []byte(text), 0o600)
}

// writePID writes a PID file that must not exist yet, and returns what removes it again.
func writePID(path string, pid int) (remove func(), err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(strconv.Itoa(pid) + "\n")
	return func() { os.Remove(path) }, errors.Join(err, f.Close())
}

// freePort finds a port for ssh, on which nothing listens here.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
