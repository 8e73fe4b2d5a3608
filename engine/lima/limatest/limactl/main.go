// Command limactl is a stand-in for Lima's, for tests: see package limatest.
package main

import "dvm/engine/lima/limatest"

func main() {
	limatest.Main()
}
