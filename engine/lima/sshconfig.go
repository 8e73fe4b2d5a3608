package lima

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"dvm/scripts"
)

// Authorize lets Lima's own key log in as a user of the guest.
func (c *Client) Authorize(ctx context.Context, instance, user string) error {
	key, err := os.ReadFile(c.identity() + ".pub")
	if err != nil {
		return fmt.Errorf("read Lima's public key: %w", err)
	}
	ctx, cancel := c.soon(ctx, instance)
	defer cancel()
	_, err = c.runWith(ctx, c.userArgs(instance, user, scripts.Authorize), strings.NewReader(strings.TrimSpace(string(key))+"\n"), nil)
	return err
}

func (c *Client) identity() string { return filepath.Join(c.Home, "_config", "user") }

// SSHConfig is a Host block with which ssh, and all that runs it, logs in as a user of the guest. It goes through Lima's
// own configuration of the instance, so that it follows the port, which is another one after each start; not through
// Lima's control socket, where one more session could be one too many.
func (c *Client) SSHConfig(instance, user string) string {
	literal := strings.NewReplacer("%", "%%") // ssh has tokens in both values
	proxy := literal.Replace(shellescape.QuoteCommand([]string{"ssh", "-F", c.sshConfig(instance),
		"-o", "ControlMaster=no", "-o", "ControlPath=none", "-W", "127.0.0.1:22", "lima-" + instance}))
	return fmt.Sprintf(`Host %s
  User %s
  ProxyCommand %s
  IdentityFile "%s"
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
`, instance, user, proxy, literal.Replace(c.identity()))
}
