package cli

import (
	"encoding/json"
	"time"

	"dvm/engine/lima/limatest/internal/vm"
)

// logRecords are the host agent's new records.
func logRecords(t *tail) []vm.LogRecord {
	var records []vm.LogRecord
	for _, line := range t.lines() {
		var r vm.LogRecord
		if json.Unmarshal([]byte(line), &r) == nil {
			records = append(records, r)
		}
	}
	return records
}

// relay passes the host agent's records on as limactl's own.
func (a *App) relay(records []vm.LogRecord) {
	for _, r := range records {
		if lv, err := parseLevel(r.Level); err == nil {
			a.log.record(max(lv, failure), nil, "[hostagent] %s", r.Msg)
		}
	}
}

// relayUntil passes on those that are not younger than t, and returns the rest.
func (a *App) relayUntil(t time.Time, records []vm.LogRecord) []vm.LogRecord {
	for i, r := range records {
		if r.Time.After(t) {
			a.relay(records[:i])
			return records[i:]
		}
	}
	a.relay(records)
	return nil
}
