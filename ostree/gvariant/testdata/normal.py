#!/usr/bin/python3
"""Writes normal.txt: type, bytes, and whether GLib takes them for normal form.

The bytes are values of glib.txt with one or two bytes changed, added or
removed. Recipe: /usr/bin/python3 normal.py 8 > normal.txt  (python3-gi; the
number is how many of each value)
"""
import random
import sys
from gi.repository import GLib

random.seed(1)
for line in open("glib.txt"):
    typ, _, data = line.rstrip("\n").split("\t")
    data = bytes.fromhex(data)
    if len(data) > 100:
        continue
    for _ in range(int(sys.argv[1])):
        b = bytearray(data)
        for _ in range(random.choice((1, 1, 2))):
            at = random.randrange(len(b) + 1)
            kind = random.randrange(4)
            if kind == 0 and b:
                del b[min(at, len(b) - 1)]
            elif kind == 1:
                b.insert(at, random.choice((0, 1, 2, 0x61, 0xff)))
            elif b:
                b[min(at, len(b) - 1)] = random.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x28, 0x61, 0x73, 0xff))
        v = GLib.Variant.new_from_bytes(GLib.VariantType.new(typ), GLib.Bytes.new(bytes(b)), False)
        print(typ, bytes(b).hex(), int(v.is_normal_form()), sep="\t")
