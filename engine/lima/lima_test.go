package lima

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestFatalMessage(t *testing.T) {
	for line, want := range map[string]string{
		"time=\"2026-11-23T20:57:34Z\" level=fatal msg=\"unmatched instances\"":                           "unmatched instances",
		"time=\"2026-11-23T21:00:15Z\" level=fatal msg=\"instance `nosuch` not found\" key=1":             "instance `nosuch` not found",
		"time=\"2026-11-23T21:16:39Z\" level=fatal msg=\"field `a` must be < 65536\\nfield `b` must be\"": "field `a` must be < 65536; field `b` must be",
		"time=x level=fatal msg=plain more=1":                                                             "plain",
		"time=x level=warning msg=\"No instance\"":                                                        "",
		"limactl: must not run as the root user":                                                          "",
	} {
		if got, _ := fatalMessage(line); got != want {
			t.Errorf("%s: message is %q, want %q", line, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for words, want := range map[string]bool{
		"/usr/bin/limactl hostagent --pidfile /home/ann/.lima/dvm-a/ha.pid dvm-a": true,
		"limactl hostagent dvm-a\n":                                        true,
		"ssh: /home/ann/.lima/dvm-a/ssh.sock [mux]":                        true,
		"qemu-system-x86_64 -name lima-dvm-a,debug-threads=on":             true,
		"limactl hostagent --pidfile /home/ann/.lima/dvm-ab/ha.pid dvm-ab": false,
		"limactl hostagent my-dvm-a":                                       false,
		"sleep 500":                                                        false,
	} {
		if got := names(words, "dvm-a"); got != want {
			t.Errorf("%q: %v, wanted %v", words, got, want)
		}
	}
}

func TestParseMarker(t *testing.T) {
	for _, c := range []struct {
		line string
		want Marker
		ok   bool
	}{
		{"N ok 2 0 uid 1001", Marker{"ok", 2, 0, "uid 1001"}, true},
		{"N failed 0 7 ", Marker{"failed", 0, 7, ""}, true},
		{"N waits 0 0 " + strings.Repeat("x", maxText+1), Marker{"waits", 0, 0, strings.Repeat("x", maxText)}, true},
		{"M ok 2 0 x", Marker{}, false},
		{"N ok x 0 y", Marker{}, false},
		{"N ok 1", Marker{}, false},
		{" N ok 2 0 x", Marker{}, false},
		{"", Marker{}, false},
	} {
		got, ok := parseMarker(c.line, "N")
		if ok != c.ok || (ok && got != c.want) {
			t.Errorf("%q is read as %+v, %v", c.line, got, ok)
		}
	}
}

// TestReadLines holds a line in parts against a line: no part may pass for one, however the bytes arrive.
func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 3*blockSize+blockSize/5)
	text := "a\n\n" + long + "\nb\nlast"
	for name, reader := range map[string]io.Reader{
		"at once":       strings.NewReader(text),
		"byte by byte":  iotest.OneByteReader(strings.NewReader(text)),
		"with an error": iotest.DataErrReader(strings.NewReader(text)),
	} {
		var whole []string
		size := 0
		readLines(reader, func(line string, isWhole bool) {
			size += len(line)
			if isWhole {
				whole = append(whole, line)
			}
		})
		if got := strings.Join(whole, "|"); got != "a||b" {
			t.Errorf("%s: whole lines are %q", name, got)
		}
		if want := len(text) - strings.Count(text, "\n"); size != want {
			t.Errorf("%s: %d bytes were read, want %d", name, size, want)
		}
	}
}

// TestReadBlocks: where a line is cut into blocks, no escape sequence is, or half of it would pass for text.
func TestReadBlocks(t *testing.T) {
	for _, size := range []int{0, 1, 30, maxEscape, maxEscape + 1} {
		const colour = "\x1b[38;5;208;1m"
		text := strings.Repeat("x", blockSize-size) + colour + strings.Repeat(colour+"y", 2*blockSize/len(colour))
		got := ""
		readBlocks(strings.NewReader(text), func(block []byte, _ bool) {
			got += string(block)
			if at := bytes.LastIndexByte(block, '\x1b'); at >= 0 && !bytes.HasPrefix(block[at:], []byte(colour)) {
				t.Errorf("%d bytes before the end of a block it ends in %q", size, block[at:])
			}
		})
		if got != text {
			t.Errorf("%d bytes before the end of a block: %d bytes were read of %d", size, len(got), len(text))
		}
	}
}

// TestReadOutput: a fence takes the empty line before it along, and nothing else, however the bytes arrive.
func TestReadOutput(t *testing.T) {
	const text = "a\n\nNONCE 0\nb\n\n\nNONCE 1\n\nNONCE x\nx NONCE 2\n\nNONCE 2\nlast"
	want := []string{"a\n", "b\n\n", "\nNONCE x\nx NONCE 2\n", "last\n"}
	for _, size := range []int{1, 3, 7, len(text)} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer write.Close()
			for piece := range slices.Chunk([]byte(text), size) {
				_, _ = write.Write(piece)
			}
		}()
		session := Session{stderr: read, nonce: "NONCE"}
		got := make([]string, len(want))
		session.readOutput(make(chan int, 1), func(index int, lines []byte) { got[index] += string(lines) })
		_ = read.Close()
		if !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

// FuzzOutput: whatever a guest writes, only a whole line with the nonce is a fence, and memory stays bounded.
func FuzzOutput(f *testing.F) {
	f.Add("text\nNONCE 1\nmore")
	f.Add("NONCE x\n\x00\xff NONCE 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		marker, ok := parseMarker(text, "NONCE")
		if ok && !strings.HasPrefix(text, "NONCE "+marker.Event) {
			t.Errorf("%q is read as %+v", text, marker)
		}
		readLines(strings.NewReader(text), func(line string, _ bool) {
			if strings.Contains(line, "\n") {
				t.Errorf("line %q of %q holds a line break", line, text)
			}
		})
	})
}

