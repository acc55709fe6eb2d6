// Lists tar streams as Go's archive/tar reads them: what container runtimes see.
//
// Each input is a 4-byte big-endian length and that many bytes; each answer is one line of JSON. Contents of up to
// 1 MiB are read, too, because a runtime would.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
)

type member struct {
	Name, Link, Data  string // hexadecimal
	Type              string
	Size, Mode, Mtime int64
	UID, GID          int
}

type answer struct {
	Members []member
	Error   string
}

func list(raw []byte) (result answer) {
	reader := tar.NewReader(bytes.NewReader(raw))
	for {
		head, err := reader.Next()
		if err == io.EOF {
			return result
		}
		var data []byte
		if err == nil && head.Size <= 1<<20 {
			data, err = io.ReadAll(reader)
		}
		if err != nil {
			result.Error = err.Error()
			return result
		}
		result.Members = append(result.Members, member{
			hex.EncodeToString([]byte(head.Name)), hex.EncodeToString([]byte(head.Linkname)), hex.EncodeToString(data),
			string(rune(head.Typeflag)), head.Size, head.Mode, head.ModTime.Unix(), head.Uid, head.Gid,
		})
	}
}

func main() {
	input, output := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	var length uint32
	for binary.Read(input, binary.BigEndian, &length) == nil {
		raw := make([]byte, length)
		if _, err := io.ReadFull(input, raw); err != nil {
			return
		}
		output.Encode(list(raw))
	}
}
