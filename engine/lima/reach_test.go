package lima

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"dvm/engine"
)

// TestAnswers asks ssh servers that greet, say something else, say nothing, and are not there.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, greeting string
		listens, want  bool
	}{
		{"greets", "SSH-2.0-x\r\n", true, true},
		{"lets nobody in for now", "Not allowed at this time\r\n", true, true},
		{"says nothing", "", true, false},
		{"is not there", "", false, true}, // limactl will say why
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			if !c.listens {
				_ = listener.Close()
			}
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, _ = io.WriteString(conn, c.greeting)
					_, _ = io.Copy(io.Discard, conn)
					_ = conn.Close()
				}
			}()
			err = clientOf(t, listener.Addr()).answers(t.Context(), "dvm-app", time.Second)
			if (err == nil) != c.want {
				t.Errorf("the error is %v", err)
			}
			var advice *engine.Advice
			if err != nil && !errors.As(err, &advice) {
				t.Errorf("%v comes without advice", err)
			}
		})
	}
}

// TestAnswerHolds: sshd punishes whoever connects and does not log in, so it is asked once a start, and not for each command.
func TestAnswerHolds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var asked atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_, _ = io.WriteString(conn, "SSH-2.0-x\r\n")
			_ = conn.Close()
		}
	}()
	client := clientOf(t, listener.Addr())
	ask := func(want int64) {
		t.Helper()
		for range 3 {
			if err := client.answers(t.Context(), "dvm-app", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if asked.Load() != want {
			t.Errorf("it was asked %d times, want %d", asked.Load(), want)
		}
	}
	earlier := time.Now().Add(-time.Second)
	if err := os.Chtimes(client.sshConfig("dvm-app"), earlier, earlier); err != nil {
		t.Fatal(err)
	}
	ask(1)
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(client.sshConfig("dvm-app"), later, later); err != nil { // it was started again
		t.Fatal(err)
	}
	ask(4)
	long := time.Now().Add(-2 * answerHolds)
	if err := errors.Join(os.Chtimes(client.sshConfig("dvm-app"), long, long), os.Chtimes(client.answeredPath("dvm-app"), long, long.Add(time.Second))); err != nil {
		t.Fatal(err)
	}
	ask(5)
}

func TestAnswersIsCancelled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			defer conn.Close()
		}
		cancel(why)
	}()
	if err := clientOf(t, listener.Addr()).answers(ctx, "dvm-app", time.Hour); !errors.Is(err, why) {
		t.Errorf("the error is %v", err)
	}
}

// clientOf is a client of a Lima whose dvm-app has its ssh server there.
func clientOf(t *testing.T, addr net.Addr) *Client {
	client := &Client{Home: t.TempDir()}
	dir := client.Dir("dvm-app")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("Host lima-dvm-app\n  Port %d\n", addr.(*net.TCPAddr).Port)
	if err := os.WriteFile(filepath.Join(dir, "ssh.config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return client
}
