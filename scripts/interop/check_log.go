// Checks an export of the log with the reference implementation in Go (golang.org/x/mod: sumdb/note and
// sumdb/tlog), unmodified: the signed checkpoints, the tree over the entries, every tile, and the proofs that
// the hub made. Each of them, once changed, must be refused.
//
// Arguments: the folder of `kairan export log`, and a JSON file {"heads": [{"size", "note"}],
// "inclusion": [{"index", "size", "path"}], "consistency": [{"old", "size", "path"}]}.
// Without modules: GO111MODULE=off, GOPATH where golang.org/x/mod lies (Debian: /usr/share/gocode).
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Levels of the tree in one tile.
const height = 8

type head struct {
	Size int64
	Note string
}

type proof struct {
	Index int64
	Old   int64
	Size  int64
	Path  []tlog.Hash
}

type given struct {
	Heads       []head
	Inclusion   []proof
	Consistency []proof
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(1)
	}
}

func fail(text string, more ...any) {
	must(fmt.Errorf(text, more...))
}

// The hashes of a tree that grows entry by entry, as sumdb/tlog stores them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found = append(found, s[index])
	}
	return found, nil
}

// The tiles of the export, where sumdb/tlog looks for its own.
type tiles struct {
	folder string
	read   map[string]bool
}

func (t tiles) Height() int { return height }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		content, err := os.ReadFile(filepath.Join(t.folder, path(tile)))
		if err != nil {
			return nil, err
		}
		t.read[path(tile)] = true
		found = append(found, content)
	}
	return found, nil
}

// tlog-tiles names no height, and calls the entries so.
func path(tile tlog.Tile) string {
	named := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tile.H), "tile/", 1)
	return strings.Replace(named, "tile/data/", "tile/entries/", 1)
}

func changed(hash tlog.Hash, at int64) tlog.Hash {
	hash[at%tlog.HashSize] ^= 1
	return hash
}

// The path with one hash changed, with one more, and with one less.
func tampered(path []tlog.Hash, at int64) [][]tlog.Hash {
	more := append(append([]tlog.Hash{}, path...), tlog.Hash{})
	if len(path) == 0 {
		return [][]tlog.Hash{more}
	}
	other := append([]tlog.Hash{}, path...)
	one := at % int64(len(path))
	other[one] = changed(other[one], at)
	return [][]tlog.Hash{more, other, path[1:]}
}

