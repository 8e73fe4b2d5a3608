package vm

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// netFD is the socket of netSocket, where the guest has a network of its own.
const netFD = listenerFD + 1

// openNet brings up the guest's own network, which has a loopback device and nothing else, and serves its socket.
func openNet() error {
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	file := os.NewFile(netFD, "net")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveNet(conn)
		}
	}()
	return nil
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// serveNet answers the host agent: with a connection to the port that it asks for, or, where that is 0, with the listeners.
func serveNet(conn net.Conn) {
	defer conn.Close()
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	port := int(binary.BigEndian.Uint16(head))
	if port == 0 {
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			writeListeners(conn, table)
		}
		return
	}
	for _, ip := range []string{"127.0.0.1", "::1"} {
		if to, err := net.Dial("tcp", net.JoinHostPort(ip, strconv.Itoa(port))); err == nil {
			defer to.Close()
			join(conn, to)
			return
		}
	}
}

// writeListeners writes a line `IP PORT` for each socket of a table that listens.
func writeListeners(w io.Writer, table string) {
	const listen, addressField, stateField = "0A", 1, 3
	file, err := os.Open(table)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= stateField || fields[stateField] != listen {
			continue
		}
		ip, port, _ := strings.Cut(fields[addressField], ":")
		number, err := strconv.ParseUint(port, 16, 16)
		bytes, hexErr := hex.DecodeString(ip)
		if err != nil || hexErr != nil {
			continue
		}
		// Each word of four bytes is in this machine's order, the lowest first.
		for word := range slices.Chunk(bytes, 4) {
			slices.Reverse(word)
		}
		fmt.Fprintf(w, "%s %d\n", net.IP(bytes), number)
	}
}
