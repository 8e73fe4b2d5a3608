package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dvm/engine"
)

// recentEvents is how much of the end of an event log is looked at.
const recentEvents = 64 << 10

// usually is how long a step takes to do what the event is about, such as to create an instance: the median of what the
// event logs of all VMs tell, or 0 where they tell nothing.
func usually(stateDir string, event engine.Event) time.Duration {
	var seconds []float64
	for _, dir := range Dirs(stateDir) {
		for line := range bytes.Lines(lastBytes(filepath.Join(dir, eventsLog))) {
			var past struct {
				Step    string
				State   engine.State
				Reason  string
				Seconds float64
			}
			if json.Unmarshal(line, &past) == nil && past.State == engine.Changed && past.Step == event.Step && kind(past.Reason) == kind(event.Why) {
				seconds = append(seconds, past.Seconds)
			}
		}
	}
	if len(seconds) == 0 {
		return 0
	}
	slices.Sort(seconds)
	return time.Duration(seconds[len(seconds)/2] * float64(time.Second))
}

// kind is the part of a reason that is the same for all of them: `create` of `create: 4 CPUs, 8 GiB memory`.
func kind(reason string) string {
	kind, _, _ := strings.Cut(reason, ":")
	return kind
}

// lastBytes gives whole lines.
func lastBytes(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	reader := bufio.NewReader(file)
	if _, err := file.Seek(-recentEvents, io.SeekEnd); err == nil {
		_, _ = reader.ReadBytes('\n')
	}
	lines, _ := io.ReadAll(io.LimitReader(reader, recentEvents))
	return lines
}
