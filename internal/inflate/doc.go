// Package inflate uncompresses gzip files (RFC 1952, RFC 1951) with little work
// for each byte: repository metadata is a tenth of its size when compressed,
// and uncompressing it is a good part of reading it.
//
// A gzip file is one member or several:
//
//	1f 8b 08 flags time[4] xfl os [extra] [name 00] [comment 00] [crc16]
//	blocks of deflate
//	CRC-32[4] size[4]
//
// and a deflate stream a sequence of bits, the lowest of each byte first:
//
//	last[1] 00 | fill up to a byte, size[16], ^size[16], bytes
//	last[1] 01 | symbols in fixed codes
//	last[1] 10 | 257+[5] 1+[5] 4+[4], lengths of the codes, symbols
//
// A symbol is a byte, the end of the block, or a length, which a distance
// follows: so many bytes come again from so far back.
//
// A Reader looks at up to eight bytes of input at a time, takes a symbol's bits
// from them with one look into a table, two for long codes, and writes into the
// caller's buffer, which holds what may come again.
package inflate
