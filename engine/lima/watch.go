package lima

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
)

const (
	watchEvery = 500 * time.Millisecond
	sizeWithin = 20 * time.Second // for a server to say how large a download will be
)

// Watch tells what Lima does for an instance that is created or started, whenever that has changed: how much of its image is
// there, and then what its host agent waits for. It looks at files twice a second, in the background, and asks the server of
// a download once for its size. The function that it gives ends that, and returns when nothing more will be told.
func (c *Client) Watch(instance string, tell func(doing string)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	watching := &watch{client: c, instance: instance, since: time.Now()}
	watching.all.Go(func() { watching.follow(ctx, tell) })
	return func() {
		cancel()
		watching.all.Wait()
	}
}

// watch is one start of an instance.
type watch struct {
	client   *Client
	instance string
	since    time.Time
	all      conc.WaitGroup
	asked    string       // the URL of the download whose size was asked for
	size     atomic.Int64 // its size in bytes, once that is known
}

func (w *watch) follow(ctx context.Context, tell func(doing string)) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if doing := w.doing(ctx); doing != "" && doing != told {
			tell(doing)
			told = doing
		}
	}
}

// doing says what Lima has been at since the start began, as far as its files tell.
func (w *watch) doing(ctx context.Context) string {
	if written(w.client.agentLog(w.instance)).After(w.since) {
		what := w.client.Awaits(w.instance)
		if _, requirement, found := strings.Cut(what, ": "); found {
			what = requirement // quoted, since it may be a sentence: "user session is ready for ssh"
		}
		if what == "" {
			return "boots"
		}
		return "boots, waiting for " + strings.ReplaceAll(what, "`", `"`)
	}
	if got, url := downloading(w.since); got > 0 {
		w.ask(ctx, url)
		return downloaded(url, got, w.size.Load())
	}
	return ""
}

// ask finds out in the background how large a download will be, once for each.
func (w *watch) ask(ctx context.Context, url string) {
	if url == w.asked {
		return
	}
	w.asked = url
	w.size.Store(0)
	w.all.Go(func() { w.size.Store(w.client.remoteSize(ctx, url)) })
}

// downloading finds the download in Lima's cache that grew last, if one has since a time: how many bytes of it are there,
// and its URL, where that can be read.
func downloading(since time.Time) (got int64, url string) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, ""
	}
	// Lima: pkg/downloader
	parts, _ := glob(filepath.Join(cache, "lima", "download", "by-url-sha256"), "*/data.tmp.*")
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil && info.ModTime().After(since) {
			text, _ := os.ReadFile(filepath.Join(filepath.Dir(part), "url"))
			since, got, url = info.ModTime(), info.Size(), string(text)
		}
	}
	return got, url
}

// downloaded says how much of a download is there, and of how much, where that is known.
func downloaded(url string, got, size int64) string {
	what := "the image"
	if strings.HasPrefix(path.Base(url), "nerdctl") { // which Lima fetches for containerd
		what = "nerdctl"
	}
	if size < got {
		return fmt.Sprintf("downloaded %d MiB of %s", got>>20, what)
	}
	return fmt.Sprintf("downloaded %d%% of %s, %d of %d MiB", 100*got/size, what, got>>20, size>>20)
}

// remoteSize is how many bytes a server says that a URL holds, or 0. An HTTP client in dvm itself, for this one question,
// would make the program half as large again.
func (c *Client) remoteSize(ctx context.Context, url string) (size int64) {
	ctx, cancel := context.WithTimeout(ctx, sizeWithin)
	defer cancel()
	curl := exec.CommandContext(ctx, "curl", "-fsIL", "--proto", "=http,https", "--url", url)
	curl.Env = c.environment()
	headers, _ := curl.Output()
	for line := range strings.Lines(string(headers)) { // the last answer is that which no other address follows
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "content-length") {
			size, _ = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return size
}
