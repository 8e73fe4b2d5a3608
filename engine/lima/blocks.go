package lima

import (
	"bytes"
	"io"
)

// blockSize is the most that is read at once, and the longest line that comes in one part.
const blockSize = 128 << 10

// readBlocks calls do with whole lines, as many as have come, until the file ends or is closed. A line that is longer than a
// block comes in parts, as does the last one where it has no end: such a block holds no line break. whole says that the
// block does not begin in the midst of a line.
func readBlocks(file io.Reader, do func(block string, whole bool)) {
	buffer := make([]byte, blockSize)
	held := 0 // bytes of the buffer
	whole := true
	for {
		n, err := file.Read(buffer[held:])
		end := 0 // of what is whole; what was held has no line break
		if at := bytes.LastIndexByte(buffer[held:held+n], '\n'); at >= 0 {
			end = held + at + 1
		}
		held += n
		if end > 0 {
			do(string(buffer[:end]), whole)
			held = copy(buffer, buffer[end:held])
			whole = true
		}
		if held > 0 && (held == len(buffer) || err != nil) {
			do(string(buffer[:held]), whole)
			held, whole = 0, false
		}
		if err != nil {
			return
		}
	}
}
