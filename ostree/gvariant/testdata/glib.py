#!/usr/bin/python3
"""Writes glib.txt with GLib: type, text form and serialization of values.

Recipe: /usr/bin/python3 glib.py > glib.txt  (Debian package python3-gi)
"""
import gi
from gi.repository import GLib

VALUES = [
    "true", "byte 0x2a", "int16 -2", "uint16 65535", "int32 -5", "uint32 7", "int64 -9", "uint64 18446744073709551615",
    "handle 3", "1.5", "''", "'é'", "objectpath '/a/b'", "signature 'a{sv}'", "()", "@mi nothing", "@mi 4", "@ms 'x'",
    "@ms nothing", "@mms just nothing", "@m() just ()", "@ai []", "[1, 2, 3]", "@as []", "['a', 'bc', '']",
    "[[byte 1], [], [2, 3]]", "('a', byte 1, 'b')", "(byte 1, uint32 2)", "(uint32 2, byte 1)", "(uint32 1, 'x')",
    "('x', uint32 1)", "(byte 1, @ai [1], 'z', uint64 5)", "<5>", "<'s'>", "<<(1, 's')>>", "(byte 1, <byte 2>)",
    "@a{sv} {}", "{'a': <1>, 'b': <'two'>, 'c': <@ay []>}", "{uint32 1: 's', 2: 't'}", "[(byte 1, uint32 2), (3, 4)]",
    "[('a', byte 1), ('bb', 2)]", "([<1>, <'x'>], {'k': {'l': <1.0>}})", "(('a', 'b'), ('c', 'd'), 'e')",
    "[true, false]", "@aai [[], [1]]", "@(a(say)a(sayay)) ([('n', [byte 1, 2])], [])", "@a(taya{sv}) [(1, [2], {'x': <true>})]",
    "'" + "x" * 254 + "'", "['" + "x" * 253 + "']", "['" + "x" * 252 + "']", "('" + "x" * 251 + "', 's')",
]

for text in VALUES:
    v = GLib.Variant.parse(None, text, None, None)
    print(v.get_type_string(), text, v.get_data_as_bytes().get_data().hex(), sep="\t")