// FuzzInstances: whatever limactl answers, it is a list of instances or an error; errors may have any shape.
func FuzzInstances(f *testing.F) {
	f.Add([]byte(`{"name":"dvm-app","status":"Running","config":{"images":[{"location":"x"}],"portForwards":[{"guestPort":1}]}}` + "\n"))
	f.Add([]byte(`{"name":"dvm-app","status":"","errors":[]}` + "\n" + `{"name":"b","errors":[{"Op":"open","Err":2}],"config":null}`))
	f.Add([]byte(`{"name":"half-a-line","status":"Run`))
	f.Add([]byte("\x00\xff{]"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		instances, err := decodeInstances(answer)
		if err != nil && instances != nil {
			t.Errorf("%q is read as %v and %v", answer, instances, err)
		}
		for _, found := range instances {
			if found.Config != nil {
				found.Config.Fedora()
			}
		}
	})
}

// FuzzRecords: whatever is in the host agent's log and event log, or on limactl's stderr, what is quoted of it is one line each.
func FuzzRecords(f *testing.F) {
	f.Add(`{"level":"fatal","msg":"a\nb","time":"2026-11-23T20:57:34Z"}` + "\n" + `{"msg":"Waiting for the essential requirement 1 of 3: ssh"}`)
	f.Add(`{"status":{"running":true}}` + "\n" + `time=x level=fatal msg="a\nb"`)
	f.Add(`{"msg":"Waiting for a\nb"}`)
	f.Fuzz(func(t *testing.T, log string) {
		client := &Client{Home: t.TempDir()}
		if err := os.Mkdir(client.Dir("vm"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ha.stderr.log", "ha.stdout.log"} {
			if err := os.WriteFile(filepath.Join(client.Dir("vm"), name), []byte(log), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		client.Booted("vm")
		quoted := []string{lastReason(client.agentLog("vm"), time.Time{}), client.Awaits("vm")}
		for line := range strings.SplitSeq(log, "\n") {
			fatal, _ := fatalMessage(line)
			quoted = append(quoted, fatal)
		}
		for _, said := range quoted {
			if strings.Contains(said, "\n") {
				t.Errorf("%q of %q is more than one line", said, log)
			}
		}
	})
}

// TestComplete: an answer counts from the nonce to `done`, and without either not at all.
func TestComplete(t *testing.T) {
	for answer, want := range map[string]string{
		"NONCE\ndone\n":              "",
		"hello\nNONCE\na\tb\ndone\n": "a\tb\n",
		"NONCE\ndone\na\tb\ndone\n":  "done\na\tb\n",
		"NONCE\na\tb\n":              "-",
		"a\tb\ndone\n":               "-",
		"NONCE\na\tb\ndone":          "-",
		"":                           "-",
		"NONCE\na\tb\ndone\nmore\n":  "-",
		"say NONCE\nNONCE\ndone\n":   "NONCE\n",
	} {
		got, err := complete("NONCE", []byte(answer), nil)
		if err != nil {
			got = "-"
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", answer, got, want)
		}
	}
}
