package config

import (
	"strings"
	"testing"
)

// TestLongestName: a name of just that length fits, and one more character does not.
func TestLongestName(t *testing.T) {
	for _, home := range []string{"/root/.lima", "/" + strings.Repeat("h", 40), "/" + strings.Repeat("h", 70)} {
		longest := LongestName(home)
		fits := VMName(strings.Repeat("a", longest))
		if err := fits.fitsIn(home, ""); err != nil {
			t.Errorf("%s: a name of %d characters: %v", home, longest, err)
		}
		if more := fits + "a"; more.fitsIn(home, "") == nil {
			t.Errorf("%s: a name of %d characters fits too", home, longest+1)
		}
	}
	if longest := LongestName("/" + strings.Repeat("h", 90)); longest > 0 {
		t.Errorf("below a path of 91 characters a name may have %d", longest)
	}
}
