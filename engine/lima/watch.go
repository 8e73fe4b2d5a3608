package lima

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
)

const watchEvery = 500 * time.Millisecond

// Watch tells what Lima does for an instance that is created or started, whenever that has changed: how much of its image is
// there, and then what its host agent waits for. It looks at files alone, twice a second, in the background. The function
// that it gives ends that, and returns when nothing more will be told.
func (c *Client) Watch(instance string, tell func(doing string)) (stop func()) {
	begin := time.Now()
	ended := make(chan struct{})
	var watching conc.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		told := ""
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			if doing := c.doing(instance, begin); doing != "" && doing != told {
				tell(doing)
				told = doing
			}
		}
	})
	return func() {
		close(ended)
		watching.Wait()
	}
}

// doing says what Lima has been at since a start began, as far as its files tell.
func (c *Client) doing(instance string, since time.Time) string {
	if written(c.agentLog(instance)).After(since) {
		what := c.Awaits(instance)
		if _, requirement, found := strings.Cut(what, ": "); found {
			what = strings.Trim(requirement, "`\"")
		}
		if what == "" {
			return "boots"
		}
		return "boots, waiting for " + what
	}
	if size := downloaded(since); size > 0 {
		return fmt.Sprintf("downloaded %d MiB of the image", size>>20)
	}
	return ""
}

// downloaded is the size in bytes of the download in Lima's cache that grew last, if one has since a time. What it will be in
// the end is nowhere to be read.
func downloaded(since time.Time) (size int64) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0
	}
	// Lima: pkg/downloader
	paths, _ := filepath.Glob(filepath.Join(cache, "lima", "download", "by-url-sha256", "*", "data.tmp.*"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(since) {
			since, size = info.ModTime(), info.Size()
		}
	}
	return size
}