// Opens a note, and reads the three lines of a checkpoint.
func open(text, vkey string) (size int64, root tlog.Hash, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return 0, root, fmt.Errorf("no checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	root, err = tlog.ParseHash(lines[2])
	return size, root, err
}

func entriesOf(folder string, size int64) [][]byte {
	var entries [][]byte
	for number := int64(0); number*256 < size; number++ {
		width := size - number*256
		if width > 256 {
			width = 256
		}
		bundle, err := os.ReadFile(filepath.Join(folder, path(tlog.Tile{H: height, L: -1, N: number, W: int(width)})))
		must(err)
		for count := int64(0); count < width; count++ {
			if len(bundle) < 2 || len(bundle) < 2+int(bundle[0])<<8+int(bundle[1]) {
				fail("bundle %d is cut", number)
			}
			end := 2 + int(bundle[0])<<8 + int(bundle[1])
			entries, bundle = append(entries, bundle[2:end]), bundle[end:]
		}
		if len(bundle) != 0 {
			fail("bundle %d has more than it should", number)
		}
	}
	return entries
}

// Every tile that the size asks for is there and right, and no other; returns how many there are.
func checkTiles(folder string, size int64, hashes stored) int {
	expected := map[string]bool{}
	for number := int64(0); number*256 < size; number++ {
		width := size - number*256
		if width > 256 {
			width = 256
		}
		expected[path(tlog.Tile{H: height, L: -1, N: number, W: int(width)})] = true
	}
	count := 0
	for level := 0; size>>(height*level) > 0; level++ {
		for number := int64(0); number*256 < size>>(height*level); number++ {
			width := size>>(height*level) - number*256
			if width > 256 {
				width = 256
			}
			tile := tlog.Tile{H: height, L: level, N: number, W: int(width)}
			content, err := os.ReadFile(filepath.Join(folder, path(tile)))
			must(err)
			wanted, err := tlog.ReadTileData(tile, hashes)
			must(err)
			if !bytes.Equal(content, wanted) {
				fail("%s is not what the entries give", path(tile))
			}
			expected[path(tile)] = true
			count++
		}
	}
	must(filepath.WalkDir(filepath.Join(folder, "tile"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		named, err := filepath.Rel(folder, file)
		if err == nil && !expected[filepath.ToSlash(named)] {
			err = fmt.Errorf("%s does not belong to a tree of %d", named, size)
		}
		return err
	}))
	return count
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: check_log EXPORT PROOFS.json")
	}
	folder := os.Args[1]
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(folder, name))
		must(err)
		return string(content)
	}
	vkey, signed := strings.TrimSuffix(read("kairan/vkey"), "\n"), read("checkpoint")
	content, err := os.ReadFile(os.Args[2])
	must(err)
	var all given
	must(json.Unmarshal(content, &all))

	size, root, err := open(signed, vkey)
	must(err)
	entries := entriesOf(folder, size)
	var hashes stored
	roots := make([]tlog.Hash, size+1)
	for index, entry := range entries {
		more, err := tlog.StoredHashes(int64(index), entry, hashes)
		must(err)
		hashes = append(hashes, more...)
		roots[index+1], err = tlog.TreeHash(int64(index+1), hashes)
		must(err)
	}
	if roots[size] != root {
		fail("the entries hash to %s, and the checkpoint says %s", roots[size], root)
	}
	checked := checkTiles(folder, size, hashes)
	refused := 0
	for _, one := range append(all.Heads, head{size, signed}) {
		signedSize, signedRoot, err := open(one.Note, vkey)
		must(err)
		if signedSize != one.Size || roots[signedSize] != signedRoot {
			fail("the checkpoint at %d is of another tree", one.Size)
		}
		for at := range []byte(one.Note) {
			if at == len(one.Note)-len("?=\n") {
				continue // its last bits are no part of the signature, and Go does not look at them
			}
			other := []byte(one.Note)
			other[at] ^= 1
			if otherSize, otherRoot, err := open(string(other), vkey); err == nil {
				fail("a changed checkpoint was opened: %d %s", otherSize, otherRoot)
			}
			refused++
		}
	}

	served := tiles{folder, map[string]bool{}}
	fromTiles := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, served)
	for _, one := range all.Inclusion {
		leaf := tlog.RecordHash(entries[one.Index])
		must(tlog.CheckRecord(one.Path, one.Size, roots[one.Size], one.Index, leaf))
		if one.Size == size {
			own, err := tlog.ProveRecord(size, one.Index, fromTiles)
			must(err)
			if len(own) != len(one.Path) {
				fail("the tiles prove entry %d otherwise", one.Index)
			}
			for at := range own {
				if own[at] != one.Path[at] {
					fail("the tiles prove entry %d otherwise", one.Index)
				}
			}
		}
		for _, path := range tampered(one.Path, one.Index) {
			if tlog.CheckRecord(path, one.Size, roots[one.Size], one.Index, leaf) == nil {
				fail("a changed proof of entry %d was taken", one.Index)
			}
			refused++
		}
		if tlog.CheckRecord(one.Path, one.Size, roots[one.Size], one.Index, changed(leaf, one.Index)) == nil {
			fail("a changed entry %d was taken", one.Index)
		}
		refused++
	}
	for _, one := range all.Consistency {
		must(tlog.CheckTree(one.Path, one.Size, roots[one.Size], one.Old, roots[one.Old]))
		for _, path := range tampered(one.Path, one.Old) {
			if tlog.CheckTree(path, one.Size, roots[one.Size], one.Old, roots[one.Old]) == nil {
				fail("a changed proof from %d to %d was taken", one.Old, one.Size)
			}
			refused++
		}
		if tlog.CheckTree(one.Path, one.Size, roots[one.Size], one.Old, changed(roots[one.Old], one.Size)) == nil {
			fail("another head at %d was taken", one.Old)
		}
		refused++
	}
	counts := []int{len(entries), checked, len(all.Heads) + 1, len(all.Inclusion), len(all.Consistency), refused, len(served.read)}
	for _, count := range counts {
		if count < 2 {
			fail("too little was checked: %v", counts)
		}
	}
	fmt.Printf("go: %d entries, %d tiles, %d checkpoints, %d inclusion and %d consistency proofs verified, %d tampered refused\n",
		counts[0], counts[1], counts[2], counts[3], counts[4], refused)
}

// UnmarshalJSON reads proofs in the standard base64 alphabet.
func (p *proof) UnmarshalJSON(content []byte) error {
	var plain struct {
		Index, Old, Size int64
		Path             []string
	}
	if err := json.Unmarshal(content, &plain); err != nil {
		return err
	}
	*p = proof{Index: plain.Index, Old: plain.Old, Size: plain.Size}
	for _, text := range plain.Path {
		hash, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(hash) != tlog.HashSize {
			return fmt.Errorf("no hash: %q", text)
		}
		p.Path = append(p.Path, *(*tlog.Hash)(hash))
	}
	return nil
}
