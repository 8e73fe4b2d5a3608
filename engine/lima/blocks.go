package lima

import (
	"bytes"
	"io"
)

const (
	blockSize = 128 << 10 // bytes: the most that is read at once, and about the longest line that comes in one part
	maxEscape = 64        // bytes: no escape sequence of so many is cut in two
	ahead     = 4         // blocks that are read while one is worked on
)

// readBlocks calls do with whole lines, as many as have come, until the file ends or is closed. A line that is longer than a
// block comes in parts, as does the last one where it has no end: such a block holds no line break. whole says that the
// block does not begin in the midst of a line. The bytes of a block are used again once do has returned.
func readBlocks(file io.Reader, do func(block []byte, whole bool)) {
	type piece struct {
		block []byte
		whole bool
	}
	pieces := make(chan piece, ahead)
	used := make(chan []byte, ahead)
	go func() {
		defer close(pieces)
		cutBlocks(file, func(block []byte, whole bool) {
			var copied []byte
			select {
			case copied = <-used:
			default:
			}
			pieces <- piece{append(copied[:0], block...), whole}
		})
	}()
	for next := range pieces {
		do(next.block, next.whole)
		select {
		case used <- next.block:
		default:
		}
	}
}

func cutBlocks(file io.Reader, do func(block []byte, whole bool)) {
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
			do(buffer[:end], whole)
			held = copy(buffer, buffer[end:held])
			whole = true
		}
		if held > 0 && (held == len(buffer) || err != nil) {
			end = held
			if err == nil {
				end = beforeEscape(buffer)
			}
			do(buffer[:end], whole)
			held = copy(buffer, buffer[end:held])
			whole = false
		}
		if err != nil {
			return
		}
	}
}

// beforeEscape is where to cut a block, so that an escape sequence at its end comes whole with the next one.
func beforeEscape(block []byte) int {
	near := len(block) - maxEscape
	if at := bytes.LastIndexByte(block[near:], '\x1b'); at >= 0 {
		return near + at
	}
	return len(block)
}
