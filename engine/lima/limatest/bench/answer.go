package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// answerVerb makes this program a limactl that does nothing but take its time and answer: a list with what is in BENCH_LIST, and
// a sync's session as a guest in which nothing is to do. What is measured with it is dvm.
const answerVerb = "answer"

func answer(args []string) int {
	if err := answerCall(args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench answer:", err)
		return 1
	}
	return 0
}

func answerCall(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	took, err := time.ParseDuration(os.Getenv("BENCH_TAKES"))
	if err != nil {
		return err
	}
	time.Sleep(took)
	switch verb := verbOf(args); verb {
	case "list":
		text, err := os.ReadFile(os.Getenv("BENCH_LIST"))
		if err != nil {
			return err
		}
		_, err = stdout.Write(text)
		return err
	case "shell":
		return answerSession(bufio.NewReader(stdin), stdout, stderr)
	default:
		return fmt.Errorf("no answer to %q", args)
	}
}

// answerSession says what scripts/session.sh says where every step is as it should be.
func answerSession(stdin *bufio.Reader, stdout, stderr io.Writer) error {
	length, err := stdin.ReadString('\n')
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(strings.TrimSpace(length))
	if err != nil {
		return err
	}
	program := make([]byte, size)
	if _, err := io.ReadFull(stdin, program); err != nil {
		return err
	}
	first, rest, _ := strings.Cut(string(program), "\n")
	nonce := strings.TrimPrefix(first, "session_nonce=")
	say := func(event string, index int) {
		fmt.Fprintf(stdout, "%s %s %d 0 \n", nonce, event, index)
	}
	say("hello", 0)
	for i := range strings.Count(rest, "\nstep_name[") {
		say("begin", i)
		fmt.Fprintf(stderr, "\n%s %d\n", nonce, i)
		say("ok", i)
	}
	say("end", 0)
	_, err = io.Copy(io.Discard, stdin) // until dvm has heard it
	return err
}
